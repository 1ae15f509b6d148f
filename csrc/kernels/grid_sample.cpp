#include "grid_sample.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace cygnet {
namespace {

// Pixels of a row of the result that are worked on together: loops over them are simple enough for vectors, and run
// over whole ones; what lies behind the row's end reads the first pixel and is not stored.
constexpr int block = 64;
inline int whole_vectors(int count) noexcept { return (count + 15) / 16 * 16; }

// What one axis contributes to each pixel of the result: pixels of the image (-1 outside of it), their weights, and
// the derivatives of these by the coordinate as it was given.
template <int terms, class T>
struct Axis {
  int32_t at[terms][block];
  T weight[terms][block], slope[terms][block];
};

// The coordinates in 0 ... size - 1 that stand for x; slopes are multiplied by the derivative.
template <class T>
void bring_inside(T* x, T* slope, int count, int64_t size, const Sampling& how) noexcept {
  const T last = static_cast<T>(size - 1), whole = static_cast<T>(size);
  if (how.outside == Outside::Constant) {  // as far as no pixel is read: weights stay finite
    for (int j = 0; j < count; ++j) x[j] = x[j] < -4 ? T(-4) : x[j] > last + 4 ? last + 4 : x[j];
    return;
  }
  if (how.outside == Outside::Wrap && size > 1) {  // TensorFlow's: whole images away, counted in steps of size - 1
    for (int j = 0; j < count; ++j) {
      const T before = x[j] + whole * (std::trunc(-x[j] / last) + 1), after = x[j] - whole * std::trunc(x[j] / last);
      x[j] = x[j] < 0 ? before : x[j] > last ? after : x[j];
    }
  } else if (how.outside == Outside::Mirror && (size > 1 || !how.align_corners)) {
    const T low = how.align_corners ? T(0) : T(-0.5), span = how.align_corners ? last : whole;
    for (int j = 0; j < count; ++j) {
      const T away = std::abs(x[j] - low), turns = std::floor(away / span), rest = away - turns * span;
      const bool back = turns - 2 * std::floor(turns / 2) != 0;
      const bool turned = back != (x[j] < low);
      const T mirrored = back ? span - rest + low : rest + low;
      x[j] = x[j] > 0 && x[j] < last ? x[j] : mirrored;
      slope[j] = turned ? -slope[j] : slope[j];
    }
  }
  for (int j = 0; j < count; ++j) {
    const bool within = x[j] > 0 && x[j] < last;
    slope[j] = within ? slope[j] : T(0);
    x[j] = within ? x[j] : x[j] >= last ? last : T(0);
  }
}

template <class T>
int32_t pixel(T x, T size) noexcept {
  const bool within = x >= 0 && x < size;
  return within ? static_cast<int32_t>(within ? x : T(0)) : -1;
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
void axis_at(T* x, T* slope, int count, int64_t size, const Sampling& how, bool half_away,
             Axis<terms, T>& axis) noexcept {
  const T whole = static_cast<T>(size);
  if (terms < 4 || how.outside == Outside::Constant) bring_inside(x, slope, count, size, how);
  for (int k = 0; k < terms; ++k) {
    T place[block], flat[block] = {};
    for (int j = 0; j < count; ++j) {
      if constexpr (terms == 4) {
        place[j] = std::floor(x[j]) + static_cast<T>(k - 1);
        axis.weight[k][j] = cubic(x[j] - place[j]);
        axis.slope[k][j] = cubic_slope(x[j] - place[j]) * slope[j];
      } else if constexpr (terms == 2) {
        place[j] = std::floor(x[j]) + static_cast<T>(k);
        axis.weight[k][j] = k ? x[j] - (place[j] - 1) : place[j] + 1 - x[j];
        axis.slope[k][j] = k ? slope[j] : -slope[j];
      } else {
        const T cut = std::trunc(x[j]), step = x[j] < 0 ? T(-1) : T(1);
        const T away = std::abs(x[j] - cut) >= T(0.5) ? cut + step : cut;
        place[j] = half_away ? away : std::nearbyint(x[j]);
        axis.weight[k][j] = 1;
        axis.slope[k][j] = 0;
      }
    }
    if (terms == 4) bring_inside(place, flat, count, size, how);
    for (int j = 0; j < count; ++j) axis.at[k][j] = pixel(place[j], whole);
  }
}

// The pixels that some pixels of a row of the result read: their numbers in the image, -1 outside, and weights.
template <int terms, class T>
struct Stencil {
  static constexpr int reads = terms * terms;
  Axis<terms, T> row, column;
  int32_t at[reads][block];
  T weight[reads][block];

  Stencil(const SampledImages& s, const Sampling& how, Places<T> places, int64_t n, int64_t i, int64_t begin,
          int count) noexcept {
    T x[block] = {}, y[block] = {}, x_slope[block] = {}, y_slope[block] = {};
    bool nowhere[block] = {};
    if (places.grid) {
      const T* const place = places.grid + ((n * s.rows + i) * s.columns + begin) * 2;
      const auto in_pixels = [&](const T* given, int64_t size, T* to, T* slope) {
        const T whole = static_cast<T>(size), half = (how.align_corners ? whole - 1 : whole) / 2;
        for (int j = 0; j < count; ++j) {
          const T u = given[2 * j] != given[2 * j] ? T(0) : given[2 * j] + 1;
          to[j] = how.align_corners ? (half > 0 ? u * half : T(0)) : (u * whole - 1) / 2;
          slope[j] = half;
        }
      };
      in_pixels(place, s.width, x, x_slope);
      in_pixels(place + 1, s.height, y, y_slope);
    } else {
      const T* const t = places.transforms + n * 8;
      const T v = static_cast<T>(i);
      for (int j = 0; j < count; ++j) {
        const T u = static_cast<T>(begin + j), k = t[6] * u + t[7] * v + 1;
        x[j] = (t[0] * u + t[1] * v + t[2]) / k;
        y[j] = (t[3] * u + t[4] * v + t[5]) / k;
        nowhere[j] = k == 0 || std::isnan(x[j]) || std::isnan(y[j]);
      }
    }
    count = whole_vectors(count);
    axis_at(x, x_slope, count, s.width, how, !places.grid, column);
    axis_at(y, y_slope, count, s.height, how, !places.grid, row);
    const int32_t width = static_cast<int32_t>(s.width);
    for (int k = 0; k < reads; ++k)
      for (int j = 0; j < count; ++j) {
        const int32_t r = row.at[k / terms][j], c = column.at[k % terms][j];
        at[k][j] = (r < 0) | (c < 0) ? -1 : r * width + c;
        weight[k][j] = row.weight[k / terms][j] * column.weight[k % terms][j];
      }
    for (int j = 0; j < count; ++j)
      for (int k = 0; k < reads && nowhere[j]; ++k) {
        at[k][j] = -1;
        weight[k][j] = k == 0 ? T(1) : T(0);
      }
  }

  // The value of read k of pixel j, of a channel whose pixels lie `step` apart.
  T value(const T* channel, int64_t step, int k, int j, T fill) const noexcept {
    const int32_t pixel = at[k][j];
    const T inside = channel[(pixel < 0 ? 0 : pixel) * step];
    return pixel < 0 ? fill : inside;
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

double work_of(const SampledImages& s) noexcept { return static_cast<double>((4 * s.channels + 16) * s.columns); }

// Calls f(n, i, begin, count) for blocks of the rows of the results, in tasks of some rows.
template <class F>
void for_blocks(const SampledImages& s, const F& f) noexcept {
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, s.columns * s.channels));
  parallel_ranges(s.count * s.rows, grain, work_of(s), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line)
      for (int64_t j = 0; j < s.columns; j += block)
        f(line / s.rows, line % s.rows, j, static_cast<int>(std::min<int64_t>(block, s.columns - j)));
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
  const T fill = static_cast<T>(how.fill);
  with_terms(how.interpolation, [&](auto terms) {
    using Block = Stencil<terms(), T>;
    for_blocks(images, [&](int64_t n, int64_t i, int64_t begin, int count) {
      const Block stencil(images, how, places, n, i, begin, count);
      const T* const image = input + n * step.input_image;
      T* const to = result + n * step.result_image + (i * images.columns + begin) * step.pixel;
      if (images.channels_last) {
        for (int j = 0; j < count; ++j)
          for (int64_t c = 0; c < images.channels; ++c) {
            T sum = 0;
            for (int k = 0; k < Block::reads; ++k)
              sum += stencil.weight[k][j] * stencil.value(image + c, step.pixel, k, j, fill);
            to[j * step.pixel + c] = sum;
          }
      } else {
        for (int64_t c = 0; c < images.channels; ++c) {
          const T* const channel = image + c * step.input_channel;
          T sum[block] = {};
          for (int k = 0; k < Block::reads; ++k)
            for (int j = 0; j < whole_vectors(count); ++j)
              sum[j] += stencil.weight[k][j] * stencil.value(channel, 1, k, j, fill);
          std::copy_n(sum, count, to + c * step.result_channel);
        }
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
    using Block = Stencil<terms(), T>;
    const double work = work_of(images) * static_cast<double>(images.count * images.rows);
    parallel_for(images.count * groups, work, [&](int64_t task) {
      const int64_t n = task / groups, first = task % groups * most_channels;
      const int64_t end = std::min(images.channels, first + most_channels);
      T* const image = grad_input + n * step.input_image;
      for (int64_t c = first; c < end; ++c)
        for (int64_t p = 0; p < pixels; ++p) image[c * step.input_channel + p * step.pixel] = 0;
      for (int64_t i = 0; i < images.rows; ++i)
        for (int64_t begin = 0; begin < images.columns; begin += block) {
          const int count = static_cast<int>(std::min<int64_t>(block, images.columns - begin));
          const Block stencil(images, how, places, n, i, begin, count);
          const T* const from = grad + n * step.result_image + (i * images.columns + begin) * step.pixel;
          for (int64_t c = first; c < end; ++c)
            for (int k = 0; k < Block::reads; ++k)
              for (int j = 0; j < count; ++j)
                if (const int32_t pixel = stencil.at[k][j]; pixel >= 0)
                  image[c * step.input_channel + pixel * step.pixel] +=
                      stencil.weight[k][j] * from[c * step.result_channel + j * step.pixel];
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
    using Block = Stencil<terms(), T>;
    for_blocks(images, [&](int64_t n, int64_t i, int64_t begin, int count) {
      const Block stencil(images, how, {grid, nullptr}, n, i, begin, count);
      const T* const from = grad + n * step.result_image + (i * images.columns + begin) * step.pixel;
      T by_weight[Block::reads][block] = {};  // the gradient of each read's weight
      for (int64_t c = 0; c < images.channels; ++c) {
        const T* const channel = input + n * step.input_image + c * step.input_channel;
        for (int k = 0; k < Block::reads; ++k)
          for (int j = 0; j < count; ++j)
            by_weight[k][j] +=
                from[c * step.result_channel + j * step.pixel] * stencil.value(channel, step.pixel, k, j, fill);
      }
      T* const to = grad_grid + ((n * images.rows + i) * images.columns + begin) * 2;
      for (int j = 0; j < count; ++j) {
        T x = 0, y = 0;
        for (int k = 0; k < Block::reads; ++k) {
          x += by_weight[k][j] * (stencil.row.weight[k / terms()][j] * stencil.column.slope[k % terms()][j]);
          y += by_weight[k][j] * (stencil.row.slope[k / terms()][j] * stencil.column.weight[k % terms()][j]);
        }
        to[2 * j] = x;
        to[2 * j + 1] = y;
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
