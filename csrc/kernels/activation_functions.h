// The activations of `activation.h` and their derivatives, on vectors.
#pragma once

#include "activation.h"
#include "simd/math.h"

namespace cygnet {

template <class T>
inline Vec<T> relu(Vec<T> x) {
  // Of a NaN and a number the instruction behind this gives the first argument; NEON's gives NaN.
  return Eigen::internal::pmax(x.p, Vec<T>(T(0)).p);
}
template <class T>
inline Vec<T> leaky_relu(Vec<T> x, Vec<T> slope) {
  return select(x > Vec<T>(T(0)), x, x * slope);
}

/// x P(X < x) for a standard normal X (D. Hendrycks, K. Gimpel, arXiv 1606.08415).
template <class T>
inline Vec<T> gelu(Vec<T> x) {
  return x * normal_distribution(x);
}
template <class T>
inline Vec<T> silu(Vec<T> x) {
  return x * sigmoid(x);
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
    case Activation::Gelu:
      return gelu(x);
    case Activation::Silu:
      return silu(x);
    default:
      return x;
  }
}

// Derivatives times an incoming gradient, written in terms of the activation's result y.
template <class T>
inline Vec<T> relu_gradient(Vec<T> grad, Vec<T> y) {
  return zero_where(y <= Vec<T>(T(0)), grad);
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

// The same in terms of the argument x: these activations take a result from two arguments.
template <class T>
inline Vec<T> gelu_gradient(Vec<T> grad, Vec<T> x) {
  const Vec<T> density = Vec<T>(T(0.39894228040143267794)) * exp(Vec<T>(T(-0.5)) * x * x);
  return grad * fma(x, density, normal_distribution(x));
}
template <class T>
inline Vec<T> silu_gradient(Vec<T> grad, Vec<T> x) {
  const Logistic<T> y = logistic(x);
  return grad * y.below * fma(x, y.above, Vec<T>(T(1)));
}

/// grad * f'(x), where `saved` is x or y = f(x), by gradient_needs_argument.
template <class T>
inline Vec<T> activation_gradient(Activation activation, Vec<T> grad, Vec<T> saved) {
  switch (activation) {
    case Activation::Relu:
      return relu_gradient(grad, saved);
    case Activation::LeakyRelu:
      return leaky_relu_gradient(grad, saved, Vec<T>(T(leaky_slope)));
    case Activation::Sigmoid:
      return sigmoid_gradient(grad, saved);
    case Activation::Tanh:
      return tanh_gradient(grad, saved);
    case Activation::Gelu:
      return gelu_gradient(grad, saved);
    case Activation::Silu:
      return silu_gradient(grad, saved);
    default:
      return grad;
  }
}

}  // namespace cygnet
