// The activations that a product can apply to its result before it is stored.
#pragma once

#include <cstdint>

#include "simd/math.h"

namespace cygnet {

enum class Activation : uint8_t { None, Relu, LeakyRelu, Sigmoid, Tanh };

/// The slope below zero of the fused leaky ReLU, PyTorch's default.
constexpr double leaky_slope = 0.01;

template <class T>
inline Vec<T> relu(Vec<T> x) {
  return max(x, Vec<T>(T(0)));
}
template <class T>
inline Vec<T> leaky_relu(Vec<T> x, Vec<T> slope) {
  return select(x > Vec<T>(T(0)), x, x * slope);
}

/// f(x).
template <class T>
inline Vec<T> activate(Activation activation, Vec<T> x) {
  switch (activation) {
    case Activation::Relu:
      return relu(x);
    case Activation::LeakyRelu:
      return leaky_relu(x, Vec<T>(T(leaky_slope)));
    case Activation::Sigmoid:
      return sigmoid(x);
    case Activation::Tanh:
      return tanh(x);
    default:
      return x;
  }
}

// Derivatives times an incoming gradient, written in terms of the activation's result y.
template <class T>
inline Vec<T> relu_gradient(Vec<T> grad, Vec<T> y) {
  return select(y <= Vec<T>(T(0)), Vec<T>(T(0)), grad);
}
template <class T>
inline Vec<T> leaky_relu_gradient(Vec<T> grad, Vec<T> y, Vec<T> slope) {
  return select(y > Vec<T>(T(0)), grad, grad * slope);
}
template <class T>
inline Vec<T> sigmoid_gradient(Vec<T> grad, Vec<T> y) {
  return grad * y * (Vec<T>(T(1)) - y);
}
template <class T>
inline Vec<T> tanh_gradient(Vec<T> grad, Vec<T> y) {
  return grad * (Vec<T>(T(1)) - y * y);
}

/// grad * f'(x) where y = f(x).
template <class T>
inline Vec<T> activation_gradient(Activation activation, Vec<T> grad, Vec<T> y) {
  switch (activation) {
    case Activation::Relu:
      return relu_gradient(grad, y);
    case Activation::LeakyRelu:
      return leaky_relu_gradient(grad, y, Vec<T>(T(leaky_slope)));
    case Activation::Sigmoid:
      return sigmoid_gradient(grad, y);
    case Activation::Tanh:
      return tanh_gradient(grad, y);
    default:
      return grad;
  }
}

/// target[i] = grad[i] * f'(x[i]) over `count` elements, y = f(x); target may be grad. Parallel.
template <class T>
void activation_backward(Activation activation, const T* grad, const T* y, T* target, int64_t count) noexcept;

/// x[i] = f(x[i]) over `count` elements; serial.
template <class T>
void activate_in_place(Activation activation, T* x, int64_t count) noexcept;

}  // namespace cygnet
