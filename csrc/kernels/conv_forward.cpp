#include "conv_forward.h"

#include "conv_few_pixels.h"

namespace cygnet {

template <class T>
ConvForward<T>::ConvForward(const ConvShape& s, bool channels_last) noexcept
    : shape_(s), channels_last_(channels_last), few_pixels_(has_few_pixels<T>(s)), plan_{} {
  if (few_pixels_) return;
  Axis axes[max_axes];
  for (int i = 0; i < max_axes; ++i) axes[i] = forward_axis(s.axes[i]);
  plan_ = plan_correlation<T>(axes, s.batch, s.in_channels, s.out_channels, s.groups, channels_last);
}

template <class T>
bool ConvForward<T>::pool(const MaxPooling& pooling) noexcept {
  return !few_pixels_ && join_pooling(pooling, plan_);
}

template <class T>
WeightSteps ConvForward<T>::steps() const noexcept {
  const int64_t filter = shape_.group_in() * shape_.taps();
  return {shape_.group_out() * filter, filter, shape_.taps()};
}

template <class T>
size_t ConvForward<T>::packed_bytes() const noexcept {
  return few_pixels_ ? 0 : correlate_packed_bytes<T>(plan_);
}

template <class T>
void ConvForward<T>::pack(const T* weight, void* packed) const noexcept {
  correlate_pack(plan_, weight, steps(), packed);
}

template <class T>
size_t ConvForward<T>::scratch_bytes() const noexcept {
  return few_pixels_ ? few_pixels_scratch_bytes<T>(shape_) : correlate_scratch_bytes<T>(plan_);
}

template <class T>
void ConvForward<T>::run(const T* input, const T* weight, const void* packed, const T* bias, Activation activation,
                         T* output, void* scratch) const noexcept {
  if (few_pixels_)
    few_pixels_forward(shape_, input, channels_last_, weight, bias, activation, output, scratch);
  else
    correlate(plan_, input, weight, steps(), packed, bias, activation, output, scratch);
}

template class ConvForward<float>;
template class ConvForward<double>;

}  // namespace cygnet
