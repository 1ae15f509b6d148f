#include "conv_winograd.h"

#include <array>
#include <cmath>
#include <limits>

#include "conv_weight.h"
#include "core/parallel.h"
#include "simd/taps.h"

namespace cygnet {
namespace {

constexpr int64_t products = 16;  // of a tile
// Bytes of a block's transformed tiles, which stay in the second-level cache, and tiles of a block, at least: so often
// each transformed filter is used that comes from farther away.
constexpr int64_t block_bytes = 256 << 10, least_tiles = 48;
// Tasks that keep the threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t enough_tasks = 16;
constexpr double task_work = 1 << 18;
// Fewer tasks than the first number are cut in two while their blocks keep this many tiles, as many as a run of the
// micro-kernel has rows.
constexpr int64_t few_tasks = 4, fewest_tiles = 12;
// What transforms cost, in multiply-adds: of a tile for each source and each target channel, and of a filter.
constexpr double source_cost = 80, target_cost = 60, filter_cost = 300;
// Channels of a part of the filters' gradient, at most; bytes of all private copies of it.
constexpr int64_t part_channels = 128, copies_bytes = 16 << 20;

// From one of the products to the next: not a power of two, so that they do not share their sets of the caches.
template <class T>
constexpr int64_t plane_of(int64_t size) {
  return ceil_div(size, 16) * 16 + 16;
}
template <class T>
constexpr int64_t padded(int64_t channels) {
  return ceil_div(channels, Vec<T>::lanes) * Vec<T>::lanes;
}

// The rows of B^T, A^T, A, G and G^T above by vectors.
template <class V>
std::array<V, 4> source_rows(V a, V b, V c, V d) {
  return {a - c, b + c, c - b, b - d};
}
template <class V>
std::array<V, 2> target_rows(V a, V b, V c, V d) {
  return {a + b + c, b - c - d};
}
template <class V>
std::array<V, 4> gradient_rows(V a, V b) {
  return {a, a + b, a - b, -b};
}
template <class T>
std::array<Vec<T>, 4> filter_rows(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> half(T(0.5)), ends = (a + c) * half, middle = b * half;
  return {a, ends + middle, ends - middle, c};
}
template <class T>
std::array<Vec<T>, 3> filter_gradient_rows(Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
  const Vec<T> half(T(0.5)), sum = (b + c) * half;
  return {a + sum, (b - c) * half, sum + d};
}

// body(image, line, first column, first tile of the block, tiles) for the tiles [first, last), line by line.
template <class Body>
void for_lines(const WinogradTiles& plan, int64_t first, int64_t last, const Body& body) noexcept {
  for (int64_t tile = first; tile < last;) {
    const int64_t column = tile % plan.columns, line = tile / plan.columns;
    const int64_t count = std::min(plan.columns - column, last - tile);
    body(line / plan.lines, line % plan.lines, column, tile - first, count);
    tile += count;
  }
}

// Whole lines of images, in elements of a channels-last array.
template <class T>
struct Lines {
  const T* begin;
  int64_t count;
};

// The lines with `size` pixels from `low` on for each line of the tiles [first, last), where they are inside.
template <class T>
Lines<T> lines_of(const WinogradTiles& plan, int64_t first, int64_t last, const T* images, const int64_t (&size)[2],
                  int64_t low, int64_t reach, int64_t channels) noexcept {
  if (first >= last) return {images, 0};
  const auto line_of = [&](int64_t tile, int64_t more) {
    const int64_t line = tile / plan.columns;
    return line / plan.lines * size[0] + std::clamp<int64_t>(2 * (line % plan.lines) + low + more, 0, size[0]);
  };
  const int64_t begin = line_of(first, 0), end = line_of(last - 1, reach), step = size[1] * channels;
  return {images + begin * step, (end - begin) * step};
}
template <class T>
Lines<T> source_lines(const WinogradTiles& plan, int64_t first, int64_t last, const T* images) noexcept {
  return lines_of(plan, first, last, images, plan.source, plan.low[0], 4, plan.source_channels);
}
template <class T>
Lines<T> target_lines(const WinogradTiles& plan, int64_t first, int64_t last, const T* images) noexcept {
  return lines_of(plan, first, last, images, plan.target, 0, 2, plan.target_channels);
}

// to[product][tile][channel] = (B^T d B)[product] of tiles [first, last) and `channels` channels, the source's from
// `images` on.
template <class T>
void transform_source(const WinogradTiles& plan, const T* images, int64_t channels, int64_t first, int64_t last,
                      int64_t plane, T* to) noexcept {
  using V = Vec<T>;
  const int64_t height = plan.source[0], width = plan.source[1], step = plan.source_channels;
  const int64_t pitch = padded<T>(channels);
  for_lines(plan, first, last, [&](int64_t image, int64_t line, int64_t column, int64_t at, int64_t count) {
    const int64_t y = 2 * line + plan.low[0], x = 2 * column + plan.low[1];
    const T* const from = images + (image * height + y) * width * step;
    for (int64_t c = 0; c < channels; c += V::lanes) {
      const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
      const auto rows_of = [&](int64_t position) {
        V d[4];
        const bool inside = position >= 0 && position < width;
        for (int64_t i = 0; i < 4; ++i) {
          const T* const pixel = from + (i * width + position) * step + c;
          d[i] = inside && y + i >= 0 && y + i < height ? (valid == V::lanes ? V::load(pixel) : V::load(pixel, valid))
                                                        : V(T(0));
        }
        return source_rows(d[0], d[1], d[2], d[3]);
      };
      auto d0 = rows_of(x), d1 = rows_of(x + 1);
      T* target = to + at * pitch + c;
      for (int64_t tile = 0; tile < count; ++tile, target += pitch) {
        const auto d2 = rows_of(x + 2 * tile + 2), d3 = rows_of(x + 2 * tile + 3);
        for (size_t i = 0; i < 4; ++i) {
          const auto values = source_rows(d0[i], d1[i], d2[i], d3[i]);
          for (size_t j = 0; j < 4; ++j) values[j].store(target + static_cast<int64_t>(4 * i + j) * plane);
        }
        d0 = d2;
        d1 = d3;
      }
    }
  });
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
                      Activation activation, T* target) noexcept {
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
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < pixels; ++j) {
            const V value = activate(activation, values[i][static_cast<size_t>(j)] + shift);
            if (plan.pools)
              best = larger(value, best);
            else
              put(value, pixel + (i * width + j) * step);
          }
        if (plan.pools) put(best, target + (first + at + tile) * step);
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

// to[product][tile][column] = (A grad y A^T)[product] of tiles [first, last), for `columns` channels from `grad` on.
template <class T>
void transform_gradient(const WinogradTiles& plan, const T* grad, int64_t columns, int64_t first, int64_t last,
                        int64_t plane, T* to) noexcept {
  using V = Vec<T>;
  const int64_t height = plan.target[0], width = plan.target[1], step = plan.target_channels;
  const int64_t pitch = padded<T>(columns);
  for_lines(plan, first, last, [&](int64_t image, int64_t line, int64_t column, int64_t at, int64_t count) {
    for (int64_t tile = 0; tile < count; ++tile) {
      const int64_t y = 2 * line, x = 2 * (column + tile);
      const T* const pixel = grad + ((image * height + y) * width + x) * step;
      for (int64_t c = 0; c < columns; c += V::lanes) {
        const int valid = static_cast<int>(std::min<int64_t>(V::lanes, columns - c));
        const auto load = [&](int64_t i, int64_t j) {
          const T* const place = pixel + (i * width + j) * step + c;
          return y + i < height && x + j < width ? (valid == V::lanes ? V::load(place) : V::load(place, valid))
                                                 : V(T(0));
        };
        const auto left = gradient_rows(load(0, 0), load(1, 0)), right = gradient_rows(load(0, 1), load(1, 1));
        T* const target = to + (at + tile) * pitch + c;
        for (size_t i = 0; i < 4; ++i) {
          const auto values = gradient_rows(left[i], right[i]);
          for (size_t j = 0; j < 4; ++j) values[j].store(target + static_cast<int64_t>(4 * i + j) * plane);
        }
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

template <class T>
WinogradTiles tiles_of(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                       int64_t target_channels) noexcept {
  WinogradTiles plan{};
  plan.images = images * axes[0].target;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.panels = panels_for<T>(target_channels);
  for (int i = 0; i < 2; ++i) {
    plan.source[i] = axes[i + 1].source;
    plan.target[i] = axes[i + 1].target;
    plan.low[i] = axes[i + 1].reach().low;
  }
  plan.lines = ceil_div(plan.target[0], 2);
  plan.columns = ceil_div(plan.target[1], 2);
  plan.block = plan.source_splits = plan.unit_splits = plan.copies = 1;
  const auto depth = static_cast<double>(source_channels), columns = static_cast<double>(plan.panels.padded_columns());
  plan.multiplications =
      static_cast<double>(plan.tiles()) * (products * depth * columns + source_cost * depth + target_cost * columns) +
      filter_cost * depth * columns;
  return plan;
}

// Cuts the tiles into blocks of nearly equal size, with so many channels of source and target.
template <class T>
void cut_tiles(int64_t channels, WinogradTiles& plan) noexcept {
  const int64_t most = block_bytes / (products * channels * static_cast<int64_t>(sizeof(T)));
  plan.block = std::min(plan.tiles(), std::max(least_tiles, most));
  plan.block = ceil_div(plan.tiles(), plan.blocks());
}

int64_t wanted_tasks(const WinogradTiles& plan) noexcept {
  return std::min(enough_tasks, static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1);
}

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
                        const void* packed, const T* bias, Activation activation, T* target, void* scratch) noexcept {
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
    tile.depth = depth;
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
          tile.b = static_cast<const T*>(packed) + product * packed_plane + panels.begin(p) * depth;
          const Strips strips = strips_for(last - first, tile.vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t row = strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - row);
            tile.a = tiles + product * workspace.tiles_plane + row * pitch;
            tile.c = sums + product * workspace.sums_plane + row * sums_pitch + panels.begin(p) - begin;
            run_tile(tile);
          }
        }
      }
      transform_target(plan, sums, sums_pitch, workspace.sums_plane, first, last, begin, end, of, bias, activation,
                       target);
    }
  });
}

namespace {

template <class T>
struct WeightWorkspace {
  T *tiles, *grads, *copies, *bias;
  int64_t tiles_plane, grads_plane, copies_plane;

  WeightWorkspace(const WinogradTiles& plan, Carver& carver) {
    const int64_t units = ceil_div(plan.panels.panels, plan.unit_splits);
    tiles_plane = plane_of<T>(plan.block * padded<T>(ceil_div(plan.source_channels, plan.source_splits)));
    grads_plane = plane_of<T>(plan.block * units * plan.panels.width());
    copies_plane = plane_of<T>(plan.source_channels * plan.panels.padded_columns());
    tiles = carver.take<T>(Slots::pieces(plan.tasks()) * products * tiles_plane);
    grads = carver.take<T>(Slots::pieces(plan.tasks()) * products * grads_plane);
    copies = carver.take<T>(plan.copies * products * copies_plane);
    bias = carver.take<T>(plan.copies * plan.panels.padded_columns());
  }
};

}  // namespace

template <class T>
WinogradTiles plan_winograd_weight(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                                   int64_t target_channels) noexcept {
  WinogradTiles plan = tiles_of<T>(axes, images, source_channels, target_channels);
  plan.source_splits = ceil_div(source_channels, part_channels);
  plan.unit_splits = ceil_div(plan.panels.panels * plan.panels.width(), part_channels);
  cut_tiles<T>(std::min(source_channels, part_channels) + std::min(target_channels, part_channels), plan);
  const int64_t size = products * source_channels * plan.panels.padded_columns() * static_cast<int64_t>(sizeof(T));
  plan.copies = std::min({plan.blocks(), std::max<int64_t>(1, copies_bytes / size),
                          ceil_div(wanted_tasks(plan), plan.source_splits * plan.unit_splits)});
  return plan;
}

template <class T>
size_t backward_weight_winograd_scratch_bytes(const WinogradTiles& plan) noexcept {
  Carver carver(nullptr);
  const WeightWorkspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void backward_weight_winograd(const WinogradTiles& plan, const T* grad_output, const T* input, T* grad_weight,
                              T* grad_bias, void* scratch) noexcept {
  using V = Vec<T>;
  Carver carver(scratch);
  const WeightWorkspace<T> workspace(plan, carver);
  const Panels panels = plan.panels;
  const int64_t channels = plan.source_channels, columns = panels.padded_columns();
  Slots slots;
  parallel_for(plan.tasks(), plan.multiplications, [&](int64_t task) {
    const Slots::Slot slot(slots);
    const int64_t unit_split = task % plan.unit_splits, source_split = task / plan.unit_splits % plan.source_splits;
    const int64_t copy = task / plan.unit_splits / plan.source_splits;
    const int64_t first_unit = panels.panels * unit_split / plan.unit_splits;
    const int64_t last_unit = panels.panels * (unit_split + 1) / plan.unit_splits;
    const int64_t begin = panels.begin(first_unit), end = std::min(panels.begin(last_unit), panels.columns);
    const int64_t first_channel = channels * source_split / plan.source_splits;
    const int64_t depth = channels * (source_split + 1) / plan.source_splits - first_channel;
    T* const tiles = workspace.tiles + slot.index() * products * workspace.tiles_plane;
    T* const grads = workspace.grads + slot.index() * products * workspace.grads_plane;
    T* const sums = workspace.copies + copy * products * workspace.copies_plane + first_channel * columns;
    T* const bias = grad_bias && source_split == 0 ? workspace.bias + copy * columns + begin : nullptr;
    if (bias) std::fill_n(bias, end - begin, T(0));
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = i;
      c_row[i] = i * columns;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.a_step = padded<T>(depth);
    tile.b_step = padded<T>(end - begin);
    tile.b_padded = true;
    const int64_t end_tile = std::min(plan.tiles(), plan.blocks() * (copy + 1) / plan.copies * plan.block);
    for (int64_t first = plan.blocks() * copy / plan.copies * plan.block, last; first < end_tile; first = last) {
      last = std::min(end_tile, first + plan.block);
      const int64_t next_last =
          plan.unit_splits * plan.source_splits == 1 ? std::min(end_tile, last + plan.block) : last;
      const auto next = source_lines(plan, last, next_last, input);
      const auto next_grad = target_lines(plan, last, next_last, grad_output);
      Ahead ahead;
      ahead.set(next_grad.begin, next_grad.count, next.begin, next.count);
      ahead.cut(products);
      transform_source(plan, input + first_channel, depth, first, last, workspace.tiles_plane, tiles);
      transform_gradient(plan, grad_output + begin, end - begin, first, last, workspace.grads_plane, grads);
      // The product of the second rows of A is the sum over a tile.
      if (bias) add_columns(grads + 5 * workspace.grads_plane, last - first, tile.b_step, end - begin, bias);
      tile.depth = last - first;
      for (int64_t product = 0; product < products; ++product) {
        ahead.fetch();
        for (int64_t p = first_unit; p < last_unit; ++p) {
          tile.vectors = panels.vectors_of(p);
          tile.columns = tile.vectors * panels.lanes;
          tile.b = grads + product * workspace.grads_plane + panels.begin(p) - begin;
          const Strips strips = strips_for(depth, tile.vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t row = strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - row);
            tile.a = tiles + product * workspace.tiles_plane + row;
            tile.c = sums + product * workspace.copies_plane + row * columns + panels.begin(p);
            run_tile(tile);
          }
        }
      }
      tile.accumulate = true;
    }
  });
  parallel_for(channels, static_cast<double>((plan.copies + 2) * products * channels * columns), [&](int64_t c) {
    alignas(64) T taps[9][V::lanes];
    for (int64_t n = 0; n < panels.columns; n += V::lanes) {
      const auto sum_of = [&](size_t product) {
        const T* from = workspace.copies + static_cast<int64_t>(product) * workspace.copies_plane + c * columns + n;
        V sum = V::load(from);
        for (int64_t copy = 1; copy < plan.copies; ++copy)
          sum += V::load(from + copy * products * workspace.copies_plane);
        return sum;
      };
      std::array<V, 3> rows[4];
      for (size_t j = 0; j < 4; ++j)
        rows[j] = filter_gradient_rows(sum_of(j), sum_of(4 + j), sum_of(8 + j), sum_of(12 + j));
      for (size_t i = 0; i < 3; ++i) {
        const auto values = filter_gradient_rows(rows[0][i], rows[1][i], rows[2][i], rows[3][i]);
        for (size_t j = 0; j < 3; ++j) values[j].store(taps[3 * i + j]);
      }
      const int64_t count = std::min<int64_t>(V::lanes, panels.columns - n);
      for (int64_t lane = 0; lane < count; ++lane)
        for (int64_t tap = 0; tap < 9; ++tap) grad_weight[((n + lane) * channels + c) * 9 + tap] = taps[tap][lane];
    }
  });
  for (int64_t n = 0; grad_bias && n < panels.columns; ++n) {
    T sum(0);
    for (int64_t copy = 0; copy < plan.copies; ++copy) sum += workspace.bias[copy * columns + n];
    grad_bias[n] = sum;
  }
}

#define CYGNET_INSTANTIATE(T)                                                                                   \
  template WinogradTiles plan_winograd<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t,                   \
                                          const MaxPooling*) noexcept;                                          \
  template size_t correlate_winograd_scratch_bytes<T>(const WinogradTiles&) noexcept;                           \
  template size_t winograd_packed_bytes<T>(const WinogradTiles&) noexcept;                                      \
  template void pack_winograd<T>(const WinogradTiles&, bool, const T*, WeightSteps, void*) noexcept;            \
  template void correlate_winograd<T>(const WinogradTiles&, bool, const T*, const T*, WeightSteps, const void*, \
                                      const T*, Activation, T*, void*) noexcept;                                \
  template WinogradTiles plan_winograd_weight<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t) noexcept;  \
  template size_t backward_weight_winograd_scratch_bytes<T>(const WinogradTiles&) noexcept;                     \
  template void backward_weight_winograd<T>(const WinogradTiles&, const T*, const T*, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
