// Normalisation with one mean and variance a set of channels: batch, instance and group normalisation. T = float or
// double.
//
// Arrays are [samples][rows][channels], channels last; the channels of a sample form `groups` sets of neighbours, and
// each set is normalised over its rows and channels. So batch normalisation is one sample of all pixels with as many
// groups as channels, instance normalisation the same for each image, and group normalisation an image's channels in
// fewer groups:
//   y = activation((x - mean) rstd weight + bias + residual),  rstd = 1 / sqrt(variance + eps),
// with the biased variance; weight and bias are one number a channel. Means and squares around them are taken of
// pieces that stay in a core's cache, so the array is read from memory once for both.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

struct ChannelSizes {
  int64_t samples, rows, channels, groups;

  /// Elements that share a mean.
  int64_t set() const { return rows * (channels / groups); }
};

/// Running averages, one number a channel; null where there are none. `batches` counts the updates if not null.
/// A running average moves by `momentum` towards the new value, or by 1 / batches where `cumulative`. The variance may
/// be unbiased, and several samples count with their mean.
template <class T>
struct RunningStatistics {
  T *mean, *variance;
  int64_t* batches;
  double momentum;
  bool cumulative, unbiased;
};

/// Bytes of scratch that each of the calls below gets.
template <class T>
size_t channel_norm_scratch_bytes(ChannelSizes sizes) noexcept;

/// mean and rstd (channels) from running averages.
template <class T>
void channel_statistics_of(const T* running_mean, const T* running_variance, int64_t channels, double eps, T* mean,
                           T* rstd) noexcept;

/// y with given statistics; residual, weight and bias may be null; out may be x or residual.
template <class T>
void channel_norm_forward(ChannelSizes sizes, const T* x, const T* mean, const T* rstd, const T* weight, const T* bias,
                          const T* residual, bool relu, T* out, void* scratch) noexcept;

/// The same with mean and rstd (samples, groups) of x, which it gives, too, and takes into the running averages if
/// there are any. Of many samples some are done at a time, so that they are read from memory once.
template <class T>
void channel_norm_training_forward(ChannelSizes sizes, const T* x, double eps, const RunningStatistics<T>& running,
                                   T* mean, T* rstd, const T* weight, const T* bias, const T* residual, bool relu,
                                   T* out, void* scratch) noexcept;

/// What a backward call reads and writes; weight, bias and the gradients may be null.
template <class T>
struct ChannelNormBackward {
  const T *grad, *x, *mean, *rstd, *weight, *bias;
  /// The forward call's result: with a residual and relu, else null.
  const T* y;
  bool relu;
  /// Whether the statistics are those of x, and so depend on it.
  bool training;
  T *grad_x, *grad_weight, *grad_bias;
  /// The gradient after relu, which is that of the residual; written where y is given.
  T* grad_residual;
};

/// With h = (x - mean) rstd, g = grad where y > 0 (or no relu), and means over a set:
///   grad_x = rstd (g weight - mean(g weight) - h mean(g weight h)), without the means unless `training`;
///   grad_weight = sum g h;  grad_bias = sum g;  grad_residual = g.
template <class T>
void channel_norm_backward(ChannelSizes sizes, const ChannelNormBackward<T>& of, void* scratch) noexcept;

}  // namespace cygnet
