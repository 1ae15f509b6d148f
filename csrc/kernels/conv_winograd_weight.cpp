#include "conv_weight.h"
#include "conv_winograd_parts.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

using namespace winograd;

// Channels of a part of the filters' gradient, at most; bytes of all private copies of it.
constexpr int64_t part_channels = 128, copies_bytes = 16 << 20;

// The rows of A and G^T by vectors.
template <class V>
std::array<V, 4> gradient_rows(V a, V b) {
  return {a, a + b, a - b, -b};
}
template <class T>
std::array<Vec<T>, 3> filter_gradient_rows(Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
  const Vec<T> half(T(0.5)), sum = (b + c) * half;
  return {a + sum, (b - c) * half, sum + d};
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

#define CYGNET_INSTANTIATE(T)                                                                                  \
  template WinogradTiles plan_winograd_weight<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t) noexcept; \
  template size_t backward_weight_winograd_scratch_bytes<T>(const WinogradTiles&) noexcept;                    \
  template void backward_weight_winograd<T>(const WinogradTiles&, const T*, const T*, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
