#include "conv_few_pixels.h"

#include <algorithm>

#include "core/parallel.h"
#include "gemm_dot.h"
#include "simd/vec.h"

namespace cygnet {
namespace {

// More pixels than this are worth packing the weight for, since those at borders then leave out taps.
constexpr int64_t most_pixels = 32;

int64_t pixels_of(const ConvShape& s) { return s.batch * s.out_pixels(); }
int64_t depth_of(const ConvShape& s) { return s.group_in() * s.taps(); }

// The sight of one output pixel: seen[c][k] = the input of channel c at tap k, zero outside the image.
template <class T>
void gather_sight(const ConvShape& s, const T* image, int64_t pixel_step, int64_t channel_step, int64_t pixel,
                  T* seen) noexcept {
  const ConvAxis &d = s.axes[0], &h = s.axes[1], &w = s.axes[2];
  const int64_t x = pixel % w.out, y = pixel / w.out % h.out, z = pixel / (w.out * h.out), taps = s.taps();
  const auto position = [](const ConvAxis& axis, int64_t out, int64_t k) {
    return out * axis.stride + k * axis.dilation - axis.padding;
  };
  const auto inside = [](const ConvAxis& axis, int64_t at) { return at >= 0 && at < axis.in; };
  int64_t tap = 0;
  for (int64_t i = 0; i < d.kernel; ++i)
    for (int64_t j = 0; j < h.kernel; ++j)
      for (int64_t k = 0; k < w.kernel; ++k, ++tap) {
        const int64_t at_d = position(d, z, i), at_h = position(h, y, j), at_w = position(w, x, k);
        const bool real = inside(d, at_d) && inside(h, at_h) && inside(w, at_w);
        const T* const from = real ? image + ((at_d * h.in + at_h) * w.in + at_w) * pixel_step : nullptr;
        for (int64_t c = 0; c < s.in_channels; ++c) seen[c * taps + tap] = real ? from[c * channel_step] : T(0);
      }
}

}  // namespace

template <class T>
bool has_few_pixels(const ConvShape& s) noexcept {
  const int64_t depth = depth_of(s);
  return s.groups == 1 && s.out_channels >= 2 * Vec<T>::lanes && pixels_of(s) <= most_pixels &&
         gemm_dot_is_faster<T>(pixels_of(s), depth, {nullptr, depth, 1}, {nullptr, 1, depth});
}

template <class T>
size_t few_pixels_scratch_bytes(const ConvShape& s) noexcept {
  return static_cast<size_t>(pixels_of(s) * depth_of(s)) * sizeof(T);
}

template <class T>
void few_pixels_forward(const ConvShape& s, const T* input, bool channels_last, const T* weight, const T* bias,
                        Activation activation, T* output, void* scratch) noexcept {
  const int64_t pixels = pixels_of(s), depth = depth_of(s);
  T* const sights = static_cast<T*>(scratch);
  parallel_for(pixels, static_cast<double>(pixels * depth), [=](int64_t i) {
    const T* const image = input + i / s.out_pixels() * s.in_channels * s.in_pixels();
    gather_sight(s, image, channels_last ? s.in_channels : 1, channels_last ? 1 : s.in_pixels(), i % s.out_pixels(),
                 sights + i * depth);
  });
  gemm_dot<T>(pixels, s.out_channels, depth, {sights, depth, 1}, {weight, 1, depth}, nullptr, {bias, activation},
              output, s.out_channels);
}

#define CYGNET_INSTANTIATE(T)                                                                               \
  template bool has_few_pixels<T>(const ConvShape&) noexcept;                                               \
  template size_t few_pixels_scratch_bytes<T>(const ConvShape&) noexcept;                                   \
  template void few_pixels_forward<T>(const ConvShape&, const T*, bool, const T*, const T*, Activation, T*, \
                                      void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
