#include "conv_forward.h"

#include "conv_few_pixels.h"
#include "pooling_tiles.h"

namespace cygnet {
namespace {

// Bytes of the images of a batch from which on it is worth while to pool each where it is made.
constexpr int64_t pooled_bytes = 1 << 20;

}  // namespace

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
  const Pooling& windows = pooling.windows;
  const PoolAxis pool_axes[] = {windows.d, windows.h, windows.w};
  bool fits = !few_pixels_ && windows.batch == plan_.images && windows.channels == plan_.target_channels &&
              tiled(windows) && plan_.axes[0].target == 1 && plan_.axes[0].taps == 1 && !plan_.in_lanes &&
              !plan_.in_positions;
  int64_t bytes = plan_.images * plan_.target_channels * static_cast<int64_t>(sizeof(T));
  for (int i = 0; i < max_axes; ++i) {
    fits = fits && pool_axes[i].in == plan_.axes[i].target && pool_axes[i].out > 0;
    bytes *= plan_.axes[i].target;
  }
  if (plan_.in_tiles)
    fits = fits && windows.h.kernel == 2 && windows.w.kernel == 2;
  else
    fits = fits && plan_.unit_splits == 1 && plan_.boxes.count[2] == 1 && (plan_.images == 1 || bytes >= pooled_bytes);
  if (!fits) return false;
  plan_.pools = true;
  plan_.pooling = pooling;
  if (plan_.in_tiles) return true;
  // The lines of a box are those of whole windows.
  plan_.boxes.size[1] = ceil_div(plan_.boxes.size[1], windows.h.kernel) * windows.h.kernel;
  plan_.boxes.count[1] = ceil_div(plan_.grid(1), plan_.boxes.size[1]);
  plan_.room = plan_.images_per_task * plan_.boxes.size[1] * plan_.axes[2].target * plan_.target_channels;
  plan_.room = ceil_div(plan_.room, 16) * 16;
  plan_.size_slab();
  return true;
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
                         T* output, void* scratch, uint8_t* taps) const noexcept {
  if (few_pixels_)
    few_pixels_forward(shape_, input, channels_last_, weight, bias, activation, output, scratch);
  else
    correlate(plan_, input, weight, steps(), packed, bias, activation, output, scratch, taps);
}

template class ConvForward<float>;
template class ConvForward<double>;

}  // namespace cygnet
