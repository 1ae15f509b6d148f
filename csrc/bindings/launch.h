// The one door to kernels.
//
// A binding checks its arguments, allocates outputs, and hands the kernel here with its operands. `launch` runs it,
// without the interpreter's lock when the work is worth giving it up, and stores the call while a recording is on in
// this thread. The body takes every address from the table `at`: its operands in order (null for an absent one), then
// the scratch, then null or what a packing has made; all else it captures by value.
#pragma once

#include <initializer_list>
#include <utility>

#include "array.h"
#include "core/denormals.h"
#include "core/pool.h"
#include "core/recording.h"
#include "unlocked.h"

namespace cygnet {

struct Operand {
  void* data;
  bool write;
  py::handle owner;
};

inline Operand read(const Array& array) { return {array.view.data, false, array.object}; }
inline Operand write(const Array& array) { return {array.view.data, true, array.object}; }

/// What a call costs: for the decision about the lock, for profiles and rooflines.
struct Work {
  double flops;  // floating-point operations
  double bytes;  // bytes that must be read and written

  bool worth_unlocking() const { return flops / 100 + bytes / 20 > 10000; }  // about 10 microseconds
};

/// What a call makes of the operands [first, first + count) alone, such as weights in another order. A plan in which
/// these are constant makes it once; where the body finds null instead, it works without or makes it in its scratch.
template <class Pack>
struct Packing {
  size_t first = 0, count = 0, bytes = 0;
  Pack pack{};            // pack(at, to)
  bool replaces = false;  // whether the body reads nothing else of these operands then
};
template <class Pack>
Packing(size_t, size_t, size_t, Pack, bool = false) -> Packing<Pack>;

namespace detail {

/// Stores a call that has run; the recording takes a reference to every operand's memory that is not its own.
void record(Recording& recording, const char* op, Work work, const Operand* operands, size_t count, void* scratch,
            std::function<void(void* const*)> body, Call::Packing packing);

struct Scratch {
  void* data = nullptr;
  std::shared_ptr<Block> recorded;
  Scratch(size_t bytes, Recording* recording) {
    if (bytes == 0) return;
    if (recording) recorded = recording->allocate(bytes, true);
    data = recording ? recorded->data() : pool::allocate_scratch(bytes);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (!recorded) pool::release(data);
  }
};

}  // namespace detail

template <class Body, class Pack = std::nullptr_t>
void launch(const char* op, Work work, const Operand* operands, size_t count, size_t scratch_bytes, Body body,
            Packing<Pack> packing = {}) {
  Recording* const recording = Recording::current();
  const detail::Scratch scratch(scratch_bytes, recording);
  constexpr size_t few = 15;
  void* on_stack[few + 2];
  std::vector<void*> on_heap(count > few ? count + 2 : 0);
  void** at = count > few ? on_heap.data() : on_stack;
  for (size_t i = 0; i < count; ++i) at[i] = operands[i].data;
  at[count] = scratch.data;
  at[count + 1] = nullptr;
  if (work.worth_unlocking()) {
    const Unlocked unlocked;
    const DenormalMode mode;
    body(at);
  } else {
    const DenormalMode mode;
    body(at);
  }
  if (recording)
    detail::record(*recording, op, work, operands, count, scratch.data, std::move(body),
                   {packing.first, packing.count, packing.bytes, std::move(packing.pack), packing.replaces});
}

template <class Body, class Pack = std::nullptr_t>
void launch(const char* op, Work work, std::initializer_list<Operand> operands, size_t scratch_bytes, Body body,
            Packing<Pack> packing = {}) {
  launch(op, work, operands.begin(), operands.size(), scratch_bytes, std::move(body), std::move(packing));
}

template <class T>
const T* in(void* address) {
  return static_cast<const T*>(address);
}
template <class T>
T* to(void* address) {
  return static_cast<T*>(address);
}

}  // namespace cygnet
