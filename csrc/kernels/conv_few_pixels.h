// The forward pass at few output pixels, such as one small image: each output is a dot product of a filter, as it lies
// in memory, with the input that the pixel sees. So the weights, most of the data, are read once and not packed.
#pragma once

#include "conv.h"

namespace cygnet {

/// Whether the pixels are few enough for this to pay.
template <class T>
bool has_few_pixels(const ConvShape& shape) noexcept;

/// As ConvForward::run.
template <class T>
void few_pixels_forward(const ConvShape& shape, const T* input, bool channels_last, const T* weight, const T* bias,
                        Activation activation, T* output, void* scratch) noexcept;
template <class T>
size_t few_pixels_scratch_bytes(const ConvShape& shape) noexcept;

}  // namespace cygnet
