#include "conv_depthwise_parts.h"
#include "conv_weight.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

using namespace depthwise;

// A block of taps, neighbours along a line of the filter and lines of it, whose sums are held in registers.
constexpr int most_lines = 3;
// Positions of a line of a rectangle, so that the lines of the source that it reads share the first-level cache, and
// of all its lines: a sum has no more terms until it is added to the others.
constexpr int64_t line_positions = 16, rectangle_positions = 256;

// Bytes of both arrays above which they come from memory rather than from the last cache, so that fetching ahead pays.
constexpr double cached_bytes = 12 << 20;

// A rectangle of positions that read the same taps; steps are elements from one position, or line of them, to the next.
struct Rectangle {
  int64_t lines, positions;
  int64_t grad_line, grad_step, source_line, source_step;
  Ahead* ahead;  // a piece comes with each line
};

// sums[i][j] += sum over a rectangle's positions of source[position + line[i] + j tap_step] grad[position], and
// *bias += sum of grad[position].
template <class T, int Lines, int Taps>
void add_taps(const Rectangle& r, const T* source, const int64_t* line, int64_t tap_step, const T* grad, int valid,
              T* const* sums, T* bias) noexcept {
  using V = Vec<T>;
  V sum[Lines][Taps], total(T(0));
#pragma GCC unroll 3
  for (int i = 0; i < Lines; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < Taps; ++j) sum[i][j] = V(T(0));
  const auto add = [&](auto load) {
    for (int64_t y = 0; y < r.lines; ++y, source += r.source_line, grad += r.grad_line) {
      r.ahead->fetch();
      const T *from = source, *factor = grad;
      for (int64_t x = 0; x < r.positions; ++x, from += r.source_step, factor += r.grad_step) {
        const V value = load(factor);
        total += value;
#pragma GCC unroll 3
        for (int i = 0; i < Lines; ++i)
#pragma GCC unroll 3
          for (int j = 0; j < Taps; ++j) sum[i][j] = fma(load(from + line[i] + j * tap_step), value, sum[i][j]);
      }
    }
  };
  if (valid == V::lanes)
    add([](const T* from) { return V::load(from); });
  else
    add([valid](const T* from) { return V::load(from, valid); });
#pragma GCC unroll 3
  for (int i = 0; i < Lines; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < Taps; ++j) (V::load(sums[i] + j * V::lanes) + sum[i][j]).store(sums[i] + j * V::lanes);
  if (bias) (V::load(bias) + total).store(bias);
}

template <class T>
using AddTaps = void (*)(const Rectangle&, const T*, const int64_t*, int64_t, const T*, int, T* const*, T*) noexcept;

template <class T>
AddTaps<T> add_taps_of(int64_t lines, int64_t taps) noexcept {
  static constexpr AddTaps<T> functions[most_lines][most_taps] = {
      {add_taps<T, 1, 1>, add_taps<T, 1, 2>, add_taps<T, 1, 3>},
      {add_taps<T, 2, 1>, add_taps<T, 2, 2>, add_taps<T, 2, 3>},
      {add_taps<T, 3, 1>, add_taps<T, 3, 2>, add_taps<T, 3, 3>}};
  return functions[lines - 1][taps - 1];
}

// Adds the products of a rectangle, whose first position has these spans, to sums (vector of channels, depth, taps,
// lane) and those of grad to bias, if not null; `source` is what the first of the taps reads there.
template <class T>
void add_rectangle(const LaneConv& plan, const Spans (&axes)[max_axes], const Span* const (&spans)[max_axes],
                   const Rectangle& rectangle, const Source<T>& from, const T* source, const T* grad, int64_t channels,
                   T* sums, T* bias) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t tap_step = axes[2].source_step * from.pitch[2], lines = spans[0]->taps * spans[1]->taps;
  for (int64_t y = 0; bias && lines * spans[2]->taps == 0 && y < rectangle.lines; ++y)
    add_columns(grad + y * rectangle.grad_line, rectangle.positions, rectangle.grad_step, channels, bias);
  for (int64_t c = 0; c < channels; c += lanes, source += from.vector, grad += lanes)
    for (int64_t k = 0; k < plan.depth(); ++k, sums += plan.taps() * lanes)
      for (int64_t i = 0, count; i < lines; i += count) {
        count = std::min<int64_t>(most_lines, lines - i);
        int64_t line[most_lines];
        T* to[most_lines];
        for (int64_t n = 0; n < count; ++n) {
          const int64_t z = (i + n) / spans[1]->taps, y = (i + n) % spans[1]->taps;
          line[n] = z * axes[0].source_step * from.pitch[0] + y * axes[1].source_step * from.pitch[1];
          to[n] = sums +
                  (((spans[0]->tap + z) * plan.axes[1].taps + spans[1]->tap + y) * plan.axes[2].taps + spans[2]->tap) *
                      lanes;
        }
        for (int64_t x = 0, taps; x < spans[2]->taps; x += taps) {
          taps = std::min<int64_t>(most_taps, spans[2]->taps - x);
          add_taps_of<T>(count, taps)(rectangle, source + k * from.depth + x * tap_step, line, tap_step, grad,
                                      static_cast<int>(std::min<int64_t>(lanes, channels - c)), to,
                                      k + i + x == 0 && bias ? bias + c : nullptr);
          for (int64_t n = 0; n < count; ++n) to[n] += taps * lanes;
        }
      }
}

// Private copies of the gradient, packed like the weights.
template <class T>
struct WeightWorkspace {
  Workspace<T> source;
  T *copies, *bias;

  WeightWorkspace(const LaneConv& plan, Carver& carver)
      : source(plan, carver),
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
  const Spans(&axes)[max_axes] = workspace.source.spans;
  auto elements = static_cast<double>(plan.images * channels);
  auto source_elements = static_cast<double>(plan.images * plan.source_channels);
  for (const Axis& axis : plan.axes) {
    elements *= static_cast<double>(axis.target);
    source_elements *= static_cast<double>(axis.source);
  }
  const bool in_memory = (elements + source_elements) * sizeof(T) > cached_bytes;
  // What a part reads, and with it all other channels of its pixels.
  const auto set_ahead = [&](const Part& part, Ahead& ahead) {
    int64_t grad = part.image, grad_last = part.image, source = part.image, source_last = part.image;
    for (int i = 0; i < max_axes; ++i) {
      int64_t begin, count;
      axes[i].range(part.box.begin[i], part.box.size[i], begin, count);
      grad = grad * plan.axes[i].target + part.box.begin[i];
      grad_last = grad_last * plan.axes[i].target + part.box.begin[i] + part.box.size[i] - 1;
      source = source * plan.axes[i].source + begin;
      source_last = source_last * plan.axes[i].source + begin + count - 1;
    }
    const bool wanted = in_memory && part.vector == 0;
    ahead.set(grad_output + grad * channels, wanted ? (grad_last + 1 - grad) * channels : 0,
              input + source * plan.source_channels,
              wanted && plan.channels_last ? (source_last + 1 - source) * plan.source_channels : 0);
  };
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T *const copy = workspace.copies + task * copy_size, *const bias = workspace.bias + task * plan.vectors * lanes;
    std::fill(copy, copy + copy_size, T(0));
    std::fill(bias, bias + plan.vectors * lanes, T(0));
    const int64_t step = plan.axes[2].source_step;
    const int64_t first = plan.parts * task / plan.tasks, last = plan.parts * (task + 1) / plan.tasks;
    Ahead ahead;
    set_ahead(part_of(plan, first), ahead);
    ahead.cut(1);
    ahead.fetch();
    for (int64_t index = first; index < last; ++index) {
      const Part part = part_of(plan, index);
      const Source<T> from = source_of(plan, workspace.source, task, input, part);
      const int64_t part_channels = std::min(part.vectors * lanes, channels - part.vector * lanes);
      const int64_t end[] = {part.box.begin[0] + part.box.size[0], part.box.begin[1] + part.box.size[1],
                             part.box.begin[2] + part.box.size[2]};
      if (index + 1 < last) set_ahead(part_of(plan, index + 1), ahead);
      ahead.cut(part.box.size[0] * part.box.size[1] * part.vectors * ceil_div(part.box.size[2], line_positions));
      Rectangle rectangle;
      rectangle.ahead = &ahead;
      rectangle.grad_line = plan.axes[2].target * channels;
      rectangle.grad_step = channels;
      rectangle.source_line = plan.axes[1].source_step * from.pitch[1];
      rectangle.source_step = step * from.pitch[2];
      const Span* spans[max_axes];
      for (int64_t z = part.box.begin[0]; z < end[0]; ++z)
        for (int64_t x = part.box.begin[2]; x < end[2]; x += rectangle.positions) {
          spans[0] = axes[0].at + z;
          spans[2] = axes[2].at + x;
          const int64_t run = std::min(spans[2]->run, end[2] - x);
          rectangle.positions = ceil_div(run, ceil_div(run, line_positions));
          for (int64_t y = part.box.begin[1]; y < end[1]; y += rectangle.lines) {
            spans[1] = axes[1].at + y;
            rectangle.lines = std::min({spans[1]->run, end[1] - y, rectangle_positions / rectangle.positions});
            const int64_t pixel =
                ((part.image * plan.axes[0].target + z) * plan.axes[1].target + y) * plan.axes[2].target + x;
            const T* const grad = grad_output + pixel * channels + part.vector * lanes;
            int64_t offset = 0;
            for (int i = 0; i < max_axes; ++i) offset += (spans[i]->source - from.begin[i]) * from.pitch[i];
            add_rectangle(plan, axes, spans, rectangle, from, from.data + offset, grad, part_channels,
                          copy + part.vector * vector_size, grad_bias ? bias + part.vector * lanes : nullptr);
          }
        }
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
