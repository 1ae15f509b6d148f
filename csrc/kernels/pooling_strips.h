// How every pooling kernel walks: over rows of its target, cut into strips of vectors that meet the same taps.
//
// Forward, the target is the output and meets inputs; backward, it is the gradient of the input and meets windows.
// Either way one row is a number of strips, and a strip's vectors have their sources at constant steps.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "pooling.h"
#include "simd/vec.h"

namespace cygnet {

enum class Direction { Forward, Backward };

/// Vectors v = 0, 1, ... of `valid` lanes at target + v target_step.
struct Strip {
  Meeting d, h, w;     // of the first vector's pixel
  int64_t row, plane;  // pixels of a row and of a depth slice of the source
  int64_t pixel;       // elements of a pixel: the channels
  int64_t kernel_h, kernel_w;
  int64_t source_begin, target;      // the image's first element of the source; the first element of the target
  int64_t source_step, target_step;  // elements from one vector to the next
  int64_t vectors;
  int valid;
  bool full;  // all lanes are valid

  /// Calls f(position, tap) for all that the first vector meets: pixel of the source, number of the tap.
  template <class F>
  void each(F&& f) const {
    for (int64_t a = 0; a < d.count; ++a)
      for (int64_t b = 0; b < h.count; ++b) {
        int64_t position = (d.source + a * d.source_step) * plane + (h.source + b * h.source_step) * row + w.source;
        int64_t tap = ((d.tap + a * d.tap_step) * kernel_h + h.tap + b * h.tap_step) * kernel_w + w.tap;
        for (int64_t c = 0; c < w.count; ++c, position += w.source_step, tap += w.tap_step) f(position, tap);
      }
  }
  /// The same for the first alone, if there is one.
  template <class F>
  void first(F&& f) const {
    if (d.count && h.count && w.count)
      f(d.source * plane + h.source * row + w.source, (d.tap * kernel_h + h.tap) * kernel_w + w.tap);
  }
  /// The element at `position` that vector v's first lane meets.
  int64_t source(int64_t v, int64_t position) const { return source_begin + position * pixel + v * source_step; }
};

/// One axis as the target sees it.
template <Direction direction>
struct Side {
  const PoolAxis& axis;

  int64_t targets() const { return direction == Direction::Forward ? axis.out : axis.in; }
  int64_t sources() const { return direction == Direction::Forward ? axis.in : axis.out; }
  Meeting meeting(int64_t target) const {
    return direction == Direction::Forward ? axis.inputs(target) : axis.windows(target);
  }
  // Targets [begin(), end()) meet everything that they would meet on an endless axis. Of these, target t + step() meets
  // the taps of t, source_step() further.
  int64_t step() const { return direction == Direction::Forward ? 1 : axis.stride; }
  int64_t source_step() const { return direction == Direction::Forward ? axis.stride : 1; }
  int64_t begin() const {
    const int64_t reach = (axis.kernel - 1) * axis.dilation;
    if (axis.adaptive) return targets();
    const int64_t first =
        direction == Direction::Forward ? (axis.padding + axis.stride - 1) / axis.stride : reach - axis.padding;
    return std::min(std::max<int64_t>(first, 0), targets());
  }
  int64_t end() const {
    const int64_t reach = (axis.kernel - 1) * axis.dilation;
    if (axis.adaptive) return targets();
    const int64_t last = axis.in - 1 + axis.padding - reach;  // the last input at which a whole window may start
    const int64_t stop = direction == Direction::Backward ? axis.out * axis.stride - axis.padding
                         : last < 0                       ? 0
                                                          : last / axis.stride + 1;
    return std::max(begin(), std::min(stop, targets()));
  }
};

/// Elements of the source that an element of the target reads, roughly.
template <Direction direction>
double reads_of(const Pooling& pooling) {
  const double inputs = static_cast<double>(pooling.inputs()), outputs = static_cast<double>(pooling.outputs());
  const double taps = std::min(static_cast<double>(pooling.taps()), inputs);
  return direction == Direction::Forward ? taps : 1 + taps * outputs / std::max(1.0, inputs);
}

/// Calls body(strip, z, y, x) for strips that cover the whole target, in parallel; (z, y, x) is a strip's first pixel.
/// With `lone_pixels` no strip spans two pixels.
template <class T, Direction direction, class Body>
void for_strips(const Pooling& pooling, bool lone_pixels, const Body& body) noexcept {
  constexpr int64_t lanes = Vec<T>::lanes;
  constexpr double task_work = 16384;  // elements read that a task should have at least
  const Side<direction> d{pooling.d}, h{pooling.h}, w{pooling.w};
  const int64_t channels = pooling.channels, width = w.targets(), rows = d.targets() * h.targets();
  const double row_work = static_cast<double>(width * channels) * reads_of<direction>(pooling);
  const int64_t begin = lone_pixels ? width : w.begin(), end = lone_pixels ? width : w.end();
  parallel_ranges(pooling.batch * rows, 1 + static_cast<int64_t>(task_work / std::max(1.0, row_work)), row_work,
                  [&](int64_t first_row, int64_t last_row) {
                    for (int64_t number = first_row; number < last_row; ++number) {
                      const int64_t n = number / rows, z = number % rows / h.targets(), y = number % h.targets();
                      const int64_t target = number * width * channels;
                      Strip strip;
                      strip.d = d.meeting(z);
                      strip.h = h.meeting(y);
                      strip.kernel_h = pooling.h.kernel;
                      strip.kernel_w = pooling.w.kernel;
                      strip.row = w.sources();
                      strip.plane = strip.row * h.sources();
                      strip.pixel = channels;
                      const int64_t image = n * strip.plane * d.sources() * channels;
                      // `vectors` of `valid` lanes from channel c of target pixel x on.
                      const auto put = [&](int64_t x, int64_t c, int64_t vectors, int64_t valid) {
                        if (vectors == 0 || valid == 0) return;
                        strip.source_begin = image + c;
                        strip.target = target + x * channels + c;
                        strip.vectors = vectors;
                        strip.valid = static_cast<int>(valid);
                        strip.full = valid == lanes;
                        body(strip, z, y, x);
                      };
                      // `count` elements in a row from pixel x on.
                      const auto run = [&](int64_t x, int64_t count) {
                        strip.w = w.meeting(x);
                        strip.source_step = strip.target_step = lanes;
                        put(x, 0, count / lanes, lanes);
                        put(x, count - count % lanes, 1, count % lanes);
                      };
                      for (int64_t x = 0; x < begin; ++x) run(x, channels);
                      if (w.step() == 1 && w.source_step() == 1) {
                        if (begin < end) run(begin, (end - begin) * channels);
                      } else if (channels >= 4 * lanes) {
                        for (int64_t x = begin; x < end; ++x) run(x, channels);
                      } else {
                        for (int64_t x = begin; x < std::min(begin + w.step(), end); ++x) {
                          strip.w = w.meeting(x);
                          strip.source_step = w.source_step() * channels;
                          strip.target_step = w.step() * channels;
                          for (int64_t c = 0; c < channels; c += lanes)
                            put(x, c, (end - x + w.step() - 1) / w.step(), std::min(lanes, channels - c));
                        }
                      }
                      for (int64_t x = end; x < width; ++x) run(x, channels);
                    }
                  });
}

/// Calls block(v, U, full) for blocks of U vectors that cover a strip; U and whether all lanes are valid are
/// compile-time constants.
template <class Block>
void for_blocks(const Strip& strip, const Block& block) {
  const auto all = [&](auto whole) {
    int64_t v = 0;
    for (; v + 4 <= strip.vectors; v += 4) block(v, std::integral_constant<int, 4>(), whole);
    for (; v < strip.vectors; ++v) block(v, std::integral_constant<int, 1>(), whole);
  };
  if (strip.full)
    all(std::true_type());
  else
    all(std::false_type());
}

template <bool full, class T>
Vec<T> load(const T* from, int valid) {
  return full ? Vec<T>::load(from) : Vec<T>::load(from, valid);
}
template <bool full, class T>
void store(Vec<T> value, T* to, int valid) {
  if (full)
    value.store(to);
  else
    value.store(to, valid);
}

}  // namespace cygnet
