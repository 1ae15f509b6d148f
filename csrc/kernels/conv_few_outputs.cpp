#include "conv_few_outputs.h"

#include "core/parallel.h"

namespace cygnet {
namespace {

// Bytes of a part's planes, so that they stay in the second-level cache; tasks that keep all threads of a usual machine
// busy, and the multiply-adds each should have at least.
constexpr int64_t part_bytes = 128 << 10;
constexpr int64_t most_tasks = 32;
constexpr double task_work = 1 << 17, task_work_alone = 1 << 15;  // the latter of a lone image, which is waited for

// Lines of planes that a block of positions may read, and phases of a line.
constexpr int64_t most_lines = 256, most_phases = 4;
// Most target channels: with half of the lanes or more, vectors over channels are as good.
template <class T>
constexpr int most_targets = Vec<T>::lanes / 2;

// Vectors of positions, side by side, of which each target channel has a sum in a register.
constexpr int vectors_for(int targets) {
#if defined(EIGEN_VECTORIZE_AVX512) || defined(EIGEN_VECTORIZE_NEON)
  return targets <= 2 ? 8 : targets == 3 ? 7 : 24 / targets;
#else
  return targets == 1 ? 8 : 12 / targets;
#endif
}

// Sums of neighbouring positions are stored a vector of them after the other if there is one target; else some vectors
// share the lanes of a transposed block, `room` lanes each.
constexpr int room_for(int targets) { return targets <= 2 ? targets : targets <= 4 ? 4 : 8; }
template <class T>
constexpr int sums_size = 32 * Vec<T>::lanes;

// Elements of the planes of a task, with room for the last vectors, which reach beyond.
template <class T>
int64_t planes_size(const PositionConv& plan) {
  const int64_t reach = vectors_for(static_cast<int>(plan.target_channels)) * Vec<T>::lanes;
  return ceil_div(plan.source_channels * plan.plane() + reach, 16) * 16;
}

template <class T>
struct Products {
  int64_t *start, *reads;  // of each phase its first product; of each product its offset in the planes
  T* weights;

  Products(const PositionConv& plan, Carver& carver)
      : start(carver.take<int64_t>(plan.phases() + 1)),
        reads(carver.take<int64_t>(plan.depth())),
        weights(carver.take<T>(plan.depth() * plan.target_channels)) {}

  // Products of a phase: source channels, then taps.
  void fill(const PositionConv& plan, const T* weight, WeightSteps steps) const noexcept {
    const Axis(&axes)[max_axes] = plan.axes;
    int64_t product = 0, *next = start;
    for (int64_t z = 0; z < axes[0].phases(); ++z)
      for (int64_t y = 0; y < axes[1].phases(); ++y)
        for (int64_t x = 0; x < axes[2].phases(); ++x) {
          *next++ = product;
          for (int64_t c = 0; c < plan.source_channels; ++c)
            for (int64_t i = 0; i < axes[0].taps; ++i)
              for (int64_t j = 0; j < axes[1].taps; ++j)
                for (int64_t k = 0; k < axes[2].taps; ++k) {
                  if (axes[0].phase_of(i) != z || axes[1].phase_of(j) != y || axes[2].phase_of(k) != x) continue;
                  const int64_t tap[] = {i, j, k};
                  int64_t at = c;
                  for (int a = 0; a < max_axes; ++a)
                    at = at * plan.extent(a) + axes[a].offset_of(tap[a]) - plan.reach[a].low;
                  reads[product] = at;
                  const T* const from = weight + c * steps.depth + (i * axes[1].taps + j) * axes[2].taps + k;
                  T* const to = weights + product++ * plan.target_channels;
                  for (int64_t t = 0; t < plan.target_channels; ++t) to[t] = from[t * steps.column];
                }
        }
    *next = product;
  }
};

// to[c][x] = from[x][c] for `count` x and `channels` c; lines of `to` are `plane` apart, the first plane goes up to
// `end`. Zeros follow a line up to whole vectors, but not beyond the plane.
template <class T>
void separate(const T* from, int64_t count, int64_t channels, int64_t plane, T* to, const T* end) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  for (int64_t x = 0; x < count; x += lanes)
    for (int64_t c = 0; c < channels; c += lanes) {
      const int valid_x = static_cast<int>(std::min<int64_t>(lanes, count - x));
      const int valid = static_cast<int>(std::min<int64_t>(lanes, channels - c));
      Eigen::internal::PacketBlock<typename V::Packet, lanes> block;
      for (int i = 0; i < lanes; ++i)
        block.packet[i] = i < valid_x ? V::load(from + (x + i) * channels + c, valid).p : V(T(0)).p;
      for (int i = 0; i < lanes; ++i) __builtin_prefetch(from + (x + lanes + i) * channels + c);
      Eigen::internal::ptranspose(block);
      const int stored = to + x + lanes <= end ? lanes : valid_x;
      for (int i = 0; i < valid; ++i) {
        T* const line = to + (c + i) * plane + x;
        stored == lanes ? V(block.packet[i]).store(line) : V(block.packet[i]).store(line, stored);
      }
    }
}

// Copies what a box of an image reads to planes, with zeros around it.
template <class T>
void fill_planes(const PositionConv& plan, const T* images, int64_t n, const Box& box, T* planes) noexcept {
  const int64_t size[] = {plan.axes[0].source, plan.axes[1].source, plan.axes[2].source};
  const int64_t pixels = size[0] * size[1] * size[2], channels = plan.source_channels;
  const int64_t line = plan.extent(2), plane = plan.plane();
  int64_t begin[max_axes];
  for (int i = 0; i < max_axes; ++i) begin[i] = box.begin[i] * plan.axes[i].source_step + plan.reach[i].low;
  const int64_t left = std::clamp<int64_t>(-begin[2], 0, line);
  const int64_t right = std::clamp<int64_t>(size[2] - begin[2], left, line);  // [left, right) is inside
  const T *const image = images + n * pixels * channels, *const end = planes + plane;
  const bool whole = left == 0 && right == line && line == size[2] && plan.extent(0) == size[0] &&
                     plan.extent(1) == size[1] && begin[0] == 0 && begin[1] == 0;
  if (whole && (channels == 1 || !plan.channels_last)) {
    std::copy_n(image, channels * plane, planes);
    return;
  }
  std::fill_n(planes, channels * plane, T(0));
  for (int64_t z = begin[0]; z < begin[0] + plan.extent(0); ++z)
    for (int64_t y = begin[1]; y < begin[1] + plan.extent(1); ++y, planes += line) {
      if (z < 0 || z >= size[0] || y < 0 || y >= size[1]) continue;
      const int64_t pixel = (z * size[1] + y) * size[2] + begin[2] + left, count = right - left;
      if (plan.channels_last && channels > 1)
        separate(image + pixel * channels, count, channels, plane, planes + left, end);
      else
        for (int64_t c = 0; c < channels; ++c)
          std::copy_n(image + c * pixels + pixel, count, planes + c * plane + left);
    }
}

// The sums over k of from[reads[k] + i] weight[k][t] for neighbouring positions i and targets t, with bias and
// activation, for as many positions as fit in registers.
template <class T>
struct Block {
  const T *from, *weight, *bias;
  const int64_t* reads;
  int64_t depth;
  bool relu;
  T* sums;
};

template <class T, int Targets>
void block_of(const Block<T>& b) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes, vectors = vectors_for(Targets);
  V sum[vectors][Targets];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
    for (int t = 0; t < Targets; ++t) sum[v][t] = V(b.bias ? b.bias[t] : T(0));
  const T* weight = b.weight;
  for (int64_t k = 0; k < b.depth; ++k, weight += Targets) {
    const T* from = b.from + b.reads[k];
    V x[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) x[v] = V::load(from + v * lanes);
#pragma GCC unroll 8
    for (int t = 0; t < Targets; ++t) {
      const V factor(weight[t]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[v][t] = fma(x[v], factor, sum[v][t]);
    }
  }
  if (b.relu)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
      for (int t = 0; t < Targets; ++t) sum[v][t] = relu(sum[v][t]);
  if constexpr (Targets == 1) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum[v][0].store(b.sums + v * lanes);
  } else {
    constexpr int room = room_for(Targets), shared = std::max(1, lanes / room);
    static_assert((vectors + shared - 1) / shared * lanes * lanes <= sums_size<T>);
#pragma GCC unroll 8
    for (int first = 0; first < vectors; first += shared) {
      Eigen::internal::PacketBlock<typename V::Packet, lanes> block;
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        const bool used = i % room < Targets && first + i / room < vectors;
        block.packet[i] = used ? sum[used ? first + i / room : 0][used ? i % room : 0].p : V(T(0)).p;
      }
      Eigen::internal::ptranspose(block);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) V(block.packet[i]).store(b.sums + (first / shared * lanes + i) * lanes);
    }
  }
}

template <class T>
void run_block(const Block<T>& b, int64_t targets) noexcept {
  static constexpr void (*functions[])(const Block<T>&) noexcept = {block_of<T, 1>, block_of<T, 2>, block_of<T, 3>,
                                                                    block_of<T, 4>, block_of<T, 5>, block_of<T, 6>,
                                                                    block_of<T, 7>, block_of<T, 8>};
  functions[targets - 1](b);
}

// Copies the sums of `count` neighbouring target positions, those of the phases in turn, from position `i` of a block
// on. Before `end` what lies behind a position's targets may be overwritten.
template <class T, int Room>
void copy_sums(const T (&sums)[most_phases][sums_size<T>], int64_t phases, int64_t i, int64_t count, int64_t targets,
               T* to, const T* end) noexcept {
  constexpr int lanes = Vec<T>::lanes, shared = Room == 1 ? 1 : std::max(1, lanes / Room), step = Room == 1 ? 1 : lanes;
  const auto copy = [&](const T* from, T* target) {
    if (target + Room <= end)
      std::copy_n(from, Room, target);
    else
      std::copy_n(from, targets, target);
  };
  for (int64_t n = 0; n < count;) {
    const int64_t v = i / lanes, at = (v / shared * lanes + i % lanes) * step + v % shared * Room;
    const int64_t run = std::min(lanes - i % lanes, ceil_div(count - n, phases)),
                  some = std::min(run * phases, count - n);
    if (Room == 1 || phases == 1)
      for (int64_t k = 0; k < phases; ++k)
        for (int64_t m = 0, j = k; j < some; ++m, j += phases) copy(sums[k] + at + m * step, to + j * targets);
    else
      for (int64_t m = 0, k = 0, j = 0; j < some; ++j) {
        copy(sums[k] + at + m * step, to + j * targets);
        if (++k == phases) k = 0, ++m;
      }
    i += run;
    n += some;
    to += some * targets;
  }
}

// The same for one phase of lines of `line` sums, of which the first `width` are stored next to each other, from sum x
// of a line on. What is not stored lies, for a moment, in the place of what follows: no branch depends on it.
template <class T, int Room>
void copy_lines(const T* sums, int64_t count, int64_t line, int64_t width, int64_t x, int64_t targets, T* to,
                const T* end) noexcept {
  constexpr int lanes = Vec<T>::lanes, shared = Room == 1 ? 1 : std::max(1, lanes / Room), step = Room == 1 ? 1 : lanes;
  for (int64_t first = 0; first < count; first += lanes) {
    const T* from = sums + first / lanes / shared * lanes * step + first / lanes % shared * Room;
    const int64_t some = std::min<int64_t>(lanes, count - first);
    for (int64_t i = 0; i < some; ++i, from += step) {
      if (to + Room <= end)
        std::copy_n(from, Room, to);
      else if (x < width)
        std::copy_n(from, targets, to);
      to += x < width ? targets : 0;
      x = x + 1 == line ? 0 : x + 1;
    }
  }
}

}  // namespace

template <class T>
bool few_targets(const Axis (&axes)[max_axes], int64_t source_channels, int64_t target_channels) noexcept {
  return target_channels <= most_targets<T> && source_channels * axes[0].taps * axes[1].taps <= most_lines &&
         axes[2].source_step == 1 && axes[2].target_step <= most_phases;
}

template <class T>
PositionConv plan_positions(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, bool channels_last) noexcept {
  PositionConv plan{};
  plan.images = images;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.channels_last = channels_last;
  plan.multiplications = static_cast<double>(images * source_channels) * static_cast<double>(target_channels);
  for (int i = 0; i < max_axes; ++i) {
    plan.axes[i] = axes[i];
    plan.reach[i] = axes[i].reach();
    const int64_t positions = axes[i].count(0);
    plan.boxes.cut(i, positions, 1);
    plan.multiplications *= static_cast<double>((i < 2 ? positions : plan.extent(i)) * axes[i].taps);
  }
  const auto most_parts =
      static_cast<int64_t>(std::min(plan.multiplications / (images == 1 ? task_work_alone : task_work), 1e6)) + 1;
  const int64_t bytes = source_channels * plan.plane() * static_cast<int64_t>(sizeof(T));
  int64_t boxes = std::max(ceil_div(bytes, part_bytes), ceil_div(std::min(most_parts, most_tasks), images));
  for (int i = 0; i < max_axes; ++i) {
    // A box of fewer positions than taps would copy more than it makes.
    const int64_t positions = axes[i].count(0), most = ceil_div(positions, plan.reach[i].high - plan.reach[i].low + 1);
    plan.boxes.cut(i, positions, std::clamp<int64_t>(boxes, 1, most));
    boxes = ceil_div(boxes, plan.boxes.count[i]);
  }
  plan.parts = images * plan.boxes.boxes();
  plan.tasks = std::min({plan.parts, most_parts, most_tasks});
  return plan;
}

template <class T>
size_t positions_packed_bytes(const PositionConv& plan) noexcept {
  Carver carver(nullptr);
  const Products<T> products(plan, carver);
  return carver.used();
}

template <class T>
void pack_positions(const PositionConv& plan, const T* weight, WeightSteps steps, void* packed) noexcept {
  Carver carver(packed);
  Products<T>(plan, carver).fill(plan, weight, steps);
}

template <class T>
size_t correlate_positions_scratch_bytes(const PositionConv& plan) noexcept {
  return static_cast<size_t>(plan.tasks * planes_size<T>(plan)) * sizeof(T);
}

template <class T>
void correlate_positions(const PositionConv& plan, const T* source, const void* packed, const T* bias,
                         Activation activation, T* target, void* scratch) noexcept {
  Carver carver(const_cast<void*>(packed));
  const Products<T> products(plan, carver);
  const Axis(&axes)[max_axes] = plan.axes;
  const int64_t targets = plan.target_channels, line = plan.extent(2), phases = axes[2].phases();
  const int64_t grid[] = {axes[0].count(0), axes[1].count(0), axes[2].count(0)};
  const int64_t block_positions = vectors_for(static_cast<int>(targets)) * Vec<T>::lanes;
  const int room = room_for(static_cast<int>(targets));
  const auto copy = room == 1   ? copy_sums<T, 1>
                    : room == 2 ? copy_sums<T, 2>
                    : room == 4 ? copy_sums<T, 4>
                                : copy_sums<T, 8>;
  const auto copy_whole = room == 2 ? copy_lines<T, 2> : room == 4 ? copy_lines<T, 4> : copy_lines<T, 8>;
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const planes = static_cast<T*>(scratch) + task * planes_size<T>(plan);
    std::fill(planes + plan.source_channels * plan.plane(), planes + planes_size<T>(plan), T(0));
    alignas(64) T sums[most_phases][sums_size<T>];
    Block<T> block;
    block.bias = bias;
    block.relu = activation == Activation::Relu;
    const int64_t last = plan.parts * (task + 1) / plan.tasks;
    for (int64_t part = plan.parts * task / plan.tasks; part < last; ++part) {
      const int64_t n = part / plan.boxes.boxes();
      const Box box = plan.boxes.at(part % plan.boxes.boxes(), grid);
      fill_planes(plan, source, n, box, planes);
      // Target positions of a line in the box, all phases together.
      const int64_t first_x = box.begin[2] * axes[2].target_step;
      const int64_t width = std::min(box.size[2] * axes[2].target_step, axes[2].target - first_x);
      for (int64_t index = 0; index < axes[0].phases() * axes[1].phases(); ++index) {
        const int64_t phase[] = {index / axes[1].phases(), index % axes[1].phases()};
        int64_t size[2];
        for (int i = 0; i < 2; ++i) size[i] = std::min(box.size[i], axes[i].count(phase[i]) - box.begin[i]);
        for (int64_t z = 0; z < size[0]; ++z) {
          const auto line_of = [&](int64_t y) {
            const int64_t target_z = phase[0] + (box.begin[0] + z) * axes[0].target_step;
            const int64_t target_y = phase[1] + (box.begin[1] + y) * axes[1].target_step;
            return target +
                   (((n * axes[0].target + target_z) * axes[1].target + target_y) * axes[2].target + first_x) * targets;
          };
          const bool neighbours = axes[1].target_step == 1 && width == axes[2].target;
          // Lines of every source_step-th row are not neighbours: each for itself.
          const int64_t together = axes[1].source_step == 1 ? size[1] : 1;
          for (int64_t y = 0; y < size[1]; y += together) {
            const int64_t end = (together - 1) * line + box.size[2];
            const T* const from = planes + (z * axes[0].source_step * plan.extent(1) + y * axes[1].source_step) * line;
            int64_t row = 0, x = 0;
            for (int64_t p = 0; p < end; p += block_positions) {
              block.from = from + p;
              for (int64_t i = 0; i < phases; ++i) {
                const int64_t first = products.start[index * phases + i];
                block.reads = products.reads + first;
                block.weight = products.weights + first * targets;
                block.depth = products.start[index * phases + i + 1] - first;
                block.sums = sums[i];
                run_block(block, targets);
              }
              const int64_t made = std::min(block_positions, end - p);
              if (neighbours && phases == 1 && targets > 1) {
                copy_whole(sums[0], made, line, width, x, targets, line_of(y + row) + std::min(x, width) * targets,
                           line_of(size[1] - 1) + width * targets);
                row += (x + made) / line;
                x = (x + made) % line;
                continue;
              }
              for (int64_t i = 0; i < made;) {
                const int64_t stop = std::min(i + line - x, block_positions);
                const int64_t count = std::min((stop - i) * phases, width - x * phases);
                T* const to = line_of(y + row) + x * phases * targets;
                const T* const behind = line_of(neighbours ? size[1] - 1 : y + row) + width * targets;
                if (targets == 1 && phases == 1 && count > 0)
                  std::copy_n(sums[0] + i, count, to);
                else
                  copy(sums, phases, i, count, targets, to, behind);
                x += stop - i;
                i = stop;
                if (x == line) x = 0, ++row;
              }
            }
          }
          if (activation != Activation::None && activation != Activation::Relu)
            for (int64_t y = 0; y < size[1]; ++y) activate_in_place(activation, line_of(y), width * targets);
        }
      }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                 \
  template bool few_targets<T>(const Axis(&)[max_axes], int64_t, int64_t) noexcept;                           \
  template PositionConv plan_positions<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t, bool) noexcept; \
  template size_t positions_packed_bytes<T>(const PositionConv&) noexcept;                                    \
  template void pack_positions<T>(const PositionConv&, const T*, WeightSteps, void*) noexcept;                \
  template size_t correlate_positions_scratch_bytes<T>(const PositionConv&) noexcept;                         \
  template void correlate_positions<T>(const PositionConv&, const T*, const void*, const T*, Activation, T*,  \
                                       void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
