// Arguments that the kernels with a fused bias and activation share.
#pragma once

#include <cstring>
#include <string>

#include "kernels/activation.h"
#include "launch.h"

namespace cygnet {

inline Activation activation_of(const char* op, const std::string& name) {
  if (name == "none") return Activation::None;
  if (name == "relu") return Activation::Relu;
  if (name == "leaky_relu") return Activation::LeakyRelu;
  if (name == "sigmoid") return Activation::Sigmoid;
  if (name == "tanh") return Activation::Tanh;
  if (name == "gelu") return Activation::Gelu;
  if (name == "silu") return Activation::Silu;
  throw ValueError(message(op, ": activation is '", name,
                           "', expected 'none', 'relu', 'leaky_relu', 'sigmoid', 'tanh', 'gelu' or 'silu'"));
}

/// A contiguous vector of given length, or an Array without object.
inline Array optional_vector(const char* op, const char* name, const OptionalArray& arg, DType dtype, int64_t length) {
  Array vector = optional_array_of(op, name, arg, dtype, "input");
  if (!vector) return vector;
  check_shape(op, name, vector, {length});
  return contiguous(vector);
}

/// The result of the forward call, which the gradient of an activation is computed from.
inline Array fused_output(const char* op, const OptionalArray& arg, Activation activation, const Array& grad) {
  if (activation == Activation::None) return {};
  check<ValueError>(arg.has_value(), op, ": output is needed with an activation");
  Array result = array_of(op, "output", *arg, grad.dtype(), "grad_output");
  check_shape(op, "output", result, grad.shape());
  return result;
}

/// `launch` of a kernel that may take an activation along; `make` gives its body with one. In a recording a ReLU that
/// follows is joined to it, and if it has a place for the operand `residual`, an addition before that; without such a
/// place, sigmoid, SiLU and tanh as well.
template <class Make, class... Rest>
void launch_activated(const char* op, Work work, std::initializer_list<Operand> operands, size_t scratch_bytes,
                      Activation activation, const Make& make, size_t residual = SIZE_MAX, Rest... rest) {
  launch(op, work, operands, scratch_bytes, make(activation), std::move(rest)...);
  if (Recording* const recording = Recording::current(); recording && activation == Activation::None)
    recording->calls.back().joined = [make, residual](const Call& after) -> Joined {
      if (std::strcmp(after.op, "relu") == 0) return {make(Activation::Relu)};
      if (residual == SIZE_MAX)  // a product
        for (const char* name : {"sigmoid", "silu", "tanh"})
          if (std::strcmp(after.op, name) == 0) return {make(activation_of(after.op, name))};
      if (std::strcmp(after.op, "add") == 0 && residual != SIZE_MAX) return {make(Activation::None), residual};
      return {};
    };
}

inline py::object or_none(const Array& array) { return array ? array.object : py::object(py::none()); }

}  // namespace cygnet
