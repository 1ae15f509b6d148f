#include "conv.h"
#include "conv_plan.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Most bytes of the columns of one image, so that they are summed up out of the second-level cache.
constexpr int64_t most_column_bytes = 1 << 20;
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

// The other way, for few input channels, whose vectors would be mostly empty: the product of each output pixel with
// all taps and input channels, "columns", and then for each input pixel the sum of the columns' parts that meet there.
struct ColumnPlan {
  Panels panels;  // of (tap, input channel) in one group
  int64_t columns, pixels, images_per_task, tasks;
  double multiplications;

  int64_t slot_size() const { return (pixels * columns + 15) / 16 * 16; }
};

template <class T>
ColumnPlan column_plan(const ConvShape& s) noexcept {
  ColumnPlan plan{};
  plan.columns = s.taps() * s.group_in();
  plan.panels = panels_for<T>(plan.columns);
  plan.pixels = s.out_pixels();
  const int64_t channel_vectors = (s.group_in() + Vec<T>::lanes - 1) / Vec<T>::lanes;
  const double image_work = static_cast<double>(plan.pixels * s.groups) *
                            (static_cast<double>(s.group_out() * plan.panels.padded_columns()) +
                             static_cast<double>(2 * s.taps() * channel_vectors * Vec<T>::lanes));
  plan.images_per_task = static_cast<int64_t>(task_work / (image_work + 1)) + 1;
  plan.tasks = (s.batch + plan.images_per_task - 1) / plan.images_per_task;
  plan.multiplications = image_work * static_cast<double>(s.batch);
  return plan;
}

template <class T>
bool by_columns(const ConvShape& s, const ColumnPlan& plan) noexcept {
  return plan.slot_size() * static_cast<int64_t>(sizeof(T)) <= most_column_bytes &&
         plan.multiplications < 0.85 * gather_plan<T>(s, true).multiplications();
}

// For each input position of an axis, where in the columns the output positions and taps are that meet there.
struct Meetings {
  int64_t *offset, *count, taps;

  Meetings(const ConvAxis& axis, Carver& carver)
      : offset(carver.take<int64_t>(axis.in * axis.kernel)), count(carver.take<int64_t>(axis.in)), taps(axis.kernel) {}

  void fill(const ConvAxis& axis, int64_t output_step, int64_t tap_step) const noexcept {
    for (int64_t at = 0; at < axis.in; ++at) {
      int64_t n = 0;
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t scaled = at + axis.padding - k * axis.dilation;
        if (scaled >= 0 && scaled % axis.stride == 0 && scaled / axis.stride < axis.out)
          offset[at * taps + n++] = scaled / axis.stride * output_step + k * tap_step;
      }
      count[at] = n;
    }
  }
};

template <class T>
struct ColumnWorkspace {
  Meetings axes[max_axes];
  T *packed, *slots;

  ColumnWorkspace(const ConvShape& s, const ColumnPlan& plan, Carver& carver)
      : axes{{s.axes[0], carver}, {s.axes[1], carver}, {s.axes[2], carver}},
        packed(carver.take<T>(s.groups * plan.panels.padded_columns() * s.group_out())),
        slots(carver.take<T>(plan.tasks * plan.slot_size())) {}
};

// One group of one image: target[z, y, x, :] = f(bias + the sum of the columns' parts that meet at (z, y, x)).
template <class T>
void sum_columns(const ConvShape& s, const ColumnWorkspace<T>& workspace, const T* columns, const T* bias,
                 Activation activation, T* target) noexcept {
  using V = Vec<T>;
  const Meetings &d = workspace.axes[0], &h = workspace.axes[1], &w = workspace.axes[2];
  const int64_t channels = s.group_in();
  for (int64_t z = 0; z < s.axes[0].in; ++z)
    for (int64_t y = 0; y < s.axes[1].in; ++y)
      for (int64_t x = 0; x < s.axes[2].in; ++x, target += s.in_channels) {
        const int64_t *const plane = d.offset + z * d.taps, *const row = h.offset + y * h.taps;
        const int64_t* const column = w.offset + x * w.taps;
        for (int64_t c = 0; c < channels; c += V::lanes) {
          const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
          V sum(bias ? V::load(bias + c, valid) : V(T(0)));
          for (int64_t i = 0; i < d.count[z]; ++i)
            for (int64_t j = 0; j < h.count[y]; ++j)
              for (int64_t k = 0; k < w.count[x]; ++k)
                sum += V::load(columns + plane[i] + row[j] + column[k] + c, valid);
          activate(activation, sum).store(target + c, valid);
        }
      }
}

template <class T>
void backward_by_columns(const ConvShape& s, const ColumnPlan& plan, const T* grad, bool channels_last, const T* weight,
                         const T* bias, Activation activation, T* grad_input, void* scratch) noexcept {
  Carver carver(scratch);
  const ColumnWorkspace<T> workspace(s, plan, carver);
  const int64_t depth = s.group_out(), channels = s.group_in(), taps = s.taps();
  const Panels panels = plan.panels;
  int64_t output_step = plan.columns, tap_step = channels;
  for (int i = max_axes - 1; i >= 0; --i) {
    workspace.axes[i].fill(s.axes[i], output_step, tap_step);
    output_step *= s.axes[i].out;
    tap_step *= s.axes[i].kernel;
  }
  const auto packed_panel = [&](int64_t g, int64_t p) {
    return workspace.packed + (g * panels.padded_columns() + panels.begin(p)) * depth;
  };
  parallel_for(s.groups * panels.panels, static_cast<double>(s.out_channels * plan.columns), [&](int64_t task) {
    const int64_t g = task / panels.panels, p = task % panels.panels;
    const int width = panels.vectors_of(p) * panels.lanes;
    T* to = packed_panel(g, p);
    for (int64_t k = 0; k < depth; ++k, to += width) {
      const T* filter = weight + (g * depth + k) * plan.columns;
      int64_t tap = panels.begin(p) / channels, c = panels.begin(p) % channels;
      for (int n = 0; n < width; ++n) {
        to[n] = tap < taps ? filter[c * taps + tap] : T(0);
        if (++c == channels) c = 0, ++tap;
      }
    }
  });
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const columns = workspace.slots + task * plan.slot_size();
    const int64_t last = std::min(s.batch, (task + 1) * plan.images_per_task);
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = channels_last ? i * s.out_channels : i;
      c_row[i] = i * plan.columns;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.depth = depth;
    tile.a_step = channels_last ? 1 : plan.pixels;
    tile.b_padded = true;
    for (int64_t n = task * plan.images_per_task; n < last; ++n)
      for (int64_t g = 0; g < s.groups; ++g) {
        for (int64_t p = 0; p < panels.panels; ++p) {
          tile.vectors = panels.vectors_of(p);
          tile.columns = panels.columns_of(p);
          tile.b = packed_panel(g, p);
          tile.b_step = int64_t{tile.vectors} * panels.lanes;
          const Strips strips = strips_for(plan.pixels, tile.vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t pixel = strips.begin(strip);
            tile.rows = static_cast<int>(strips.begin(strip + 1) - pixel);
            tile.a = grad + n * plan.pixels * s.out_channels +
                     (channels_last ? pixel * s.out_channels + g * depth : g * depth * plan.pixels + pixel);
            tile.c = columns + pixel * plan.columns + panels.begin(p);
            run_tile(tile);
          }
        }
        sum_columns(s, workspace, columns, bias ? bias + g * channels : nullptr, activation,
                    grad_input + n * s.in_pixels() * s.in_channels + g * channels);
      }
  });
}

}  // namespace

template <class T>
size_t conv_backward_input_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  const ColumnPlan plan = column_plan<T>(shape);
  if (!by_columns<T>(shape, plan)) return correlate_scratch_bytes<T>(gather_plan<T>(shape, channels_last));
  Carver carver(nullptr);
  const ColumnWorkspace<T> workspace(shape, plan, carver);
  return carver.used();
}

template <class T>
void conv_backward_input(const ConvShape& shape, const T* grad_output, bool channels_last, const T* weight,
                         const T* bias, Activation activation, T* grad_input, void* scratch) noexcept {
  if (shape.batch * shape.in_channels * shape.in_pixels() == 0) return;
  const ColumnPlan plan = column_plan<T>(shape);
  if (by_columns<T>(shape, plan))
    return backward_by_columns(shape, plan, grad_output, channels_last, weight, bias, activation, grad_input, scratch);
  const int64_t filter = shape.group_in() * shape.taps();
  correlate<T>(gather_plan<T>(shape, channels_last), grad_output, weight,
               WeightSteps{shape.group_out() * filter, shape.taps(), filter}, bias, activation, grad_input, scratch);
}

#define CYGNET_INSTANTIATE(T)                                                                                \
  template size_t conv_backward_input_scratch_bytes<T>(const ConvShape&, bool) noexcept;                     \
  template void conv_backward_input<T>(const ConvShape&, const T*, bool, const T*, const T*, Activation, T*, \
                                       void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
