// Gradients of windows that lie side by side, as those of most networks do: an input belongs to one window at most, so
// that each row of inputs is written once, from one row of windows.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "pooling.h"
#include "simd/lane_order.h"
#include "simd/stream.h"

namespace cygnet {

/// Whether no window meets another one or the padding, and their taps have numbers.
inline bool tiled(const Pooling& pooling) {
  for (const PoolAxis* axis : {&pooling.d, &pooling.h, &pooling.w}) {
    if (axis->adaptive || axis->padding != 0 || axis->stride != axis->kernel || axis->out * axis->kernel > axis->in)
      return false;
    if (axis->dilation != 1 && axis->kernel != 1) return false;
  }
  return pooling.taps() <= no_tap;
}

/// The vectors of a stretch of inputs where pixels have fewer channels than a vector has lanes. A lane's window is
/// `source` + order.from[lane] elements from the stretch's first window, and meets it by tap[lane]; no_tap where there
/// is none. The last vector overlaps the one before it.
template <class T>
struct TileVectors {
  static constexpr int lanes = Vec<T>::lanes, room = 128;
  struct Vector {
    LaneOrder<T> order;
    alignas(16) uint8_t tap[lanes];
    int64_t source, target;
  };
  Vector vector[room];
  int count = 0;

  /// The stretch is a row, or a whole plane where rows are shorter than a vector. False where this does not serve.
  bool lay_out(const Pooling& pooling, bool planes);
};

template <class T>
bool TileVectors<T>::lay_out(const Pooling& p, bool planes) {
  const int64_t row = p.w.in * p.channels, elements = planes ? p.inputs() * p.channels : row;
  if (elements < lanes || elements > room * lanes) return false;
  for (int64_t first = 0; first < elements; first += lanes) {
    Vector& v = vector[count++];
    v.order = {};
    v.target = std::min(first, elements - lanes);
    int64_t at[lanes], lowest = INT64_MAX;
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t element = v.target + lane, pixel = element / p.channels;
      const int64_t x = pixel % p.w.in, y = pixel / p.w.in % p.h.in, z = pixel / p.w.in / p.h.in;
      const int64_t window_x = x / p.w.kernel, window_y = y / p.h.kernel, window_z = z / p.d.kernel;
      const bool inside = window_x < p.w.out && window_y < p.h.out && window_z < p.d.out;
      at[lane] = ((window_z * p.h.out + window_y) * p.w.out + window_x) * p.channels + element % p.channels;
      if (inside) lowest = std::min(lowest, at[lane]);
      v.tap[lane] = inside ? static_cast<uint8_t>((z % p.d.kernel * p.h.kernel + y % p.h.kernel) * p.w.kernel +
                                                  x % p.w.kernel)
                           : no_tap;
    }
    v.source = lowest == INT64_MAX ? 0 : lowest;
    for (int lane = 0; lane < lanes; ++lane) v.order.push(v.tap[lane] == no_tap ? 0 : at[lane] - v.source);
    if (v.order.span > lanes) return false;
  }
  return true;
}

/// target[n, c, i] = value of the window that covers i, 0 where there is none. `values` gives load(source), the numbers
/// of a vector of windows, load(source, order), and of(numbers, taps), what they pass to the inputs that meet them by
/// these taps; 0 for no_tap. Needs tiled(pooling). False, and nothing is done, where rows of few channels
/// are too long or too short.
template <class T, class Values>
bool spread_over_tiles(const Pooling& pooling, const Values& values, T* target) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t channels = pooling.channels, width = pooling.w.in * channels, covered = pooling.w.out * channels;
  const bool wide = channels >= lanes, planes = !wide && width < lanes;
  TileVectors<T> tiles;
  if (!wide && !tiles.lay_out(pooling, planes)) return false;
  const int64_t length = planes ? pooling.inputs() * channels : width;
  const int64_t stretches = pooling.batch * (planes ? 1 : pooling.d.in * pooling.h.in);
  const bool past_caches = stretches * length * static_cast<int64_t>(sizeof(T)) >= stream_bytes &&
                           (wide ? channels : length) % lanes == 0 &&
                           reinterpret_cast<uintptr_t>(target) % sizeof(Vec<T>) == 0;
  const auto do_stretch = [&](int64_t source, int tap, T* to) {
    if (!wide) {
      const Taps<T> first(tap);
      for (int i = 0; i < tiles.count; ++i) {
        const auto& v = tiles.vector[i];
        const auto numbers = values.load(source + v.source, v.order);
        put(values.of(numbers, Taps<T>::load(v.tap, lanes) + first), to + v.target, lanes, past_caches);
      }
      return;
    }
    for (int64_t x = 0; x < covered; x += channels)
      for (int64_t c = 0; c < channels; c += lanes) {
        const int64_t at = std::min(c, channels - lanes);
        const auto numbers = values.load(source + x + at);
        for (int i = 0; i < pooling.w.kernel; ++i)
          put(values.of(numbers, Taps<T>(tap + i)), to + x * pooling.w.kernel + i * channels + at, lanes, past_caches);
      }
    std::fill(to + covered * pooling.w.kernel, to + width, T(0));
  };
  const PoolAxis &d = pooling.d, &h = pooling.h;
  const int64_t plane = h.out * covered;
  parallel_ranges(stretches, 1 + 16384 / length, static_cast<double>(length), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* const to = target + i * length;
      if (planes) {
        do_stretch(i * d.out * plane, 0, to);
        continue;
      }
      const int64_t y = i % h.in, z = i / h.in % d.in, n = i / h.in / d.in;
      if (y / h.kernel < h.out && z / d.kernel < d.out)
        do_stretch((n * d.out + z / d.kernel) * plane + y / h.kernel * covered,
                   static_cast<int>((z % d.kernel * h.kernel + y % h.kernel) * pooling.w.kernel), to);
      else
        std::fill_n(to, width, T(0));
    }
    if (past_caches) stream_fence();
  });
  return true;
}

}  // namespace cygnet
