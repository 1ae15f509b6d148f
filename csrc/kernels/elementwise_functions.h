// What the element-wise operations compute, on Vec<T> or Lane<T>: one function object each, for the table in
// elementwise_operations.cpp. The last arguments of some are the parameters of the operation.
#pragma once

#include <cmath>
#include <type_traits>

#include "activation_functions.h"
#include "elementwise.h"
#include "simd/lane.h"

namespace cygnet::functions {

using Parameters = ElementwiseParameters;

/// A constant in the type of a vector.
template <class T>
inline Vec<T> like(Vec<T>, double value) {
  return Vec<T>(static_cast<T>(value));
}

constexpr auto add = [](auto a, auto b) { return a + b; };
constexpr auto sub = [](auto a, auto b) { return a - b; };
constexpr auto mul = [](auto a, auto b) { return a * b; };
constexpr auto div = [](auto a, auto b) { return a / b; };
constexpr auto maximum = [](auto a, auto b) { return max(a, b); };
constexpr auto minimum = [](auto a, auto b) { return min(a, b); };

/// f of one number or of each pair, for functions without a vector form.
template <class F>
struct PerElement {
  F f;

  template <class T>
  Vec<T> operator()(Vec<T> a) const {
    return detail::each_lane(a, f);
  }
  template <class T>
  auto operator()(Vec<T> a, Parameters parameters) const -> decltype(Vec<T>(f(T(), parameters))) {
    return detail::each_lane(a, [&](T value) { return f(value, parameters); });
  }
  template <class T>
  Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    alignas(64) T first[Vec<T>::lanes], second[Vec<T>::lanes];
    a.store(first);
    b.store(second);
    for (int i = 0; i < Vec<T>::lanes; ++i) first[i] = f(first[i], second[i]);
    return Vec<T>::load(first);
  }
  template <class T>
  Lane<T> operator()(Lane<T> a, Lane<T> b) const {
    return f(a.value, b.value);
  }
};
template <class F>
constexpr PerElement<F> per_element(F f) {
  return {f};
}

/// By squaring, modulo the range; a negative exponent gives the quotient 1 / a^-b rounded to zero, 0 of 0.
template <class T>
T integer_pow(T base, T exponent) {
  if (exponent < 0) return base == 1 ? T(1) : base == T(-1) ? (exponent & 1 ? T(-1) : T(1)) : T(0);
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned result = 1;
  for (auto square = static_cast<Unsigned>(base); exponent; exponent >>= 1) {
    if (exponent & 1) result = static_cast<Unsigned>(result * square);
    square = static_cast<Unsigned>(square * square);
  }
  return static_cast<T>(result);
}
constexpr auto pow = per_element([](auto a, auto b) {
  using T = decltype(a);
  if constexpr (std::is_floating_point_v<T>)
    return std::pow(a, b);
  else
    return integer_pow(a, b);
});

/// a / b rounded to zero and the rest, of integers. The calls refuse b = 0; the smallest number by -1 wraps around.
template <class T>
struct Division {
  T quotient, rest;
};
template <class T>
Division<T> divide(T a, T b) {
  if (b == 0) return {0, 0};
  if (b == T(-1) && std::is_signed_v<T>) return {(-Lane<T>(a)).value, 0};
  return {static_cast<T>(a / b), static_cast<T>(a % b)};
}
/// Whether rounding a quotient down differs from rounding it to zero.
template <class T>
bool rounds_below(T rest, T b) {
  return rest != 0 && (rest < 0) != (b < 0);
}

/// Where the quotient is small enough, a fused a - q b has no rounding; q, the quotient rounded and cut, is never too
/// small and at most one too large.
struct Fmod {
  template <class T>
  Vec<T> operator()(Vec<T> a, Vec<T> b) const {
#if defined(EIGEN_VECTORIZE_FMA)
    const Vec<T> x = cygnet::abs(a), y = cygnet::abs(b), q = cygnet::trunc(x / y);
    if (horizontal_max(q) < T(1 << 22)) {
      const Vec<T> rest = select(q == like(a, 0), x, fma(-q, y, x));  // of an infinite y, x
      return cygnet::copysign(select(rest < like(a, 0), rest + y, rest), a);
    }
#endif
    return per_element([](T first, T second) { return std::fmod(first, second); })(a, b);
  }
  template <class T>
  Lane<T> operator()(Lane<T> a, Lane<T> b) const {
    return divide(a.value, b.value).rest;
  }
};
constexpr Fmod fmod;
struct Remainder {
  template <class T>
  Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    const Vec<T> rest = fmod(a, b), zero = like(a, 0), moved = rest + b;
    return select(b < zero, select(rest > zero, moved, rest), select(rest < zero, moved, rest));
  }
  template <class T>
  Lane<T> operator()(Lane<T> a, Lane<T> b) const {
    const Lane<T> rest = fmod(a, b);
    return rounds_below(rest.value, b.value) ? rest + b : rest;
  }
};
constexpr Remainder remainder;
/// Of floats by way of the rest, as Python's: a / b rounded might reach the next whole number.
constexpr auto floor_divide = per_element([](auto a, auto b) {
  using T = decltype(a);
  if constexpr (std::is_floating_point_v<T>) {
    if (b == 0) return a / b;
    const T rest = std::fmod(a, b);
    const T whole = (a - rest) / b - T(rounds_below(rest, b));
    if (whole == 0) return std::copysign(T(0), a / b);
    const T down = std::floor(whole);
    return whole - down > T(0.5) ? down + T(1) : down;
  } else {
    const Division<T> d = divide(a, b);
    return static_cast<T>(d.quotient - T(rounds_below(d.rest, b)));
  }
});
struct TruncDivide {
  template <class T>
  Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return cygnet::trunc(a / b);
  }
  template <class T>
  Lane<T> operator()(Lane<T> a, Lane<T> b) const {
    return divide(a.value, b.value).quotient;
  }
};
constexpr TruncDivide trunc_divide;

constexpr auto copysign = [](auto a, auto b) { return cygnet::copysign(a, b); };
/// The larger and the smaller; of a number and NaN, the number.
constexpr auto fmax = [](auto a, auto b) { return select(a == a, select(b == b, max(a, b), a), b); };
constexpr auto fmin = [](auto a, auto b) { return select(a == a, select(b == b, min(a, b), a), b); };

constexpr auto one = [](auto a) { return like(a, 1); };
constexpr auto identity = [](auto a) { return a; };
constexpr auto square = [](auto a) { return a * a; };
constexpr auto cube = [](auto a) { return a * a * a; };
constexpr auto reciprocal = [](auto a) { return like(a, 1) / a; };
constexpr auto neg = [](auto a) { return -a; };
constexpr auto abs = [](auto a) { return cygnet::abs(a); };

struct Sign {
  template <class T, template <class> class V>
  V<T> operator()(V<T> a) const {
    return select(a > V<T>(T(0)), V<T>(T(1)), select(a < V<T>(T(0)), V<T>(T(-1)), V<T>(T(0))));
  }
};
constexpr Sign sign;

constexpr auto exp = [](auto a) { return cygnet::exp(a); };
constexpr auto expm1 = [](auto a) { return cygnet::expm1(a); };
constexpr auto log = [](auto a) { return cygnet::log(a); };
constexpr auto log1p = [](auto a) { return cygnet::log1p(a); };
constexpr auto sqrt = [](auto a) { return cygnet::sqrt(a); };
constexpr auto rsqrt = [](auto a) { return like(a, 1) / cygnet::sqrt(a); };
constexpr auto sin = [](auto a) { return cygnet::sin(a); };
constexpr auto cos = [](auto a) { return cygnet::cos(a); };
constexpr auto erf = [](auto a) { return cygnet::erf(a); };
constexpr auto floor = [](auto a) { return cygnet::floor(a); };
constexpr auto ceil = [](auto a) { return cygnet::ceil(a); };
constexpr auto round = [](auto a) { return cygnet::round(a); };
constexpr auto trunc = [](auto a) { return cygnet::trunc(a); };
/// log(exp(a) + exp(b)); equal infinities have no difference.
constexpr auto logaddexp = [](auto a, auto b) {
  const auto apart = select(a == b, like(a, 0), cygnet::abs(a - b));
  return max(a, b) + log1p_of_fraction(cygnet::exp(-apart));
};
constexpr auto clamp = [](auto a, Parameters p) { return cygnet::clamp(a, like(a, p.first), like(a, p.second)); };

/// grad where min <= x <= max, else 0.
constexpr auto clamp_backward = [](auto grad, auto x, Parameters p) {
  const auto zero = like(x, 0);
  return select(x >= like(x, p.first), select(x <= like(x, p.second), grad, zero), zero);
};

// Activations f(x). The gradients below them are grad f'(x) in terms of x, or of y = f(x) where the name of the
// argument says so.
constexpr auto relu = [](auto x) { return cygnet::relu(x); };
constexpr auto add_relu = [](auto a, auto b) { return cygnet::relu(a + b); };
constexpr auto relu_backward = [](auto grad, auto y) { return relu_gradient(grad, y); };
constexpr auto leaky_relu = [](auto x, Parameters slope) { return cygnet::leaky_relu(x, like(x, slope.first)); };
constexpr auto leaky_relu_backward = [](auto grad, auto x, Parameters slope) {
  return leaky_relu_gradient(grad, x, like(x, slope.first));
};
constexpr auto prelu = [](auto x, auto slope) { return cygnet::leaky_relu(x, slope); };

constexpr auto sigmoid = [](auto x) { return cygnet::sigmoid(x); };
constexpr auto sigmoid_backward = [](auto grad, auto y) { return sigmoid_gradient(grad, y); };
constexpr auto tanh = [](auto x) { return cygnet::tanh(x); };
constexpr auto tanh_backward = [](auto grad, auto y) { return tanh_gradient(grad, y); };

constexpr auto gelu = [](auto x) { return cygnet::gelu(x); };
constexpr auto gelu_backward = [](auto grad, auto x) { return gelu_gradient(grad, x); };
constexpr auto silu = [](auto x) { return cygnet::silu(x); };
constexpr auto silu_backward = [](auto grad, auto x) { return silu_gradient(grad, x); };

/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) = x sigmoid(x (c + d x^2)), c = 2 sqrt(2 / pi), d = 0.044715 c.
constexpr double gelu_c = 1.59576912160573071176, gelu_d = 0.07135481627260025328;
constexpr auto gelu_tanh = [](auto x) { return x * cygnet::sigmoid(x * fma(x * x, like(x, gelu_d), like(x, gelu_c))); };
/// With y = sigmoid: y + x y (1 - y) (c + 3 d x^2), constant beyond 16; there the square would overflow.
constexpr auto gelu_tanh_backward = [](auto grad, auto unbounded) {
  const auto x = clamp(unbounded, {-16, 16}), square = x * x, c = like(x, gelu_c);
  const auto y = logistic(x * fma(square, like(x, gelu_d), c));
  return grad * y.below * fma(x * y.above, fma(square, like(x, 3 * gelu_d), c), like(x, 1));
};

/// x for x > 0, else alpha (exp(x) - 1).
constexpr auto elu = [](auto x, Parameters alpha) {
  return select(x > like(x, 0), x, like(x, alpha.first) * cygnet::expm1(x));
};
constexpr auto elu_backward = [](auto grad, auto x, Parameters alpha) {
  return select(x > like(x, 0), grad, grad * like(x, alpha.first) * cygnet::exp(x));
};

/// log(1 + exp(x)), which is above max(x, 0) by log(1 + exp(-|x|)).
template <class V>
inline V log_one_plus_exp(V x) {
  return max(x, like(x, 0)) + log1p_of_fraction(cygnet::exp(-cygnet::abs(x)));
}
/// log(1 + exp(beta x)) / beta, and x itself where beta x exceeds the threshold.
constexpr auto softplus = [](auto x, Parameters p) {
  const auto z = x * like(x, p.first);
  return select(z > like(x, p.second), x, log_one_plus_exp(z) * like(x, 1 / p.first));
};
constexpr auto softplus_backward = [](auto grad, auto x, Parameters p) {
  const auto z = x * like(x, p.first);
  return select(z > like(x, p.second), grad, grad * cygnet::sigmoid(z));
};
constexpr auto log_sigmoid = [](auto x) { return -log_one_plus_exp(-x); };
constexpr auto log_sigmoid_backward = [](auto grad, auto x) { return grad * cygnet::sigmoid(-x); };

/// w = tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x), both sides divided by e^2 for x > 0; and 1 -
/// w.
template <class V>
struct TanhSoftplus {
  V w, rest;
};
template <class V>
inline TanhSoftplus<V> tanh_softplus(V x) {
  const V e = cygnet::exp(-cygnet::abs(x)), one = like(x, 1), two = like(x, 2), positive = x > like(x, 0);
  const V top = select(positive, fma(two, e, one), e * (e + two)), missing = select(positive, two * e * e, two);
  const V bottom = top + missing;
  return {top / bottom, missing / bottom};
}
constexpr auto mish = [](auto x) { return x * tanh_softplus(x).w; };
/// w + x (1 - w^2) sigmoid(x).
constexpr auto mish_backward = [](auto grad, auto x) {
  const auto t = tanh_softplus(x);
  return grad * fma(x * cygnet::sigmoid(x), t.rest * (t.w + like(x, 1)), t.w);
};

constexpr auto hardtanh_backward = [](auto grad, auto x, Parameters p) {
  const auto zero = like(x, 0);
  return select(x <= like(x, p.first), zero, select(x >= like(x, p.second), zero, grad));
};
constexpr auto hardsigmoid = [](auto x) { return clamp(x + like(x, 3), {0, 6}) / like(x, 6); };
constexpr auto hardsigmoid_backward = [](auto grad, auto x) {
  return hardtanh_backward(grad, x, {-3, 3}) / like(x, 6);
};
constexpr auto hardswish = [](auto x) { return x * clamp(x + like(x, 3), {0, 6}) / like(x, 6); };
constexpr auto hardswish_backward = [](auto grad, auto x) {
  const auto three = like(x, 3), inner = grad * (x / three + like(x, 0.5));
  return select(x <= -three, like(x, 0), select(x >= three, grad, inner));
};

// Comparisons, on plain numbers.
constexpr auto eq = [](auto a, auto b) { return a == b; };
constexpr auto ne = [](auto a, auto b) { return a != b; };
constexpr auto lt = [](auto a, auto b) { return a < b; };
constexpr auto le = [](auto a, auto b) { return a <= b; };
constexpr auto gt = [](auto a, auto b) { return a > b; };
constexpr auto ge = [](auto a, auto b) { return a >= b; };
constexpr auto logical_not = [](auto a) { return a == 0; };
constexpr auto logical_and = [](auto a, auto b) { return (a != 0) & (b != 0); };
constexpr auto logical_or = [](auto a, auto b) { return (a | b) != 0; };

// On bits. Of bools, the functions above.
constexpr auto bitwise_not = [](auto a) { return ~a; };
constexpr auto bitwise_and = [](auto a, auto b) { return a & b; };
constexpr auto bitwise_or = [](auto a, auto b) { return a | b; };
constexpr auto bitwise_xor = [](auto a, auto b) { return a ^ b; };

/// Of integers alone: bits moved by b places, all of them out for b below 0 or beyond the width. What moves in from
/// above is the sign.
template <class T>
bool moves_all_bits_out(T b) {
  return b < 0 || static_cast<uint64_t>(b) >= 8 * sizeof(T);
}
constexpr auto left_shift = per_element([](auto a, auto b) {
  using T = decltype(a);
  return moves_all_bits_out(b) ? T(0) : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << b);
});
constexpr auto right_shift = per_element([](auto a, auto b) {
  using T = decltype(a);
  return moves_all_bits_out(b) ? (a < 0 ? static_cast<T>(-1) : T(0)) : static_cast<T>(a >> b);
});

/// The greatest common divisor of magnitudes, 0 of zeros, and the least common multiple; both wrap around.
template <class T>
std::make_unsigned_t<T> common_divisor(T a, T b) {
  using Unsigned = std::make_unsigned_t<T>;
  auto x = static_cast<Unsigned>(a < 0 ? Unsigned(0) - static_cast<Unsigned>(a) : static_cast<Unsigned>(a));
  auto y = static_cast<Unsigned>(b < 0 ? Unsigned(0) - static_cast<Unsigned>(b) : static_cast<Unsigned>(b));
  while (y) {
    const Unsigned rest = static_cast<Unsigned>(x % y);
    x = y;
    y = rest;
  }
  return x;
}
constexpr auto gcd = per_element([](auto a, auto b) { return static_cast<decltype(a)>(common_divisor(a, b)); });
constexpr auto lcm = per_element([](auto a, auto b) {
  using T = decltype(a);
  using Unsigned = std::make_unsigned_t<T>;
  const Unsigned divisor = common_divisor(a, b);
  if (divisor == 0) return T(0);
  const auto size = [](T x) { return static_cast<Unsigned>(x < 0 ? Unsigned(0) - static_cast<Unsigned>(x) : x); };
  const T product = static_cast<T>(static_cast<Unsigned>(size(a) / divisor * size(b)));
  return product < 0 ? static_cast<T>(Unsigned(0) - static_cast<Unsigned>(product)) : product;
});

}  // namespace cygnet::functions
