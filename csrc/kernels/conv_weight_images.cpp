#include "conv_weight_images.h"

#include <array>
#include <utility>

#include "conv_weight.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Bytes of a part, so that it stays in the second-level cache, and of the lines of its panel that all products read
// before the next lines, so that these stay in the first-level cache.
constexpr int64_t part_bytes = 384 << 10, panel_bytes = 20 << 10;
// Parts that keep the threads of a usual machine busy, tasks at most, and multiply-adds that each should have.
constexpr int64_t enough_parts = 12, most_tasks = 16;
constexpr double task_work = 1 << 18;

// c[m][n] (+)= sum over segments s and k of A[a_row[m] + a_segment[s] + k a_step] B[s][k][n], all of them vectors.
template <class T, int Rows, int Columns>
void products_of(const Tile<T>& t) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  V sum[Rows][Columns];
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < Columns; ++n) sum[m][n] = V(T(0));
  const int64_t* const row = t.a_row;
  for (int64_t s = 0; s < t.segments; ++s) {
    const T *a = t.a + t.a_segment[s], *b = t.b + s * t.b_segment;
    for (int64_t k = t.depth; k > 0; --k, a += t.a_step, b += t.b_step) {
      V x[Columns];
#pragma GCC unroll 4
      for (int n = 0; n < Columns; ++n) x[n] = V::load(b + n * lanes);
#pragma GCC unroll 16
      for (int m = 0; m < Rows; ++m) {
        const V y = V::load(a + row[m]);
#pragma GCC unroll 4
        for (int n = 0; n < Columns; ++n) sum[m][n] = fma(y, x[n], sum[m][n]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < Columns; ++n) {
      T* const c = t.c + t.c_row[m] + n * lanes;
      (t.accumulate ? V::load(c) + sum[m][n] : sum[m][n]).store(c);
    }
}

template <class T, int Columns, int... Rows>
void run_rows(const Tile<T>& tile, std::integer_sequence<int, Rows...>) noexcept {
  static constexpr std::array<void (*)(const Tile<T>&) noexcept, sizeof...(Rows)> functions{
      products_of<T, Rows + 1, Columns>...};
  functions[static_cast<size_t>(tile.rows - 1)](tile);
}

template <class T>
void run_products(const Tile<T>& tile) noexcept {
  switch (tile.vectors) {
    case 1:
      return run_rows<T, 1>(tile, std::make_integer_sequence<int, max_rows(1)>{});
    case 2:
      return run_rows<T, 2>(tile, std::make_integer_sequence<int, max_rows(2)>{});
    case 3:
      return run_rows<T, 3>(tile, std::make_integer_sequence<int, max_rows(3)>{});
    default:
      if constexpr (max_vectors >= 4) return run_rows<T, 4>(tile, std::make_integer_sequence<int, max_rows(4)>{});
  }
}

// Calls store(vector of the images' elements x) for 0 <= x < count in order; image i is `step` elements after image 0,
// and those from `images` on are zero.
template <class T, class Store>
void gather_images(const T* from, int64_t step, int images, int64_t count, const Store& store) noexcept {
  using V = Vec<T>;
  constexpr int64_t ahead = 4 * V::lanes;
  for (int64_t x = 0; x < count; x += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, count - x));
    V block[V::lanes];
    for (int i = 0; i < V::lanes; ++i) {
      block[i] = i < images ? V::load(from + i * step + x, valid) : V(T(0));
      Eigen::internal::prefetch(from + i * step + x + ahead);
    }
    transpose(block);
    for (int i = 0; i < valid; ++i) store(block[i]);
  }
}

template <class T>
struct Workspace {
  int64_t *segment, *row;  // offsets in a slab: of the lines of output positions of a box; of (channel, tap)
  T *copies, *bias, *slabs, *grads;

  Workspace(const ImageConv& plan, const ConvShape& s, Carver& carver)
      : segment(carver.take<int64_t>(plan.boxes.size[0] * plan.boxes.size[1])),
        row(carver.take<int64_t>(s.in_channels * s.taps())),
        copies(carver.take<T>(plan.tasks * copy_size(s))),
        bias(carver.take<T>(plan.tasks * s.out_channels * Vec<T>::lanes)),
        slabs(carver.take<T>(plan.tasks * plan.slab_size)),
        grads(carver.take<T>(plan.tasks * plan.grads_size)) {}

  static int64_t copy_size(const ConvShape& s) { return s.out_channels * s.in_channels * s.taps() * Vec<T>::lanes; }
};

}  // namespace

template <class T>
bool few_outputs_of_images(const ConvShape& s) noexcept {
  if (s.groups != 1 || s.batch == 0 || s.in_channels == 0 || s.out_channels == 0 || s.out_pixels() == 0) return false;
  constexpr auto lanes = static_cast<double>(Vec<T>::lanes);
  const Panels panels = panels_for<T>(s.out_channels);
  const auto rows = static_cast<double>(s.in_channels * s.taps()), columns = static_cast<double>(s.out_channels);
  const auto read = static_cast<double>(s.in_channels * s.in_pixels()) / static_cast<double>(s.out_pixels());
  const auto batch = static_cast<double>(s.batch);
  // Vector operations for an output position of one image: a product costs 1, but more in narrow blocks of registers,
  // and the copy of an element something less.
  const double narrow = panels.vectors == 1 ? 1.4 : 1.0;
  const double in_columns = rows * static_cast<double>(panels.padded_columns() / panels.lanes) * narrow + 2;
  // A sum of a copy is stored, loaded and added up.
  const auto runs = static_cast<double>(ceil_div(s.batch, Vec<T>::lanes));
  const double copies = 12 * enough_parts / (runs * static_cast<double>(s.out_pixels()));
  const double in_images = (rows * columns / lanes * (1 + copies) + 0.8 * (read + columns)) * runs * lanes / batch;
  return in_images < in_columns;
}

template <class T>
ImageConv plan_images(const ConvShape& s) noexcept {
  constexpr int64_t lanes = Vec<T>::lanes, vector_bytes = lanes * static_cast<int64_t>(sizeof(T));
  ImageConv plan{};
  plan.runs = ceil_div(s.batch, lanes);
  plan.panels = {s.out_channels, ceil_div(s.out_channels, max_vectors)};
  plan.width = ceil_div(s.out_channels, plan.panels.strips);
  plan.multiplications = static_cast<double>(plan.runs * lanes * s.out_pixels()) *
                         static_cast<double>(s.out_channels * s.in_channels * s.taps());
  const auto most_parts = static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1;
  int64_t bytes = s.in_channels * vector_bytes;
  for (const ConvAxis& axis : s.axes) bytes *= axis.reach(axis.out);
  bytes += s.out_pixels() * s.out_channels * vector_bytes;
  int64_t parts = std::max(ceil_div(bytes, part_bytes), ceil_div(std::min(most_parts, enough_parts), plan.runs));
  plan.slab_size = s.in_channels * lanes;
  plan.grads_size = plan.panels.strips * plan.width * lanes;
  for (int i = 0; i < max_axes; ++i) {
    plan.boxes.cut(i, s.axes[i].out, std::min(s.axes[i].out, parts));
    // Boxes of more than one position along an axis are not cut along the next: their positions are neighbours.
    parts = plan.boxes.size[i] > 1 ? 1 : ceil_div(parts, plan.boxes.count[i]);
    plan.slab_size *= s.axes[i].reach(plan.boxes.size[i]);
    plan.grads_size *= plan.boxes.size[i];
  }
  plan.parts = plan.runs * plan.boxes.boxes();
  plan.tasks = std::min({plan.parts, most_parts, most_tasks});
  return plan;
}

template <class T>
size_t backward_weight_images_scratch_bytes(const ImageConv& plan, const ConvShape& shape) noexcept {
  Carver carver(nullptr);
  const Workspace<T> workspace(plan, shape, carver);
  return carver.used();
}

template <class T>
void backward_weight_images(const ImageConv& plan, const ConvShape& s, const T* grad_output, const T* input,
                            bool channels_last, T* grad_weight, T* grad_bias, void* scratch) noexcept {
  using V = Vec<T>;
  constexpr int64_t lanes = V::lanes;
  Carver carver(scratch);
  const Workspace<T> workspace(plan, s, carver);
  const int64_t taps = s.taps(), rows = s.in_channels * taps, copy_size = Workspace<T>::copy_size(s);
  // Elements of the input that neighbour each other come as they are: channels of a pixel, or pixels of a plane.
  const int64_t items = channels_last ? s.in_channels : 1, planes = s.in_channels / items;
  int64_t pitch[max_axes + 1];  // from a plane of channels, depth slice, line or pixel to the next in a slab
  pitch[max_axes] = items * lanes;
  for (int i = max_axes - 1; i >= 0; --i) pitch[i] = pitch[i + 1] * s.axes[i].reach(plan.boxes.size[i]);
  int64_t *segment = workspace.segment, *row = workspace.row;
  for (int64_t z = 0; z < plan.boxes.size[0]; ++z)
    for (int64_t y = 0; y < plan.boxes.size[1]; ++y)
      *segment++ = z * s.axes[0].stride * pitch[1] + y * s.axes[1].stride * pitch[2];
  for (int64_t c = 0; c < s.in_channels; ++c)
    for (int64_t z = 0; z < s.axes[0].kernel; ++z)
      for (int64_t y = 0; y < s.axes[1].kernel; ++y)
        for (int64_t x = 0; x < s.axes[2].kernel; ++x)
          *row++ = c / items * pitch[0] + z * s.axes[0].dilation * pitch[1] + y * s.axes[1].dilation * pitch[2] +
                   x * s.axes[2].dilation * pitch[3] + c % items * lanes;

  const auto fill = [&](int64_t first, int images, const Box& box, T* to) {
    const int64_t width = s.axes[2].in, line = s.axes[2].reach(plan.boxes.size[2]);
    const int64_t begin = box.begin[2] * s.axes[2].stride - s.axes[2].padding;
    const int64_t left = std::clamp<int64_t>(-begin, 0, line), right = std::clamp<int64_t>(width - begin, left, line);
    const auto clear = [&](int64_t pixels) { to = std::fill_n(to, pixels * items * lanes, T(0)); };
    const T* const image = input + first * s.in_channels * s.in_pixels();
    for (int64_t plane = 0; plane < planes; ++plane)
      for (int64_t i = 0; i < s.axes[0].reach(plan.boxes.size[0]); ++i)
        for (int64_t j = 0; j < s.axes[1].reach(plan.boxes.size[1]); ++j) {
          const int64_t z = box.begin[0] * s.axes[0].stride - s.axes[0].padding + i;
          const int64_t y = box.begin[1] * s.axes[1].stride - s.axes[1].padding + j;
          if (z < 0 || z >= s.axes[0].in || y < 0 || y >= s.axes[1].in) {
            clear(line);
            continue;
          }
          clear(left);
          const int64_t pixel = ((plane * s.axes[0].in + z) * s.axes[1].in + y) * width + begin + left;
          gather_images(image + pixel * items, s.in_channels * s.in_pixels(), images, (right - left) * items,
                        [&](V value) { value.store(to), to += lanes; });
          clear(line - right);
        }
  };
  const int64_t outputs[] = {s.axes[0].out, s.axes[1].out, s.axes[2].out};
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const slab = workspace.slabs + task * plan.slab_size;
    T* const grads = workspace.grads + task * plan.grads_size;
    T* const copy = workspace.copies + task * copy_size;
    T* const bias = workspace.bias + task * s.out_channels * lanes;
    std::fill_n(bias, s.out_channels * lanes, T(0));
    const int64_t first_part = plan.parts * task / plan.tasks, last_part = plan.parts * (task + 1) / plan.tasks;
    int64_t c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) c_row[i] = i * s.out_channels * lanes;
    Tile<T> tile;
    tile.c_row = c_row;
    tile.a_step = s.axes[2].stride * pitch[max_axes];
    tile.b_step = plan.width * lanes;
    for (int64_t part = first_part; part < last_part; ++part) {
      const int64_t first = part / plan.boxes.boxes() * lanes;
      const int images = static_cast<int>(std::min(lanes, s.batch - first));
      const Box box = plan.boxes.at(part % plan.boxes.boxes(), outputs);
      fill(first, images, box, slab);
      int64_t pixel = 0;
      for (int i = 0; i < max_axes; ++i) pixel = pixel * s.axes[i].out + box.begin[i];
      // A panel after the other: rows of all channels would share their sets of the cache.
      const int64_t pixels = box.pixels(), panel_size = pixels * tile.b_step;
      T* to = grads;
      int64_t channel = 0, place = 0, panel = 0;
      gather_images(grad_output + (first * s.out_pixels() + pixel) * s.out_channels, s.out_pixels() * s.out_channels,
                    images, pixels * s.out_channels, [&](V value) {
                      value.store(to + panel * panel_size + place * lanes);
                      ++place;
                      if (++channel == s.out_channels) {
                        channel = place = panel = 0;
                        to += tile.b_step;
                      } else if (channel == plan.panels.begin(panel + 1)) {
                        place = 0;
                        ++panel;
                      }
                    });
      const int64_t lines = box.size[0] * box.size[1];
      const int64_t line_bytes = box.size[2] * tile.b_step * static_cast<int64_t>(sizeof(T));
      const int64_t chunk = ceil_div(lines, ceil_div(lines * line_bytes, panel_bytes));
      tile.depth = box.size[2];
      tile.b_segment = tile.depth * tile.b_step;
      for (int64_t p = 0; p < plan.panels.strips; ++p) {
        const int64_t o = plan.panels.begin(p);
        tile.vectors = static_cast<int>(plan.panels.begin(p + 1) - o);
        if (grad_bias) add_columns(grads + p * panel_size, pixels, tile.b_step, tile.vectors * lanes, bias + o * lanes);
        const Strips tiles = strips_for(rows, tile.vectors);
        for (int64_t begin = 0; begin < lines; begin += chunk) {
          tile.segments = std::min(chunk, lines - begin);
          tile.a = slab;
          tile.a_segment = workspace.segment + begin;
          tile.b = grads + p * panel_size + begin * tile.b_segment;
          tile.accumulate = part > first_part || begin > 0;
          for (int64_t t = 0; t < tiles.strips; ++t) {
            tile.rows = static_cast<int>(tiles.begin(t + 1) - tiles.begin(t));
            tile.a_row = workspace.row + tiles.begin(t);
            tile.c = copy + (tiles.begin(t) * s.out_channels + o) * lanes;
            run_products(tile);
          }
        }
      }
    }
  });

  // Sums of the copies are summed over their lanes, as many rows at a time as a vector has lanes.
  parallel_for(s.out_channels, static_cast<double>(plan.tasks * copy_size), [&](int64_t o) {
    for (int64_t r = 0; r < rows; r += lanes) {
      const int count = static_cast<int>(std::min<int64_t>(lanes, rows - r));
      V sums[lanes];
      for (int i = 0; i < lanes; ++i) {
        sums[i] = V(T(0));
        for (int64_t task = 0; i < count && task < plan.tasks; ++task)
          sums[i] += V::load(workspace.copies + task * copy_size + ((r + i) * s.out_channels + o) * lanes);
      }
      transpose(sums);
      for (int gap = 1; gap < lanes; gap *= 2)
        for (int i = 0; i < lanes; i += 2 * gap) sums[i] += sums[i + gap];
      sums[0].store(grad_weight + o * rows + r, count);
    }
  });
  for (int64_t o = 0; grad_bias && o < s.out_channels; ++o) {
    V sum(T(0));
    for (int64_t task = 0; task < plan.tasks; ++task)
      sum += V::load(workspace.bias + (task * s.out_channels + o) * lanes);
    grad_bias[o] = horizontal_sum(sum);
  }
}

#define CYGNET_INSTANTIATE(T)                                                                                   \
  template bool few_outputs_of_images<T>(const ConvShape&) noexcept;                                            \
  template ImageConv plan_images<T>(const ConvShape&) noexcept;                                                 \
  template size_t backward_weight_images_scratch_bytes<T>(const ImageConv&, const ConvShape&) noexcept;         \
  template void backward_weight_images<T>(const ImageConv&, const ConvShape&, const T*, const T*, bool, T*, T*, \
                                          void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
