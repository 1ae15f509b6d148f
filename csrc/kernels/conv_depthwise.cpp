#include "conv_depthwise_parts.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

using namespace depthwise;

// Bytes of a part's source, so that it stays in the second-level cache, and of what a strip's products read, so that
// this stays in the first-level cache.
constexpr int64_t part_bytes = 192 << 10, strip_bytes = 24 << 10;
// Tasks that keep all threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t most_tasks = 16;
constexpr double task_work = 1 << 16;

// A block of registers: neighbouring positions, which read each element of the source once for all of their taps.
constexpr int strip_positions = 8;

// Neighbouring taps of a line of the filter: tap i at position m reads source + (m + i) steps, and its weight is at
// weight + i Spans::weight_step().
struct Read {
  int64_t source, weight, taps;
};

// Neighbouring positions of a line with the same reads.
template <class T>
struct Run {
  int64_t positions, count;  // of reads
  const Read* reads;
  const T* source;  // of the first position and read
  int64_t ahead;    // from there to what the next line will read first
  int64_t target;   // first position
  bool last_line;
};

// What the positions with these spans read.
template <class T>
int64_t list_reads(const LaneConv& plan, const Spans (&axes)[max_axes], const Span* const (&spans)[max_axes],
                   const Source<T>& from, Read* reads) noexcept {
  const int64_t most = axes[2].neighbours(plan.axes[2]) ? most_taps : 1;
  int64_t count = 0;
  for (int64_t k = 0; k < plan.depth(); ++k)
    for (int64_t i = 0; i < spans[0]->taps; ++i)
      for (int64_t j = 0; j < spans[1]->taps; ++j)
        for (int64_t l = 0, taps; l < spans[2]->taps; l += taps) {
          taps = std::min(most, spans[2]->taps - l);
          const int64_t step[] = {i, j, axes[2].source_step > 0 ? l : l + taps - 1};
          int64_t source = k * from.depth, tap = k;
          for (int a = 0; a < max_axes; ++a) {
            source += step[a] * axes[a].source_step * from.pitch[a];
            tap = tap * plan.axes[a].taps + spans[a]->tap + step[a] * axes[a].tap_step;
          }
          reads[count++] = {source, tap * Vec<T>::lanes, taps};
        }
  return count;
}

// Visits the runs of a part: down the image in strips of some positions, so that what neighbouring lines share stays
// in the first-level cache. `reads` has room for those of a strip.
template <class T, class Body>
void visit_runs(const LaneConv& plan, const Spans (&axes)[max_axes], const Part& part, const Source<T>& from,
                Read* reads, const Body& body) noexcept {
  const Box& box = part.box;
  const int64_t step = plan.axes[2].target_step;
  Run<T> runs[strip_positions];
  int64_t source_of_run[strip_positions], right_of_run[strip_positions];
  for (int64_t z = box.begin[0]; z < box.begin[0] + box.size[0]; ++z)
    for (int64_t phase = 0; phase < std::min(step, box.size[2]); ++phase) {
      const int64_t positions = ceil_div(box.size[2] - phase, step), strips = ceil_div(positions, strip_positions);
      for (int64_t strip = 0; strip < strips; ++strip) {
        const int64_t first = positions * strip / strips, last = positions * (strip + 1) / strips;
        const Span* previous = nullptr;
        int count = 0;
        for (int64_t y = box.begin[1]; y < box.begin[1] + box.size[1]; ++y) {
          const Span* spans[] = {axes[0].at + z, axes[1].at + y, nullptr};
          if (!previous || previous->tap != spans[1]->tap || previous->taps != spans[1]->taps) {
            Read* free = reads;
            count = 0;
            for (int64_t i = first; i < last; i += runs[count++].positions) {
              spans[2] = axes[2].at + box.begin[2] + phase + i * step;
              Run<T>& run = runs[count];
              run.positions = std::min(spans[2]->run, last - i);
              run.count = list_reads(plan, axes, spans, from, free);
              run.reads = free;
              free += run.count;
              source_of_run[count] = (spans[2]->source - from.begin[2]) * from.pitch[2];
              // The columns to the left have come with the strip before.
              right_of_run[count] =
                  std::max<int64_t>(axes[2].last_source(*spans[2]) - spans[2]->source, 0) * from.pitch[2];
            }
          }
          previous = spans[1];
          const int64_t line =
              (spans[0]->source - from.begin[0]) * from.pitch[0] + (spans[1]->source - from.begin[1]) * from.pitch[1];
          int64_t ahead = 0;
          const bool last_line = y + 1 == box.begin[1] + box.size[1];
          if (!last_line && spans[1][1].taps > 0)
            ahead = (std::max(spans[1][1].source, axes[1].last_source(spans[1][1])) - spans[1]->source) * from.pitch[1];
          int64_t at = ((part.image * plan.axes[0].target + z) * plan.axes[1].target + y) * plan.axes[2].target +
                       box.begin[2] + phase + first * step;
          for (int i = 0; i < count; ++i) {
            Run<T>& run = runs[i];
            run.source = run.count > 0 ? from.data + line + source_of_run[i] : from.data;
            run.ahead = ahead + right_of_run[i];
            run.target = at;
            run.last_line = last_line;
            at += run.positions * step;
            body(run);
          }
        }
      }
    }
}

// body(read, number of taps as a constant).
template <class Body>
inline void with_taps(const Read& read, const Body& body) noexcept {
  if (read.taps == 3)
    body(read, std::integral_constant<int, 3>());
  else if (read.taps == 2)
    body(read, std::integral_constant<int, 2>());
  else
    body(read, std::integral_constant<int, 1>());
}

// target[m][t] = f(bias[t] + sum over the run's reads of source[m][t] weight[t]) for its positions m and channels t.
template <class T>
struct RunOutput {
  const T *weight, *bias;
  int64_t weight_vector, weight_step;  // from the weights of a vector of channels to the next one's, of a tap likewise
  int64_t source_step, source_vector;
  int64_t target_step, target_ahead;
  int64_t channels;
  bool relu;
  T* target;
};

template <class T, int Positions, bool Whole>
inline void vector_of(const Run<T>& run, const RunOutput<T>& out, const T* source, const T* weight, int64_t c,
                      int valid) noexcept {
  using V = Vec<T>;
  const auto load = [&](const T* from) { return Whole ? V::load(from) : V::load(from, valid); };
  V sum[Positions];
  const V bias = out.bias ? load(out.bias + c) : V(T(0));
#pragma GCC unroll 8
  for (V& value : sum) value = bias;
  const auto add = [&](const Read& read, auto taps) {
    constexpr int Taps = decltype(taps)::value;
    V factor[Taps];
#pragma GCC unroll 4
    for (int i = 0; i < Taps; ++i) factor[i] = V::load(weight + read.weight + i * out.weight_step);
    const T* from = source + read.source;
#pragma GCC unroll 16
    for (int x = 0; x < Positions + Taps - 1; ++x, from += out.source_step) {
      const V value = load(from);
#pragma GCC unroll 4
      for (int i = 0; i < Taps; ++i)
        if (x - i >= 0 && x - i < Positions) sum[x - i] = fma(value, factor[i], sum[x - i]);
    }
  };
  for (const Read* read = run.reads; read < run.reads + run.count; ++read) with_taps(*read, add);
  if (out.relu)
#pragma GCC unroll 8
    for (V& value : sum) value = relu(value);
  const int64_t source_step = out.source_step, target_step = out.target_step;
  const T *source_ahead = source + run.ahead, *target_ahead = out.target + c + out.target_ahead;
  T* target = out.target + c;
#pragma GCC unroll 8
  for (const V& value : sum) {
    __builtin_prefetch(source_ahead);
    __builtin_prefetch(target_ahead, 1);
    Whole ? value.store(target) : value.store(target, valid);
    source_ahead += source_step;
    target_ahead += target_step;
    target += target_step;
  }
}

template <class T, int Positions>
void vectors_of(const Run<T>& run, const RunOutput<T>& out) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const T *source = run.source, *weight = out.weight;
  int64_t c = 0;
  for (; c + lanes <= out.channels; c += lanes, source += out.source_vector, weight += out.weight_vector)
    vector_of<T, Positions, true>(run, out, source, weight, c, lanes);
  if (c < out.channels) vector_of<T, Positions, false>(run, out, source, weight, c, static_cast<int>(out.channels - c));
}

template <class T>
void run_output(const Run<T>& run, const RunOutput<T>& out) noexcept {
  static constexpr void (*functions[strip_positions])(const Run<T>&, const RunOutput<T>&) noexcept = {
      vectors_of<T, 1>, vectors_of<T, 2>, vectors_of<T, 3>, vectors_of<T, 4>,
      vectors_of<T, 5>, vectors_of<T, 6>, vectors_of<T, 7>, vectors_of<T, 8>};
  functions[run.positions - 1](run, out);
}

template <class T>
struct CorrelateWorkspace {
  Workspace<T> source;
  Read* reads;
  T* packed;  // (vector of channels, depth, taps, lane)

  CorrelateWorkspace(const LaneConv& plan, Carver& carver)
      : source(plan, carver),
        reads(carver.take<Read>(plan.tasks * strip_positions * plan.taps() * plan.depth())),
        packed(carver.take<T>(plan.vectors * plan.depth() * plan.taps() * Vec<T>::lanes)) {}
};

}  // namespace

template <class T>
double lane_work(int64_t source_channels, int64_t target_channels, int64_t groups, int64_t taps) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const bool spread = groups != source_channels || groups != target_channels;
  return static_cast<double>(source_channels / groups) * static_cast<double>(ceil_div(target_channels, lanes) * lanes) *
         (1 + (spread ? lanes : 0) / static_cast<double>(taps));
}

template <class T>
LaneConv plan_lanes(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels, int64_t target_channels,
                    int64_t groups, bool channels_last) noexcept {
  constexpr int64_t lanes = Vec<T>::lanes, vector_bytes = lanes * static_cast<int64_t>(sizeof(T));
  LaneConv plan{};
  plan.images = images;
  plan.source_channels = source_channels;
  plan.target_channels = target_channels;
  plan.groups = groups;
  plan.channels_last = channels_last;
  double positions = static_cast<double>(images);
  for (int i = 0; i < max_axes; ++i) {
    plan.axes[i] = axes[i];
    positions *= static_cast<double>(axes[i].target);
  }
  const int64_t taps = plan.taps(), depth = plan.depth();
  plan.copied = !channels_last || groups != source_channels || groups != target_channels;
  plan.multiplications =
      positions * static_cast<double>(taps) * lane_work<T>(source_channels, target_channels, groups, taps);
  const auto most_parts = static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1;
  // What a line of positions reads of an axis.
  const auto extent = [&](int i, int64_t count) {
    const int64_t reach = (count - 1) * axes[i].source_step / axes[i].target_step +
                          (axes[i].taps - 1) * std::abs(axes[i].tap_step) / axes[i].target_step + 2;
    return std::clamp<int64_t>(reach, 1, std::max<int64_t>(axes[i].source, 1));
  };
  const int64_t strip = depth * (axes[0].taps * axes[1].taps * (strip_positions + axes[2].taps) + taps) * vector_bytes;
  plan.vectors = ceil_div(target_channels, lanes);
  const int64_t runs = ceil_div(plan.vectors, std::clamp<int64_t>(strip_bytes / strip, 1, 8));
  plan.part_vectors = ceil_div(plan.vectors, runs);
  int64_t bytes = depth * plan.part_vectors * vector_bytes;
  for (int i = 0; i < max_axes; ++i) bytes *= extent(i, axes[i].target);
  int64_t boxes = std::max(ceil_div(bytes, part_bytes), ceil_div(std::min(most_parts, most_tasks), images * runs));
  plan.slab_pixels = 1;
  for (int i = 0; i < max_axes; ++i) {
    // A box of fewer positions than taps would read more than it makes.
    const int64_t most = ceil_div(axes[i].target, extent(i, 1));
    plan.boxes.cut(i, axes[i].target, std::clamp<int64_t>(boxes, 1, most));
    boxes = ceil_div(boxes, plan.boxes.count[i]);
    plan.slab_pixels *= extent(i, plan.boxes.size[i]);
  }
  plan.parts = images * runs * plan.boxes.boxes();
  plan.tasks = std::min({plan.parts, most_parts, most_tasks});
  return plan;
}

template <class T>
size_t correlate_lanes_scratch_bytes(const LaneConv& plan) noexcept {
  Carver carver(nullptr);
  const CorrelateWorkspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void correlate_lanes(const LaneConv& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
                     Activation activation, T* target, void* scratch) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  Carver carver(scratch);
  const CorrelateWorkspace<T> workspace(plan, carver);
  workspace.source.fill(plan);
  const int64_t channels = plan.target_channels, depth = plan.depth(), taps = plan.taps(), columns = plan.columns();
  for (int64_t t = 0; t < plan.vectors * lanes; ++t) {
    T* const to = workspace.packed + t / lanes * depth * taps * lanes + t % lanes;
    const T* const from = weight + t / columns * steps.group + t % columns * steps.column;
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t tap = 0; tap < taps; ++tap)
        to[(k * taps + tap) * lanes] = t < channels ? from[k * steps.depth + tap] : T(0);
  }

  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    Read* const reads = workspace.reads + task * strip_positions * taps * depth;
    RunOutput<T> out;
    out.weight_vector = depth * taps * lanes;
    out.weight_step = workspace.source.spans[2].weight_step() * lanes;
    out.target_step = plan.axes[2].target_step * channels;
    out.relu = activation == Activation::Relu;
    const int64_t last = plan.parts * (task + 1) / plan.tasks;
    for (int64_t index = plan.parts * task / plan.tasks; index < last; ++index) {
      const Part part = part_of(plan, index);
      const Source<T> from = source_of(plan, workspace.source, task, source, part);
      out.weight = workspace.packed + part.vector * out.weight_vector;
      out.bias = bias ? bias + part.vector * lanes : nullptr;
      out.channels = std::min(part.vectors * lanes, channels - part.vector * lanes);
      out.source_step = plan.axes[2].source_step * from.pitch[2];
      out.source_vector = from.vector;
      visit_runs(plan, workspace.source.spans, part, from, reads, [&](const Run<T>& run) {
        out.target = target + run.target * channels + part.vector * lanes;
        out.target_ahead = run.last_line ? 0 : plan.axes[2].target * channels;
        run_output(run, out);
        if (activation != Activation::None && !out.relu)
          for (int64_t m = 0; m < run.positions; ++m)
            activate_in_place(activation, out.target + m * out.target_step, out.channels);
      });
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                  \
  template double lane_work<T>(int64_t, int64_t, int64_t, int64_t) noexcept;                                   \
  template LaneConv plan_lanes<T>(const Axis(&)[max_axes], int64_t, int64_t, int64_t, int64_t, bool) noexcept; \
  template size_t correlate_lanes_scratch_bytes<T>(const LaneConv&) noexcept;                                  \
  template void correlate_lanes<T>(const LaneConv&, const T*, const T*, WeightSteps, const T*, Activation, T*, \
                                   void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
