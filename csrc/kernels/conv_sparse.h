// Gradients of a convolution where most of grad_output is zero, as it is behind a max-pooling: only what is not zero is
// multiplied. Vectors run over the channels of neighbouring pixels, which are a line of a filter's taps.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// Such a gradient and how it is cut; all of it follows from the shape alone.
struct SparseConv {
  int64_t planes, lines, width;  // of a filter; elements of a line, whole vectors
  int64_t pieces;                // of a filter, each small enough for registers
  int64_t side;                  // output positions that lie side by side in a vector
  int64_t words;                 // of bits for an image's positions, of each of these and each output channel
  int64_t block;                 // images that are worked off together
  int64_t tasks;                 // each works off a run of images
  double multiplications;

  int64_t filter() const { return planes * lines * width; }
};

/// Whether grad_output has so few elements other than zero that this is the faster way to the gradient of the weight or
/// of the input, where another takes so many multiplications, those of empty lanes included. That is told from a
/// sample: with more of them it takes longer, but is as right.
template <class T>
bool is_sparse_for_weight(const ConvShape& shape, const T* grad_output, double multiplications) noexcept;
template <class T>
bool is_sparse_for_input(const ConvShape& shape, const T* grad_output, double multiplications) noexcept;

/// As `conv_backward_weight`; 0 bytes where it is never the faster way.
template <class T>
void backward_weight_sparse(const ConvShape& shape, const T* grad_output, const T* input, bool channels_last,
                            T* grad_weight, T* grad_bias, void* scratch) noexcept;
template <class T>
size_t backward_weight_sparse_scratch_bytes(const ConvShape& shape) noexcept;

/// As `conv_backward_input`, grad_output channels last.
template <class T>
void backward_input_sparse(const ConvShape& shape, const T* grad_output, const T* weight, const T* bias,
                           Activation activation, T* grad_input, void* scratch) noexcept;
template <class T>
size_t backward_input_sparse_scratch_bytes(const ConvShape& shape) noexcept;

}  // namespace cygnet
