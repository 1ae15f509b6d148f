#include "conv_depthwise_runs.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

using namespace depthwise;

// sums[t] += sum over the run's positions m of source[m][t] grad[m][t], for each of its reads and for the channels t.
template <class T>
struct RunGradient {
  const T* grad;
  int64_t source_step, source_vector, grad_step, grad_ahead;
  int64_t channels;
  T *sums, *bias;  // bias may be null
  int64_t sums_vector, sums_step;
};

template <class T, int Positions, bool Whole>
inline void gradient_vector_of(const Run<T>& run, const RunGradient<T>& g, const T* source, T* sums, int64_t c,
                               int valid) noexcept {
  using V = Vec<T>;
  const auto load = [&](const T* from) { return Whole ? V::load(from) : V::load(from, valid); };
  V grad[Positions];
#pragma GCC unroll 8
  for (int m = 0; m < Positions; ++m) {
    grad[m] = load(g.grad + m * g.grad_step + c);
    __builtin_prefetch(g.grad + g.grad_ahead + m * g.grad_step + c);
    __builtin_prefetch(source + run.ahead + m * g.source_step);
  }
  const auto add = [&](const Read& read, auto taps) {
    constexpr int Taps = decltype(taps)::value;
    V sum[Taps];
    T* const to = sums + read.weight;
#pragma GCC unroll 4
    for (int i = 0; i < Taps; ++i) sum[i] = V::load(to + i * g.sums_step);
    const T* from = source + read.source;
#pragma GCC unroll 16
    for (int x = 0; x < Positions + Taps - 1; ++x, from += g.source_step) {
      const V value = load(from);
#pragma GCC unroll 4
      for (int i = 0; i < Taps; ++i)
        if (x - i >= 0 && x - i < Positions) sum[i] = fma(value, grad[x - i], sum[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Taps; ++i) sum[i].store(to + i * g.sums_step);
  };
  for (const Read* read = run.reads; read < run.reads + run.count; ++read) with_taps(*read, add);
  if (g.bias) {
    for (int gap = 1; gap < Positions; gap *= 2)
      for (int m = 0; m + gap < Positions; m += 2 * gap) grad[m] += grad[m + gap];
    (V::load(g.bias + c) + grad[0]).store(g.bias + c);
  }
}

template <class T, int Positions>
void gradient_vectors_of(const Run<T>& run, const RunGradient<T>& g) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const T* source = run.source;
  T* sums = g.sums;
  int64_t c = 0;
  for (; c + lanes <= g.channels; c += lanes, source += g.source_vector, sums += g.sums_vector)
    gradient_vector_of<T, Positions, true>(run, g, source, sums, c, lanes);
  if (c < g.channels)
    gradient_vector_of<T, Positions, false>(run, g, source, sums, c, static_cast<int>(g.channels - c));
}

template <class T>
void run_gradient(const Run<T>& run, const RunGradient<T>& g) noexcept {
  static constexpr void (*functions[strip_positions])(const Run<T>&, const RunGradient<T>&) noexcept = {
      gradient_vectors_of<T, 1>, gradient_vectors_of<T, 2>, gradient_vectors_of<T, 3>, gradient_vectors_of<T, 4>,
      gradient_vectors_of<T, 5>, gradient_vectors_of<T, 6>, gradient_vectors_of<T, 7>, gradient_vectors_of<T, 8>};
  functions[run.positions - 1](run, g);
}

// Private copies of the gradient, packed like the weights.
template <class T>
struct WeightWorkspace {
  Workspace<T> source;
  Read* reads;
  T *copies, *bias;

  WeightWorkspace(const LaneConv& plan, Carver& carver)
      : source(plan, carver),
        reads(carver.take<Read>(plan.tasks * strip_positions * plan.taps() * plan.depth())),
        copies(carver.take<T>(plan.tasks * plan.vectors * plan.depth() * plan.taps() * Vec<T>::lanes)),
        bias(carver.take<T>(plan.tasks * plan.vectors * Vec<T>::lanes)) {}
};

}  // namespace

template <class T>
size_t backward_weight_lanes_scratch_bytes(const LaneConv& plan) noexcept {
  Carver carver(nullptr);
  const WeightWorkspace<T> workspace(plan, carver);
  return carver.used();
}

template <class T>
void backward_weight_lanes(const LaneConv& plan, const T* grad_output, const T* input, T* grad_weight, T* grad_bias,
                           void* scratch) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  Carver carver(scratch);
  const WeightWorkspace<T> workspace(plan, carver);
  workspace.source.fill(plan);
  const int64_t channels = plan.target_channels, depth = plan.depth(), taps = plan.taps();
  const int64_t vector_size = depth * taps * lanes, copy_size = plan.vectors * vector_size;
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    Read* const reads = workspace.reads + task * strip_positions * taps * depth;
    T *const copy = workspace.copies + task * copy_size, *const bias = workspace.bias + task * plan.vectors * lanes;
    std::fill(copy, copy + copy_size, T(0));
    std::fill(bias, bias + plan.vectors * lanes, T(0));
    RunGradient<T> g;
    g.grad_step = channels;
    g.sums_vector = vector_size;
    g.sums_step = workspace.source.spans[2].weight_step() * lanes;
    const int64_t last = plan.parts * (task + 1) / plan.tasks;
    for (int64_t index = plan.parts * task / plan.tasks; index < last; ++index) {
      const Part part = part_of(plan, index);
      const Source<T> from = source_of(plan, workspace.source, task, input, part);
      g.channels = std::min(part.vectors * lanes, channels - part.vector * lanes);
      g.source_step = plan.axes[2].source_step * from.pitch[2];
      g.source_vector = from.vector;
      g.sums = copy + part.vector * vector_size;
      g.bias = grad_bias ? bias + part.vector * lanes : nullptr;
      visit_runs(plan, workspace.source.spans, part, from, reads, [&](const Run<T>& run) {
        g.grad = grad_output + run.target * channels + part.vector * lanes;
        g.grad_ahead = run.last_line ? 0 : plan.axes[2].target * channels;
        run_gradient(run, g);
      });
    }
  });

  parallel_for(plan.vectors, static_cast<double>(plan.tasks * copy_size), [&](int64_t v) {
    const int64_t valid = std::min<int64_t>(lanes, channels - v * lanes);
    for (int64_t row = 0; row < depth * taps; ++row) {
      T sums[lanes];
      Vec<T> sum(T(0));
      for (int64_t copy = 0; copy < plan.tasks; ++copy)
        sum += Vec<T>::load(workspace.copies + copy * copy_size + v * vector_size + row * lanes);
      sum.store(sums);
      for (int64_t i = 0; i < valid; ++i) grad_weight[(v * lanes + i) * depth * taps + row] = sums[i];
    }
  });
  for (int64_t t = 0; grad_bias && t < channels; ++t) {
    T sum(0);
    for (int64_t copy = 0; copy < plan.tasks; ++copy) sum += workspace.bias[copy * plan.vectors * lanes + t];
    grad_bias[t] = sum;
  }
}

#define CYGNET_INSTANTIATE(T)                                                       \
  template size_t backward_weight_lanes_scratch_bytes<T>(const LaneConv&) noexcept; \
  template void backward_weight_lanes<T>(const LaneConv&, const T*, const T*, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
