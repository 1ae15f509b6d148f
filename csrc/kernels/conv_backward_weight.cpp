#include "conv.h"
#include "conv_depthwise.h"
#include "conv_plan.h"
#include "conv_sparse.h"
#include "conv_weight.h"
#include "conv_weight_images.h"
#include "conv_winograd.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Channels of a strip of the input, whole vectors; bytes of what a block of output pixels reads of it, at most; strips
// that are packed at a time, so that the input is read in order.
template <class T>
constexpr int64_t strip_channels = std::max(Vec<T>::lanes, 8);
constexpr int64_t strip_bytes = 80 << 10;
constexpr int64_t bundle = 4;
// Output pixels of a block, and bytes of its panels of grad_output, which stay in the second-level cache.
constexpr int64_t block_pixels = 512;
constexpr int64_t group_bytes = 512 << 10;
// Bytes of a panel that all tiles of a strip read before the next, so that they stay in the first-level cache.
constexpr int64_t panel_bytes = 24 << 10;
// Pixels whose panels are packed one after the other while grad_output is read in order.
constexpr int64_t pack_run = 16;
// Private copies of the gradient, at most; bytes that all of them may take; pixels that each sums at least, so that
// storing and adding them up is a small part of the work, and where there is too little else to share out.
constexpr int64_t most_copies = 16;
constexpr int64_t copies_bytes = 16 << 20;
constexpr int64_t copy_pixels = 4096, few_tasks_copy_pixels = 512;
// Tasks that keep the threads of a usual machine busy, and multiply-adds that each should have at least.
constexpr int64_t enough_tasks = 16;
constexpr double task_work = 1 << 18;

// For each group and each strip of its input channels, the product is (taps x channels of the strip) rows by output
// channels, summed over output pixels. Pixels are cut into blocks (some images, or a box of one image), whose part of
// the strip and whose panels of grad_output a task packs for itself; each copy sums a run of blocks.
struct WeightPlan {
  Panels panels;          // of one group's output channels
  int64_t strips, pitch;  // of one group's input channels; channels of a strip (the last is padded)
  int64_t images_per_copy, images_per_block, blocks_per_copy;
  Boxes boxes;                                // of output positions; blocks are images or boxes
  int64_t copies, unit_splits, strip_splits;  // a task: one copy's run of the groups * panels units and run of strips
  int64_t copy_size, strip_size, panel_pixels;
  bool joined;    // whether the pixels of a block are neighbours in the strip
  bool in_place;  // whether that is the input itself
  bool pack_b;
  double multiplications;

  int64_t tasks() const { return copies * unit_splits * strip_splits; }
  int64_t lines() const { return images_per_block * boxes.size[0] * boxes.size[1]; }
};

// Whether the product is that of two matrices with a row for each pixel.
bool is_product(const ConvShape& s, bool channels_last) noexcept {
  for (const ConvAxis& axis : s.axes)
    channels_last = channels_last && axis.kernel == 1 && axis.stride == 1 && axis.padding == 0 && axis.in == axis.out;
  return channels_last;
}

// Pixels of such a product as images of one pixel.
ConvShape joined_images(const ConvShape& s, bool channels_last) noexcept {
  if (!is_product(s, channels_last)) return s;
  ConvShape joined = s;
  joined.batch *= s.out_pixels();
  for (ConvAxis& axis : joined.axes) axis.in = axis.out = 1;
  return joined;
}

template <class T>
WeightPlan weight_plan(const ConvShape& s, bool in_place) noexcept {
  constexpr auto item = static_cast<int64_t>(sizeof(T));
  WeightPlan plan{};
  plan.panels = panels_for<T>(s.group_out());
  plan.in_place = in_place;
  plan.pitch = std::clamp<int64_t>(s.group_in(), 1, in_place ? std::max<int64_t>(1, s.in_channels) : strip_channels<T>);
  plan.strips = ceil_div(s.group_in(), plan.pitch);
  plan.copy_size = s.groups * plan.panels.padded_columns() * s.group_in() * s.taps();
  plan.pack_b = plan.panels.panels * s.groups > 1 || plan.panels.padded_columns() != s.out_channels;
  int64_t image_bytes = plan.pitch * item;
  plan.joined = true;
  for (int i = 0; i < max_axes; ++i) {
    plan.boxes.cut(i, s.axes[i].out, 1);
    image_bytes *= s.axes[i].reach(s.axes[i].out);
    plan.joined = plan.joined && s.axes[i].kernel == 1 && s.axes[i].stride == 1;
  }
  const int64_t pixels = s.out_pixels(), units = s.groups * plan.panels.panels;
  plan.images_per_block = plan.unit_splits = plan.strip_splits = 1;
  if (s.batch == 0 || units == 0 || pixels == 0) return plan;

  plan.multiplications = static_cast<double>(s.batch * pixels) * static_cast<double>(plan.copy_size);
  const int64_t most_tasks =
      std::max<int64_t>(1, static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)));
  const int64_t by_memory = copies_bytes / std::max<int64_t>(1, plan.copy_size * item);
  const int64_t least_pixels = units * plan.strips < enough_tasks ? few_tasks_copy_pixels : copy_pixels;
  const int64_t copies = std::min({s.batch, most_tasks, by_memory, s.batch * pixels / least_pixels});
  for (plan.copies = most_copies; plan.copies > std::max<int64_t>(1, copies);) plan.copies /= 2;
  plan.images_per_copy = ceil_div(s.batch, plan.copies);
  plan.copies = ceil_div(s.batch, plan.images_per_copy);
  if (in_place) {
    plan.images_per_block = std::min(plan.images_per_copy, panel_bytes / (plan.panels.width() * item));
    plan.blocks_per_copy = ceil_div(plan.images_per_copy, plan.images_per_block);
  } else if (image_bytes > strip_bytes) {
    int64_t parts = ceil_div(image_bytes, strip_bytes);
    for (int i = 0; i < max_axes; ++i) {
      plan.boxes.cut(i, s.axes[i].out, std::min(s.axes[i].out, parts));
      // Boxes of more than one position along an axis are not cut along the next: their lines stay equally far apart.
      parts = plan.boxes.size[i] > 1 ? 1 : ceil_div(parts, plan.boxes.count[i]);
    }
    plan.blocks_per_copy = plan.images_per_copy * plan.boxes.boxes();
  } else {
    const int64_t wanted = std::clamp<int64_t>((block_pixels + pixels / 2) / pixels, 1, strip_bytes / image_bytes);
    plan.blocks_per_copy = ceil_div(plan.images_per_copy, wanted);
    plan.images_per_block = ceil_div(plan.images_per_copy, plan.blocks_per_copy);
    plan.blocks_per_copy = ceil_div(plan.images_per_copy, plan.images_per_block);
  }
  plan.panel_pixels = plan.lines() * plan.boxes.size[2];
  plan.strip_size = plan.images_per_block * plan.pitch;
  for (int i = 0; i < max_axes; ++i) plan.strip_size *= s.axes[i].reach(plan.boxes.size[i]);
  plan.strip_size = in_place ? 0 : ceil_div(plan.strip_size + slab_slack, 16) * 16;

  plan.unit_splits = std::min(units, ceil_div(units * plan.panel_pixels * plan.panels.width() * item, group_bytes));
  const int64_t wanted = std::min(enough_tasks, most_tasks);
  plan.strip_splits = std::clamp<int64_t>(ceil_div(wanted, plan.tasks()), 1, std::max<int64_t>(1, plan.strips));
  plan.unit_splits = std::min(units, plan.unit_splits * ceil_div(wanted, plan.tasks()));
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

// 3x3 filters with step 1.
template <class T>
bool in_tiles(const ConvShape& s, bool channels_last, WinogradTiles& plan) noexcept {
  Axis axes[max_axes];
  for (int i = 0; i < max_axes; ++i) axes[i] = forward_axis(s.axes[i]);
  if (!winograd_fits(axes, s.groups, channels_last) || s.batch * s.in_channels * s.out_channels * s.out_pixels() == 0)
    return false;
  plan = plan_winograd_weight<T>(axes, s.batch, s.in_channels, s.out_channels);
  return winograd_gain * plan.multiplications < weight_plan<T>(s, false).multiplications;
}

template <class T>
struct Workspace {
  int64_t* segment;  // offsets in a strip of the lines of output pixels of a block
  int64_t* row;      // and of its taps' channels; then those of the last strip
  T *copies, *bias, *strips, *grads;

  Workspace(const WeightPlan& plan, const ConvShape& s, Carver& carver)
      : segment(carver.take<int64_t>(plan.lines())),
        row(carver.take<int64_t>(2 * plan.pitch * s.taps())),
        copies(carver.take<T>(plan.copies * plan.copy_size)),
        bias(carver.take<T>(plan.copies * s.out_channels)),
        strips(carver.take<T>(plan.tasks() * bundle * plan.strip_size)),
        grads(carver.take<T>(plan.pack_b ? plan.tasks() * grads_size(plan, s) : 0)) {}

  static int64_t grads_size(const WeightPlan& plan, const ConvShape& s) {
    return ceil_div(s.groups * plan.panels.panels, plan.unit_splits) * plan.panels.width() * plan.panel_pixels;
  }
};

// to[m] = from[m] for `pixels` rows of `columns`, with zeros up to `width`.
template <class T>
void pack_rows(const T* from, int64_t step, int64_t pixels, int columns, int width, T* to) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t m = 0; m < pixels; ++m, from += step, to += width)
    for (int n = 0; n < width; n += lanes) {
      const Vec<T> value = columns - n < lanes ? Vec<T>::load(from + n, columns - n) : Vec<T>::load(from + n);
      value.store(to + n);
    }
}

// Adds up copies of `rows` (tap, channel) by `width` output channels, `copy_size` apart, in order, and stores them in
// the weight's order: to[n][channel][tap], with `filter` elements for each n. A vector by a vector is transposed.
template <class T>
void finish_block(const T* from, int64_t copies, int64_t copy_size, int64_t taps, int64_t channels, int width,
                  int columns, int64_t filter, T* to) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t rows = taps * channels;
  for (int64_t row = 0; row < rows; row += lanes) {
    const int count = static_cast<int>(std::min<int64_t>(lanes, rows - row));
    int64_t offset[lanes];
    for (int i = 0; i < count; ++i) offset[i] = ((row + i) % taps * channels + (row + i) / taps) * width;
    for (int n = 0; n < columns; n += lanes) {
      Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
      for (int i = 0; i < lanes; ++i) {
        Vec<T> sum(T(0));
        for (int64_t copy = 0; i < count && copy < copies; ++copy)
          sum += Vec<T>::load(from + copy * copy_size + offset[i] + n);
        block.packet[i] = sum.p;
      }
      Eigen::internal::ptranspose(block);
      for (int i = 0; i < std::min(lanes, columns - n); ++i)
        Vec<T>(block.packet[i]).store(to + (n + i) * filter + row, count);
    }
  }
}

// Multiplications of the other ways; those over images come with more copies.
template <class T>
double dense_multiplications(const ConvShape& s, bool channels_last) noexcept {
  if (few_outputs_of_images<T>(s)) return 1.7 * plan_images<T>(s).multiplications;
  WinogradTiles tiles;
  if (in_tiles<T>(s, channels_last, tiles)) return winograd_gain * tiles.multiplications;
  return weight_plan<T>(s, is_product(s, channels_last)).multiplications;
}

// Without a look at the numbers.
template <class T>
size_t dense_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  if (in_lanes<T>(shape)) return backward_weight_lanes_scratch_bytes<T>(lane_plan<T>(shape, channels_last));
  if (few_outputs_of_images<T>(shape)) return backward_weight_images_scratch_bytes<T>(plan_images<T>(shape), shape);
  WinogradTiles tiles;
  if (in_tiles<T>(shape, channels_last, tiles)) return backward_weight_winograd_scratch_bytes<T>(tiles);
  Carver carver(nullptr);
  const ConvShape s = joined_images(shape, channels_last);
  const Workspace<T> workspace(weight_plan<T>(s, is_product(s, channels_last)), s, carver);
  return carver.used();
}

}  // namespace

template <class T>
bool conv_backward_weight_in_tiles(const ConvShape& shape) noexcept {
  WinogradTiles tiles;
  return !in_lanes<T>(shape) && !few_outputs_of_images<T>(shape) && in_tiles<T>(shape, true, tiles);
}

template <class T>
size_t conv_backward_weight_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  return std::max(dense_scratch_bytes<T>(shape, channels_last), backward_weight_sparse_scratch_bytes<T>(shape));
}

template <class T>
void conv_backward_weight(const ConvShape& shape, const T* grad_output, const T* input, bool channels_last,
                          T* grad_weight, T* grad_bias, void* scratch) noexcept {
  if (in_lanes<T>(shape))
    return backward_weight_lanes(lane_plan<T>(shape, channels_last), grad_output, input, grad_weight, grad_bias,
                                 scratch);
  if (is_sparse_for_weight(shape, grad_output, dense_multiplications<T>(shape, channels_last)))
    return backward_weight_sparse(shape, grad_output, input, channels_last, grad_weight, grad_bias, scratch);
  if (few_outputs_of_images<T>(shape))
    return backward_weight_images(plan_images<T>(shape), shape, grad_output, input, channels_last, grad_weight,
                                  grad_bias, scratch);
  WinogradTiles tiles;
  if (in_tiles<T>(shape, channels_last, tiles))
    return backward_weight_winograd(tiles, grad_output, input, grad_weight, grad_bias, scratch);
  const ConvShape s = joined_images(shape, channels_last);
  const WeightPlan plan = weight_plan<T>(s, is_product(s, channels_last));
  Carver carver(scratch);
  const Workspace<T> workspace(plan, s, carver);
  const Panels panels = plan.panels;
  const int64_t taps = s.taps(), columns = s.group_out(), units = s.groups * panels.panels;
  // From an image, plane, line or pixel to the next in a strip; those of a tap.
  int64_t pitch[max_axes + 1];
  pitch[max_axes] = plan.pitch;
  for (int i = max_axes - 1; i >= 0; --i) pitch[i] = pitch[i + 1] * s.axes[i].reach(plan.boxes.size[i]);
  int64_t* segment = workspace.segment;
  for (int64_t n = 0; n < plan.images_per_block; ++n)
    for (int64_t z = 0; z < plan.boxes.size[0]; ++z)
      for (int64_t y = 0; y < plan.boxes.size[1]; ++y)
        *segment++ = n * pitch[0] + z * s.axes[0].stride * pitch[1] + y * s.axes[1].stride * pitch[2];
  const int64_t last_channels = s.group_in() - (plan.strips - 1) * plan.pitch;
  int64_t *row = workspace.row, *last_row = workspace.row + taps * plan.pitch;
  for (int64_t z = 0; z < s.axes[0].kernel; ++z)
    for (int64_t y = 0; y < s.axes[1].kernel; ++y)
      for (int64_t x = 0; x < s.axes[2].kernel; ++x)
        for (int64_t c = 0; c < plan.pitch; ++c) {
          *row = z * s.axes[0].dilation * pitch[1] + y * s.axes[1].dilation * pitch[2] +
                 x * s.axes[2].dilation * pitch[3] + c;
          if (c < last_channels) *last_row++ = *row;
          ++row;
        }
  // Where a copy keeps the block of a unit and a strip, and where the weight does.
  const auto block_offset = [&](int64_t unit, int64_t strip) {
    const int64_t g = unit / panels.panels, p = unit % panels.panels;
    return ((g * panels.padded_columns() + panels.begin(p)) * s.group_in() +
            strip * plan.pitch * panels.vectors_of(p) * panels.lanes) *
           taps;
  };
  const auto finish = [&](int64_t unit, int64_t strip) {
    const int64_t g = unit / panels.panels, p = unit % panels.panels, filter = s.group_in() * taps;
    const int64_t channel = strip * plan.pitch;
    finish_block(workspace.copies + block_offset(unit, strip), plan.copies, plan.copy_size, taps,
                 std::min(plan.pitch, s.group_in() - channel), panels.vectors_of(p) * panels.lanes,
                 panels.columns_of(p), filter, grad_weight + (g * columns + panels.begin(p)) * filter + channel * taps);
  };

  const Images<T> images{input, {s.axes[0].in, s.axes[1].in, s.axes[2].in}, s.in_channels, channels_last};
  const int64_t outputs[] = {s.axes[0].out, s.axes[1].out, s.axes[2].out};
  struct Block {
    int64_t first, last, pixel, pixels, lines;  // images; output pixels from the first on, and their lines
    Box part;                                   // of the input
  };
  const auto block_of = [&](int64_t copy, int64_t index) {
    const Box box = plan.boxes.at(index % plan.boxes.boxes(), outputs);
    Block block;
    block.first = copy * plan.images_per_copy + index / plan.boxes.boxes() * plan.images_per_block;
    block.last = std::min({s.batch, (copy + 1) * plan.images_per_copy, block.first + plan.images_per_block});
    block.pixel = block.first;
    for (int i = 0; i < max_axes; ++i) {
      block.pixel = block.pixel * s.axes[i].out + box.begin[i];
      block.part.begin[i] = box.begin[i] * s.axes[i].stride - s.axes[i].padding;
      block.part.size[i] = s.axes[i].reach(plan.boxes.size[i]);
    }
    block.pixels = std::max<int64_t>(0, block.last - block.first) * box.pixels();
    block.lines = block.pixels / box.size[2];
    return block;
  };
  // What a block reads, where that lies together and is not shared out between tasks.
  const auto set_ahead = [&](const Block& block, Ahead& ahead) {
    const int64_t pixels = plan.unit_splits == 1 ? block.pixels : 0;
    int64_t first = block.first, last = block.last - 1;
    for (int i = 0; i < max_axes; ++i) {
      const int64_t size = s.axes[i].in, begin = block.part.begin[i];
      first = first * size + std::clamp<int64_t>(begin, 0, size - 1);
      last = last * size + std::clamp<int64_t>(begin + block.part.size[i] - 1, 0, size - 1);
    }
    const bool together = plan.strip_splits == 1 && (plan.boxes.boxes() == 1 || channels_last);
    ahead.set(grad_output + block.pixel * s.out_channels, pixels * s.out_channels, input + first * s.in_channels,
              together ? std::max<int64_t>(0, last + 1 - first) * s.in_channels : 0);
  };
  parallel_for(plan.tasks(), plan.multiplications, [&](int64_t task) {
    const int64_t copy = task / (plan.unit_splits * plan.strip_splits);
    const int64_t unit_split = task / plan.strip_splits % plan.unit_splits, strip_split = task % plan.strip_splits;
    const int64_t first_unit = units * unit_split / plan.unit_splits;
    const int64_t last_unit = units * (unit_split + 1) / plan.unit_splits;
    const int64_t first_strip = plan.strips * strip_split / plan.strip_splits;
    const int64_t last_strip = plan.strips * (strip_split + 1) / plan.strip_splits;
    T* const packed = workspace.grads + task * Workspace<T>::grads_size(plan, s);
    T* const strips = workspace.strips + task * bundle * plan.strip_size;
    T* const bias = grad_bias && strip_split == 0 ? workspace.bias + copy * s.out_channels : nullptr;
    constexpr int64_t item = sizeof(T), line = 64 / item;
    int64_t c_row[most_rows];
    Tile<T> tile;
    tile.c_row = c_row;
    tile.a_step = plan.in_place ? s.in_channels : s.axes[2].stride * plan.pitch;
    for (int64_t index = 0; index < plan.blocks_per_copy; ++index) {
      const Block block = block_of(copy, index);
      if (block.pixels == 0) break;
      const bool final_block = index + 1 == plan.blocks_per_copy;
      const int64_t pixels = block.pixels, line_pixels = pixels / block.lines;
      const T* const grad = grad_output + block.pixel * s.out_channels;
      Ahead ahead;
      if (!final_block) set_ahead(block_of(copy, index + 1), ahead);
      const auto panel_at = [&](int64_t unit) {
        return plan.pack_b ? packed + (unit - first_unit) * panels.width() * plan.panel_pixels : grad;
      };
      if (plan.pack_b)
        for (int64_t m = 0; m < pixels; m += pack_run)
          for (int64_t unit = first_unit; unit < last_unit; ++unit) {
            const int64_t p = unit % panels.panels, column = unit / panels.panels * columns + panels.begin(p);
            const int width = panels.vectors_of(p) * panels.lanes;
            pack_rows(grad + m * s.out_channels + column, s.out_channels, std::min(pack_run, pixels - m),
                      panels.columns_of(p), width,
                      packed + (unit - first_unit) * panels.width() * plan.panel_pixels + m * width);
          }
      for (int64_t unit = first_unit; bias && unit < last_unit; ++unit) {
        const int64_t p = unit % panels.panels, column = unit / panels.panels * columns + panels.begin(p);
        if (index == 0) std::fill_n(bias + column, panels.columns_of(p), T(0));
        add_columns(panel_at(unit), pixels, panels.vectors_of(p) * panels.lanes, panels.columns_of(p), bias + column);
      }
      for (int64_t unit = first_unit, end; unit < last_unit; unit = end) {  // the units of one group
        const int64_t g = unit / panels.panels;
        end = std::min(last_unit, (g + 1) * panels.panels);
        for (int64_t strip = first_strip; strip < last_strip; ++strip) {
          const int64_t channel = strip * plan.pitch, channels = std::min(plan.pitch, s.group_in() - channel);
          const int64_t place = (strip - first_strip) % bundle;
          if (place == 0 && !plan.in_place) {
            const int64_t stop = std::min(std::min(strip + bundle, last_strip) * plan.pitch, s.group_in());
            fill_slab(images, block.first, block.last, block.part,
                      {g * s.group_in() + channel, stop - channel, plan.pitch, plan.strip_size}, strips);
          }
          for (int64_t u = unit; u < end; ++u) {
            tile.vectors = panels.vectors_of(u % panels.panels);
            tile.columns = tile.vectors * panels.lanes;
            tile.b_step = tile.columns;
            tile.b_segment = line_pixels * tile.b_step;
            for (int i = 0; i < most_rows; ++i) c_row[i] = i * tile.columns;
            const Strips tiles = strips_for(taps * channels, tile.vectors);
            T* const sums = workspace.copies + copy * plan.copy_size + block_offset(u, strip);
            const int64_t* const rows = workspace.row + (strip + 1 < plan.strips ? 0 : taps * plan.pitch);
            // Lines or, of joined pixels, pixels are worked off in runs.
            const int64_t length = plan.joined ? pixels : block.lines;
            const int64_t runs = ceil_div(pixels * tile.columns * item, panel_bytes), run = ceil_div(length, runs);
            ahead.cut((last_unit - first_unit) * (last_strip - first_strip) * runs * tiles.strips);
            for (int64_t begin = 0; begin < length; begin += run) {
              const int64_t count = std::min(run, length - begin);
              tile.segments = plan.joined ? 1 : count;
              tile.depth = plan.joined ? count : line_pixels;
              tile.a_segment = workspace.segment + (plan.joined ? 0 : begin);
              tile.a = plan.in_place ? input + block.first * s.in_channels + g * s.group_in() + channel
                                     : strips + place * plan.strip_size;
              if (plan.joined) tile.a += begin * tile.a_step;
              tile.b = panel_at(u) + begin * (plan.joined ? 1 : line_pixels) * tile.b_step;
              tile.accumulate = index > 0 || begin > 0;
              for (int64_t t = 0; t < tiles.strips; ++t) {
                const int64_t row = tiles.begin(t);
                tile.rows = static_cast<int>(tiles.begin(t + 1) - row);
                tile.a_row = rows + row;
                tile.c = sums + row * tile.columns;
                if (tile.accumulate)
                  for (int64_t i = 0; i < tile.rows * tile.columns; i += line) Eigen::internal::prefetch(tile.c + i);
                ahead.fetch();
                run_tile(tile);
              }
            }
            if (plan.copies == 1 && final_block) finish(u, strip);
          }
        }
      }
    }
  });
  if (plan.copies != 1)
    parallel_for(units * plan.strips, static_cast<double>((plan.copies + 2) * plan.copy_size),
                 [&](int64_t task) { finish(task / plan.strips, task % plan.strips); });
  if (grad_bias)
    for (int64_t n = 0; n < s.out_channels; ++n) {
      T sum(0);
      for (int64_t copy = 0; copy < plan.copies; ++copy) sum += workspace.bias[copy * s.out_channels + n];
      grad_bias[n] = sum;
    }
}

#define CYGNET_INSTANTIATE(T)                                                             \
  template bool conv_backward_weight_in_tiles<T>(const ConvShape&) noexcept;              \
  template size_t conv_backward_weight_scratch_bytes<T>(const ConvShape&, bool) noexcept; \
  template void conv_backward_weight<T>(const ConvShape&, const T*, const T*, bool, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
