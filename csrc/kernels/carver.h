// How kernels cut the scratch memory that they are given into pieces.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

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
/// are touched as tasks run at a time, and these stay in the caches. There have to be as many pieces as tasks, at
/// most 64.
class Slots {
 public:
  class Slot {
   public:
    explicit Slot(Slots& slots) : slots_(slots) {
      uint64_t taken = slots_.taken_.load(std::memory_order_relaxed);
      while (!slots_.taken_.compare_exchange_weak(taken, taken | (taken + 1), std::memory_order_acquire)) {
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

 private:
  std::atomic<uint64_t> taken_{0};
};

}  // namespace cygnet
