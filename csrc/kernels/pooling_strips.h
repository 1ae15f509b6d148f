// How every pooling kernel walks: over rows of its target, cut into strips of vectors that meet the same taps.
//
// Forward, the target is the output and meets inputs; backward, it is the gradient of the input and meets windows.
// Either way one row is a number of strips, and a strip's vectors have their sources at constant steps.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "pooling.h"
#include "simd/lane_order.h"
#include "simd/loop.h"

namespace cygnet {

enum class Direction { Forward, Backward };

/// Elements that a forward kernel fetches ahead: beyond the page, where the processor would not by itself.
constexpr int64_t pooling_ahead = 2048;

/// An element of the source that a vector meets: its distance from the strip's `source`, and the number of the tap.
struct Met {
  int64_t offset;
  uint8_t tap;     // meaningless in windows of more taps than that
  uint8_t behind;  // this tap of its row and those behind it
};

/// All that one pixel of the target meets, in the order of the taps or windows, from the first row that it meets on.
class Walk {
 public:
  Walk() = default;
  /// `plane` and `row` are elements of a depth slice and of a row of the source, `pixel` those of a pixel.
  Walk(const Meeting& d, const Meeting& h, const Meeting& w, int64_t plane, int64_t row, int64_t pixel,
       const Pooling& pooling)
      : left_(d.count * h.count * w.count),
        offset_(w.source * pixel),
        tap_((d.tap * pooling.h.kernel + h.tap) * pooling.w.kernel + w.tap),
        column_(w.count),
        row_(h.count),
        columns_(w.count),
        rows_(h.count),
        step_(w.source_step * pixel),
        tap_step_(w.tap_step),
        row_step_(h.source_step * row - w.count * step_),
        row_tap_step_(h.tap_step * pooling.w.kernel - w.count * w.tap_step),
        plane_step_(d.source_step * plane - h.count * h.source_step * row),
        plane_tap_step_((d.tap_step * pooling.h.kernel - h.count * h.tap_step) * pooling.w.kernel),
        behind_(pooling.w.kernel - w.tap) {}

  bool more() const { return left_ > 0; }
  /// Writes the next, at most `room`; returns how many.
  int take(Met* to, int room) {
    const int taken = static_cast<int>(std::min<int64_t>(room, left_));
    left_ -= taken;
    for (Met* const end = to + taken; to < end; ++to) {
      *to = {offset_, static_cast<uint8_t>(tap_), static_cast<uint8_t>(behind_ - (columns_ - column_) * tap_step_)};
      offset_ += step_;
      tap_ += tap_step_;
      if (--column_ > 0) continue;
      column_ = columns_;
      offset_ += row_step_;
      tap_ += row_tap_step_;
      if (--row_ > 0) continue;
      row_ = rows_;
      offset_ += plane_step_;
      tap_ += plane_tap_step_;
    }
    return taken;
  }

 private:
  int64_t left_, offset_, tap_, column_, row_, columns_, rows_;
  int64_t step_, tap_step_, row_step_, row_tap_step_, plane_step_, plane_tap_step_;
  int64_t behind_;
};

/// A vector of several pixels that do not follow each other in the source. Backward, its pixels are of all phases of a
/// stride: they meet the same windows by neighbouring taps.
template <class T>
struct Join {
  LaneOrder<T> order;
  alignas(64) uint8_t phase[Vec<T>::lanes] = {};
};

/// `groups` times `vectors` vectors, all of the same number of valid lanes, that meet the same taps.
template <class T>
struct Strip {
  static constexpr int room = 32;

  Met met[room];  // the first that the first vector meets
  int count;
  Walk rest;  // what it meets beyond them

  int64_t source, target;              // the first vector's channel in the first row that it meets; its own place
  int64_t position;                    // pixels of the source's image before that row
  int64_t source_step, target_step;    // elements from one vector to the next
  int64_t source_group, target_group;  // elements from one group to the next
  int64_t groups, vectors;
  int valid;
  const Join<T>* join;  // or null
};

/// What a strip's vectors meet, in pieces: do { for (const Met& met : piece) ... } while (piece.refill());
template <class T>
class Piece {
 public:
  explicit Piece(const Strip<T>& strip) : begin_(strip.met), end_(strip.met + strip.count), rest_(strip.rest) {}

  const Met* begin() const { return begin_; }
  const Met* end() const { return end_; }
  bool refill() {
    begin_ = met_;
    end_ = met_ + rest_.take(met_, Strip<T>::room);
    return end_ > begin_;
  }

 private:
  const Met *begin_, *end_;
  Walk rest_;
  Met met_[Strip<T>::room];
};
/// The same where there is but one.
template <class T>
class OnlyPiece {
 public:
  explicit OnlyPiece(const Strip<T>& strip) : begin_(strip.met), end_(strip.met + strip.count) {}

  const Met* begin() const { return begin_; }
  const Met* end() const { return end_; }
  static constexpr bool refill() { return false; }

 private:
  const Met *begin_, *end_;
};

/// How the lanes of a strip's vectors are read and written: all,
template <class T>
struct AllLanes {
  explicit AllLanes(const Strip<T>&) {}

  static constexpr int valid() { return Vec<T>::lanes; }
  Vec<T> load(const T* from) const { return Vec<T>::load(from); }
  void store(Vec<T> value, T* to) const { value.store(to); }
  /// Which lanes meet `met` by the tap in `taps`.
  Mask<T> chosen(const uint8_t* taps, const Met& met) const { return Taps<T>::load(taps, valid()) == Taps<T>(met.tap); }
  /// The lanes of `value` that meet `met`, zero in the others.
  Vec<T> meeting(Vec<T> value, const Met&) const { return value; }
};
/// the first few,
template <class T>
struct FirstLanes {
  int count;

  explicit FirstLanes(const Strip<T>& strip) : count(strip.valid) {}

  int valid() const { return count; }
  Vec<T> load(const T* from) const { return Vec<T>::load(from, count); }
  void store(Vec<T> value, T* to) const { value.store(to, count); }
  Mask<T> chosen(const uint8_t* taps, const Met& met) const { return Taps<T>::load(taps, count) == Taps<T>(met.tap); }
  Vec<T> meeting(Vec<T> value, const Met&) const { return value; }
};
/// or in the order of a join.
template <class T>
struct JoinedLanes {
  LaneOrder<T> order;
  Taps<T> phase;

  explicit JoinedLanes(const Strip<T>& strip)
      : order(strip.join->order), phase(Taps<T>::load(strip.join->phase, Vec<T>::lanes)) {}

  int valid() const { return order.valid; }
  Vec<T> load(const T* from) const { return order.load(from); }
  void store(Vec<T> value, T* to) const { value.store(to, order.valid); }
  Mask<T> chosen(const uint8_t* taps, const Met& met) const {
    return both(order.load(taps) == Taps<T>(met.tap) + phase, phase < Taps<T>(met.behind));
  }
  Vec<T> meeting(Vec<T> value, const Met& met) const { return blend(phase < Taps<T>(met.behind), value, Vec<T>(T(0))); }
};

/// Calls block(source, target, piece, U, lanes) for blocks of U vectors, a compile-time number, that cover a strip:
/// where the first of them has its source, to which offsets are added, its target, what it meets, and its lanes.
template <class T, class Block>
inline __attribute__((always_inline)) void for_blocks(const Strip<T>& strip, const Block& block) {
  const auto all = [&](auto piece, auto lanes) __attribute__((always_inline)) {
    for (int64_t g = 0; g < strip.groups; ++g) {
      int64_t source = strip.source + g * strip.source_group, target = strip.target + g * strip.target_group, v = 0;
      for (; v + 4 <= strip.vectors; v += 4) {
        block(source, target, piece, std::integral_constant<int, 4>(), lanes);
        source += 4 * strip.source_step;
        target += 4 * strip.target_step;
      }
      for (; v < strip.vectors; ++v) {
        block(source, target, piece, std::integral_constant<int, 1>(), lanes);
        source += strip.source_step;
        target += strip.target_step;
      }
    }
  };
  if (strip.rest.more())
    all(Piece<T>(strip), FirstLanes<T>(strip));
  else if (strip.join)
    all(OnlyPiece<T>(strip), JoinedLanes<T>(strip));
  else if (strip.valid == Vec<T>::lanes)
    all(OnlyPiece<T>(strip), AllLanes<T>(strip));
  else
    all(OnlyPiece<T>(strip), FirstLanes<T>(strip));
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
    const int64_t first = direction == Direction::Forward ? (axis.padding + axis.stride - 1) / axis.stride
                                                          : reach / axis.stride * axis.stride - axis.padding;
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

/// The join of as many pixels as fit, at most `most`: forward the sources of neighbours are a stride apart; backward
/// all phases of a stride are next to each other. Without lanes where nothing can be joined.
template <class T, Direction direction>
Join<T> join_of(const Pooling& pooling, int64_t most) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const PoolAxis& w = pooling.w;
  const int64_t channels = pooling.channels, phases = direction == Direction::Forward ? 1 : w.stride;
  const int64_t source_step = (direction == Direction::Forward ? w.stride : 1) * channels;
  Join<T> join;
  if (w.stride == 1 || pooling.adaptive() || pooling.taps() > Strip<T>::room || (phases > 1 && w.dilation > 1))
    return join;
  for (int64_t step = 0; (step + 1) * phases <= most; ++step) {
    if ((step + 1) * phases * channels > lanes || step * source_step + channels > 2 * lanes) break;
    for (int64_t phase = 0; phase < phases; ++phase)
      for (int64_t c = 0; c < channels; ++c) {
        join.phase[join.order.valid] = static_cast<uint8_t>(phase);
        join.order.push(step * source_step + c);
      }
  }
  return join;
}

/// Where a row of the target is, and what it meets in depth and height.
struct Row {
  Meeting d, h;
  int64_t image, source, target;  // first elements of the source's image, of the first row that it meets, of itself
  int64_t z, y;

  /// Whether both meet the same taps, only elsewhere.
  bool like(const Row& other) const {
    return d.tap == other.d.tap && d.count == other.d.count && h.tap == other.h.tap && h.count == other.h.count;
  }
};

/// Calls body(strip, z, y, x) for strips that cover the whole target, in parallel; (z, y, x) is a strip's first pixel.
/// With `lone_pixels` no strip spans two pixels.
template <class T, Direction direction, class Body>
void for_strips(const Pooling& pooling, bool lone_pixels, const Body& body) noexcept {
  if (pooling.channels == 0) return;
  constexpr int64_t lanes = Vec<T>::lanes, most_rows = 64;
  constexpr double task_work = 32768;  // elements read that a task should have at least
  const Side<direction> d{pooling.d}, h{pooling.h}, w{pooling.w};
  const int64_t channels = pooling.channels, width = w.targets();
  const int64_t row = w.sources() * channels, plane = row * h.sources();
  const int64_t begin = lone_pixels ? width : w.begin(), end = lone_pixels ? width : w.end();

  // Where a pixel has few channels, pixels from `first_joined` on are joined to vectors; the last may have fewer.
  int64_t first_joined = begin;
  while (first_joined < end && (first_joined + w.axis.padding) % w.step()) ++first_joined;  // in phase with the stride
  const Join<T> whole = join_of<T, direction>(pooling, end - first_joined);
  const int64_t joined = whole.order.valid / channels, vectors = joined ? (end - first_joined) / joined : 0;
  const Join<T> last = join_of<T, direction>(pooling, end - first_joined - vectors * joined);
  const int64_t in_last = last.order.valid / channels;

  const auto do_rows = [=, &pooling, &body, &whole, &last](int64_t first_row, int64_t end_row) {
    Row rows[most_rows];
    const int count = static_cast<int>(end_row - first_row);
    int64_t y = first_row % h.targets(), z = first_row / h.targets() % d.targets();
    int64_t image = first_row / h.targets() / d.targets() * plane * d.sources();
    Meeting in_depth = d.meeting(z);
    for (int i = 0; i < count; ++i) {
      Meeting in_height;
      if (i >= h.step() && y >= h.begin() + h.step() && y < h.end()) {
        in_height = rows[i - h.step()].h;
        in_height.source += h.source_step();
      } else {
        in_height = h.meeting(y);
      }
      const int64_t source = image + in_depth.source * plane + in_height.source * row;
      rows[i] = {in_depth, in_height, image, source, (first_row + i) * width * channels, z, y};
      if (++y < h.targets()) continue;
      y = 0;
      if (++z == d.targets()) {
        z = 0;
        image += plane * d.sources();
      }
      in_depth = d.meeting(z);
    }
    // Rows that meet like ones are a step apart; they come after each other.
    const int row_step = static_cast<int>(std::min<int64_t>(h.step(), count));
    const auto next_row = [=](int i) { return i + row_step < count ? i + row_step : i % row_step + 1; };
    Strip<T> strip;
    // Calls go(row, put) for all rows, with the strip ready for what pixel x meets in it; put(element, groups, vectors,
    // lanes) does as many from the element after x on.
    const auto each_row = [&](int64_t x, const auto& go) {
      const Meeting in_width = w.meeting(x);
      const Row* listed = nullptr;
      for (int k = 0, i = 0; k < count; ++k, i = next_row(i)) {
        if (!listed || !rows[i].like(*listed)) {
          listed = &rows[i];
          strip.rest = Walk(rows[i].d, rows[i].h, in_width, plane, row, channels, pooling);
          strip.count = strip.rest.take(strip.met, Strip<T>::room);
        }
        strip.position = (rows[i].source - rows[i].image) / channels;
        go([&](int64_t element, int64_t groups, int64_t vectors, int64_t valid) {
          strip.source = rows[i].source + element;
          strip.target = rows[i].target + x * channels + element;
          strip.groups = groups;
          strip.vectors = vectors;
          strip.valid = static_cast<int>(valid);
          body(strip, rows[i].z, rows[i].y, x);
        });
      }
    };
    // Each step, `groups` times: `elements` in a row from pixel x on.
    const auto run = [&](int64_t x, int64_t groups, int64_t elements) {
      strip.join = nullptr;
      strip.source_group = w.source_step() * channels;
      strip.target_group = w.step() * channels;
      // Blocks of vectors go along the row where a pixel has few.
      const bool along = groups > 1 && elements < 4 * lanes;
      strip.source_step = along ? strip.source_group : lanes;
      strip.target_step = along ? strip.target_group : lanes;
      each_row(x, [&](const auto& put) {
        if (along) {
          for (int64_t c = 0; c < elements; c += lanes) put(c, 1, groups, std::min(lanes, elements - c));
        } else {
          if (elements >= lanes) put(0, groups, elements / lanes, lanes);
          if (elements % lanes) put(elements - elements % lanes, groups, 1, elements % lanes);
        }
      });
    };
    for (int64_t x = 0; x < first_joined; ++x) run(x, 1, channels);
    const auto run_joined = [&](int64_t x, int64_t pixels, int64_t number, const Join<T>& join) {
      strip.join = &join;
      strip.source_step = pixels / w.step() * w.source_step() * channels;
      strip.target_step = pixels * channels;
      each_row(x, [&](const auto& put) { put(0, 1, number, join.order.valid); });
    };
    if (vectors > 0) run_joined(first_joined, joined, vectors, whole);
    int64_t next = first_joined + vectors * joined;
    if (in_last > 0) run_joined(next, in_last, 1, last);
    next += in_last;
    if (w.step() == 1 && w.source_step() == 1) {
      if (next < end) run(next, 1, (end - next) * channels);
    } else {
      for (int64_t x = next; x < std::min(next + w.step(), end); ++x)
        run(x, (end - x + w.step() - 1) / w.step(), channels);
    }
    for (int64_t x = end; x < width; ++x) run(x, 1, channels);
  };
  const double row_work = static_cast<double>(width * channels) * reads_of<direction>(pooling);
  const auto grain = static_cast<int64_t>(task_work / std::max(1.0, row_work));
  parallel_ranges(pooling.batch * d.targets() * h.targets(), std::clamp<int64_t>(grain, 1, most_rows), row_work,
                  do_rows);
}

}  // namespace cygnet
