// What the ways to a convolution's weight gradient share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "simd/vec.h"

namespace cygnet {

/// sums[n] += sum over `pixels` rows of grad, `step` apart; eight partial sums for each column.
template <class T>
void add_columns(const T* grad, int64_t pixels, int64_t step, int64_t columns, T* sums) noexcept {
  using V = Vec<T>;
  for (int64_t n = 0; n < columns; n += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, columns - n));
    V partial[8];
    for (V& sum : partial) sum = V(T(0));
    int64_t m = 0;
    for (; m + 8 <= pixels; m += 8)
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) partial[i] += V::load(grad + (m + i) * step + n, valid);
    for (; m < pixels; ++m) partial[m % 8] += V::load(grad + m * step + n, valid);
    for (int gap = 1; gap < 8; gap *= 2)
      for (int i = 0; i < 8; i += 2 * gap) partial[i] += partial[i + gap];
    (V::load(sums + n, valid) + partial[0]).store(sums + n, valid);
  }
}

/// Parts of grad_output and of the input that are read later, fetched into the second-level cache in small pieces.
class Ahead {
 public:
  template <class T>
  void set(const T* grad, int64_t grad_count, const T* input, int64_t input_count) {
    ranges_[0].set(grad, grad_count);
    ranges_[1].set(input, input_count);
  }
  /// From now on `fetch` takes one of that many equal pieces of all.
  void cut(int64_t pieces) {
    for (Range& range : ranges_) range.piece = (range.lines + pieces - 1) / pieces;
  }
  void fetch() {
    for (Range& range : ranges_)
      for (int64_t i = 0; i < range.piece && range.at < range.end; ++i, range.at += line)
        __builtin_prefetch(range.at, 0, 2);
  }

 private:
  static constexpr int64_t line = 64;
  struct Range {
    const char *at = nullptr, *end = nullptr;
    int64_t lines = 0, piece = 0;

    template <class T>
    void set(const T* begin, int64_t count) {
      at = reinterpret_cast<const char*>(begin);
      end = reinterpret_cast<const char*>(begin + count);
      lines = (end - at + line - 1) / line;
    }
  };
  Range ranges_[2];
};

}  // namespace cygnet
