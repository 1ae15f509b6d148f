// Maximum and average over windows of images with up to three spatial axes: depth, height, width.
//
// The memory of all images is (N, D, H, W, C). A plain (N, C, D, H, W) image is passed as N C images of one channel,
// one or two spatial axes as three of which the first have size 1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace cygnet {

/// What one position of an axis meets on the other side: `count` positions source, source + source_step, ... and for
/// each the tap by which the window meets it: tap, tap + tap_step, ...
struct Meeting {
  int64_t source, source_step, tap, tap_step, count;
};

/// One axis. Window o has the taps start(o) + j dilation, 0 <= j < kernel; those outside of [0, in) do not count.
struct PoolAxis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, padding = 0, dilation = 1;
  /// The windows split the input evenly: [floor(o in / out), ceil((o + 1) in / out)); `kernel` is the widest.
  bool adaptive = false;

  static PoolAxis split(int64_t in, int64_t out);

  int64_t start(int64_t o) const { return adaptive ? o * in / out : o * stride - padding; }
  /// The inputs of window o.
  Meeting inputs(int64_t o) const;
  /// The windows that cover input i, ascending; of adaptive windows without their taps.
  Meeting windows(int64_t i) const;
};

inline Meeting PoolAxis::inputs(int64_t o) const {
  const int64_t at = start(o);
  if (adaptive) return {at, 1, 0, 1, ((o + 1) * in + out - 1) / out - at};
  int64_t first = 0, last = kernel;
  if (at < 0) first = std::min(kernel, (-at + dilation - 1) / dilation);
  if (at + (kernel - 1) * dilation >= in) last = at < in ? (in - at + dilation - 1) / dilation : 0;
  return {at + first * dilation, dilation, first, 1, std::max<int64_t>(0, last - first)};
}

inline Meeting PoolAxis::windows(int64_t i) const {
  if (adaptive) {
    const int64_t first = i * out / in;
    return {first, 1, 0, 0, ((i + 1) * out + in - 1) / in - first};
  }
  const int64_t at = i + padding, low = at - (kernel - 1) * dilation, last = std::min(out - 1, at / stride);
  int64_t first = low > 0 ? (low + stride - 1) / stride : 0, step = 1;
  if (dilation > 1) {
    step = dilation / std::gcd(stride, dilation);  // only every step-th window has a tap here
    while (first <= last && (at - first * stride) % dilation) ++first;
  }
  return {first, step, (at - first * stride) / dilation, -step * stride / dilation,
          first > last ? 0 : (last - first) / step + 1};
}

struct Pooling {
  int64_t batch, channels;
  PoolAxis d, h, w;

  int64_t inputs() const { return d.in * h.in * w.in; }
  int64_t outputs() const { return d.out * h.out * w.out; }
  int64_t taps() const { return d.kernel * h.kernel * w.kernel; }
  bool adaptive() const { return d.adaptive || h.adaptive || w.adaptive; }
};

/// A maximum of windows, of no less than 0 with `relu`, that another kernel takes of what it makes; with `keeps_taps`
/// it keeps the numbers of the taps as well.
struct MaxPooling {
  Pooling windows;
  bool relu, keeps_taps;
};

/// The number of a tap that stands for a window whose result is none of its inputs.
constexpr uint8_t no_tap = 255;

/// output[n, c, o] = the largest input of window o, NaN if there is one, -infinity if the window has no input. With
/// `relu` no less than 0, which then is the result of a window without input.
template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output) noexcept;
/// The same, and taps[n, c, o] = the number (d kernel_h + h) kernel_w + w of its tap, the first of equals. Needs
/// taps() <= no_tap.
template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output, uint8_t* taps) noexcept;
/// The same with indices[n, c, o] = its position in the plane, -1 if it is no input. Needs inputs() < 2^31.
template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output, int64_t* indices) noexcept;

/// grad_input[n, c, i] = sum of grad_output[n, c, o] over the windows o whose tap meets i, in ascending order. Not for
/// adaptive windows.
template <class T>
void max_pool_backward(const Pooling& pooling, const T* grad_output, const uint8_t* taps, T* grad_input) noexcept;

/// What averages are divided by: the number of inputs of the window; with count_padding those in the padding too, but
/// not those beyond it; or `fixed` if that is not 0.
struct Divisor {
  bool count_padding;
  int64_t fixed;

  int64_t of(const PoolAxis& axis, int64_t o) const;
  /// Whether all windows have the same.
  bool uniform(const Pooling& pooling) const;
};

/// output[n, c, o] = (sum of the inputs of window o) / divisor(o).
template <class T>
void avg_pool_forward(const Pooling& pooling, const Divisor& divisor, const T* input, T* output) noexcept;
/// grad_input[n, c, i] = sum over the windows o that cover i of grad_output[n, c, o] / divisor(o). `scratch` has
/// avg_pool_backward_scratch_bytes.
template <class T>
void avg_pool_backward(const Pooling& pooling, const Divisor& divisor, const T* grad_output, T* grad_input,
                       void* scratch) noexcept;
size_t avg_pool_backward_scratch_bytes(const Pooling& pooling, const Divisor& divisor, size_t item) noexcept;

/// Images of `channels` planes of which `size` positions are addressed by `count` indices, memory as above.
struct IndexedPlanes {
  int64_t batch, channels, size, count;
};

// These return false if an index is outside of [0, size); what they wrote is then unspecified.

/// to[n, c, :] = 0, then to[n, c, indices[n, c, k]] += from[n, c, k] for ascending k. An index of -1 is left out.
template <class T>
bool scatter_add_planes(const IndexedPlanes& planes, const T* from, const int64_t* indices, T* to) noexcept;
/// to[n, c, :] = 0, then to[n, c, indices[n, c, k]] = from[n, c, k] for ascending k.
template <class T>
bool scatter_planes(const IndexedPlanes& planes, const T* from, const int64_t* indices, T* to) noexcept;
/// to[n, c, k] = from[n, c, indices[n, c, k]], 0 for an index of -1.
template <class T>
bool gather_planes(const IndexedPlanes& planes, const T* from, const int64_t* indices, T* to) noexcept;

}  // namespace cygnet
