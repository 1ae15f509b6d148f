#include "conv_winograd.h"

#include <cmath>
#include <limits>

#include "conv_weight.h"
#include "conv_winograd_parts.h"
#include "core/parallel.h"
#include "simd/taps.h"

namespace cygnet {
namespace {

using namespace winograd;

// Fewer tasks than the first number are cut in two while their blocks keep this many tiles, as many as a run of the
// micro-kernel has rows.
constexpr int64_t few_tasks = 4, fewest_tiles = 12;
// Products that are added up one after the other: the error of longer sums is larger than that of sums over taps.
constexpr int64_t chain = 64;

// The rows of A^T and G by vectors.
template <class V>
std::array<V, 2> target_rows(V a, V b, V c, V d) {
  return {a + b + c, b - c - d};
}
template <class T>
std::array<Vec<T>, 4> filter_rows(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> half(T(0.5)), ends = (a + c) * half, middle = b * half;
  return {a, ends + middle, ends - middle, c};
}

// What a convolution is of.
template <class T>
struct Operands {
  const T *source, *weight;
  WeightSteps steps;
  bool flipped;
};

// The sums over taps that begin at (y, x) of an image, for `valid` channels of the target from `column` on.
template <class T>
Vec<T> sum_taps(const WinogradTiles& plan, const Operands<T>& of, int64_t image, int64_t y, int64_t x, int64_t column,
                int valid) noexcept {
  using V = Vec<T>;
  const int64_t height = plan.source[0], width = plan.source[1], depth = plan.source_channels;
  alignas(64) T factors[V::lanes] = {};
  V sum(T(0));
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t row = y + tap / 3, position = x + tap % 3;
    if (row < 0 || row >= height || position < 0 || position >= width) continue;
    const T* const pixel = of.source + ((image * height + row) * width + position) * depth;
    const T* const filter = of.weight + column * of.steps.column + (of.flipped ? 8 - tap : tap);
    for (int64_t k = 0; k < depth; ++k) {
      if (std::isnan(pixel[k])) return V(pixel[k]);
      for (int lane = 0; lane < valid; ++lane) factors[lane] = filter[lane * of.steps.column + k * of.steps.depth];
      sum = fma(V(pixel[k]), V::load(factors), sum);
    }
  }
  return sum;
}

// target = f(A^T m A + bias), or its maximum, of tiles [first, last), m = from[product][tile][column], for the
// channels [begin, end) of the target. Tiles with values that are not finite, which the products spread, are summed
// over taps.
template <class T>
void transform_target(const WinogradTiles& plan, const T* from, int64_t pitch, int64_t plane, int64_t first,
                      int64_t last, int64_t begin, int64_t end, const Operands<T>& of, const T* bias,
                      Activation activation, T* target, uint8_t* taps) noexcept {
  using V = Vec<T>;
  const int64_t height = plan.target[0], width = plan.target[1], step = plan.target_channels;
  const T least = plan.pools_relu ? T(0) : -std::numeric_limits<T>::infinity();
  for_lines(plan, first, last, [&](int64_t image, int64_t line, int64_t column, int64_t at, int64_t count) {
    for (int64_t tile = 0; tile < count; ++tile) {
      const int64_t y = 2 * line, x = 2 * (column + tile);
      const int64_t rows = std::min<int64_t>(2, height - y), pixels = std::min<int64_t>(2, width - x);
      T* const pixel = target + ((image * height + y) * width + x) * step;
      const auto finish = [&](int64_t c, const std::array<V, 2>(&values)[2]) {
        const int valid = static_cast<int>(std::min<int64_t>(V::lanes, end - c));
        const V shift = bias ? V::load(bias + c, valid) : V(T(0));
        const auto put = [&](V value, T* place) {
          valid == V::lanes ? value.store(place + c) : value.store(place + c, valid);
        };
        V best(least);
        Taps<T> chosen(plan.pools_relu ? no_tap : 0);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < pixels; ++j) {
            const V value = activate(activation, values[i][static_cast<size_t>(j)] + shift);
            if (!plan.pools) {
              put(value, pixel + (i * width + j) * step);
              continue;
            }
            chosen.replace(beats(value, best), Taps<T>(2 * i + j));
            best = larger(value, best);
          }
        if (!plan.pools) return;
        const int64_t place = (first + at + tile) * step;
        put(best, target + place);
        if (taps) valid == V::lanes ? chosen.store(taps + place + c, V::lanes) : chosen.store(taps + place + c, valid);
      };
      V zeros(T(0));  // NaN where a value is not finite
      for (int64_t c = begin; c < end; c += V::lanes) {
        const T* const m = from + (at + tile) * pitch + c - begin;
        const auto load = [&](int64_t product) { return V::load(m + product * plane); };
        std::array<V, 2> sums[4], values[2];
        for (int64_t j = 0; j < 4; ++j) sums[j] = target_rows(load(j), load(4 + j), load(8 + j), load(12 + j));
        for (size_t i = 0; i < 2; ++i) {
          values[i] = target_rows(sums[0][i], sums[1][i], sums[2][i], sums[3][i]);
          for (V value : values[i]) zeros = fma(value, V(T(0)), zeros);
        }
        finish(c, values);
      }
      if (horizontal_sum(zeros) == T(0)) continue;
      for (int64_t c = begin; c < end; c += V::lanes) {
        const int valid = static_cast<int>(std::min<int64_t>(V::lanes, end - c));
        std::array<V, 2> values[2];
        for (int64_t i = 0; i < 2; ++i)
          for (int64_t j = 0; j < 2; ++j)
            values[i][static_cast<size_t>(j)] =
                sum_taps(plan, of, image, y + i + plan.low[0], x + j + plan.low[1], c, valid);
        finish(c, values);
      }
    }
  });
}

// to[product][k][column] = (G g G^T)[product] for `depth` source channels k and `columns` target channels.
template <class T>
void transform_filters(const T* weight, WeightSteps steps, bool flipped, int64_t depth, int columns, int64_t width,
                       int64_t plane, T* to) noexcept {
  using V = Vec<T>;
  alignas(64) T taps[9][V::lanes] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int n = 0; n < columns; n += V::lanes) {
      const int valid = std::min(V::lanes, columns - n);
      for (int lane = 0; lane < valid; ++lane) {
        const T* const filter = weight + (n + lane) * steps.column + k * steps.depth;
        for (int tap = 0; tap < 9; ++tap) taps[tap][lane] = filter[flipped ? 8 - tap : tap];
      }
      for (int lane = valid; lane < V::lanes; ++lane)
        for (auto& tap : taps) tap[lane] = T(0);
      std::array<V, 4> rows[3];
      for (int j = 0; j < 3; ++j) rows[j] = filter_rows(V::load(taps[j]), V::load(taps[3 + j]), V::load(taps[6 + j]));
      for (size_t i = 0; i < 4; ++i) {
        const auto values = filter_rows(rows[0][i], rows[1][i], rows[2][i]);
        for (size_t j = 0; j < 4; ++j) values[j].store(to + static_cast<int64_t>(4 * i + j) * plane + k * width + n);
      }
    }
}

template <class T>
struct Workspace {
  T *tiles, *sums;
  int64_t packed_plane, tiles_plane, sums_plane;

  Workspace(const WinogradTiles& plan, Carver& carver) {
    const int64_t units = ceil_div(plan.panels.panels, plan.unit_splits);
    packed_plane = plane_of<T>(plan.source_channels * plan.panels.padded_columns());
    tiles_plane = plane_of<T>(plan.block * padded<T>(plan.source_channels));
    sums_plane = plane_of<T>(plan.block * units * plan.panels.width());
    tiles = carver.take<T>(Slots::pieces(plan.tasks()) * products * tiles_plane);
    sums = carver.take<T>(Slots::pieces(plan.tasks()) * products * sums_plane);
  }
};

}  // namespace

bool winograd_fits(const Axis (&axes)[max_axes], int64_t groups, bool channels_last) noexcept {
  const Axis& depth = axes[0];
  bool fits = groups == 1 && channels_last && depth.taps == 1 && depth.source == depth.target && depth.base == 0 &&
              depth.source_step == 1 && depth.target_step == 1;
  for (int i = 1; i < max_axes; ++i)
    fits = fits && axes[i].taps == 3 && axes[i].source_step == 1 && axes[i].target_step == 1 &&
           axes[i].tap_step == axes[1].tap_step && std::abs(axes[i].tap_step) == 1;
  return fits;
}

template <class T>
WinogradTiles plan_winograd(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, const MaxPooling* pooling) noexcept {
  WinogradTiles plan = tiles_of<T>(axes, images, source_channels, target_channels);
  if (pooling) {
    plan.pools = true;
    plan.pools_relu = pooling->relu;
    plan.lines = pooling->windows.h.out;
    plan.columns = pooling->windows.w.out;
  }
  cut_tiles<T>(source_channels + plan.panels.width(), plan);
  plan.copies = std::min(plan.blocks(), wanted_tasks(plan));
  plan.unit_splits = std::min(plan.panels.panels, ceil_div(wanted_tasks(plan), plan.copies));
  while (plan.tasks() < few_tasks && plan.block >= 2 * fewest_tiles) {
    plan.block = ceil_div(plan.block, 2);
    plan.copies = plan.blocks();
  }
  return plan;
}

template <class T>
size_t correlate_winograd_scratch_bytes(const WinogradTiles& plan) noexcept {
  Carver carver(nullptr);
  const Workspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
size_t winograd_packed_bytes(const WinogradTiles& plan) noexcept {
  return static_cast<size_t>(products * plane_of<T>(plan.source_channels * plan.panels.padded_columns())) * sizeof(T);
}

template <class T>
void pack_winograd(const WinogradTiles& plan, bool flipped, const T* weight, WeightSteps steps, void* packed) noexcept {
  const Panels panels = plan.panels;
  const int64_t depth = plan.source_channels;
  const int64_t packed_plane = plane_of<T>(depth * panels.padded_columns());
  constexpr int64_t run = 16;  // source channels
  const int64_t runs = ceil_div(depth, run);
  parallel_for(panels.panels * runs, filter_cost * static_cast<double>(depth * panels.padded_columns()),
               [&](int64_t task) {
                 const int64_t p = task / runs, k = task % runs * run;
                 const int64_t width = panels.vectors_of(p) * panels.lanes;
                 transform_filters(weight + panels.begin(p) * steps.column + k * steps.depth, steps, flipped,
                                   std::min(run, depth - k), panels.columns_of(p), width, packed_plane,
                                   static_cast<T*>(packed) + panels.begin(p) * depth + k * width);
               });
}

template <class T>
void correlate_winograd(const WinogradTiles& plan, bool flipped, const T* source, const T* weight, WeightSteps steps,
                        const void* packed, const T* bias, Activation activation, T* target, void* scratch,
                        uint8_t* taps) noexcept {
  const Operands<T> of{source, weight, steps, flipped};
  Carver carver(scratch);
  const Workspace<T> workspace(plan, carver);
  const Panels panels = plan.panels;
  const int64_t depth = plan.source_channels, pitch = padded<T>(depth), packed_plane = workspace.packed_plane;
  Slots slots;
  parallel_for(plan.tasks(), plan.multiplications, [&](int64_t task) {
    const Slots::Slot slot(slots);
    const int64_t split = task % plan.unit_splits, copy = task / plan.unit_splits;
    const int64_t first_unit = panels.panels * split / plan.unit_splits;
    const int64_t last_unit = panels.panels * (split + 1) / plan.unit_splits;
    const int64_t begin = panels.begin(first_unit), end = std::min(panels.begin(last_unit), panels.columns);
    T* const tiles = workspace.tiles + slot.index() * products * workspace.tiles_plane;
    T* const sums = workspace.sums + slot.index() * products * workspace.sums_plane;
    const int64_t sums_pitch = padded<T>(end - begin);
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = i * pitch;
      c_row[i] = i * sums_pitch;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.b_padded = true;
    const int64_t end_tile = std::min(plan.tiles(), plan.blocks() * (copy + 1) / plan.copies * plan.block);
    for (int64_t first = plan.blocks() * copy / plan.copies * plan.block, last; first < end_tile; first = last) {
      last = std::min(end_tile, first + plan.block);
      const auto next = source_lines(plan, last, std::min(end_tile, last + plan.block), source);
      const auto written = target_lines<T>(plan, first, plan.unit_splits == 1 && !plan.pools ? last : first, target);
      Ahead ahead;
      ahead.set(written.begin, written.count, next.begin, next.count);
      ahead.cut(products);
      transform_source(plan, source, depth, first, last, workspace.tiles_plane, tiles);
      for (int64_t product = 0; product < products; ++product) {
        ahead.fetch();
        for (int64_t p = first_unit; p < last_unit; ++p) {
          tile.vectors = panels.vectors_of(p);
          tile.b_step = tile.vectors * panels.lanes;
          tile.columns = static_cast<int>(tile.b_step);
          const T* const filters = static_cast<const T*>(packed) + product * packed_plane + panels.begin(p) * depth;
          const Strips strips = strips_for(last - first, tile.vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t row = strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - row);
            tile.c = sums + product * workspace.sums_plane + row * sums_pitch + panels.begin(p) - begin;
            for (int64_t k = 0; k < depth; k += tile.depth) {
              tile.depth = std::min(chain, depth - k);
              tile.a = tiles + product * workspace.tiles_plane + row * pitch + k;
              tile.b = filters + k * tile.b_step;
              tile.accumulate = k > 0;
              run_tile(tile);
            }
          }
        }
      }
      transform_target(plan, sums, sums_pitch, workspace.sums_plane, first, last, begin, end, of, bias, activation,
                       target, taps);
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                   \
  template WinogradTiles plan_winograd<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t,                   \
                                          const MaxPooling*) noexcept;                                          \
  template size_t correlate_winograd_scratch_bytes<T>(const WinogradTiles&) noexcept;                           \
  template size_t winograd_packed_bytes<T>(const WinogradTiles&) noexcept;                                      \
  template void pack_winograd<T>(const WinogradTiles&, bool, const T*, WeightSteps, void*) noexcept;            \
  template void correlate_winograd<T>(const WinogradTiles&, bool, const T*, const T*, WeightSteps, const void*, \
                                      const T*, Activation, T*, void*, uint8_t*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
