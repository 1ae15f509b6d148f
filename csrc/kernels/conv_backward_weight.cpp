#include "conv.h"
#include "conv_depthwise.h"
#include "conv_plan.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Private copies of the gradient, and tasks, that keep the threads of a usual machine busy; bytes that all copies
// together may take; multiply-adds that a task should have at least; bytes of a block of images that a task visits
// for every strip of the gradient.
constexpr int64_t most_copies = 16;
constexpr int64_t copies_bytes = 4 << 20;
constexpr double task_work = 1 << 18;
constexpr int64_t block_bytes = 384 << 10;
// Output pixels of a block of small images: the gradient is read and written once for each block.
constexpr int64_t block_pixels = 384;

// The product is, for each group, (taps x input channels) rows by output channels, summed over output pixels. Pixels
// are cut into blocks (some images, or a box of one image); each copy sums a run of blocks.
struct WeightPlan {
  Panels panels;
  int64_t rows, copy_size;  // of one group; elements of a copy
  bool slab;
  int64_t slab_size;
  int64_t images_per_block, blocks;
  Boxes boxes;                                // of output positions
  int64_t copies, row_blocks, rows_per_task;  // a task: one copy's block of rows
  double multiplications;

  /// Row blocks of one copy read the same slabs, made before; else each task reuses its own.
  bool shared_slabs() const { return row_blocks > 1; }
  int64_t slabs() const { return !slab ? 0 : shared_slabs() ? blocks : copies; }
  /// Lines of output pixels in a block.
  int64_t lines() const { return images_per_block * boxes.size[0] * boxes.size[1]; }
};

template <class T>
WeightPlan weight_plan(const ConvShape& s, bool channels_last) noexcept {
  constexpr auto item = static_cast<int64_t>(sizeof(T));
  WeightPlan plan{};
  plan.panels = panels_for<T>(s.group_out());
  plan.rows = s.taps() * s.group_in();
  plan.copy_size = s.groups * plan.rows * s.group_out();
  plan.slab = !channels_last;
  plan.images_per_block = plan.row_blocks = 1;
  plan.rows_per_task = plan.rows;
  int64_t slab_pixels = 1;
  for (int i = 0; i < max_axes; ++i) {
    plan.slab = plan.slab || s.axes[i].padded();
    plan.boxes.cut(i, s.axes[i].out, 1);
    slab_pixels *= s.axes[i].reach(s.axes[i].out);
  }
  if (s.batch == 0 || s.out_channels == 0 || s.out_pixels() == 0) return plan;

  const int64_t by_memory = std::max<int64_t>(1, copies_bytes / std::max<int64_t>(1, plan.copy_size * item));
  const int64_t image_bytes =
      std::max<int64_t>(1, (slab_pixels * s.in_channels + s.out_pixels() * s.out_channels) * item);
  if (image_bytes > block_bytes) {
    int64_t parts = ceil_div(image_bytes, block_bytes);
    for (int i = 0; i < max_axes; ++i) {
      plan.boxes.cut(i, s.axes[i].out, std::min(s.axes[i].out, parts));
      // Boxes of more than one position along an axis are not cut along the next: their lines stay equally far apart.
      parts = plan.boxes.size[i] > 1 ? 1 : ceil_div(parts, plan.boxes.count[i]);
    }
    plan.blocks = s.batch * plan.boxes.boxes();
  } else {
    plan.images_per_block = std::clamp<int64_t>(std::max(block_bytes / image_bytes, block_pixels / s.out_pixels()), 1,
                                                ceil_div(s.batch, std::min(most_copies, by_memory)));
    plan.blocks = ceil_div(s.batch, plan.images_per_block);
  }
  plan.slab_size = plan.images_per_block * s.in_channels;
  for (int i = 0; i < max_axes; ++i) plan.slab_size *= s.axes[i].reach(plan.boxes.size[i]);
  plan.slab_size = ceil_div(plan.slab_size, 16) * 16;
  plan.multiplications = static_cast<double>(s.batch * s.out_pixels()) * static_cast<double>(plan.rows) *
                         static_cast<double>(s.groups * plan.panels.padded_columns());
  const int64_t most_tasks =
      std::max<int64_t>(1, static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)));
  plan.copies = std::min({plan.blocks, most_copies, most_tasks, by_memory});
  const int64_t height = max_rows(plan.panels.vectors);
  const int64_t wanted = ceil_div(std::min(most_tasks, most_copies), plan.copies);
  plan.rows_per_task = std::max<int64_t>(1, ceil_div(ceil_div(plan.rows, height), wanted)) * height;
  plan.row_blocks = std::max<int64_t>(1, ceil_div(plan.rows, plan.rows_per_task));
  return plan;
}

// Groups of few channels.
template <class T>
bool in_lanes(const ConvShape& s) noexcept {
  if (s.groups == 1 || s.batch == 0 || s.group_in() == 0 || s.group_out() == 0 || s.out_pixels() == 0) return false;
  return lane_work<T>(s.in_channels, s.out_channels, s.groups, s.taps()) <
         static_cast<double>(s.in_channels * panels_for<T>(s.group_out()).padded_columns());
}

template <class T>
LaneConv lane_plan(const ConvShape& s, bool channels_last) noexcept {
  Axis axes[max_axes];
  for (int i = 0; i < max_axes; ++i) axes[i] = forward_axis(s.axes[i]);
  return plan_lanes<T>(axes, s.batch, s.in_channels, s.out_channels, s.groups, channels_last);
}

template <class T>
struct Workspace {
  int64_t* segment;  // offsets in the input (or slab) of the lines of output pixels of a block
  T *copies, *bias, *slabs;

  Workspace(const WeightPlan& plan, const ConvShape& s, Carver& carver)
      : segment(carver.take<int64_t>(plan.lines())),
        copies(carver.take<T>(plan.copies * plan.copy_size)),
        bias(carver.take<T>(plan.copies * s.out_channels)),
        slabs(carver.take<T>(plan.slabs() * plan.slab_size)) {}
};

// sums[n] += sum over `pixels` rows of grad; eight partial sums for each column.
template <class T>
void add_columns(const T* grad, int64_t pixels, int64_t columns, T* sums) noexcept {
  using V = Vec<T>;
  for (int64_t n = 0; n < columns; n += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, columns - n));
    V partial[8];
    for (V& sum : partial) sum = V(T(0));
    int64_t m = 0;
    for (; m + 8 <= pixels; m += 8)
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) partial[i] += V::load(grad + (m + i) * columns + n, valid);
    for (; m < pixels; ++m) partial[m % 8] += V::load(grad + m * columns + n, valid);
    for (int gap = 1; gap < 8; gap *= 2)
      for (int i = 0; i < 8; i += 2 * gap) partial[i] += partial[i + gap];
    (V::load(sums + n, valid) + partial[0]).store(sums + n, valid);
  }
}

}  // namespace

template <class T>
size_t conv_backward_weight_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  if (in_lanes<T>(shape)) return backward_weight_lanes_scratch_bytes<T>(lane_plan<T>(shape, channels_last));
  Carver carver(nullptr);
  const Workspace<T> workspace(weight_plan<T>(shape, channels_last), shape, carver);
  return carver.used();
}

template <class T>
void conv_backward_weight(const ConvShape& s, const T* grad_output, const T* input, bool channels_last, T* grad_weight,
                          T* grad_bias, void* scratch) noexcept {
  if (in_lanes<T>(s))
    return backward_weight_lanes(lane_plan<T>(s, channels_last), grad_output, input, grad_weight, grad_bias, scratch);
  const WeightPlan plan = weight_plan<T>(s, channels_last);
  Carver carver(scratch);
  const Workspace<T> workspace(plan, s, carver);
  const int64_t channels = s.in_channels, depth = s.group_in(), columns = s.group_out();
  // From an image, plane, line or pixel to the next in the input (or slab); those of a tap.
  int64_t pitch[max_axes + 1];
  pitch[max_axes] = channels;
  for (int i = max_axes - 1; i >= 0; --i)
    pitch[i] = pitch[i + 1] * (plan.slab ? s.axes[i].reach(plan.boxes.size[i]) : s.axes[i].in);
  int64_t* segment = workspace.segment;
  for (int64_t n = 0; n < plan.images_per_block; ++n)
    for (int64_t z = 0; z < plan.boxes.size[0]; ++z)
      for (int64_t y = 0; y < plan.boxes.size[1]; ++y)
        *segment++ = n * pitch[0] + z * s.axes[0].stride * pitch[1] + y * s.axes[1].stride * pitch[2];
  const auto tap_offset = [&](int64_t tap) {
    const int64_t line = tap / s.axes[2].kernel;
    return line / s.axes[1].kernel * s.axes[0].dilation * pitch[1] +
           line % s.axes[1].kernel * s.axes[1].dilation * pitch[2] +
           tap % s.axes[2].kernel * s.axes[2].dilation * pitch[3];
  };

  const Images<T> images{input, {s.axes[0].in, s.axes[1].in, s.axes[2].in}, channels, channels_last};
  const int64_t outputs[] = {s.axes[0].out, s.axes[1].out, s.axes[2].out};
  struct Block {
    int64_t first, last;  // images
    Box box;              // of output positions
  };
  const auto block_of = [&](int64_t block) {
    const int64_t first = block / plan.boxes.boxes() * plan.images_per_block;
    return Block{first, std::min(s.batch, first + plan.images_per_block),
                 plan.boxes.at(block % plan.boxes.boxes(), outputs)};
  };
  const auto fill = [&](const Block& b, T* slab) {
    Box part;
    for (int i = 0; i < max_axes; ++i) {
      part.begin[i] = b.box.begin[i] * s.axes[i].stride - s.axes[i].padding;
      part.size[i] = s.axes[i].reach(plan.boxes.size[i]);
    }
    fill_slab(images, b.first, b.last, part, slab);
  };
  if (plan.slab && plan.shared_slabs())
    parallel_for(plan.blocks, static_cast<double>(plan.blocks * plan.slab_size),
                 [&](int64_t block) { fill(block_of(block), workspace.slabs + block * plan.slab_size); });
  parallel_for(plan.copies * plan.row_blocks, plan.multiplications, [&](int64_t task) {
    const int64_t copy = task / plan.row_blocks, row_block = task % plan.row_blocks;
    const int64_t first_row = row_block * plan.rows_per_task;
    const int64_t rows = std::min(plan.rows, first_row + plan.rows_per_task) - first_row;
    T* const bias = grad_bias && row_block == 0 ? workspace.bias + copy * s.out_channels : nullptr;
    if (bias) std::fill(bias, bias + s.out_channels, T(0));
    const int64_t first_block = plan.blocks * copy / plan.copies, last_block = plan.blocks * (copy + 1) / plan.copies;
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) c_row[i] = i * columns;
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.a_segment = workspace.segment;
    tile.a_step = s.axes[2].stride * channels;
    tile.b_step = s.out_channels;
    tile.b_segment = s.axes[2].out * s.out_channels;
    for (int64_t block = first_block; block < last_block; ++block) {
      const Block b = block_of(block);
      tile.segments = (b.last - b.first) * b.box.size[0] * b.box.size[1];
      tile.depth = b.box.size[2];
      tile.accumulate = block > first_block;
      const T* origin;
      if (!plan.slab) {
        origin = input + b.first * pitch[0];
        for (int i = 0; i < max_axes; ++i) origin += b.box.begin[i] * s.axes[i].stride * pitch[i + 1];
      } else {
        T* const slab = workspace.slabs + (plan.shared_slabs() ? block : copy) * plan.slab_size;
        if (!plan.shared_slabs()) fill(b, slab);
        origin = slab;
      }
      int64_t pixel = b.first;
      for (int i = 0; i < max_axes; ++i) pixel = pixel * s.axes[i].out + b.box.begin[i];
      const T* const grad = grad_output + pixel * s.out_channels;
      for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t p = 0; p < plan.panels.panels; ++p) {
          tile.vectors = plan.panels.vectors_of(p);
          tile.columns = plan.panels.columns_of(p);
          tile.a = origin + g * depth;
          tile.b = grad + g * columns + plan.panels.begin(p);
          const Strips strips = strips_for(rows, tile.vectors);
          int64_t tap = first_row / std::max<int64_t>(depth, 1), c = first_row - tap * depth;
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t row = first_row + strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - strips.begin(strip));
            for (int m = 0; m < tile.rows; ++m) {
              a_row[m] = tap_offset(tap) + c;
              if (++c == depth) c = 0, ++tap;
            }
            tile.c = workspace.copies + copy * plan.copy_size + (g * plan.rows + row) * columns + plan.panels.begin(p);
            run_tile(tile);
          }
        }
      if (bias) add_columns(grad, tile.segments * tile.depth, s.out_channels, bias);
    }
  });

  // Sums the copies in order, and turns (tap, input channel, output channel) into the weight's order: its rows of
  // (input channel, tap) are gathered and transposed, a vector by a vector.
  constexpr int lanes = Vec<T>::lanes;
  constexpr int64_t run = 16 * lanes;
  const int64_t pieces = ceil_div(columns, lanes), runs = ceil_div(plan.rows, run);
  parallel_for(s.groups * pieces * runs, static_cast<double>((plan.copies + 2) * plan.copy_size), [&](int64_t task) {
    const int64_t g = task / (pieces * runs), n = task / runs % pieces * lanes, begin = task % runs * run;
    const int valid = static_cast<int>(std::min<int64_t>(lanes, columns - n));
    const T* const from = workspace.copies + g * plan.rows * columns + n;
    T* const to = grad_weight + (g * columns + n) * plan.rows;
    for (int64_t row = begin; row < std::min(plan.rows, begin + run); row += lanes) {
      const int count = static_cast<int>(std::min<int64_t>(lanes, plan.rows - row));
      Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
      for (int i = 0; i < lanes; ++i) {
        const int64_t c = (row + i) / s.taps(), tap = (row + i) % s.taps();
        Vec<T> sum(T(0));
        for (int64_t copy = 0; i < count && copy < plan.copies; ++copy)
          sum += Vec<T>::load(from + copy * plan.copy_size + (tap * depth + c) * columns, valid);
        block.packet[i] = sum.p;
      }
      Eigen::internal::ptranspose(block);
      for (int i = 0; i < valid; ++i) Vec<T>(block.packet[i]).store(to + i * plan.rows + row, count);
    }
  });
  if (grad_bias)
    for (int64_t n = 0; n < s.out_channels; ++n) {
      T sum(0);
      for (int64_t copy = 0; copy < plan.copies; ++copy) sum += workspace.bias[copy * s.out_channels + n];
      grad_bias[n] = sum;
    }
}

#define CYGNET_INSTANTIATE(T)                                                             \
  template size_t conv_backward_weight_scratch_bytes<T>(const ConvShape&, bool) noexcept; \
  template void conv_backward_weight<T>(const ConvShape&, const T*, const T*, bool, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
