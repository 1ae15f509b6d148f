// The forward pass of a convolution: how it is done for a shape is decided once.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// The equation of conv.h. `channels_last` says whether the input's memory is (N, D, H, W, C), else it is
/// (N, C, D, H, W).
template <class T>
class ConvForward {
 public:
  ConvForward(const ConvShape& shape, bool channels_last) noexcept;

  /// From now on `run` writes the maxima of windows of what it did, with the same bits, and the numbers of their taps,
  /// where asked for; false if it cannot.
  bool pool(const MaxPooling& pooling) noexcept;

  /// The weight in the order in which `run` reads it; 0 bytes where that is how it lies.
  size_t packed_bytes() const noexcept;
  void pack(const T* weight, void* packed) const noexcept;

  /// Whether it is done by minimal filtering. That needs the input channels last; it reads the weight beside what
  /// `pack` has made of it.
  bool in_tiles() const noexcept { return plan_.in_tiles; }

  /// `packed` is null or what `pack` has left there; bias may be null. Nothing overlaps.
  void run(const T* input, const T* weight, const void* packed, const T* bias, Activation activation, T* output,
           void* scratch, uint8_t* taps = nullptr) const noexcept;
  size_t scratch_bytes() const noexcept;

 private:
  WeightSteps steps() const noexcept;

  ConvShape shape_;
  bool channels_last_, few_pixels_;
  Correlation plan_;
};

}  // namespace cygnet
