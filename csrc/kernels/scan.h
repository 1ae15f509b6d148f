// Running sums, products, extrema and recurrences along the middle axis of a contiguous array [outer][depth][inner].
// `reverse` runs from the last element to the first. Floats are accumulated in double.
#pragma once

#include "reduce.h"

namespace cygnet {

/// out[o][d][i] = the sum, or the product, of in[o][e][i] over e <= d. Floats keep their type, the others give int64.
void scan_sum(DType dtype, ReduceSizes sizes, bool reverse, const void* in, void* out) noexcept;
void scan_product(DType dtype, ReduceSizes sizes, bool reverse, const void* in, void* out) noexcept;

/// out[o][d][i] = in[o][d][i] + factor[o][d][i] out[o][d - 1][i], and in[o][0][i] at the beginning; reversed, d + 1 and
/// the end. T = float or double.
template <class T>
void scan_linear(ReduceSizes sizes, bool reverse, const T* in, const T* factor, T* out) noexcept;

/// out[o][d][i] = log(sum of exp(in[o][e][i]) over e <= d). T = float or double.
template <class T>
void scan_logsumexp(ReduceSizes sizes, const T* in, T* out) noexcept;

/// out[o][d][i] = the last e <= d with the largest (smallest) in[o][e][i]; a NaN wins.
void scan_argmax(DType dtype, ReduceSizes sizes, const void* in, int64_t* out) noexcept;
void scan_argmin(DType dtype, ReduceSizes sizes, const void* in, int64_t* out) noexcept;

}  // namespace cygnet
