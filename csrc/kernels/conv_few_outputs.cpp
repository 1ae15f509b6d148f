#include "conv_few_outputs.h"

#include "core/parallel.h"

namespace cygnet {
namespace {

// Bytes of a part's planes, so that they stay in the second-level cache; tasks that keep all threads of a usual machine
// busy, and the multiply-adds each should have at least.
constexpr int64_t part_bytes = 128 << 10;
constexpr int64_t most_tasks = 32;
constexpr double task_work = 1 << 17;

// Lines of planes that a block of positions may read, so that their parts stay in the first-level cache.
constexpr int64_t most_lines = 96;
// Most target channels: with half of the lanes or more, vectors over channels are as good.
template <class T>
constexpr int most_targets = Vec<T>::lanes / 2;

// Vectors of positions, side by side, of which each target channel has a sum in a register.
constexpr int vectors_for(int targets) {
#if defined(EIGEN_VECTORIZE_AVX512) || defined(EIGEN_VECTORIZE_NEON)
  return targets <= 3 ? 8 : 24 / targets;
#else
  return targets == 1 ? 8 : 12 / targets;
#endif
}

template <class T>
struct Workspace {
  int64_t* reads;  // offset in the planes, of each product
  T *packed, *planes;

  Workspace(const PositionConv& plan, Carver& carver)
      : reads(carver.take<int64_t>(plan.depth())),
        packed(carver.take<T>(plan.depth() * plan.target_channels)),
        planes(carver.take<T>(plan.tasks * planes_size(plan))) {}

  // With room for the last vectors, which reach beyond.
  static int64_t planes_size(const PositionConv& plan) {
    const int64_t reach = vectors_for(static_cast<int>(plan.target_channels)) * Vec<T>::lanes;
    return ceil_div(plan.source_channels * plan.plane() + reach, 16) * 16;
  }
};

// Copies what a box of an image reads to planes.
template <class T>
void fill_planes(const PositionConv& plan, const T* images, int64_t n, const Box& box, T* planes) noexcept {
  const int64_t size[] = {plan.axes[0].source, plan.axes[1].source, plan.axes[2].source};
  const int64_t pixels = size[0] * size[1] * size[2], channels = plan.source_channels, line = plan.extent(2);
  int64_t begin[max_axes];
  for (int i = 0; i < max_axes; ++i) begin[i] = box.begin[i] * plan.axes[i].source_step + plan.reach[i].low;
  const int64_t left = std::clamp<int64_t>(-begin[2], 0, line);
  const int64_t right = std::clamp<int64_t>(size[2] - begin[2], left, line);  // [left, right) is inside
  const T* const image = images + n * pixels * channels;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t z = begin[0]; z < begin[0] + plan.extent(0); ++z)
      for (int64_t y = begin[1]; y < begin[1] + plan.extent(1); ++y, planes += line) {
        const bool inside = z >= 0 && z < size[0] && y >= 0 && y < size[1];
        const int64_t from = inside ? left : line, to = inside ? right : line;
        const int64_t pixel = (z * size[1] + y) * size[2] + begin[2];
        std::fill(planes, planes + from, T(0));
        if (plan.channels_last && channels > 1)
          for (int64_t x = from; x < to; ++x) planes[x] = image[(pixel + x) * channels + c];
        else
          std::copy_n(image + c * pixels + pixel + from, to - from, planes + from);
        std::fill(planes + to, planes + line, T(0));
      }
}

// sums[t][i] of neighbouring positions i = sum over k of from[reads[k] + i] weight[k][t], with bias and activation, for
// as many positions as fit in registers; sums[i][t] after it.
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
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    Eigen::internal::PacketBlock<typename V::Packet, lanes> block;
#pragma GCC unroll 16
    for (int t = 0; t < lanes; ++t)
      block.packet[t] = t >= Targets ? V(T(0)).p
                        : b.relu     ? relu(sum[v][t < Targets ? t : 0]).p
                                     : sum[v][t < Targets ? t : 0].p;
    Eigen::internal::ptranspose(block);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) V(block.packet[i]).store(b.sums + (v * lanes + i) * lanes);
  }
}

template <class T>
void run_block(const Block<T>& b, int64_t targets) noexcept {
  static constexpr void (*functions[])(const Block<T>&) noexcept = {block_of<T, 1>, block_of<T, 2>, block_of<T, 3>,
                                                                    block_of<T, 4>, block_of<T, 5>, block_of<T, 6>,
                                                                    block_of<T, 7>, block_of<T, 8>};
  functions[targets - 1](b);
}

}  // namespace

template <class T>
bool few_targets(const Axis (&axes)[max_axes], int64_t source_channels, int64_t target_channels) noexcept {
  return target_channels <= most_targets<T> && source_channels * axes[0].taps * axes[1].taps <= most_lines &&
         axes[2].source_step == 1 && axes[0].target_step == 1 && axes[1].target_step == 1 && axes[2].target_step == 1;
}

template <class T>
PositionConv plan_positions(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, bool channels_last) noexcept {
  PositionConv plan{};
  plan.images = images;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.channels_last = channels_last;
  plan.multiplications = static_cast<double>(images) * static_cast<double>(target_channels);
  for (int i = 0; i < max_axes; ++i) {
    plan.axes[i] = axes[i];
    plan.reach[i] = axes[i].reach();
    plan.boxes.cut(i, axes[i].target, 1);
    plan.multiplications *= static_cast<double>(axes[i].target);
  }
  plan.multiplications *= static_cast<double>(plan.depth());
  const auto most_parts = static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1;
  const int64_t bytes = source_channels * plan.plane() * static_cast<int64_t>(sizeof(T));
  int64_t boxes = std::max(ceil_div(bytes, part_bytes), ceil_div(std::min(most_parts, most_tasks), images));
  for (int i = 0; i < max_axes; ++i) {
    // A box of fewer positions than taps would copy more than it makes.
    const int64_t most = ceil_div(axes[i].target, plan.reach[i].high - plan.reach[i].low + 1);
    plan.boxes.cut(i, axes[i].target, std::clamp<int64_t>(boxes, 1, most));
    boxes = ceil_div(boxes, plan.boxes.count[i]);
  }
  plan.parts = images * plan.boxes.boxes();
  plan.tasks = std::min({plan.parts, most_parts, most_tasks});
  return plan;
}

template <class T>
size_t correlate_positions_scratch_bytes(const PositionConv& plan) noexcept {
  Carver carver(nullptr);
  const Workspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void correlate_positions(const PositionConv& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
                         Activation activation, T* target, void* scratch) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  Carver carver(scratch);
  const Workspace<T> workspace(plan, carver);
  const Axis(&axes)[max_axes] = plan.axes;
  const int64_t targets = plan.target_channels, line = plan.extent(2), depth = plan.depth();
  const int64_t taps = axes[0].taps * axes[1].taps * axes[2].taps;
  for (int64_t k = 0; k < depth; ++k) {
    const int64_t tap = k % taps, c = k / taps;
    const int64_t tap_of[] = {tap / axes[2].taps / axes[1].taps, tap / axes[2].taps % axes[1].taps, tap % axes[2].taps};
    int64_t at = c;
    for (int i = 0; i < max_axes; ++i) at = at * plan.extent(i) + axes[i].offset_of(tap_of[i]) - plan.reach[i].low;
    workspace.reads[k] = at;
    for (int64_t t = 0; t < targets; ++t)
      workspace.packed[k * targets + t] = weight[t * steps.column + c * steps.depth + tap];
  }

  const int64_t size[] = {axes[0].target, axes[1].target, axes[2].target};
  const int64_t block_positions = vectors_for(static_cast<int>(targets)) * lanes;
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const planes = workspace.planes + task * Workspace<T>::planes_size(plan);
    std::fill(planes + plan.source_channels * plan.plane(), planes + Workspace<T>::planes_size(plan), T(0));
    alignas(64) T sums[8 * lanes * lanes];
    Block<T> block{nullptr, workspace.packed, bias, workspace.reads, depth, activation == Activation::Relu, sums};
    const int64_t last = plan.parts * (task + 1) / plan.tasks;
    for (int64_t part = plan.parts * task / plan.tasks; part < last; ++part) {
      const int64_t n = part / plan.boxes.boxes();
      const Box box = plan.boxes.at(part % plan.boxes.boxes(), size);
      fill_planes(plan, source, n, box, planes);
      for (int64_t z = 0; z < box.size[0]; ++z) {
        const auto line_of = [&](int64_t y) {
          return target +
                 (((n * size[0] + box.begin[0] + z) * size[1] + box.begin[1] + y) * size[2] + box.begin[2]) * targets;
        };
        // Lines of every source_step-th row are not neighbours: each for itself.
        const int64_t together = axes[1].source_step == 1 ? box.size[1] : 1;
        for (int64_t y = 0; y < box.size[1]; y += together) {
          const int64_t end = (together - 1) * line + box.size[2];
          const T* const from = planes + (z * axes[0].source_step * plan.extent(1) + y * axes[1].source_step) * line;
          int64_t row = 0, x = 0;
          for (int64_t p = 0; p < end; p += block_positions) {
            block.from = from + p;
            run_block(block, targets);
            for (int64_t i = 0; i < std::min(block_positions, end - p);) {
              T* to = line_of(y + row) + x * targets;
              const int64_t stop = std::min(i + line - x, block_positions), kept = std::min(i + box.size[2] - x, stop);
              for (int64_t j = i; j < kept; ++j, to += targets)
                Vec<T>::load(sums + j * lanes).store(to, static_cast<int>(targets));
              x += stop - i;
              i = stop;
              if (x == line) x = 0, ++row;
            }
          }
        }
        if (activation != Activation::None && activation != Activation::Relu)
          for (int64_t y = 0; y < box.size[1]; ++y) activate_in_place(activation, line_of(y), box.size[2] * targets);
      }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                          \
  template bool few_targets<T>(const Axis(&)[max_axes], int64_t, int64_t) noexcept;                                    \
  template PositionConv plan_positions<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t, bool) noexcept;          \
  template size_t correlate_positions_scratch_bytes<T>(const PositionConv&) noexcept;                                  \
  template void correlate_positions<T>(const PositionConv&, const T*, const T*, WeightSteps, const T*, Activation, T*, \
                                       void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
