// The gradient of a weight with few or odd numbers of output channels, whose vectors would be partly empty: vectors run
// over images instead. Both sides are copied first, each element with those of as many images as a vector has lanes.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// Such a gradient and how it is cut; all of it follows from the shape alone.
struct ImageConv {
  int64_t runs;        // of images, as many as a vector has lanes
  Strips panels;       // output channels
  int64_t width;       // channels of a panel, at most
  Boxes boxes;         // of output positions
  int64_t slab_size;   // elements of a box's part of the input,
  int64_t grads_size;  // and of grad_output
  int64_t parts;       // runs x boxes
  int64_t tasks;       // each has a copy of the gradient and works off some parts
  double multiplications;
};

/// Whether this is the faster way.
template <class T>
bool few_outputs_of_images(const ConvShape& shape) noexcept;

template <class T>
ImageConv plan_images(const ConvShape& shape) noexcept;

/// As `conv_backward_weight`.
template <class T>
void backward_weight_images(const ImageConv& plan, const ConvShape& shape, const T* grad_output, const T* input,
                            bool channels_last, T* grad_weight, T* grad_bias, void* scratch) noexcept;
template <class T>
size_t backward_weight_images_scratch_bytes(const ImageConv& plan, const ConvShape& shape) noexcept;

}  // namespace cygnet
