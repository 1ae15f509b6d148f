// Two-dimensional convolution (cross-correlation, as in every deep-learning library) and its gradients.
//
// Arrays are (N, C, H, W); in memory the output and every gradient of an image are channels last (N, H, W, C), the
// weight (out channels, in channels / groups, kernel_h, kernel_w) is plain. With group g of output channel o:
//
//   output[n, o, y, x] = f(bias[o] + sum over c, i, j of
//                          input[n, g C/groups + c, y stride_h + i dilation_h - padding_h, x ...] weight[o, c, i, j])
//
// where input is zero outside its image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "activation.h"

namespace cygnet {

struct ConvShape {
  int64_t batch, in_channels, in_h, in_w;
  int64_t out_channels, kernel_h, kernel_w;
  int64_t out_h, out_w;
  int64_t stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;

  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  int64_t taps() const { return kernel_h * kernel_w; }
};

/// The equation above. `channels_last` says whether the input's memory is (N, H, W, C), else it is (N, C, H, W);
/// bias may be null. Nothing overlaps.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* input, bool channels_last, const T* weight, const T* bias,
                    Activation activation, T* output, void* scratch) noexcept;
template <class T>
size_t conv2d_forward_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept;

/// The gradient with respect to the input, grad_output and grad_input both channels last:
/// grad_input[n, c, y, x] = sum over o, i, j and the output pixel (p, q) that reads (y, x) through tap (i, j) of
///                          grad_output[n, o, p, q] weight[o, c, i, j].
template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* grad_output, const T* weight, T* grad_input,
                           void* scratch) noexcept;
template <class T>
size_t conv2d_backward_input_scratch_bytes(const ConvShape& shape) noexcept;

/// The gradients with respect to weight and bias, grad_output channels last:
/// grad_weight[o, c, i, j] = sum over n, y, x of grad_output[n, o, y, x] input[n, c, the pixel of tap (i, j)],
/// grad_bias[o] = sum over n, y, x of grad_output[n, o, y, x]; grad_bias may be null.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* grad_output, const T* input, bool channels_last,
                            T* grad_weight, T* grad_bias, void* scratch) noexcept;
template <class T>
size_t conv2d_backward_weight_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept;

}  // namespace cygnet
