// Elements picked, put and summed by index. Indices are in range: the calls check them on every run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

/// The position of the first index outside low <= index < size, or -1.
int64_t first_out_of_range(const int64_t* indices, int64_t count, int64_t low, int64_t size) noexcept;

/// Three-dimensional shapes around one axis: (outer, axis, inner). `size` is the axis of the indexed array, `count`
/// that of the indices.
struct AlongAxis {
  int64_t outer, size, count, inner;
};

/// How a value meets the element that it is put at; the larger and the smaller one are NaN if either is.
enum class Put { Assign, Add, Multiply, Largest, Smallest };

/// result[o, j] = source[o, indices[j]], rows of `inner` elements of 1, 4 or 8 bytes.
void gather_rows(const AlongAxis& shape, size_t item, const char* source, const int64_t* indices,
                 char* result) noexcept;

/// target[o, indices[j]] op= values[o, j] for rows of `inner` elements, in the order of j; `zeroed` first fills target
/// with zeros.
template <class T>
void put_rows(const AlongAxis& shape, Put put, bool zeroed, const T* values, const int64_t* indices,
              T* target) noexcept;

/// Scales, in place, every row of table (rows, width) that an index names and whose norm (sum |x|^p)^(1/p) is larger
/// than `max_norm`, to that norm; p > 0, also infinite.
template <class T>
void renormalize_rows(T* table, const int64_t* indices, int64_t count, int64_t rows, int64_t width, double max_norm,
                      double p) noexcept;

/// result[o, j, i] = input[o, indices[o, j, i], i], elements of 1, 4 or 8 bytes.
void take_along_axis(const AlongAxis& shape, size_t item, const char* input, const int64_t* indices,
                     char* result) noexcept;

/// target[o, indices[o, j, i], i] op= values[o, j, i], in the order of j; `zeroed` first fills target with zeros.
template <class T>
void put_along_axis(const AlongAxis& shape, Put put, bool zeroed, const T* values, const int64_t* indices,
                    T* target) noexcept;

/// result = result * size + index, or the index for the first axis, with indices below zero counted from the end: a
/// step from the indices of several axes to one position.
void append_positions(const int64_t* indices, int64_t count, int64_t size, bool first, int64_t* result) noexcept;

/// result[a, i] = the index along axis a of the element with number positions[i] in an array of `rank` sizes.
void unravel(const int64_t* positions, int64_t count, const int64_t* sizes, int rank, int64_t* result) noexcept;

/// result[i] = the number of the segment of [0, count) that i lies in; segment k begins at first[k], first[0] = 0.
void number_segments(const int64_t* first, int64_t segments, int64_t count, int64_t* result) noexcept;

/// How many elements a piece of `nonzero` has.
constexpr int64_t nonzero_piece = 16384;

/// counts[p] = how many bytes of piece p are not zero.
void count_nonzero(const char* input, int64_t size, int64_t* counts) noexcept;

/// The numbers of the bytes that are not zero; piece p writes from result[offsets[p]] on.
void nonzero(const char* input, int64_t size, const int64_t* offsets, int64_t* result) noexcept;

}  // namespace cygnet
