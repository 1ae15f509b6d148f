// Gradients of windows that lie side by side, as those of most networks do: an input belongs to one window at most, so
// that each row of inputs is written once, from one row of windows.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "pooling.h"
#include "simd/lane_order.h"
#include "simd/stream.h"

namespace cygnet {

/// In place of the number of a tap, what an input without window meets: also with a tap's number added it is none that
/// a pooling keeps.
constexpr uint8_t no_window = 128;

/// Whether no window meets another one or the padding, and their taps have numbers.
inline bool tiled(const Pooling& pooling) {
  for (const PoolAxis* axis : {&pooling.d, &pooling.h, &pooling.w}) {
    if (axis->adaptive || axis->padding != 0 || axis->stride != axis->kernel || axis->out * axis->kernel > axis->in)
      return false;
    if (axis->dilation != 1 && axis->kernel != 1) return false;
  }
  return pooling.taps() <= no_window / 2;
}

/// The vectors of a stretch of inputs where pixels have fewer channels than a vector has lanes. A lane's window is
/// `source` + order.from[lane] elements from the stretch's first window, and meets it by tap[lane]; no_window where
/// there is none. The last vector overlaps the one before it.
template <class T>
struct TileVectors {
  static constexpr int lanes = Vec<T>::lanes, room = 128;
  struct Vector {
    LaneOrder<T> order;
    alignas(16) uint8_t tap[lanes];
    int64_t source, target;
  };
  Vector vector[room];
  int count;

  /// Of the first `elements` elements; false where they are too many or too few, or a vector's windows lie too far
  /// apart.
  bool lay_out(const Pooling& pooling, int64_t elements);
};

template <class T>
bool TileVectors<T>::lay_out(const Pooling& p, int64_t elements) {
  count = 0;
  if (elements < lanes || elements > room * lanes) return false;
  for (int64_t first = 0; first < elements; first += lanes) {
    Vector& v = vector[count++];
    v.order = {};
    v.target = std::min(first, elements - lanes);
    int64_t at[lanes], lowest = INT64_MAX, highest = 0;
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t element = v.target + lane, pixel = element / p.channels;
      const int64_t x = pixel % p.w.in, y = pixel / p.w.in % p.h.in, z = pixel / p.w.in / p.h.in;
      const int64_t window_x = x / p.w.kernel, window_y = y / p.h.kernel, window_z = z / p.d.kernel;
      at[lane] = ((window_z * p.h.out + window_y) * p.w.out + window_x) * p.channels + element % p.channels;
      v.tap[lane] = no_window;
      if (window_x >= p.w.out || window_y >= p.h.out || window_z >= p.d.out) continue;
      v.tap[lane] = static_cast<uint8_t>((z % p.d.kernel * p.h.kernel + y % p.h.kernel) * p.w.kernel + x % p.w.kernel);
      lowest = std::min(lowest, at[lane]);
      highest = std::max(highest, at[lane]);
    }
    v.source = std::min(lowest, highest);
    if (highest - v.source >= lanes) return false;
    for (int lane = 0; lane < lanes; ++lane) v.order.push(v.tap[lane] == no_window ? 0 : at[lane] - v.source);
  }
  return true;
}

/// What a pooling's gradient takes of its windows: load(source) and load(source, order), the numbers of a vector of
/// them, and of(numbers, taps), what they pass to inputs that they meet by these taps, 0 from no_window on.
///
/// target[n, c, i] = value of the window that covers i, 0 where there is none. Needs tiled(pooling). False, and nothing
/// is done, where rows of few channels are too long or too short.
template <class T, class Windows>
bool spread_over_tiles(const Pooling& pooling, const Windows& windows, T* target) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const PoolAxis &d = pooling.d, &h = pooling.h;
  const int64_t channels = pooling.channels, kernel = pooling.w.kernel, row = pooling.w.in * channels;
  const int64_t source_row = pooling.w.out * channels, source_plane = h.out * source_row;
  const bool wide = channels >= lanes;
  TileVectors<T> tiles;
  const bool planes = !wide && tiles.lay_out(pooling, pooling.inputs() * channels);
  if (!wide && !planes && !tiles.lay_out(pooling, row)) return false;
  const int64_t length = planes ? pooling.inputs() * channels : row;
  const int64_t stretches = planes ? pooling.batch : pooling.batch * d.in * h.in;
  const bool past_caches = streams(target, stretches * length, wide ? channels : length);
  const auto do_wide_row = [=](int64_t source, int tap, T* to) {
    for (int64_t x = 0; x < source_row; x += channels, to += kernel * channels)
      for (int64_t first = 0; first < channels; first += lanes) {
        const int64_t c = std::min(first, channels - lanes);
        const auto numbers = windows.load(source + x + c);
        for (int64_t i = 0; i < kernel; ++i)
          put(windows.of(numbers, Taps<T>(tap + i)), to + i * channels + c, lanes, past_caches);
      }
    std::fill_n(to, row - source_row * kernel, T(0));
  };
  const auto do_narrow = [=, vector = tiles.vector, count = tiles.count](int64_t source, int tap, T* to) {
    const Taps<T> first(tap);
    for (const auto* v = vector; v < vector + count; ++v) {
      const auto numbers = windows.load(source + v->source, v->order);
      put(windows.of(numbers, Taps<T>::load(v->tap, lanes) + first), to + v->target, lanes, past_caches);
    }
  };
  parallel_ranges(stretches, 1 + 16384 / length, static_cast<double>(length), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* const to = target + i * length;
      if (planes) {
        do_narrow(i * d.out * source_plane, 0, to);
        continue;
      }
      const int64_t y = i % h.in, z = i / h.in % d.in, n = i / h.in / d.in;
      const int64_t window_y = y / h.kernel, window_z = z / d.kernel;
      if (window_y >= h.out || window_z >= d.out) {
        std::fill_n(to, row, T(0));
        continue;
      }
      const int64_t source = (n * d.out + window_z) * source_plane + window_y * source_row;
      const auto tap = static_cast<int>((z % d.kernel * h.kernel + y % h.kernel) * kernel);
      wide ? do_wide_row(source, tap, to) : do_narrow(source, tap, to);
    }
    if (past_caches) stream_fence();
  });
  return true;
}

}  // namespace cygnet
