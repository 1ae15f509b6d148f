// Optimizer steps over many parameters in one pass.
//
// The elements of all parameters are cut into chunks that threads claim. Hyper-parameters and step counts are read
// from memory on every run, so that a recorded step follows a changed learning rate. The loops use correctly rounded
// operations only and are limited by memory, so plain C++ serves, and every instruction set gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/array_view.h"

namespace cygnet {

/// Elements that one task updates.
constexpr int64_t optimizer_chunk = 16384;

struct ParameterSpan {
  int64_t count;        // elements
  int64_t first_chunk;  // chunks of all parameters before this one
  DType dtype;          // Float32 or Float64
};

/// The order of SGD's hyper-parameters in its cell.
struct SgdHyper {
  double lr, momentum, dampening, weight_decay, nesterov, maximize;
};

/// The order of Adam's hyper-parameters in its cell.
struct AdamHyper {
  double lr, beta1, beta2, eps, weight_decay, maximize;
};

size_t sgd_scratch_bytes(size_t parameters);
size_t adam_scratch_bytes(size_t parameters);

/// Stochastic gradient descent with momentum as PyTorch defines it (I. Sutskever et al., "On the importance of
/// initialization and momentum in deep learning", 2013):
///   g = (maximize ? -grad : grad) + weight_decay p;  b = first ? g : momentum b + (1 - dampening) g;
///   p -= lr (momentum == 0 ? g : nesterov ? g + momentum b : b).
/// `buffers` and `steps` may be null: momentum is then taken for zero. `first` is a step count of zero, which is
/// counted up. Parameters, buffers and counts do not overlap each other or gradients.
void sgd_step(const ParameterSpan* spans, size_t parameters, const SgdHyper& hyper, void* const* params,
              void* const* grads, void* const* buffers, void* const* steps, void* scratch) noexcept;

/// Adam (D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015), as PyTorch defines it, with weight
/// decay added to the gradient, or, where `decoupled`, AdamW's (I. Loshchilov, F. Hutter, 2019); `max_squares`, unless
/// null, holds AMSGrad's running maximum (S. Reddi et al., 2018). Step counts are counted up, t is the new one:
///   m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;
///   p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
void adam_step(const ParameterSpan* spans, size_t parameters, const AdamHyper& hyper, bool decoupled,
               void* const* params, void* const* grads, void* const* averages, void* const* squares,
               void* const* max_squares, void* const* steps, void* scratch) noexcept;

}  // namespace cygnet
