#include "conv_plan.h"

#include "core/parallel.h"

namespace cygnet {
namespace {

// Tasks that keep all threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t enough_tasks = 32;
constexpr double task_work = 1 << 18;
// Pixels below which tiles of a task would be ragged.
constexpr int64_t task_pixels = 48;
// Bytes of a task's part of the source, and of a block of packed weights, that stay in the second-level cache.
constexpr int64_t slab_bytes = 512 << 10, weight_bytes = 256 << 10;
// Depth up to which the taps of a filter row are worked off as one run, where memory allows it.
constexpr int64_t merged_depth = 512;

// to[x][c] = from[c][x] for `count` x and `channels` c; lines of `from` are `plane` apart.
template <class T>
void interleave(const T* from, int64_t plane, int64_t count, int64_t channels, T* to) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    int64_t x = 0;
    for (; x + lanes <= count; x += lanes) {
      Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
      for (int i = 0; i < lanes; ++i) block.packet[i] = Vec<T>::load(from + (c + i) * plane + x).p;
      Eigen::internal::ptranspose(block);
      for (int i = 0; i < lanes; ++i) Vec<T>(block.packet[i]).store(to + (x + i) * channels + c);
    }
    for (; x < count; ++x)
      for (int i = 0; i < lanes; ++i) to[x * channels + c + i] = from[(c + i) * plane + x];
  }
  for (; c < channels; ++c)
    for (int64_t x = 0; x < count; ++x) to[x * channels + c] = from[c * plane + x];
}

// The taps of an axis grouped by phase, offsets ascending within a phase.
struct PhaseTaps {
  int64_t *tap, *offset, *start;  // start: phases + 1 entries

  PhaseTaps(const Axis& axis, Carver& carver)
      : tap(carver.take<int64_t>(axis.taps)),
        offset(carver.take<int64_t>(axis.taps)),
        start(carver.take<int64_t>(axis.phases() + 1)) {}

  void fill(const Axis& axis) const noexcept {
    const int64_t phases = axis.phases();
    std::fill(start, start + phases + 1, 0);
    for (int64_t k = 0; k < axis.taps; ++k)
      if (const int64_t phase = axis.phase_of(k); phase < phases) ++start[phase + 1];
    for (int64_t phase = 0; phase < phases; ++phase) start[phase + 1] += start[phase];
    for (int64_t n = 0; n < axis.taps; ++n) {
      const int64_t k = axis.tap_step < 0 ? axis.taps - 1 - n : n;
      const int64_t phase = axis.phase_of(k);
      if (phase >= phases) continue;
      // Until the last tap of the phase has come, start[phase] is where the next one goes.
      tap[start[phase]] = k;
      offset[start[phase]++] = axis.offset_of(k);
    }
    for (int64_t phase = phases; phase > 0; --phase) start[phase] = start[phase - 1];
    start[0] = 0;
  }
  int64_t count(int64_t phase) const { return start[phase + 1] - start[phase]; }
  bool consecutive(int64_t phase) const {
    for (int64_t i = start[phase] + 1; i < start[phase + 1]; ++i)
      if (offset[i] != offset[i - 1] + 1) return false;
    return true;
  }
};

template <class T>
struct Workspace {
  PhaseTaps h, w;
  int64_t *place_of, *segment;  // of each tap its place in the packed weights, or -1; its offset in the source
  T *packed, *slabs;

  Workspace(const Correlation& plan, Carver& carver)
      : h(plan.h, carver),
        w(plan.w, carver),
        place_of(carver.take<int64_t>(plan.taps())),
        segment(carver.take<int64_t>(plan.taps())),
        packed(carver.take<T>(plan.packed_size())),
        slabs(carver.take<T>(plan.slab ? plan.slab_size * plan.tasks() : 0)) {}

  // The first place of phase (a, b): places are ordered by a, then b, then the tap's row and column.
  int64_t place(const Correlation& plan, int64_t a, int64_t b) const {
    return h.start[a] * plan.w.taps + h.count(a) * w.start[b];
  }
  bool merged(const Correlation& plan, int64_t b) const {
    return plan.groups == 1 && w.count(b) * plan.group_depth() <= merged_depth && w.consecutive(b);
  }
  void fill(const Correlation& plan, int64_t row_pitch) const noexcept {
    h.fill(plan.h);
    w.fill(plan.w);
    const int64_t row = plan.slab ? plan.rows.low : 0, column = plan.slab ? plan.columns.low : 0;
    std::fill(place_of, place_of + plan.taps(), -1);
    for (int64_t a = 0; a < plan.h.phases(); ++a)
      for (int64_t b = 0; b < plan.w.phases(); ++b) {
        const int64_t first = place(plan, a, b), width = w.count(b);
        const bool joined = merged(plan, b);
        for (int64_t i = 0; i < h.count(a); ++i)
          for (int64_t j = 0; j < width; ++j) {
            const int64_t y = h.start[a] + i, x = w.start[b] + j;
            place_of[h.tap[y] * plan.w.taps + w.tap[x]] = first + i * width + j;
            if (!joined || j == 0)
              segment[first + (joined ? i : i * width + j)] =
                  (h.offset[y] - row) * row_pitch + (w.offset[x] - column) * plan.source_channels;
          }
      }
  }
};

// to[place_of[tap]][k][n] = from[n][k][tap] for `depth` k and `columns` n, with zeros up to `width`; from one place to
// the next `to` has `place_rows` rows.
template <class T>
void pack_weights(const T* from, WeightSteps steps, int64_t depth, int64_t taps, const int64_t* place_of, int columns,
                  int width, int64_t place_rows, T* to) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const auto row = [&](int64_t k, int64_t tap) { return to + (place_of[tap] * place_rows + k) * width; };
  if (steps.depth != taps) {
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t tap = 0; tap < taps; ++tap) {
        if (place_of[tap] < 0) continue;
        T* const line = row(k, tap);
        const T* const source = from + k * steps.depth + tap;
        for (int n = 0; n < columns; ++n) line[n] = source[n * steps.column];
        std::fill(line + columns, line + width, T(0));
      }
    return;
  }
  // (k, tap) is contiguous: transposed a vector by a vector at a time.
  for (int n = 0; n < width; n += lanes) {
    const int valid = std::clamp(columns - n, 0, lanes);
    int64_t k = 0, tap = 0;
    for (int64_t i = 0; i < depth * taps; i += lanes) {
      const int count = static_cast<int>(std::min<int64_t>(lanes, depth * taps - i));
      Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
      for (int j = 0; j < lanes; ++j)
        block.packet[j] = j < valid ? Vec<T>::load(from + (n + j) * steps.column + i, count).p : Vec<T>(T(0)).p;
      Eigen::internal::ptranspose(block);
      for (int j = 0; j < count; ++j) {
        if (place_of[tap] >= 0) Vec<T>(block.packet[j]).store(row(k, tap) + n);
        if (++tap == taps) tap = 0, ++k;
      }
    }
  }
}

}  // namespace

Axis::Reach Axis::reach() const {
  Reach result{INT64_MAX, INT64_MIN, 0};
  for (int64_t k = 0; k < taps; ++k) {
    const int64_t phase = phase_of(k);
    if (phase >= phases()) continue;
    const int64_t offset = offset_of(k);
    result.low = std::min(result.low, offset);
    result.high = std::max(result.high, offset);
    result.end = std::max(result.end, (count(phase) - 1) * source_step + offset + 1);
  }
  if (result.low > result.high) return {0, 0, 0};
  return result;
}

double Correlation::multiplications() const {
  double h_taps = 0, w_taps = 0;
  for (int64_t k = 0; k < h.taps; ++k)
    if (h.phase_of(k) < h.phases()) h_taps += static_cast<double>(h.count(h.phase_of(k)));
  for (int64_t k = 0; k < w.taps; ++k)
    if (w.phase_of(k) < w.phases()) w_taps += static_cast<double>(w.count(w.phase_of(k)));
  return h_taps * w_taps * static_cast<double>(images) * static_cast<double>(group_depth()) *
         static_cast<double>(groups * panels.padded_columns());
}

template <class T>
void fill_slab(const Images<T>& images, int64_t first, int64_t last, int64_t row, int64_t rows, int64_t column,
               int64_t columns, T* slab) noexcept {
  const int64_t channels = images.channels, line = columns * channels;
  const int64_t left = std::clamp<int64_t>(-column, 0, columns);
  const int64_t right = std::clamp<int64_t>(images.w - column, left, columns);  // columns [left, right) are inside
  for (int64_t n = first; n < last; ++n) {
    const T* image = images.data + n * images.h * images.w * channels;
    for (int64_t y = row; y < row + rows; ++y, slab += line) {
      if (y < 0 || y >= images.h || left == right) {
        std::fill(slab, slab + line, T(0));
        continue;
      }
      std::fill(slab, slab + left * channels, T(0));
      const int64_t x = column + left, count = right - left;
      if (images.channels_last)
        std::copy_n(image + (y * images.w + x) * channels, count * channels, slab + left * channels);
      else
        interleave(image + y * images.w + x, images.h * images.w, count, channels, slab + left * channels);
      std::fill(slab + right * channels, slab + line, T(0));
    }
  }
}

template <class T>
Correlation plan_correlation(const Axis& h, const Axis& w, int64_t images, int64_t source_channels,
                             int64_t target_channels, int64_t groups, bool channels_last) noexcept {
  Correlation plan{};
  plan.h = h;
  plan.w = w;
  plan.images = images;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.groups = groups;
  plan.channels_last = channels_last;
  plan.panels = panels_for<T>(target_channels / groups);
  plan.rows = h.reach();
  plan.columns = w.reach();
  plan.slab = !channels_last || plan.rows.low < 0 || plan.columns.low < 0 || plan.rows.end > h.source ||
              plan.columns.end > w.source;
  plan.image_blocks = plan.row_blocks = plan.images_per_task = plan.rows_per_task = plan.unit_splits = 1;
  const int64_t grid_h = h.target > 0 ? h.count(0) : 0, grid_w = w.target > 0 ? w.count(0) : 0;
  if (images == 0 || target_channels == 0 || grid_h == 0 || grid_w == 0) {
    plan.image_blocks = 0;
    plan.slab = false;
    return plan;
  }
  plan.slab_columns = std::max<int64_t>(plan.columns.end - plan.columns.low, 0);
  const int64_t span = plan.rows.high - plan.rows.low + 1;  // source rows of one target row
  const double image_work = std::max(1.0, plan.multiplications() / static_cast<double>(images));
  const double total = image_work * static_cast<double>(images);
  const int64_t most_tasks = std::max<int64_t>(1, static_cast<int64_t>(std::min(total / task_work, 1e6)));
  if (image_work < task_work) {
    plan.images_per_task = std::min(images, static_cast<int64_t>(task_work / image_work) + 1);
    plan.image_blocks = ceil_div(images, plan.images_per_task);
    plan.images_per_task = ceil_div(images, plan.image_blocks);
    plan.image_blocks = ceil_div(images, plan.images_per_task);
    plan.rows_per_task = grid_h;
  } else {
    plan.image_blocks = images;
    const int64_t wanted = std::min(enough_tasks, most_tasks);
    plan.unit_splits = std::min(plan.units(), ceil_div(wanted, images));
    const int64_t step = h.source_step * plan.slab_columns * source_channels * static_cast<int64_t>(sizeof(T));
    const int64_t by_memory = std::min(ceil_div(grid_h * step, slab_bytes), grid_h * h.source_step / (2 * span));
    const int64_t by_pixels = std::max<int64_t>(1, grid_h * grid_w / task_pixels);
    // Rows that two blocks share are copied and read twice.
    const int64_t by_shared_rows = std::max<int64_t>(1, 4 * grid_h * h.source_step / span);
    const int64_t blocks = std::clamp<int64_t>(std::max(by_memory, ceil_div(wanted, images * plan.unit_splits)), 1,
                                               std::min({grid_h, by_pixels, by_shared_rows}));
    plan.rows_per_task = ceil_div(grid_h, blocks);
    plan.row_blocks = ceil_div(grid_h, plan.rows_per_task);
  }
  const int64_t slab_rows = (plan.rows_per_task - 1) * h.source_step + span;
  plan.slab_size = ceil_div(plan.images_per_task * slab_rows * plan.slab_columns * source_channels, 16) * 16;
  return plan;
}

template <class T>
size_t correlate_scratch_bytes(const Correlation& plan) noexcept {
  Carver carver(nullptr);
  const Workspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void correlate(const Correlation& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
               Activation activation, T* target, void* scratch) noexcept {
  if (plan.tasks() == 0) return;
  Carver carver(scratch);
  const Workspace<T> workspace(plan, carver);
  const int64_t channels = plan.source_channels, depth = plan.group_depth();
  const int64_t row_pitch = (plan.slab ? plan.slab_columns : plan.w.source) * channels;
  workspace.fill(plan, row_pitch);

  const Panels panels = plan.panels;
  const int64_t taps = plan.taps();
  const auto packed_unit = [&](int64_t unit) {
    const int64_t g = unit / panels.panels, p = unit % panels.panels;
    return workspace.packed + (g * panels.padded_columns() + panels.begin(p)) * taps * depth;
  };
  constexpr int64_t block = Vec<T>::lanes;
  const int64_t blocks = ceil_div(depth, block);
  parallel_for(plan.units() * blocks, static_cast<double>(plan.packed_size()), [&](int64_t task) {
    const int64_t unit = task / blocks, k = task % blocks * block;
    const int64_t g = unit / panels.panels, p = unit % panels.panels;
    pack_weights(weight + g * steps.group + panels.begin(p) * steps.column + k * steps.depth, steps,
                 std::min(block, depth - k), taps, workspace.place_of, panels.columns_of(p),
                 panels.vectors_of(p) * panels.lanes, depth,
                 packed_unit(unit) + k * panels.vectors_of(p) * panels.lanes);
  });

  const Images<T> images{source, plan.h.source, plan.w.source, channels, plan.channels_last};
  const int64_t target_line = plan.w.target * plan.target_channels;
  parallel_for(plan.tasks(), plan.multiplications(), [&](int64_t task) {
    const int64_t split = task % plan.unit_splits, block = task / plan.unit_splits;
    const int64_t first = block / plan.row_blocks * plan.images_per_task;
    const int64_t last = std::min(plan.images, first + plan.images_per_task);
    const int64_t row = block % plan.row_blocks * plan.rows_per_task;
    const T* origin = source + (first * plan.h.source + row * plan.h.source_step) * row_pitch;
    int64_t image_pitch = plan.h.source * row_pitch;
    if (plan.slab) {
      const int64_t end = std::min(plan.h.count(0), row + plan.rows_per_task);
      const int64_t rows = (end - 1 - row) * plan.h.source_step + plan.rows.high - plan.rows.low + 1;
      T* slab = workspace.slabs + task * plan.slab_size;
      fill_slab(images, first, last, row * plan.h.source_step + plan.rows.low, rows, plan.columns.low,
                plan.slab_columns, slab);
      origin = slab;
      image_pitch = rows * row_pitch;
    }
    const int64_t unit_end = plan.units() * (split + 1) / plan.unit_splits;
    for (int64_t unit = plan.units() * split / plan.unit_splits; unit < unit_end; ++unit) {
      const int64_t g = unit / panels.panels, p = unit % panels.panels;
      const int64_t column = g * plan.group_columns() + panels.begin(p);
      const int64_t width = int64_t{panels.vectors_of(p)} * panels.lanes;
      int64_t a_row[most_rows], c_row[most_rows];
      Tile<T> tile;
      tile.a = origin + g * depth;
      tile.a_row = a_row;
      tile.c_row = c_row;
      tile.b_step = width;
      tile.b_padded = true;
      tile.vectors = panels.vectors_of(p);
      tile.columns = panels.columns_of(p);
      for (int64_t a = 0; a < plan.h.phases(); ++a)
        for (int64_t b = 0; b < plan.w.phases(); ++b) {
          const int64_t rows = std::min(plan.h.count(a), row + plan.rows_per_task) - row, columns = plan.w.count(b);
          if (rows <= 0) continue;
          const bool merged = workspace.merged(plan, b);
          const int64_t place = workspace.place(plan, a, b);
          const int64_t segments = workspace.h.count(a) * (merged ? 1 : workspace.w.count(b));
          tile.depth = depth * (merged ? workspace.w.count(b) : 1);
          tile.b_segment = tile.depth * width;
          const int64_t segment_bytes = std::max<int64_t>(1, tile.b_segment * static_cast<int64_t>(sizeof(T)));
          const int64_t segment_block = segments * segment_bytes <= 2 * weight_bytes
                                            ? segments
                                            : std::max<int64_t>(1, weight_bytes / segment_bytes);
          const Strips strips = strips_for((last - first) * rows * columns, tile.vectors);
          const int64_t a_step = plan.w.source_step * channels, a_line = plan.h.source_step * row_pitch;
          const int64_t c_step = plan.w.target_step * plan.target_channels;
          const int64_t c_line = plan.h.target_step * target_line;
          tile.c = target + first * plan.h.target * target_line + (row * plan.h.target_step + a) * target_line +
                   b * plan.target_channels + column;
          // At least one pass, so that pixels which no tap reaches are stored.
          for (int64_t s = 0; s == 0 || s < segments; s += segment_block) {
            tile.segments = std::min(segment_block, segments - s);
            tile.a_segment = workspace.segment + place + s;
            tile.b = packed_unit(unit) + place * depth * width + s * tile.b_segment;
            tile.accumulate = s > 0;
            const bool finished = s + segment_block >= segments;
            tile.bias = finished && bias ? bias + column : nullptr;
            tile.activation = finished ? activation : Activation::None;
            int64_t n = 0, y = 0, x = 0, from = 0, to = 0;
            for (int64_t strip = 0; strip < strips.strips; ++strip) {
              tile.rows = static_cast<int>(strips.begin(strip + 1) - strips.begin(strip));
              for (int m = 0; m < tile.rows; ++m) {
                a_row[m] = from;
                c_row[m] = to;
                from += a_step;
                to += c_step;
                if (++x == columns) {
                  x = 0;
                  if (++y == rows) y = 0, ++n;
                  from = n * image_pitch + y * a_line;
                  to = n * plan.h.target * target_line + y * c_line;
                }
              }
              run_tile(tile);
            }
            if (segments == 0) break;
          }
        }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                      \
  template void fill_slab<T>(const Images<T>&, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, T*) noexcept; \
  template Correlation plan_correlation<T>(const Axis&, const Axis&, int64_t, int64_t, int64_t, int64_t,           \
                                           bool) noexcept;                                                         \
  template size_t correlate_scratch_bytes<T>(const Correlation&) noexcept;                                         \
  template void correlate<T>(const Correlation&, const T*, const T*, WeightSteps, const T*, Activation, T*,        \
                             void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
