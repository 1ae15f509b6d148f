#include "conv.h"
#include "conv_plan.h"
#include "conv_sparse.h"
#include "conv_winograd.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Tasks that keep all threads of a usual machine busy, and the multiply-adds each should have at least.
constexpr int64_t most_tasks = 32;
constexpr double task_work = 1 << 17;

template <class T>
Correlation gather_plan(const ConvShape& s, bool channels_last) noexcept {
  Axis axes[max_axes];
  for (int i = 0; i < max_axes; ++i) {
    const ConvAxis& a = s.axes[i];
    axes[i] = {a.out, a.in, 1, a.stride, a.kernel, a.padding, -a.dilation};
  }
  return plan_correlation<T>(axes, s.batch, s.out_channels, s.in_channels, s.groups, channels_last);
}

// The other way, for few input channels, whose vectors would be mostly empty: the taps of the last axis share the
// vectors with the channels. For each input line y, from the output lines p that meet there through taps k of the other
// axes,
//
//   parts[x][l, c] = sum over o, k of grad_output[p(k), x, o] weight[o, c, k, l]
//
// and then each input position of the line sums up the parts that meet there.
struct LinePlan {
  Panels panels;  // of (l, c) in one group
  int64_t lines, tasks;
  double multiplications;

  int64_t parts_size(const ConvShape& s) const { return s.axes[2].out * panels.padded_columns() + panels.lanes; }
};

template <class T>
LinePlan line_plan(const ConvShape& s) noexcept {
  const ConvAxis &d = s.axes[0], &h = s.axes[1], &w = s.axes[2];
  LinePlan plan{};
  plan.panels = panels_for<T>(w.kernel * s.group_in());
  plan.lines = s.batch * d.in * h.in;
  const double products = forward_axis(d).pairs() * forward_axis(h).pairs() *
                          static_cast<double>(w.out * s.group_out()) *
                          static_cast<double>(plan.panels.padded_columns());
  const double sums = static_cast<double>(d.in * h.in * w.out * w.kernel) *
                      static_cast<double>(2 * panels_for<T>(s.group_in()).padded_columns());
  plan.multiplications = static_cast<double>(s.batch * s.groups) * (products + sums);
  plan.tasks =
      std::min({plan.lines, most_tasks, static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1});
  return plan;
}

template <class T>
bool by_lines(const ConvShape& s, const LinePlan& plan) noexcept {
  return plan.multiplications < 0.85 * gather_plan<T>(s, true).multiplications;
}

// For each input position of an axis, the taps that meet there and the output positions that they come from. The taps
// of a position are equally far apart.
struct Meetings {
  int64_t *tap, *output, *count, taps;

  Meetings(const ConvAxis& axis, Carver& carver)
      : tap(carver.take<int64_t>(axis.in * axis.kernel)),
        output(carver.take<int64_t>(axis.in * axis.kernel)),
        count(carver.take<int64_t>(axis.in)),
        taps(axis.kernel) {}

  void fill(const ConvAxis& axis, int64_t tap_step, int64_t output_step) const noexcept {
    for (int64_t at = 0; at < axis.in; ++at) {
      int64_t n = at * taps;
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t scaled = at + axis.padding - k * axis.dilation;
        if (scaled < 0 || scaled % axis.stride != 0 || scaled / axis.stride >= axis.out) continue;
        tap[n] = k * tap_step;
        output[n++] = scaled / axis.stride * output_step;
      }
      count[at] = n - at * taps;
    }
  }
};

template <class T>
struct LineWorkspace {
  Meetings axes[max_axes];
  T *packed, *parts;

  LineWorkspace(const ConvShape& s, const LinePlan& plan, Carver& carver)
      : axes{{s.axes[0], carver}, {s.axes[1], carver}, {s.axes[2], carver}},
        packed(carver.take<T>(s.out_channels * s.axes[0].kernel * s.axes[1].kernel * plan.panels.padded_columns())),
        parts(carver.take<T>(plan.tasks * plan.parts_size(s))) {}
};

// target[x, :] = f(bias + the sum of the parts that meet at x) for one group's channels of a line. If they are one
// vector it may be stored whole up to `end`: what lies there comes later.
template <class T>
void sum_parts(const ConvShape& s, const Meetings& axis, const T* parts, const T* bias, Activation activation,
               T* target, const T* end) noexcept {
  using V = Vec<T>;
  const int64_t channels = s.group_in();
  for (int64_t c = 0; c < channels; c += V::lanes, parts += V::lanes, target += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
    const V first(bias ? V::load(bias + c, valid) : V(T(0)));
    const int64_t *tap = axis.tap, *output = axis.output;
    T* to = target;
    for (int64_t x = 0; x < s.axes[2].in; ++x, tap += axis.taps, output += axis.taps, to += s.in_channels) {
      V sum = first;
      for (int64_t i = 0; i < axis.count[x]; ++i) sum += V::load(parts + tap[i] + output[i]);
      if (activation != Activation::None) sum = activate(activation, sum);
      valid == V::lanes || to + V::lanes <= end ? sum.store(to) : sum.store(to, valid);
    }
  }
}

template <class T>
void backward_by_lines(const ConvShape& s, const LinePlan& plan, const T* grad, bool channels_last, const T* weight,
                       const T* bias, Activation activation, T* grad_input, void* scratch) noexcept {
  Carver carver(scratch);
  const LineWorkspace<T> workspace(s, plan, carver);
  const ConvAxis &d = s.axes[0], &h = s.axes[1], &w = s.axes[2];
  const int64_t depth = s.group_out(), channels = s.group_in(), taps = s.taps(), line_taps = d.kernel * h.kernel;
  const int64_t pixel = channels_last ? s.out_channels : 1;  // from one to the next
  const Panels panels = plan.panels;
  workspace.axes[0].fill(d, h.kernel, h.out * w.out * pixel);
  workspace.axes[1].fill(h, 1, w.out * pixel);
  workspace.axes[2].fill(w, channels, panels.padded_columns());
  const auto packed_panel = [&](int64_t g, int64_t p) {
    return workspace.packed + (g * panels.padded_columns() + panels.begin(p)) * line_taps * depth;
  };
  parallel_for(s.groups * panels.panels, static_cast<double>(s.out_channels * channels * taps), [&](int64_t task) {
    const int64_t g = task / panels.panels, p = task % panels.panels;
    const int width = panels.vectors_of(p) * panels.lanes;
    T* to = packed_panel(g, p);
    for (int64_t k = 0; k < line_taps; ++k)
      for (int64_t o = 0; o < depth; ++o, to += width) {
        const T* const filter = weight + (g * depth + o) * channels * taps + k * w.kernel;
        int64_t l = panels.begin(p) / channels, c = panels.begin(p) % channels;
        for (int n = 0; n < width; ++n) {
          to[n] = l < w.kernel ? filter[c * taps + l] : T(0);
          if (++c == channels) c = 0, ++l;
        }
      }
  });
  const int64_t image_lines = d.in * h.in, line_size = w.in * s.in_channels;
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const parts = workspace.parts + task * plan.parts_size(s);
    std::fill_n(parts + w.out * panels.padded_columns(), panels.lanes, T(0));
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = i * pixel;
      c_row[i] = i * panels.padded_columns();
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.depth = depth;
    tile.a_step = channels_last ? 1 : s.out_pixels();
    tile.b_padded = true;
    const int64_t last = plan.lines * (task + 1) / plan.tasks;
    const T* const end = s.in_channels <= Vec<T>::lanes && s.groups == 1 ? grad_input + last * line_size : grad_input;
    for (int64_t line = plan.lines * task / plan.tasks; line < last; ++line)
      for (int64_t g = 0; g < s.groups; ++g) {
        const int64_t z = line % image_lines / h.in, y = line % h.in;
        const Meetings &planes = workspace.axes[0], &lines = workspace.axes[1];
        const int64_t* const line_tap = lines.tap + y * h.kernel;
        const T* const image = grad + line / image_lines * s.out_pixels() * s.out_channels + g * depth * tile.a_step;
        tile.a_segment = lines.output + y * h.kernel;
        tile.segments = planes.count[z] > 0 ? lines.count[y] : 0;
        for (int64_t p = 0; p < panels.panels; ++p) {
          tile.vectors = panels.vectors_of(p);
          tile.b_step = int64_t{tile.vectors} * panels.lanes;
          tile.columns = static_cast<int>(tile.b_step);  // with the padding: whole vectors
          tile.b_segment = tile.segments > 1 ? (line_tap[1] - line_tap[0]) * depth * tile.b_step : 0;
          const Strips strips = strips_for(w.out, tile.vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t x = strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - x);
            tile.c = parts + x * panels.padded_columns() + panels.begin(p);
            tile.accumulate = false;
            // At least one pass, so that parts which no tap reaches become zero.
            for (int64_t i = 0; i == 0 || i < planes.count[z]; ++i, tile.accumulate = true) {
              tile.a = image + x * pixel;
              tile.b = packed_panel(g, p);
              if (tile.segments > 0) {
                tile.a += planes.output[z * d.kernel + i];
                tile.b += (planes.tap[z * d.kernel + i] + line_tap[0]) * depth * tile.b_step;
              }
              run_tile(tile);
            }
          }
        }
        sum_parts(s, workspace.axes[2], parts, bias ? bias + g * channels : nullptr, activation,
                  grad_input + line * line_size + g * channels, end);
      }
  });
}

// Without a look at the numbers.
template <class T>
size_t dense_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  const LinePlan plan = line_plan<T>(shape);
  if (!by_lines<T>(shape, plan)) return correlate_scratch_bytes<T>(gather_plan<T>(shape, channels_last));
  Carver carver(nullptr);
  const LineWorkspace<T> workspace(shape, plan, carver);
  return carver.used();
}

}  // namespace

template <class T>
bool conv_backward_input_in_tiles(const ConvShape& shape) noexcept {
  return !by_lines<T>(shape, line_plan<T>(shape)) && gather_plan<T>(shape, true).in_tiles;
}

template <class T>
size_t conv_backward_input_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  return std::max(dense_scratch_bytes<T>(shape, channels_last), backward_input_sparse_scratch_bytes<T>(shape));
}

template <class T>
void conv_backward_input(const ConvShape& shape, const T* grad_output, bool channels_last, const T* weight,
                         const T* bias, Activation activation, T* grad_input, void* scratch) noexcept {
  if (shape.batch * shape.in_channels * shape.in_pixels() == 0) return;
  const LinePlan plan = line_plan<T>(shape);
  const bool lines = by_lines<T>(shape, plan);
  const Correlation gather = lines ? Correlation{} : gather_plan<T>(shape, channels_last);
  const double work = lines ? plan.multiplications : (gather.in_tiles ? winograd_gain : 1) * gather.multiplications;
  if (channels_last && is_sparse_for_input(shape, grad_output, work))
    return backward_input_sparse(shape, grad_output, weight, bias, activation, grad_input, scratch);
  if (lines)
    return backward_by_lines(shape, plan, grad_output, channels_last, weight, bias, activation, grad_input, scratch);
  const int64_t filter = shape.group_in() * shape.taps();
  correlate<T>(gather, grad_output, weight, WeightSteps{shape.group_out() * filter, shape.taps(), filter}, nullptr,
               bias, activation, grad_input, scratch);
}

#define CYGNET_INSTANTIATE(T)                                                                                \
  template bool conv_backward_input_in_tiles<T>(const ConvShape&) noexcept;                                  \
  template size_t conv_backward_input_scratch_bytes<T>(const ConvShape&, bool) noexcept;                     \
  template void conv_backward_input<T>(const ConvShape&, const T*, bool, const T*, const T*, Activation, T*, \
                                       void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
