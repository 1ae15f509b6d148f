#include "conv.h"
#include "conv_few_pixels.h"
#include "conv_plan.h"

namespace cygnet {
namespace {

template <class T>
Correlation forward_plan(const ConvShape& s, bool channels_last) noexcept {
  Axis axes[max_axes];
  for (int i = 0; i < max_axes; ++i) axes[i] = forward_axis(s.axes[i]);
  return plan_correlation<T>(axes, s.batch, s.in_channels, s.out_channels, s.groups, channels_last);
}

}  // namespace

template <class T>
size_t conv_forward_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  if (has_few_pixels<T>(shape)) return few_pixels_scratch_bytes<T>(shape);
  return correlate_scratch_bytes<T>(forward_plan<T>(shape, channels_last));
}

template <class T>
void conv_forward(const ConvShape& shape, const T* input, bool channels_last, const T* weight, const T* bias,
                  Activation activation, T* output, void* scratch) noexcept {
  if (has_few_pixels<T>(shape))
    return few_pixels_forward(shape, input, channels_last, weight, bias, activation, output, scratch);
  const int64_t filter = shape.group_in() * shape.taps();
  correlate(forward_plan<T>(shape, channels_last), input, weight,
            WeightSteps{shape.group_out() * filter, filter, shape.taps()}, bias, activation, output, scratch);
}

#define CYGNET_INSTANTIATE(T)                                                     \
  template size_t conv_forward_scratch_bytes<T>(const ConvShape&, bool) noexcept; \
  template void conv_forward<T>(const ConvShape&, const T*, bool, const T*, const T*, Activation, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
