// Images read at places between their pixels, and the gradients of that.
#pragma once

#include <cstdint>

namespace cygnet {

enum class Interpolation { Nearest, Bilinear, Bicubic };

/// What lies outside of an image: one value, its border pixels, its mirror images, or the image again and again.
enum class Outside { Constant, Border, Mirror, Wrap };

/// How images are read. With `align_corners`, -1 and 1 of a grid, and the mirrors, are the centres of the border
/// pixels, else their outer edges. `fill` is the value of `Constant`.
struct Sampling {
  Interpolation interpolation;
  Outside outside;
  bool align_corners;
  double fill;
};

/// Images of (count, channels, height, width) and results of (count, channels, rows, columns), both contiguous in this
/// order or both channels-last in memory.
struct SampledImages {
  int64_t count, channels, height, width, rows, columns;
  bool channels_last;
};

/// Where each pixel of the result reads. One of the two is null:
///   grid (count, rows, columns, 2): x and y, from -1 to 1 across the image; NaN is -1;
///   transforms (count, 8): a0, a1, a2, b0, b1, b2, c0, c1 with the pixel's column x and row y give, in pixels,
///     ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1, or nowhere (k = 0: `fill`).
/// The nearest pixel of a place in the middle of two is the even one of a grid, that away from zero of a transform.
template <class T>
struct Places {
  const T* grid;
  const T* transforms;
};

/// result[n, c, i, j] = image n, channel c, interpolated at the place of (n, i, j).
template <class T>
void grid_sample_forward(const SampledImages& images, const Sampling& how, const T* input, Places<T> places,
                         T* result) noexcept;

/// The gradient of the input, from that of the result.
template <class T>
void grid_sample_backward_input(const SampledImages& images, const Sampling& how, const T* grad, Places<T> places,
                                T* grad_input) noexcept;

/// The gradient of a grid; 0 where a border or the nearest pixel is taken.
template <class T>
void grid_sample_backward_grid(const SampledImages& images, const Sampling& how, const T* grad, const T* input,
                               const T* grid, T* grad_grid) noexcept;

}  // namespace cygnet
