// How kernels cut the scratch memory that they are given into pieces.
#pragma once

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

}  // namespace cygnet
