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

/// sums[n] += sum over `pixels` rows of grad, `step` apart; eight partial sums for each column.
template <class T>
void add_columns(const T* grad, int64_t pixels, int64_t step, int64_t columns, T* sums) noexcept {
  using V = Vec<T>;
  for (int64_t n = 0; n < columns; n += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, columns - n));
    V partial[8];
    for (V& sum : partial) sum = V(T(0));
    int64_t m = 0;
    for (; m + 8 <= pixels; m += 8)
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) partial[i] += V::load(grad + (m + i) * step + n, valid);
    for (; m < pixels; ++m) partial[m % 8] += V::load(grad + m * step + n, valid);
    for (int gap = 1; gap < 8; gap *= 2)
      for (int i = 0; i < 8; i += 2 * gap) partial[i] += partial[i + gap];
    (V::load(sums + n, valid) + partial[0]).store(sums + n, valid);
  }
}

}  // namespace cygnet
