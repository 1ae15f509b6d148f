#include "conv_plan.h"

#include <optional>

#include "conv_depthwise.h"
#include "conv_few_outputs.h"
#include "conv_winograd.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Tasks that keep all threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t enough_tasks = 16;
constexpr double task_work = 1 << 18;
// A lone image is waited for: its tasks may be smaller.
constexpr double task_work_alone = 1 << 16;
// Pixels below which tiles of a task would be ragged, and pixels of the images that a task joins, which share the
// packed weights and fill the tiles of the borders.
constexpr int64_t task_pixels = 48, task_pixels_alone = 24, joined_pixels = 1024;
// Pixels of a lone image up to which its tasks share out the target channels rather than the pixels.
constexpr int64_t few_pixels = 256;
// Bytes of a task's part of the source, and of a block of packed weights, that stay in the second-level cache.
constexpr int64_t slab_bytes = 512 << 10, weight_bytes = 256 << 10;
// Bytes of a target that is no longer in the caches when it is written again.
constexpr int64_t far_bytes = 8 << 20;
// Depth up to which the taps of a filter row are worked off as one run, where memory allows it.
constexpr int64_t merged_depth = 512;

// The taps of an axis grouped by phase, offsets ascending within a phase, and the target positions cut into runs.
struct PhaseTaps {
  // Positions [begin, end) of a phase whose taps [first, first + taps) of the phase's read inside the source: what lies
  // outside is zero and costs no work.
  struct Run {
    int64_t phase, begin, end, first, taps;
  };
  int64_t *tap, *offset, *start;  // start: phases + 1 entries
  Run* run;
  int64_t* runs;

  PhaseTaps(const Axis& axis, Carver& carver)
      : tap(carver.take<int64_t>(axis.taps)),
        offset(carver.take<int64_t>(axis.taps)),
        start(carver.take<int64_t>(axis.phases() + 1)),
        run(carver.take<Run>(axis.phases() + 2 * axis.taps)),
        runs(carver.take<int64_t>(1)) {}

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
    *runs = 0;
    for (int64_t phase = 0; phase < phases; ++phase) {
      Run next{phase, 0, 0, 0, 0};
      for (; next.begin < axis.count(phase); next.begin = next.end) {
        next.end = axis.count(phase);
        next.first = next.taps = 0;
        for (int64_t i = start[phase]; i < start[phase + 1]; ++i) {
          const auto [begin, end] = axis.inside(tap[i]);
          if (begin > next.begin) next.end = std::min(next.end, begin);
          if (end > next.begin) next.end = std::min(next.end, end);
          if (begin <= next.begin && next.begin < end && next.taps++ == 0) next.first = i - start[phase];
        }
        run[(*runs)++] = next;
      }
    }
  }
  int64_t count(int64_t phase) const { return start[phase + 1] - start[phase]; }
  bool consecutive(int64_t phase) const {
    for (int64_t i = start[phase] + 1; i < start[phase + 1]; ++i)
      if (offset[i] != offset[i - 1] + 1) return false;
    return true;
  }
};

// From an image, plane, line or pixel to the next, in the source (or slab) and in the target.
struct Pitches {
  int64_t source[max_axes + 1], target[max_axes + 1];

  explicit Pitches(const Correlation& plan) {
    source[max_axes] = plan.source_channels;
    target[max_axes] = plan.target_channels;
    for (int i = max_axes - 1; i >= 0; --i) {
      source[i] = source[i + 1] * (plan.slab ? plan.slab_extent(i) : plan.axes[i].source);
      target[i] = target[i + 1] * (plan.pools && i == 1 ? plan.boxes.size[1] : plan.axes[i].target);
    }
  }
};

// What a correlation reads beside its source.
template <class T>
struct Workspace {
  PhaseTaps axes[max_axes];
  int64_t *place_of, *segment;  // of each tap its place in the packed weights, or -1; its offset in the source
  T* packed;

  Workspace(const Correlation& plan, Carver& carver)
      : axes{{plan.axes[0], carver}, {plan.axes[1], carver}, {plan.axes[2], carver}},
        place_of(carver.take<int64_t>(plan.taps())),
        segment(carver.take<int64_t>(plan.taps())),
        packed(carver.take<T>(plan.packed_size())) {}

  // The target positions of one phase. Places of taps are ordered by phase, then by the tap's position.
  struct Phase {
    int64_t axis[max_axes], taps[max_axes], place;
    bool merged;  // whether the taps of a line of the filter are worked off as one, since they read neighbours
  };
  Phase phase(const Correlation& plan, int64_t z, int64_t y, int64_t x) const {
    Phase result{{z, y, x}, {axes[0].count(z), axes[1].count(y), axes[2].count(x)}, 0, false};
    result.place = (axes[0].start[z] * plan.axes[1].taps + result.taps[0] * axes[1].start[y]) * plan.axes[2].taps +
                   result.taps[0] * result.taps[1] * axes[2].start[x];
    result.merged = plan.groups == 1 && result.taps[2] * plan.group_depth() <= merged_depth && axes[2].consecutive(x);
    return result;
  }
  T* unit(const Correlation& plan, int64_t unit) const {
    const int64_t g = unit / plan.panels.panels, p = unit % plan.panels.panels;
    return packed + (g * plan.panels.padded_columns() + plan.panels.begin(p)) * plan.taps() * plan.group_depth();
  }
  void fill(const Correlation& plan) const noexcept {
    const Pitches pitches(plan);
    for (int i = 0; i < max_axes; ++i) axes[i].fill(plan.axes[i]);
    const auto offset = [&](int axis, int64_t tap) {
      return (axes[axis].offset[tap] - (plan.slab ? plan.reach[axis].low : 0)) * pitches.source[axis + 1];
    };
    std::fill(place_of, place_of + plan.taps(), -1);
    const int64_t lines = plan.axes[1].phases(), columns = plan.axes[2].phases();
    for (int64_t index = 0; index < plan.phases(); ++index) {
      const Phase p = phase(plan, index / columns / lines, index / columns % lines, index % columns);
      const int64_t *first = p.axis, *taps = p.taps;
      int64_t place = p.place, *next_segment = segment + p.place;
      for (int64_t i = 0; i < taps[0]; ++i)
        for (int64_t j = 0; j < taps[1]; ++j)
          for (int64_t k = 0; k < taps[2]; ++k) {
            const int64_t z = axes[0].start[first[0]] + i, y = axes[1].start[first[1]] + j;
            const int64_t x = axes[2].start[first[2]] + k;
            const int64_t tap = (axes[0].tap[z] * plan.axes[1].taps + axes[1].tap[y]) * plan.axes[2].taps;
            place_of[tap + axes[2].tap[x]] = place++;
            if (!p.merged || k == 0) *next_segment++ = offset(0, z) + offset(1, y) + offset(2, x);
          }
    }
  }
};

// Visits the positions of a box in some images, the last axis fastest, with offsets in the source and in the target.
// Steps are those of the images and of the axes.
struct Walk {
  int64_t size[max_axes], from_step[max_axes + 1], to_step[max_axes + 1];
  int64_t at[max_axes + 1] = {}, from = 0, to = 0;

  void next() {
    from += from_step[3];
    to += to_step[3];
    if (++at[3] < size[2]) return;
    at[3] = 0;
    if (++at[2] == size[1]) {
      at[2] = 0;
      if (++at[1] == size[0]) at[1] = 0, ++at[0];
    }
    from = at[0] * from_step[0] + at[1] * from_step[1] + at[2] * from_step[2];
    to = at[0] * to_step[0] + at[1] * to_step[1] + at[2] * to_step[2];
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

template <class T>
LaneConv lanes_of(const Correlation& plan) noexcept {
  return plan_lanes<T>(plan.axes, plan.images, plan.source_channels, plan.target_channels, plan.groups,
                       plan.channels_last);
}

template <class T>
WinogradTiles winograd_of(const Correlation& plan) noexcept {
  return plan_winograd<T>(plan.axes, plan.images, plan.source_channels, plan.target_channels,
                          plan.pools ? &plan.pooling : nullptr);
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

Axis::Range Axis::inside(int64_t tap) const {
  const int64_t offset = offset_of(tap), positions = count(phase_of(tap));
  const int64_t begin = offset < 0 ? ceil_div(-offset, source_step) : 0;
  const int64_t end = offset < source ? (source - 1 - offset) / source_step + 1 : 0;
  return {std::min(begin, positions), std::min(std::max(begin, end), positions)};
}

double Axis::pairs() const {
  double pairs = 0;
  for (int64_t k = 0; k < taps; ++k)
    if (phase_of(k) < phases()) pairs += static_cast<double>(inside(k).end - inside(k).begin);
  return pairs;
}

int64_t Correlation::grid(int axis) const {
  if (!pools) return axes[axis].target > 0 ? axes[axis].count(0) : 0;
  const PoolAxis& windows = axis == 0 ? pooling.windows.d : axis == 1 ? pooling.windows.h : pooling.windows.w;
  return windows.out * windows.kernel;
}

Box Boxes::at(int64_t index, const int64_t (&length)[max_axes]) const {
  Box box;
  for (int i = max_axes - 1; i >= 0; --i) {
    box.begin[i] = index % count[i] * size[i];
    box.size[i] = std::min(size[i], length[i] - box.begin[i]);
    index /= count[i];
  }
  return box;
}

template <class T>
Correlation plan_correlation(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                             int64_t target_channels, int64_t groups, bool channels_last) noexcept {
  Correlation plan{};
  plan.images = images;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.groups = groups;
  plan.channels_last = channels_last;
  plan.panels = panels_for<T>(target_channels / groups);
  plan.slab = !channels_last;
  plan.images_per_task = plan.unit_splits = 1;
  int64_t grid[max_axes], pixels = 1;
  for (int i = 0; i < max_axes; ++i) {
    plan.axes[i] = axes[i];
    plan.reach[i] = axes[i].reach();
    grid[i] = plan.grid(i);
    pixels *= grid[i];
    plan.boxes.size[i] = grid[i];
    plan.boxes.count[i] = 1;
  }
  if (images == 0 || target_channels == 0 || pixels == 0) {
    plan.slab = false;
    return plan;
  }
  const bool alone = images == 1;
  if (alone && pixels <= few_pixels && plan.panels.panels == 1 && plan.panels.vectors == 4)
    plan.panels = panels_for<T>(plan.group_columns(), 2);
  const double least_work = alone ? task_work_alone : task_work;
  const double pairs = static_cast<double>(images) * axes[0].pairs() * axes[1].pairs() * axes[2].pairs();
  plan.multiplications =
      pairs * static_cast<double>(source_channels) * static_cast<double>(plan.panels.padded_columns());
  if (groups > 1) {
    const double work = pairs * lane_work<T>(source_channels, target_channels, groups, plan.taps());
    plan.in_lanes = work < plan.multiplications;
    if (plan.in_lanes) plan.multiplications = work;
  } else if (source_channels > 0 && few_targets<T>(axes, source_channels, target_channels)) {
    plan.positions = plan_positions<T>(axes, images, source_channels, target_channels, channels_last);
    const double work = plan.positions.multiplications;
    plan.in_positions = work < plan.multiplications;
    if (plan.in_positions) plan.multiplications = work;
  }
  if (winograd_fits(axes, groups, channels_last)) {
    const double work = winograd_of<T>(plan).multiplications;
    plan.in_tiles = winograd_gain * work < plan.multiplications;
    plan.in_positions = plan.in_positions && !plan.in_tiles;
    if (plan.in_tiles) plan.multiplications = work;
  }
  if (plan.in_lanes || plan.in_positions || plan.in_tiles) {
    plan.slab = false;
    return plan;
  }
  const double image_work = std::max(1.0, plan.multiplications / static_cast<double>(images));
  const double total = image_work * static_cast<double>(images);
  const int64_t most_tasks = std::max<int64_t>(1, static_cast<int64_t>(std::min(total / least_work, 1e6)));
  const int64_t wanted = std::min(enough_tasks, most_tasks);
  const int64_t by_work = image_work < least_work ? static_cast<int64_t>(least_work / image_work) + 1 : 1;
  plan.images_per_task = std::clamp(joined_pixels / pixels, std::min(by_work, images), images);
  while (plan.images_per_task > by_work && plan.units() * ceil_div(images, plan.images_per_task) < wanted)
    plan.images_per_task = std::max(by_work, (plan.images_per_task + 1) / 2);
  plan.image_blocks = ceil_div(images, plan.images_per_task);
  plan.images_per_task = ceil_div(images, plan.image_blocks);
  plan.image_blocks = ceil_div(images, plan.images_per_task);
  if (by_work == 1) plan.unit_splits = std::min(plan.units(), ceil_div(wanted, plan.image_blocks));
  if (by_work == 1 && plan.images_per_task == 1) {
    int64_t by_memory = source_channels * static_cast<int64_t>(sizeof(T));
    for (int i = 0; i < max_axes; ++i) by_memory *= plan.slab_extent(i);
    by_memory = ceil_div(by_memory, slab_bytes);
    int64_t by_tasks = ceil_div(wanted, images * plan.unit_splits);
    int64_t by_pixels = std::max<int64_t>(1, pixels / (alone ? task_pixels_alone : task_pixels));
    for (int i = 0; i < max_axes; ++i) {
      // What two boxes share is copied and read twice.
      const int64_t once =
          std::max<int64_t>(1, grid[i] * axes[i].source_step / (2 * (plan.reach[i].high - plan.reach[i].low + 1)));
      const int64_t parts = std::max(std::min(by_memory, once), std::min(by_tasks, 4 * once));
      plan.boxes.cut(i, grid[i], std::clamp<int64_t>(parts, 1, std::min(grid[i], by_pixels)));
      by_memory = ceil_div(by_memory, plan.boxes.count[i]);
      by_tasks = ceil_div(by_tasks, plan.boxes.count[i]);
      by_pixels = std::max<int64_t>(1, by_pixels / plan.boxes.count[i]);
    }
  }
  plan.size_slab();
  return plan;
}

template <class T>
size_t correlate_packed_bytes(const Correlation& plan) noexcept {
  if (plan.in_positions) return positions_packed_bytes<T>(plan.positions);
  if (plan.in_tiles) return winograd_packed_bytes<T>(winograd_of<T>(plan));
  if (plan.in_lanes || plan.tasks() == 0) return 0;
  Carver carver(nullptr);
  const Workspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void correlate_pack(const Correlation& plan, const T* weight, WeightSteps steps, void* packed) noexcept {
  if (plan.in_positions) return pack_positions(plan.positions, weight, steps, packed);
  if (plan.in_tiles) return pack_winograd(winograd_of<T>(plan), plan.axes[1].tap_step < 0, weight, steps, packed);
  Carver carver(packed);
  const Workspace<T> workspace(plan, carver);
  workspace.fill(plan);
  constexpr int64_t block = Vec<T>::lanes;
  const Panels panels = plan.panels;
  const int64_t taps = plan.taps(), depth = plan.group_depth(), blocks = ceil_div(depth, block);
  parallel_for(plan.units() * blocks, static_cast<double>(plan.packed_size()), [&](int64_t task) {
    const int64_t unit = task / blocks, k = task % blocks * block;
    const int64_t g = unit / panels.panels, p = unit % panels.panels;
    pack_weights(weight + g * steps.group + panels.begin(p) * steps.column + k * steps.depth, steps,
                 std::min(block, depth - k), taps, workspace.place_of, panels.columns_of(p),
                 panels.vectors_of(p) * panels.lanes, depth,
                 workspace.unit(plan, unit) + k * panels.vectors_of(p) * panels.lanes);
  });
}

template <class T>
size_t correlate_scratch_bytes(const Correlation& plan) noexcept {
  if (plan.in_lanes) return correlate_lanes_scratch_bytes<T>(lanes_of<T>(plan));
  const size_t packed = correlate_packed_bytes<T>(plan);
  if (plan.in_tiles) return packed + correlate_winograd_scratch_bytes<T>(winograd_of<T>(plan));
  if (plan.in_positions) return packed + correlate_positions_scratch_bytes<T>(plan.positions);
  const int64_t slabs = plan.slab ? plan.slab_size * plan.tasks() : 0, rooms = Slots::pieces(plan.tasks()) * plan.room;
  return packed + static_cast<size_t>(slabs + rooms) * sizeof(T);
}

template <class T>
void correlate(const Correlation& plan, const T* source, const T* weight, WeightSteps steps, const void* packed,
               const T* bias, Activation activation, T* target, void* scratch, uint8_t* taps) noexcept {
  if (plan.in_lanes)
    return correlate_lanes(lanes_of<T>(plan), source, weight, steps, bias, activation, target, scratch);
  if (!plan.in_positions && !plan.in_tiles && plan.tasks() == 0) return;
  if (!packed) {
    correlate_pack(plan, weight, steps, scratch);
    packed = scratch;
    scratch = static_cast<char*>(scratch) + correlate_packed_bytes<T>(plan);
  }
  if (plan.in_tiles)
    return correlate_winograd(winograd_of<T>(plan), plan.axes[1].tap_step < 0, source, weight, steps, packed, bias,
                              activation, target, scratch, taps);
  if (plan.in_positions) return correlate_positions(plan.positions, source, packed, bias, activation, target, scratch);
  Carver carver(const_cast<void*>(packed));
  const Workspace<T> workspace(plan, carver);
  T *const rooms = static_cast<T*>(scratch), *const slabs = rooms + Slots::pieces(plan.tasks()) * plan.room;
  Slots slots;
  const int64_t channels = plan.source_channels, depth = plan.group_depth();
  const Panels panels = plan.panels;
  const Pitches pitches(plan);
  const int64_t *const pitch = pitches.source, *const target_pitch = pitches.target;

  const Images<T> images{
      source, {plan.axes[0].source, plan.axes[1].source, plan.axes[2].source}, channels, plan.channels_last};
  const int64_t grid[] = {plan.grid(0), plan.grid(1), plan.grid(2)};
  // Sends for the part of the source's lines that the strip from pixel `next` on is the first to read, and for the
  // target of a strip that comes some time later.
  constexpr int64_t line_pair = 128 / sizeof(T);  // comes as one
  const auto fetch_source = [&](const T* next, int64_t rows) {
    // A stride may go far beyond the source.
    const int64_t size = rows * std::min(plan.axes[2].source_step, plan.axes[2].source) * channels;
    const int64_t lines = std::min(plan.axes[1].source_step, plan.axes[1].source);
    for (int64_t line = 0; line < lines; ++line) {
      const T* const from = next + (plan.reach[1].high - line) * pitch[2];
      for (int64_t i = 0; i < size; i += line_pair) __builtin_prefetch(from + i, 0, 2);
    }
  };
  const auto fetch_target = [&](const T* next, int64_t rows) {
    const int64_t size = rows * plan.target_channels;
    for (int64_t i = 2 * size; i < 3 * size; i += line_pair) __builtin_prefetch(next + i, 1);
  };
  const int64_t target_bytes = plan.images * target_pitch[0] * static_cast<int64_t>(sizeof(T));
  const bool fetches_target = !plan.pools && plan.units() == 1 && plan.phases() == 1 && target_bytes >= far_bytes;
  parallel_for(plan.tasks(), plan.multiplications, [&](int64_t task) {
    const int64_t split = task % plan.unit_splits, block = task / plan.unit_splits;
    const int64_t first = block / plan.boxes.boxes() * plan.images_per_task;
    const int64_t last = std::min(plan.images, first + plan.images_per_task);
    const Box box = plan.boxes.at(block % plan.boxes.boxes(), grid);
    std::optional<Slots::Slot> slot;
    if (plan.pools) slot.emplace(slots);
    T* const made = slot ? rooms + slot->index() * plan.room : target + first * target_pitch[0];
    const T* origin = source + first * pitch[0];
    if (plan.slab) {
      Box part;
      for (int i = 0; i < max_axes; ++i) {
        part.begin[i] = box.begin[i] * plan.axes[i].source_step + plan.reach[i].low;
        part.size[i] = plan.slab_extent(i);
      }
      T* slab = slabs + task * plan.slab_size;
      fill_slab(images, first, last, part, {0, channels, channels, 0}, slab);
      origin = slab;
    } else {
      for (int i = 0; i < max_axes; ++i) origin += box.begin[i] * plan.axes[i].source_step * pitch[i + 1];
    }
    const int64_t first_unit = plan.units() * split / plan.unit_splits;
    const int64_t unit_end = plan.units() * (split + 1) / plan.unit_splits;
    for (int64_t unit = first_unit; unit < unit_end; ++unit) {
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
      const int64_t runs[] = {*workspace.axes[0].runs, *workspace.axes[1].runs, *workspace.axes[2].runs};
      for (int64_t index = 0; index < runs[0] * runs[1] * runs[2]; ++index) {
        const PhaseTaps::Run run[] = {workspace.axes[0].run[index / runs[2] / runs[1]],
                                      workspace.axes[1].run[index / runs[2] % runs[1]],
                                      workspace.axes[2].run[index % runs[2]]};
        const auto phase = workspace.phase(plan, run[0].phase, run[1].phase, run[2].phase);
        Walk start;
        start.from_step[0] = pitch[0];
        start.to_step[0] = target_pitch[0];
        int64_t rows = last - first;
        const T* a = origin + g * depth;
        tile.c = made + column;
        for (int i = 0; i < max_axes; ++i) {
          const Axis& axis = plan.axes[i];
          const int64_t begin = std::max(run[i].begin, box.begin[i]), made_begin = plan.pools ? box.begin[i] : 0;
          start.size[i] = std::max<int64_t>(0, std::min(run[i].end, box.begin[i] + box.size[i]) - begin);
          start.from_step[i + 1] = axis.source_step * pitch[i + 1];
          start.to_step[i + 1] = axis.target_step * target_pitch[i + 1];
          rows *= start.size[i];
          a += (begin - box.begin[i]) * start.from_step[i + 1];
          tile.c += ((begin - made_begin) * axis.target_step + phase.axis[i]) * target_pitch[i + 1];
        }
        if (rows == 0) continue;
        // Lines of the filter whose segments follow each other in the packed weights are one pass over the pixels.
        const int64_t line_segments = phase.merged ? 1 : phase.taps[2];
        const int64_t lines = run[2].taps == 0 ? 0 : run[0].taps * run[1].taps;
        const int64_t pass_lines = !phase.merged && run[2].taps < phase.taps[2] ? 1
                                   : run[1].taps < phase.taps[1]                ? run[1].taps
                                                                                : lines;
        tile.a = a + (phase.merged ? run[2].first * pitch[max_axes] : 0);
        tile.depth = depth * (phase.merged ? run[2].taps : 1);
        tile.b_segment = depth * width * (phase.merged ? phase.taps[2] : 1);
        const int64_t segments = lines == 0 ? 0 : pass_lines * (phase.merged ? 1 : run[2].taps);
        const int64_t segment_bytes = std::max<int64_t>(1, tile.b_segment * static_cast<int64_t>(sizeof(T)));
        const int64_t segment_block = segments * segment_bytes <= 2 * weight_bytes
                                          ? segments
                                          : std::max<int64_t>(1, weight_bytes / segment_bytes);
        const Strips strips = strips_for(rows, tile.vectors);
        // At least one pass, so that pixels which no tap reaches are stored.
        int64_t line = 0, s = 0;
        tile.accumulate = false;
        do {
          const int64_t filter_line = (run[0].first + (lines ? line / run[1].taps : 0)) * phase.taps[1] + run[1].first +
                                      (lines ? line % run[1].taps : 0);
          const int64_t skipped = filter_line * phase.taps[2] + run[2].first;
          tile.segments = std::min(segment_block, segments - s);
          tile.a_segment = workspace.segment + phase.place + s +
                           (phase.merged ? filter_line : filter_line * line_segments + run[2].first);
          tile.b = workspace.unit(plan, unit) + (phase.place + skipped) * depth * width + s * tile.b_segment;
          s += segment_block;
          if (s >= segments) s = 0, line += pass_lines;
          const bool finished = line >= lines;
          tile.bias = finished && bias ? bias + column : nullptr;
          tile.activation = finished ? activation : Activation::None;
          Walk walk = start;
          const bool fetched = plan.slab || unit != first_unit || tile.accumulate || plan.phases() > 1;
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            tile.rows = static_cast<int>(strips.begin(strip + 1) - strips.begin(strip));
            for (int m = 0; m < tile.rows; ++m, walk.next()) {
              a_row[m] = walk.from;
              c_row[m] = walk.to;
            }
            if (!fetched) fetch_source(a + walk.from, tile.rows);
            if (fetches_target) fetch_target(tile.c + walk.to, tile.rows);
            run_tile(tile);
          }
          tile.accumulate = true;
        } while (line < lines);
      }
    }
    if (!plan.pools) return;
    Pooling windows = plan.pooling.windows;
    const int64_t line = first * windows.h.out + box.begin[1] / windows.h.kernel;
    const int64_t place = line * windows.w.out * windows.channels;
    windows.batch = last - first;
    windows.h.in = plan.boxes.size[1];
    windows.h.out = box.size[1] / windows.h.kernel;
    if (taps)
      max_pool_forward(windows, plan.pooling.relu, made, target + place, taps + place);
    else
      max_pool_forward(windows, plan.pooling.relu, made, target + place);
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                        \
  template Correlation plan_correlation<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t, int64_t,              \
                                           bool) noexcept;                                                           \
  template size_t correlate_packed_bytes<T>(const Correlation&) noexcept;                                            \
  template void correlate_pack<T>(const Correlation&, const T*, WeightSteps, void*) noexcept;                        \
  template size_t correlate_scratch_bytes<T>(const Correlation&) noexcept;                                           \
  template void correlate<T>(const Correlation&, const T*, const T*, WeightSteps, const void*, const T*, Activation, \
                             T*, void*, uint8_t*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
