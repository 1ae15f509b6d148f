// Normalisation of the rows of a contiguous array [rows][width], each with its own statistics and with one weight and
// bias a column: layer and root-mean-square normalisation. T = float or double.
//
// A row is read from memory once and stays in a core's cache for its statistics (two passes: mean, then squares around
// it) and its result. Sums run in blocks with side-by-side partial sums; blocks are joined in double.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

struct RowSizes {
  int64_t rows, width;
};

/// y = (x - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps), with the biased variance (J. Ba, J. Kiros,
/// G. Hinton, "Layer normalization", 2016). mean and rstd (rows) are saved; weight and bias may be null. out may be x.
template <class T>
void layer_norm_forward(RowSizes sizes, const T* x, const T* weight, const T* bias, double eps, T* out, T* mean,
                        T* rstd) noexcept;

/// y = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps) (B. Zhang, R. Sennrich, "Root mean square layer
/// normalization", 2019).
template <class T>
void rms_norm_forward(RowSizes sizes, const T* x, const T* weight, double eps, T* out, T* rstd) noexcept;

/// Bytes of scratch of a backward call that gives gradients of weight or bias.
template <class T>
size_t row_norm_scratch_bytes(RowSizes sizes) noexcept;

/// With h = (x - mean) rstd and g = grad weight, means over a row, sums over the rows:
///   grad_x = rstd (g - mean(g) - h mean(g h));  grad_weight = sum grad h;  grad_bias = sum grad.
/// weight and each gradient may be null.
template <class T>
void layer_norm_backward(RowSizes sizes, const T* grad, const T* x, const T* weight, const T* mean, const T* rstd,
                         T* grad_x, T* grad_weight, T* grad_bias, void* scratch) noexcept;

/// The same with h = x rstd and without mean(g).
template <class T>
void rms_norm_backward(RowSizes sizes, const T* grad, const T* x, const T* weight, const T* rstd, T* grad_x,
                       T* grad_weight, void* scratch) noexcept;

}  // namespace cygnet
