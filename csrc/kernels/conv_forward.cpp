#include "conv.h"
#include "conv_plan.h"

namespace cygnet {
namespace {

template <class T>
Correlation forward_plan(const ConvShape& s, bool channels_last) noexcept {
  const Axis h{s.in_h, s.out_h, s.stride_h, 1, s.kernel_h, -s.padding_h, s.dilation_h};
  const Axis w{s.in_w, s.out_w, s.stride_w, 1, s.kernel_w, -s.padding_w, s.dilation_w};
  return plan_correlation<T>(h, w, s.batch, s.in_channels, s.out_channels, s.groups, channels_last);
}

}  // namespace

template <class T>
size_t conv2d_forward_scratch_bytes(const ConvShape& shape, bool channels_last) noexcept {
  return correlate_scratch_bytes<T>(forward_plan<T>(shape, channels_last));
}

template <class T>
void conv2d_forward(const ConvShape& shape, const T* input, bool channels_last, const T* weight, const T* bias,
                    Activation activation, T* output, void* scratch) noexcept {
  const int64_t filter = shape.group_in() * shape.taps();
  correlate(forward_plan<T>(shape, channels_last), input, weight,
            WeightSteps{shape.group_out() * filter, filter, shape.taps()}, bias, activation, output, scratch);
}

#define CYGNET_INSTANTIATE(T)                                                       \
  template size_t conv2d_forward_scratch_bytes<T>(const ConvShape&, bool) noexcept; \
  template void conv2d_forward<T>(const ConvShape&, const T*, bool, const T*, const T*, Activation, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
