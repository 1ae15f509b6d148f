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

/// out[o][i] = max_d in[o][d][i], NaN if one is; depth > 0. `scratch` as above.
void reduce_max(DType dtype, ReduceSizes sizes, const void* in, void* out, void* scratch) noexcept;

size_t reduce_scratch_bytes(ReduceSizes sizes) noexcept;

/// out[o][i] = the first d with the largest in[o][d][i]; a NaN counts as largest. depth > 0, `scratch` as above.
void reduce_argmax(DType dtype, ReduceSizes sizes, const void* in, int64_t* out, void* scratch) noexcept;

/// grad_in[o][d][i] = grad_out[o][i] / (how many equal the maximum) where in[o][d][i] = maximum[o][i], else 0. A NaN
/// maximum counts as equal to every NaN. T = float or double.
template <class T>
void reduce_max_backward(ReduceSizes sizes, const T* grad_out, const T* in, const T* maximum, T* grad_in) noexcept;

}  // namespace cygnet
