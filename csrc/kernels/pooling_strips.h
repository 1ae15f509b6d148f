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

/// An element of the source that a vector meets: its distance from the strip's `source`, and the number of the tap.
struct Met {
  int64_t offset;
  uint8_t tap;  // meaningless in windows of more taps than that
};

/// All that one pixel of the target meets, in the order of the taps or windows.
class Walk {
 public:
  Walk() = default;
  /// `row` and `plane` are elements of a row and of a depth slice of the source.
  Walk(const Meeting& d, const Meeting& h, const Meeting& w, int64_t plane, int64_t row, int64_t pixel,
       const Pooling& pooling)
      : d_(d),
        h_(h),
        w_(w),
        plane_(plane),
        row_(row),
        pixel_(pixel),
        kernel_h_(pooling.h.kernel),
        kernel_w_(pooling.w.kernel),
        left_(d.count * h.count * w.count) {}

  bool more() const { return left_ > 0; }
  /// Writes the next, at most `room`; returns how many.
  int take(Met* to, int room) {
    int taken = 0;
    for (; taken < room && left_ > 0; ++taken, --left_) {
      const int64_t z = d_.source + a_ * d_.source_step, y = h_.source + b_ * h_.source_step;
      const int64_t tap_z = d_.tap + a_ * d_.tap_step, tap_y = h_.tap + b_ * h_.tap_step;
      to[taken].offset = z * plane_ + y * row_ + (w_.source + c_ * w_.source_step) * pixel_;
      to[taken].tap = static_cast<uint8_t>((tap_z * kernel_h_ + tap_y) * kernel_w_ + w_.tap + c_ * w_.tap_step);
      if (++c_ < w_.count) continue;
      c_ = 0;
      if (++b_ < h_.count) continue;
      b_ = 0;
      ++a_;
    }
    return taken;
  }

 private:
  Meeting d_, h_, w_;
  int64_t plane_, row_, pixel_, kernel_h_, kernel_w_, left_;
  int64_t a_ = 0, b_ = 0, c_ = 0;
};

/// `groups` times `vectors` vectors, all of the same number of valid lanes, that meet the same taps.
struct Strip {
  static constexpr int room = 32;

  Met met[room];  // the first that the first vector meets
  int count;
  Walk rest;  // what it meets beyond them

  int64_t source, target;              // the first vector's channel in the source's image; its place in the target
  int64_t source_step, target_step;    // elements from one vector to the next
  int64_t source_group, target_group;  // elements from one group to the next
  int64_t groups, vectors;
  int valid;

  void meet(const Walk& walk) {
    rest = walk;
    count = rest.take(met, room);
  }
};

/// What a strip's vectors meet, in pieces: do { for (const Met& met : piece) ... } while (piece.refill());
class Piece {
 public:
  explicit Piece(const Strip& strip) : strip_(strip), begin_(strip.met), end_(strip.met + strip.count) {}

  const Met* begin() const { return begin_; }
  const Met* end() const { return end_; }
  bool refill() {
    if (begin_ == strip_.met) {
      if (!strip_.rest.more()) return false;
      rest_ = strip_.rest;
    }
    begin_ = met_;
    end_ = met_ + rest_.take(met_, Strip::room);
    return end_ > begin_;
  }

 private:
  const Strip& strip_;
  const Met *begin_, *end_;
  Walk rest_;
  Met met_[Strip::room];
};

/// Calls block(source, target, U, full) for blocks of U vectors that cover a strip: where the first of them has its
/// source, to which pieces add offsets, and its target. U and whether all lanes are valid are compile-time
/// constants.
template <class T, class Block>
void for_blocks(const Strip& strip, const Block& block) {
  const auto all = [&](auto full) {
    for (int64_t g = 0; g < strip.groups; ++g) {
      int64_t source = strip.source + g * strip.source_group, target = strip.target + g * strip.target_group, v = 0;
      for (; v + 4 <= strip.vectors; v += 4) {
        block(source, target, std::integral_constant<int, 4>(), full);
        source += 4 * strip.source_step;
        target += 4 * strip.target_step;
      }
      for (; v < strip.vectors; ++v) {
        block(source, target, std::integral_constant<int, 1>(), full);
        source += strip.source_step;
        target += strip.target_step;
      }
    }
  };
  if (strip.valid == Vec<T>::lanes)
    all(std::true_type());
  else
    all(std::false_type());
}

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
  const auto do_row = [=, &pooling, &body](int64_t number) {
    const int64_t n = number / rows, z = number % rows / h.targets(), y = number % h.targets();
    const int64_t row = w.sources() * channels, plane = row * h.sources();
    const int64_t image = n * plane * d.sources(), target = number * width * channels;
    const Meeting in_depth = d.meeting(z), in_height = h.meeting(y);
    Strip strip;
    // Groups of vectors from channel c of pixel x on.
    const auto put = [&](int64_t x, int64_t c, int64_t groups, int64_t vectors, int64_t valid) {
      if (groups == 0 || vectors == 0 || valid == 0) return;
      strip.source = image + c;
      strip.target = target + x * channels + c;
      strip.groups = groups;
      strip.vectors = vectors;
      strip.valid = static_cast<int>(valid);
      body(strip, z, y, x);
    };
    // Each `step` elements, `groups` times: `count` elements in a row from pixel x on.
    const auto run = [&](int64_t x, int64_t groups, int64_t count) {
      strip.meet(Walk(in_depth, in_height, w.meeting(x), plane, row, channels, pooling));
      strip.source_group = w.source_step() * channels;
      strip.target_group = w.step() * channels;
      if (groups > 1 && count < 4 * lanes) {
        // Blocks of vectors go along the row, since a pixel has few.
        strip.source_step = strip.source_group;
        strip.target_step = strip.target_group;
        for (int64_t c = 0; c < count; c += lanes) put(x, c, 1, groups, std::min(lanes, count - c));
        return;
      }
      strip.source_step = strip.target_step = lanes;
      put(x, 0, groups, count / lanes, lanes);
      put(x, count - count % lanes, groups, 1, count % lanes);
    };
    for (int64_t x = 0; x < begin; ++x) run(x, 1, channels);
    if (w.step() == 1 && w.source_step() == 1) {
      if (begin < end) run(begin, 1, (end - begin) * channels);
    } else {
      for (int64_t x = begin; x < std::min(begin + w.step(), end); ++x)
        run(x, (end - x + w.step() - 1) / w.step(), channels);
    }
    for (int64_t x = end; x < width; ++x) run(x, 1, channels);
  };
  parallel_ranges(pooling.batch * rows, 1 + static_cast<int64_t>(task_work / std::max(1.0, row_work)), row_work,
                  [&](int64_t first, int64_t last) {
                    for (int64_t number = first; number < last; ++number) do_row(number);
                  });
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
