// How tiles of minimal filtering are cut and their source is transformed: what both directions share.
#pragma once

#include <array>

#include "conv_winograd.h"

namespace cygnet::winograd {

constexpr int64_t products = 16;  // of a tile
// Bytes of a block's transformed tiles, which stay in the second-level cache, and tiles of a block, at least: so often
// each transformed filter is used that comes from farther away.
constexpr int64_t block_bytes = 256 << 10, least_tiles = 48;
// Tasks that keep the threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t enough_tasks = 16;
constexpr double task_work = 1 << 18;
// What transforms cost, in multiply-adds: of a tile for each source and each target channel, and of a filter.
constexpr double source_cost = 80, target_cost = 60, filter_cost = 300;

// From one of the products to the next: not a power of two, so that they do not share their sets of the caches.
template <class T>
constexpr int64_t plane_of(int64_t size) {
  return ceil_div(size, 16) * 16 + 16;
}
template <class T>
constexpr int64_t padded(int64_t channels) {
  return ceil_div(channels, Vec<T>::lanes) * Vec<T>::lanes;
}

// The rows of B^T by vectors.
template <class V>
std::array<V, 4> source_rows(V a, V b, V c, V d) {
  return {a - c, b + c, c - b, b - d};
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

inline int64_t wanted_tasks(const WinogradTiles& plan) noexcept {
  return std::min(enough_tasks, static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1);
}

}  // namespace cygnet::winograd
