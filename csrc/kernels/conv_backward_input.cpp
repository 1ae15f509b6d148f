#include "conv.h"
#include "conv_plan.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Most bytes of the columns of one image, so that they are summed up out of the second-level cache.
constexpr int64_t most_column_bytes = 1 << 20;
constexpr double task_work = 1 << 17;

template <class T>
Correlation gather_plan(const ConvShape& s) noexcept {
  const Axis h{s.out_h, s.in_h, 1, s.stride_h, s.kernel_h, s.padding_h, -s.dilation_h};
  const Axis w{s.out_w, s.in_w, 1, s.stride_w, s.kernel_w, s.padding_w, -s.dilation_w};
  return plan_correlation<T>(h, w, s.batch, s.out_channels, s.in_channels, s.groups, true);
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
  plan.pixels = s.out_h * s.out_w;
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
         plan.multiplications < 0.85 * gather_plan<T>(s).multiplications();
}

// For each input position of an axis, where in the columns the output positions and taps are that meet there.
struct Meetings {
  int64_t *offset, *count, taps;

  Meetings(int64_t size, int64_t kernel, Carver& carver)
      : offset(carver.take<int64_t>(size * kernel)), count(carver.take<int64_t>(size)), taps(kernel) {}

  void fill(int64_t size, int64_t outputs, int64_t stride, int64_t padding, int64_t dilation, int64_t output_step,
            int64_t tap_step) const noexcept {
    for (int64_t at = 0; at < size; ++at) {
      int64_t n = 0;
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t scaled = at + padding - k * dilation;
        if (scaled >= 0 && scaled % stride == 0 && scaled / stride < outputs)
          offset[at * taps + n++] = scaled / stride * output_step + k * tap_step;
      }
      count[at] = n;
    }
  }
};

template <class T>
struct ColumnWorkspace {
  Meetings h, w;
  T *packed, *slots;

  ColumnWorkspace(const ConvShape& s, const ColumnPlan& plan, Carver& carver)
      : h(s.in_h, s.kernel_h, carver),
        w(s.in_w, s.kernel_w, carver),
        packed(carver.take<T>(s.groups * plan.panels.padded_columns() * s.group_out())),
        slots(carver.take<T>(plan.tasks * plan.slot_size())) {}
};

// One group of one image: target[y, x, :] = the sum of the columns' parts that meet at (y, x).
template <class T>
void sum_columns(const ConvShape& s, const ColumnWorkspace<T>& workspace, const T* columns, T* target) noexcept {
  using V = Vec<T>;
  const Meetings &h = workspace.h, &w = workspace.w;
  const int64_t channels = s.group_in();
  for (int64_t y = 0; y < s.in_h; ++y) {
    const int64_t* const row = h.offset + y * h.taps;
    for (int64_t x = 0; x < s.in_w; ++x, target += s.in_channels) {
      const int64_t* const column = w.offset + x * w.taps;
      for (int64_t c = 0; c < channels; c += V::lanes) {
        const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
        V sum(T(0));
        for (int64_t i = 0; i < h.count[y]; ++i)
          for (int64_t j = 0; j < w.count[x]; ++j) sum += V::load(columns + row[i] + column[j] + c, valid);
        sum.store(target + c, valid);
      }
    }
  }
}

template <class T>
void backward_by_columns(const ConvShape& s, const ColumnPlan& plan, const T* grad, const T* weight, T* grad_input,
                         void* scratch) noexcept {
  Carver carver(scratch);
  const ColumnWorkspace<T> workspace(s, plan, carver);
  const int64_t depth = s.group_out(), channels = s.group_in(), taps = s.taps();
  const Panels panels = plan.panels;
  workspace.h.fill(s.in_h, s.out_h, s.stride_h, s.padding_h, s.dilation_h, s.out_w * plan.columns,
                   s.kernel_w * channels);
  workspace.w.fill(s.in_w, s.out_w, s.stride_w, s.padding_w, s.dilation_w, plan.columns, channels);
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
      a_row[i] = i * s.out_channels;
      c_row[i] = i * plan.columns;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.depth = depth;
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
            tile.a = grad + (n * plan.pixels + pixel) * s.out_channels + g * depth;
            tile.c = columns + pixel * plan.columns + panels.begin(p);
            run_tile(tile);
          }
        }
        sum_columns(s, workspace, columns, grad_input + n * s.in_h * s.in_w * s.in_channels + g * channels);
      }
  });
}

}  // namespace

template <class T>
size_t conv2d_backward_input_scratch_bytes(const ConvShape& shape) noexcept {
  const ColumnPlan plan = column_plan<T>(shape);
  if (!by_columns<T>(shape, plan)) return correlate_scratch_bytes<T>(gather_plan<T>(shape));
  Carver carver(nullptr);
  const ColumnWorkspace<T> workspace(shape, plan, carver);
  return carver.used();
}

template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* grad_output, const T* weight, T* grad_input,
                           void* scratch) noexcept {
  if (shape.batch * shape.in_channels * shape.in_h * shape.in_w == 0) return;
  const ColumnPlan plan = column_plan<T>(shape);
  if (by_columns<T>(shape, plan)) return backward_by_columns(shape, plan, grad_output, weight, grad_input, scratch);
  const int64_t filter = shape.group_in() * shape.taps();
  correlate<T>(gather_plan<T>(shape), grad_output, weight,
               WeightSteps{shape.group_out() * filter, shape.taps(), filter}, nullptr, Activation::None, grad_input,
               scratch);
}

#define CYGNET_INSTANTIATE(T)                                                        \
  template size_t conv2d_backward_input_scratch_bytes<T>(const ConvShape&) noexcept; \
  template void conv2d_backward_input<T>(const ConvShape&, const T*, const T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
