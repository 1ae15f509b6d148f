// Resampling of images: each pixel of the result is a weighted sum of pixels of its row and column range.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

/// A sparse matrix along one axis: entry r of the result is the sum of weights[k] * entry sources[k] over
/// offsets[r] <= k < offsets[r + 1]. `taps` is the number of terms of each entry, 0 where they differ.
template <class T>
struct Taps {
  int64_t count;
  const int64_t* offsets;
  const int64_t* sources;
  const T* weights;
  int64_t taps;
};

/// Images of (planes, rows, columns, inner).
struct Images {
  int64_t planes, rows, columns, inner;
};

/// Bytes that `resample` needs as scratch.
size_t resample_scratch_bytes(const Images& input, int64_t result_rows, size_t item) noexcept;

/// result (planes, by_row.count, by_column.count, inner): the rows of the input are mixed by `by_row`, then the columns
/// of that by `by_column`.
template <class T>
void resample(const Images& input, const Taps<T>& by_row, const Taps<T>& by_column, const T* from, T* result,
              T* scratch) noexcept;

}  // namespace cygnet
