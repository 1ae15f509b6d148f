// Convolution (cross-correlation, as in every deep-learning library) over one to three spatial axes, its gradients,
// and so the transposed convolution.
//
// Arrays are (N, C, D, H, W); in memory the output and every gradient of an image are channels last (N, D, H, W, C),
// the weight (out channels, in channels / groups, kernel of D, H, W) is plain. With group g of output channel o and
// positions p = (z, y, x), taps k:
//
//   output[n, o, p] = f(bias[o] + sum over c, k of
//                         input[n, g C/groups + c, p stride + k dilation - padding] weight[o, c, k])
//
// where input is zero outside its image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "activation.h"

namespace cygnet {

/// Depth, height and width. Images with fewer have axes of size 1 in front, with kernel, stride and dilation 1.
constexpr int max_axes = 3;

/// One spatial axis. `padding` zeros lie before the input; how many behind it follows from `out`.
struct ConvAxis {
  int64_t in, kernel, out, stride, padding, dilation;

  /// Input positions that `outputs` neighbouring outputs read, with those between them.
  int64_t reach(int64_t outputs) const { return (outputs - 1) * stride + (kernel - 1) * dilation + 1; }
  bool padded() const { return padding > 0 || reach(out) - padding > in; }
};

struct ConvShape {
  int64_t batch, in_channels, out_channels, groups;
  ConvAxis axes[max_axes];

  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  int64_t taps() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
  int64_t in_pixels() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t out_pixels() const { return axes[0].out * axes[1].out * axes[2].out; }
};

/// The gradient with respect to the input, which is the forward pass of a transposed convolution, too: that has a bias
/// (of the input's channels, may be null) and an activation. `channels_last` is the memory order of grad_output.
/// grad_input[n, c, q] = f(bias[c] + sum over o, k and the output position p that reads q through tap k of
///                           grad_output[n, o, p] weight[o, c, k]).
template <class T>
void conv_backward_input(const ConvShape& shape, const T* grad_output, bool channels_last, const T* weight,
                         const T* bias, Activation activation, T* grad_input, void* scratch) noexcept;
template <class T>
size_t conv_backward_input_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept;
/// Whether grad_output should be channels last, which minimal filtering needs.
template <class T>
bool conv_backward_input_in_tiles(const ConvShape& shape) noexcept;

/// The gradients with respect to weight and bias, grad_output channels last, the input's memory order as in the forward
/// pass; grad_bias may be null:
/// grad_weight[o, c, k] = sum over n, p of grad_output[n, o, p] input[n, c, the position that p reads through tap k],
/// grad_bias[o] = sum over n, p of grad_output[n, o, p].
template <class T>
void conv_backward_weight(const ConvShape& shape, const T* grad_output, const T* input, bool channels_last,
                          T* grad_weight, T* grad_bias, void* scratch) noexcept;
template <class T>
size_t conv_backward_weight_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept;
/// Whether the input should be channels last, which minimal filtering needs.
template <class T>
bool conv_backward_weight_in_tiles(const ConvShape& shape) noexcept;

}  // namespace cygnet
