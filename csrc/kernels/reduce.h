// Reductions of a contiguous array [outer][depth][inner] over its middle axis. Float sums run in short blocks that are
// combined pairwise; the tree depends on the sizes alone.
#pragma once

#include <cstddef>

#include "core/array_view.h"

namespace cygnet {

struct ReduceSizes {
  int64_t outer, depth, inner;
};

/// The sum of `count` contiguous elements: blocks of 1,024 with eight vectors of partial sums, combined pairwise.
template <class T>
T sum_of(const T* from, int64_t count) noexcept;

/// The sum of `count` contiguous elements in double, with sixteen partial sums.
template <class T>
double sum_in_double(const T* from, int64_t count) noexcept;

/// out[o][i] = sum_d in[o][d][i] / divisor. Floats keep their type; integers and bool give int64 and no division.
/// `scratch` has reduce_scratch_bytes.
void reduce_sum(DType dtype, ReduceSizes sizes, const void* in, void* out, double divisor, void* scratch) noexcept;

/// out[o][i] = sum_d in[o][d][i]^2, of floats.
void reduce_squares(DType dtype, ReduceSizes sizes, const void* in, void* out, void* scratch) noexcept;

/// out[o][i] = prod_d in[o][d][i], of the same types.
void reduce_prod(DType dtype, ReduceSizes sizes, const void* in, void* out, void* scratch) noexcept;

/// out[o][i] = max_d or min_d in[o][d][i], NaN if one is; depth > 0.
void reduce_max(DType dtype, ReduceSizes sizes, const void* in, void* out, void* scratch) noexcept;
void reduce_min(DType dtype, ReduceSizes sizes, const void* in, void* out, void* scratch) noexcept;

size_t reduce_scratch_bytes(ReduceSizes sizes) noexcept;

/// out[o][i] = the first d with the largest or smallest in[o][d][i]; a NaN wins. depth > 0, `scratch` as above.
void reduce_argmax(DType dtype, ReduceSizes sizes, const void* in, int64_t* out, void* scratch) noexcept;
void reduce_argmin(DType dtype, ReduceSizes sizes, const void* in, int64_t* out, void* scratch) noexcept;

/// grad_in[o][d][i] = grad_out[o][i] / (how many equal the extremum) where in[o][d][i] = extremum[o][i], else 0. A NaN
/// extremum counts as equal to every NaN. T = float or double.
template <class T>
void reduce_extremum_backward(ReduceSizes sizes, const T* grad_out, const T* in, const T* extremum,
                              T* grad_in) noexcept;

/// mean[o][i] = sum_d in[o][d][i] / depth and variance[o][i] = sum_d (in[o][d][i] - mean[o][i])^2 / divisor, in blocks
/// of two passes that are joined in double; NaN of nothing. T = float or double; `scratch` has
/// reduce_variance_scratch_bytes.
template <class T>
void reduce_variance(ReduceSizes sizes, const T* in, double divisor, T* variance, T* mean, double* scratch) noexcept;
size_t reduce_variance_scratch_bytes(ReduceSizes sizes) noexcept;

}  // namespace cygnet
