// Softmax and its logarithm over the middle axis of a contiguous array [outer][classes][inner]:
//   softmax(x)_c = exp(x_c - m) / s,  log_softmax(x)_c = x_c - m - log(s),  m = max_c x_c,  s = sum_c exp(x_c - m).
// Entries of -infinity count as probability 0; a row of nothing else gives NaN. T = float or double.
#pragma once

#include <cstdint>

namespace cygnet {

struct SoftmaxSizes {
  int64_t outer, classes, inner;
};

/// The maximum of a row and the sum of exp(x - maximum).
template <class T>
struct RowSum {
  T maximum, sum;
};

/// Over `count` >= 1 contiguous elements; where `exponentials` is not null it takes exp(x - maximum), and may be x.
template <class T>
RowSum<T> row_sum(const T* x, int64_t count, T* exponentials) noexcept;

/// out may be x.
template <class T>
void softmax_forward(SoftmaxSizes sizes, const T* x, T* out) noexcept;
template <class T>
void log_softmax_forward(SoftmaxSizes sizes, const T* x, T* out) noexcept;

/// grad_in_c = y_c (grad_c - sum_k grad_k y_k), y = softmax(x).
template <class T>
void softmax_backward(SoftmaxSizes sizes, const T* grad, const T* y, T* grad_in) noexcept;
/// grad_in_c = grad_c - exp(y_c) sum_k grad_k, y = log_softmax(x).
template <class T>
void log_softmax_backward(SoftmaxSizes sizes, const T* grad, const T* y, T* grad_in) noexcept;

}  // namespace cygnet
