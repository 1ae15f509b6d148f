// How kernels cut the scratch memory that they are given into pieces.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace cygnet {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Hands out 64-byte aligned pieces of a block of memory; over a null block it only adds up their sizes.
class Carver {
 public:
  explicit Carver(void* block) : block_(static_cast<char*>(block)) {}
  template <class T>
  T* take(int64_t count) {
    T* piece = block_ ? reinterpret_cast<T*>(block_ + used_) : nullptr;
    used_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return piece;
  }
  size_t used() const { return used_; }

 private:
  char* block_;
  size_t used_ = 0;
};

/// Pieces of scratch that the tasks of a call take turns with. A task takes the first free one, so that only as many
/// are touched as tasks run at a time, and these stay in the caches; where all are taken, it waits.
class Slots {
 public:
  class Slot {
   public:
    explicit Slot(Slots& slots) : slots_(slots) {
      constexpr uint64_t all = ~uint64_t{0};
      uint64_t taken = slots_.taken_.load(std::memory_order_relaxed);
      while (taken == all ||
             !slots_.taken_.compare_exchange_weak(taken, taken | (taken + 1), std::memory_order_acquire)) {
        if (taken != all) continue;
        std::this_thread::yield();  // tasks do not nest: one of them will end
        taken = slots_.taken_.load(std::memory_order_relaxed);
      }
      bit_ = ~taken & (taken + 1);
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { slots_.taken_.fetch_and(~bit_, std::memory_order_release); }

    int64_t index() const {
      int64_t index = 0;
      while (bit_ >> index != 1) ++index;
      return index;
    }

   private:
    Slots& slots_;
    uint64_t bit_;
  };

  /// The pieces that so many tasks need.
  static int64_t pieces(int64_t tasks) { return std::min<int64_t>(tasks, 64); }

 private:
  std::atomic<uint64_t> taken_{0};
};

}  // namespace cygnet
