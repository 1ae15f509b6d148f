// Arguments that the losses share.
#pragma once

#include <string>

#include "array.h"
#include "kernels/loss.h"

namespace cygnet {

inline Reduction reduction_of(const char* op, const std::string& name) {
  if (name == "none") return Reduction::None;
  if (name == "sum") return Reduction::Sum;
  if (name == "mean") return Reduction::Mean;
  throw ValueError(message(op, ": reduction is '", name, "', expected 'none', 'sum' or 'mean'"));
}

/// A gradient of the loss: 0-d for a sum or mean, else of the shape of the losses.
inline Array loss_gradient(const char* op, const ArrayArg& arg, DType dtype, const char* like, Reduction reduction,
                           const Dims& shape) {
  const Array grad = array_of(op, "grad_output", arg, dtype, like);
  check_shape(op, "grad_output", grad, reduction == Reduction::None ? shape : Dims{});
  return contiguous(grad);
}

}  // namespace cygnet
