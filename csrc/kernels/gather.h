// Elements picked and summed by index. Indices are in range: the calls check them on every run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

/// The position of the first index outside 0 <= index < size, or -1.
int64_t first_out_of_range(const int64_t* indices, int64_t count, int64_t size) noexcept;

/// result[i] = source[indices[i]], rows of `row_bytes` bytes.
void gather_rows(const char* source, const int64_t* indices, int64_t count, size_t row_bytes, char* result) noexcept;

/// result[r] = sum of grad[i] over all i with indices[i] = r, in the order of i; result (rows, width), grad
/// (count, width).
template <class T>
void scatter_add_rows(const T* grad, const int64_t* indices, int64_t count, int64_t rows, int64_t width,
                      T* result) noexcept;

/// Scales, in place, every row of table (rows, width) that an index names and whose norm (sum |x|^p)^(1/p) is larger
/// than `max_norm`, to that norm; p > 0, also infinite.
template <class T>
void renormalize_rows(T* table, const int64_t* indices, int64_t count, int64_t rows, int64_t width, double max_norm,
                      double p) noexcept;

/// Three-dimensional shapes around one axis: (outer, axis, inner). `size` is the axis of the indexed array, `count`
/// that of the indices.
struct AlongAxis {
  int64_t outer, size, count, inner;
};

/// result[o, j, i] = input[o, indices[o, j, i], i], elements of 1, 4 or 8 bytes.
void take_along_axis(const AlongAxis& shape, size_t item, const char* input, const int64_t* indices,
                     char* result) noexcept;

/// result[o, s, i] = sum of grad[o, j, i] over all j with indices[o, j, i] = s, in the order of j.
template <class T>
void scatter_add_along_axis(const AlongAxis& shape, const T* grad, const int64_t* indices, T* result) noexcept;

}  // namespace cygnet
