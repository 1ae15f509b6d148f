// Maximum and average over windows of images. All images are (N, C, H, W) with channels-last memory (N, H, W, C).
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

/// Images of `batch` by `channels` planes.
struct Planes {
  int64_t batch, channels, in_h, in_w, out_h, out_w;
};

/// One axis of a maximum's windows.
struct MaxAxis {
  int64_t kernel, stride, padding, dilation;
};

/// output[n, c, y, x] = the largest input in the window at (y, x), NaN if there is one; indices[n, c, y, x] =
/// h in_w + w of where it is, the first of equals. A window without any input gives -infinity and index -1.
/// Needs kernel_h * kernel_w <= 2^24. `scratch` has max_pool2d_scratch_bytes.
template <class T>
void max_pool2d_forward(const Planes& planes, const MaxAxis& h, const MaxAxis& w, const T* input, T* output,
                        int64_t* indices, void* scratch) noexcept;
size_t max_pool2d_scratch_bytes(const MaxAxis& h, const MaxAxis& w) noexcept;

/// grad_input[n, c, indices[n, c, y, x]] += grad_output[n, c, y, x] for y, then x, ascending; zero elsewhere. An index
/// of -1 is left out. Returns false if an index is neither -1 nor within the plane; grad_input is then unspecified.
template <class T>
bool max_pool2d_backward(const Planes& planes, const T* grad_output, const int64_t* indices, T* grad_input) noexcept;

/// One axis of an average's windows: window o covers input positions [begin(o), end(o)), and the sum is divided by
/// the product of both axes' divisor(o). Adaptive windows split the input evenly; others are `kernel` wide.
struct AverageAxis {
  int64_t in, out, kernel, stride, padding;
  bool adaptive, count_padding;

  static AverageAxis adaptive_axis(int64_t in, int64_t out) { return {in, out, 0, 0, 0, true, false}; }

  int64_t begin(int64_t o) const {
    if (adaptive) return o * in / out;
    const int64_t at = o * stride - padding;
    return at > 0 ? at : 0;
  }
  int64_t end(int64_t o) const {
    if (adaptive) return ((o + 1) * in + out - 1) / out;
    const int64_t at = o * stride - padding + kernel;
    return at < in ? at : in;
  }
  int64_t divisor(int64_t o) const {
    if (!count_padding) return end(o) - begin(o);
    const int64_t at = o * stride - padding, stop = at + kernel;
    return (stop < in + padding ? stop : in + padding) - at;
  }
  /// The windows that cover input position i are [first(i), last(i)).
  int64_t first(int64_t i) const {
    if (adaptive) return i * out / in;
    const int64_t at = i + padding - kernel + 1;
    return at > 0 ? (at + stride - 1) / stride : 0;
  }
  int64_t last(int64_t i) const {
    if (adaptive) return ((i + 1) * out + in - 1) / in;
    const int64_t count = (i + padding) / stride + 1;
    return count < out ? count : out;
  }
};

/// output[n, c, y, x] = (sum of the window's inputs) / (h.divisor(y) w.divisor(x)).
template <class T>
void avg_pool2d_forward(const Planes& planes, const AverageAxis& h, const AverageAxis& w, const T* input,
                        T* output) noexcept;
/// grad_input[n, c, i, j] = sum over the windows (y, x) that cover it of grad_output[n, c, y, x] / divisor.
template <class T>
void avg_pool2d_backward(const Planes& planes, const AverageAxis& h, const AverageAxis& w, const T* grad_output,
                         T* grad_input) noexcept;

}  // namespace cygnet
