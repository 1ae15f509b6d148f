#include "grid_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"

namespace cygnet {
namespace {

constexpr int most_terms = 4;

// What one axis contributes to a pixel of the result: pixels of the image (-1 outside of it), their weights, and the
// derivatives of these by the coordinate as it was given.
template <class T>
struct Terms {
  int64_t at[most_terms];
  T weight[most_terms], slope[most_terms];
};

// The coordinate in 0 ... size - 1 that stands for x; `slope` is multiplied by the derivative.
template <class T>
T inside(T x, int64_t size, const Sampling& how, T& slope) noexcept {
  const T last = static_cast<T>(size - 1);
  if (x > 0 && x < last) return x;
  switch (how.outside) {
    case Outside::Constant:  // as far as no pixel is read: weights stay finite
      return std::clamp(x, T(-4), last + 4);
    case Outside::Wrap:
      // TensorFlow's: whole images away, counted in steps of size - 1.
      if (size > 1 && x < 0)
        x += static_cast<T>(size) * (std::trunc(-x / last) + 1);
      else if (size > 1 && x > last)
        x -= static_cast<T>(size) * std::trunc(x / last);
      break;
    case Outside::Mirror: {
      const T low = how.align_corners ? T(0) : T(-0.5), span = how.align_corners ? last : static_cast<T>(size);
      T away = x - low;
      if (away < 0) {
        away = -away;
        slope = -slope;
      }
      const T rest = span > 0 ? std::fmod(away, span) : T(0);
      if (span > 0 && std::fmod(std::floor(away / span), T(2)) != 0) {
        x = span - rest + low;
        slope = -slope;
      } else {
        x = rest + low;
      }
      break;
    }
    case Outside::Border:
      break;
  }
  if (x > 0 && x < last) return x;
  slope = 0;
  return x >= last ? last : T(0);
}

template <class T>
int64_t pixel(T x, int64_t size) noexcept {
  return x >= 0 && x < static_cast<T>(size) ? static_cast<int64_t>(x) : -1;
}

// R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.75: the weight of a pixel
// at distance x, and its derivative.
template <class T>
T cubic(T x) noexcept {
  const T a = T(-0.75), d = std::abs(x);
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}
template <class T>
T cubic_slope(T x) noexcept {
  const T a = T(-0.75), d = std::abs(x);
  const T slope = d <= 1 ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a;
  return x < 0 ? -slope : slope;
}

template <int terms, class T>
Terms<T> terms_at(T x, int64_t size, const Sampling& how, T slope, bool half_away) noexcept {
  Terms<T> result;
  if (std::isnan(x)) {
    for (int i = 0; i < terms; ++i) {
      result.at[i] = -1;
      result.weight[i] = i == 0 ? T(1) : T(0);
      result.slope[i] = 0;
    }
  } else if constexpr (terms == 4) {
    if (how.outside == Outside::Constant) x = inside(x, size, how, slope);
    const T first = std::floor(x) - 1;
    for (int i = 0; i < terms; ++i) {
      T flat = 0;
      const T distance = x - first - static_cast<T>(i);
      result.at[i] = pixel(inside(first + static_cast<T>(i), size, how, flat), size);
      result.weight[i] = cubic(distance);
      result.slope[i] = cubic_slope(distance) * slope;
    }
  } else if constexpr (terms == 2) {
    x = inside(x, size, how, slope);
    const T first = std::floor(x);
    result.at[0] = pixel(first, size);
    result.at[1] = pixel(first + 1, size);
    result.weight[0] = first + 1 - x;
    result.weight[1] = x - first;
    result.slope[0] = -slope;
    result.slope[1] = slope;
  } else {
    x = inside(x, size, how, slope);
    result.at[0] = pixel(half_away ? std::round(x) : std::nearbyint(x), size);
    result.weight[0] = 1;
    result.slope[0] = 0;
  }
  return result;
}

// The pixels that one pixel of the result reads, as offsets into the image (-1 outside of it).
template <int terms, class T>
struct Stencil {
  Terms<T> row, column;
  int64_t offset[terms * terms];

  Stencil(const SampledImages& images, const Sampling& how, Places<T> places, int64_t n, int64_t i,
          int64_t j) noexcept {
    T x, y, x_slope = 0, y_slope = 0;
    if (places.grid) {
      const T* const place = places.grid + ((n * images.rows + i) * images.columns + j) * 2;
      const auto in_pixels = [&](T u, int64_t size, T& slope) {
        slope = static_cast<T>(how.align_corners ? size - 1 : size) / 2;
        if (std::isnan(u)) u = -1;
        return how.align_corners ? (u + 1) * slope : ((u + 1) * static_cast<T>(size) - 1) / 2;
      };
      x = in_pixels(place[0], images.width, x_slope);
      y = in_pixels(place[1], images.height, y_slope);
    } else {
      const T* const t = places.transforms + n * 8;
      const T u = static_cast<T>(j), v = static_cast<T>(i), k = t[6] * u + t[7] * v + 1;
      x = k == 0 ? std::numeric_limits<T>::quiet_NaN() : (t[0] * u + t[1] * v + t[2]) / k;
      y = k == 0 ? x : (t[3] * u + t[4] * v + t[5]) / k;
    }
    column = terms_at<terms>(x, images.width, how, x_slope, !places.grid);
    row = terms_at<terms>(y, images.height, how, y_slope, !places.grid);
    const int64_t step = images.channels_last ? images.channels : 1;
    for (int a = 0; a < terms; ++a)
      for (int b = 0; b < terms; ++b) {
        const bool outside = row.at[a] < 0 || column.at[b] < 0;
        offset[a * terms + b] = outside ? -1 : (row.at[a] * images.width + column.at[b]) * step;
      }
  }

  // The sum of the image's pixels (of `fill` outside) by these weights.
  T read(const T* image, const T* row_weight, const T* column_weight, T fill) const noexcept {
    T sum = 0;
    for (int a = 0; a < terms; ++a) {
      T line = 0;
      for (int b = 0; b < terms; ++b) {
        const int64_t o = offset[a * terms + b];
        line += column_weight[b] * (o < 0 ? fill : image[o]);
      }
      sum += row_weight[a] * line;
    }
    return sum;
  }
};

// Steps, in elements, between the channels and the images of the input and the result.
struct Steps {
  int64_t pixel, input_channel, result_channel, input_image, result_image;
  explicit Steps(const SampledImages& s) noexcept
      : pixel(s.channels_last ? s.channels : 1),
        input_channel(s.channels_last ? 1 : s.height * s.width),
        result_channel(s.channels_last ? 1 : s.rows * s.columns),
        input_image(s.channels * s.height * s.width),
        result_image(s.channels * s.rows * s.columns) {}
};

double work_of(const SampledImages& s) noexcept { return static_cast<double>((8 * s.channels + 32) * s.columns); }

// Calls f(n, i) for every row of the results, in tasks of some rows.
template <class F>
void for_rows(const SampledImages& s, const F& f) noexcept {
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, s.columns * s.channels));
  parallel_ranges(s.count * s.rows, grain, work_of(s), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) f(line / s.rows, line % s.rows);
  });
}

// Calls f(std::integral_constant<int, terms>) for the number of pixels that the interpolation reads along an axis.
template <class F>
void with_terms(Interpolation interpolation, const F& f) noexcept {
  switch (interpolation) {
    case Interpolation::Nearest:
      return f(std::integral_constant<int, 1>{});
    case Interpolation::Bilinear:
      return f(std::integral_constant<int, 2>{});
    case Interpolation::Bicubic:
      return f(std::integral_constant<int, 4>{});
  }
}

}  // namespace

template <class T>
void grid_sample_forward(const SampledImages& images, const Sampling& how, const T* input, Places<T> places,
                         T* result) noexcept {
  const Steps step(images);
  with_terms(how.interpolation, [&](auto terms) {
    for_rows(images, [&](int64_t n, int64_t i) {
      const T* const image = input + n * step.input_image;
      T* to = result + n * step.result_image + i * images.columns * step.pixel;
      for (int64_t j = 0; j < images.columns; ++j, to += step.pixel) {
        const Stencil<terms(), T> stencil(images, how, places, n, i, j);
        for (int64_t c = 0; c < images.channels; ++c)
          to[c * step.result_channel] = stencil.read(image + c * step.input_channel, stencil.row.weight,
                                                     stencil.column.weight, static_cast<T>(how.fill));
      }
    });
  });
}

template <class T>
void grid_sample_backward_input(const SampledImages& images, const Sampling& how, const T* grad, Places<T> places,
                                T* grad_input) noexcept {
  // Pixels of the result may read the same pixel: a task has some channels of an image for itself.
  constexpr int64_t most_channels = 16;
  const Steps step(images);
  const int64_t groups = (images.channels + most_channels - 1) / most_channels, pixels = images.height * images.width;
  with_terms(how.interpolation, [&](auto terms) {
    const double work = work_of(images) * static_cast<double>(images.count * images.rows);
    parallel_for(images.count * groups, work, [&](int64_t task) {
      const int64_t n = task / groups, first = task % groups * most_channels;
      const int64_t end = std::min(images.channels, first + most_channels);
      T* const image = grad_input + n * step.input_image;
      for (int64_t c = first; c < end; ++c)
        for (int64_t p = 0; p < pixels; ++p) image[c * step.input_channel + p * step.pixel] = 0;
      const T* from = grad + n * step.result_image;
      for (int64_t i = 0; i < images.rows; ++i)
        for (int64_t j = 0; j < images.columns; ++j, from += step.pixel) {
          const Stencil<terms(), T> stencil(images, how, places, n, i, j);
          for (int k = 0; k < terms() * terms(); ++k) {
            if (stencil.offset[k] < 0) continue;
            const T weight = stencil.row.weight[k / terms()] * stencil.column.weight[k % terms()];
            T* const to = image + stencil.offset[k];
            for (int64_t c = first; c < end; ++c) to[c * step.input_channel] += weight * from[c * step.result_channel];
          }
        }
    });
  });
}

template <class T>
void grid_sample_backward_grid(const SampledImages& images, const Sampling& how, const T* grad, const T* input,
                               const T* grid, T* grad_grid) noexcept {
  const Steps step(images);
  const T fill = static_cast<T>(how.fill);
  with_terms(how.interpolation, [&](auto terms) {
    for_rows(images, [&](int64_t n, int64_t i) {
      const T* from = grad + n * step.result_image + i * images.columns * step.pixel;
      T* to = grad_grid + (n * images.rows + i) * images.columns * 2;
      for (int64_t j = 0; j < images.columns; ++j, from += step.pixel, to += 2) {
        const Stencil<terms(), T> stencil(images, how, {grid, nullptr}, n, i, j);
        T x = 0, y = 0;
        for (int64_t c = 0; c < images.channels; ++c) {
          const T* const image = input + n * step.input_image + c * step.input_channel;
          const T g = from[c * step.result_channel];
          x += g * stencil.read(image, stencil.row.weight, stencil.column.slope, fill);
          y += g * stencil.read(image, stencil.row.slope, stencil.column.weight, fill);
        }
        to[0] = x;
        to[1] = y;
      }
    });
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                        \
  template void grid_sample_forward(const SampledImages&, const Sampling&, const T*, Places<T>, T*) noexcept;        \
  template void grid_sample_backward_input(const SampledImages&, const Sampling&, const T*, Places<T>, T*) noexcept; \
  template void grid_sample_backward_grid(const SampledImages&, const Sampling&, const T*, const T*, const T*,       \
                                          T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
