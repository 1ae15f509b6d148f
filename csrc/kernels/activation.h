// The activations that a product can apply to its result before it is stored.
#pragma once

#include <cstdint>

namespace cygnet {

enum class Activation : uint8_t { None, Relu, LeakyRelu, Sigmoid, Tanh, Gelu, Silu };

/// The slope below zero of the fused leaky ReLU, PyTorch's default.
constexpr double leaky_slope = 0.01;

/// Whether the gradient needs the argument x that the activation was applied to; else its result y.
constexpr bool gradient_needs_argument(Activation activation) {
  return activation == Activation::Gelu || activation == Activation::Silu;
}

/// target[i] = grad[i] * f'(x[i]) over `count` elements, where `saved` is x or y = f(x), by gradient_needs_argument;
/// target may be grad. Parallel.
template <class T>
void activation_backward(Activation activation, const T* grad, const T* saved, T* target, int64_t count) noexcept;

/// x[i] = f(x[i]) over `count` elements; serial.
template <class T>
void activate_in_place(Activation activation, T* x, int64_t count) noexcept;

}  // namespace cygnet
