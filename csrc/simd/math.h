// Elementary functions of a vector. Float errors, held by tests over a sweep of all floats: exp at most 2 ULP, log,
// tanh, sigmoid, erf, expm1, log1p, sin and cos 4. NaN stays NaN, infinities give the limits, zeros keep their sign.
#pragma once

#include <cmath>

#include "vec.h"

namespace cygnet {

/// coefficients[0] + coefficients[1] x + ..., by Horner's rule.
template <class T, int N>
inline Vec<T> polynomial(Vec<T> x, const T (&coefficients)[N]) {
  Vec<T> sum(coefficients[N - 1]);
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, Vec<T>(coefficients[i]));
  return sum;
}

#if defined(EIGEN_VECTORIZE_AVX512)
namespace detail {
/// 2^m exp(r) with m = round(x / log 2) and |r| <= log(2) / 2, where exp(r) = 1 + r + r^2 q(r); q fitted by us.
inline Vec<float> exp(Vec<float> x) {
  const float q[] = {4.999999404e-01f, 1.666651964e-01f, 4.166839272e-02f, 8.368780836e-03f, 1.381446840e-03f};
  const Vec<float> ends = clamp(x, Vec<float>(-104.0f), Vec<float>(89.0f));  // beyond, 0 and infinity
  const Vec<float> m(_mm512_roundscale_ps((ends * Vec<float>(1.44269504f)).p, _MM_FROUND_TO_NEAREST_INT));
  const Vec<float> r = fma(m, Vec<float>(2.12194440e-4f), fma(m, Vec<float>(-0.693359375f), ends));
  const Vec<float> y = fma(r * r, polynomial(r, q), r) + Vec<float>(1.0f);
  return _mm512_scalef_ps(y.p, m.p);
}
}  // namespace detail
#endif

template <class T>
inline Vec<T> exp(Vec<T> x) {
#if defined(EIGEN_VECTORIZE_AVX512)
  if constexpr (std::is_same_v<T, float>) return detail::exp(x);
#endif
  return Eigen::internal::pexp(x.p);
}

template <class T>
inline Vec<T> log(Vec<T> x) {
  return Eigen::internal::plog(x.p);
}

/// sigmoid(x) = 1 / (1 + exp(-x)) and sigmoid(-x), which is 1 - sigmoid(x) without cancellation.
template <class T>
struct Logistic {
  Vec<T> below, above;
};
/// The exponent is never positive, so nothing overflows and tiny results keep their digits.
template <class T>
inline Logistic<T> logistic(Vec<T> x) {
  const Vec<T> one(T(1)), e = exp(-abs(x)), sum = one + e, large = one / sum, small = e / sum;
  const Vec<T> negative = x < Vec<T>(T(0));
  return {select(negative, small, large), select(negative, large, small)};
}
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one(T(1)), e = exp(-abs(x));
  return select(x < Vec<T>(T(0)), e, one) / (one + e);
}

namespace detail {
/// tanh(x) for |x| < 0.625: an odd polynomial or rational (S. Moshier, Cephes, tanhf.c and tanh.c).
template <class T>
inline Vec<T> small_tanh(Vec<T> x) {
  const Vec<T> square = x * x;
  if constexpr (std::is_same_v<T, float>) {
    const float c[] = {-3.33332819422e-1f, 1.33314422036e-1f, -5.37397155531e-2f, 2.06390887954e-2f,
                       -5.70498872745e-3f};
    return fma(x * square, polynomial(square, c), x);
  } else {
    const double p[] = {-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1};
    const double q[] = {4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1.0};
    return fma(x * square, polynomial(square, p) / polynomial(square, q), x);
  }
}
}  // namespace detail

/// From 0.625 on, 1 - 2 / (exp(2|x|) + 1).
template <class T>
inline Vec<T> tanh(Vec<T> x) {
  const Vec<T> magnitude = abs(x), one(T(1)), two(T(2));
  const Vec<T> large = one - two / (exp(magnitude + magnitude) + one);
  return copysign(select(magnitude < Vec<T>(T(0.625)), detail::small_tanh(x), large), x);
}

/// exp(x) - 1; near 0, 2 t / (1 - t) with t = tanh(x / 2).
template <class T>
inline Vec<T> expm1(Vec<T> x) {
  const Vec<T> one(T(1)), t = detail::small_tanh(x * Vec<T>(T(0.5)));
  return copysign(select(abs(x) < one, (t + t) / (one - t), exp(x) - one), x);
}

/// log(1 + x): log(u) for u = 1 + x rounded, and the slope of the logarithm times what the rounding lost.
template <class T>
inline Vec<T> log1p(Vec<T> x) {
  const Vec<T> one(T(1)), u = one + x, kept = u - one, log_u = log(u);
  return copysign(select(kept == x, log_u, log_u + (x - kept) / u), x);
}

/// log(1 + x) for 0 <= x <= 1. Float: 2 artanh(s), s = x / (2 + x), whose quotient by s was fitted in s^2.
template <class T>
inline Vec<T> log1p_of_fraction(Vec<T> x) {
  if constexpr (std::is_same_v<T, float>) {
    const float c[] = {2.000000000e+00f, 6.666631699e-01f, 4.002490938e-01f, 2.796060443e-01f, 2.817833126e-01f};
    const Vec<float> s = x / (Vec<float>(2.0f) + x);
    return s * polynomial(s * s, c);
  } else {
    return log1p(x);
  }
}

template <class T>
inline Vec<T> sin(Vec<T> x) {
  return Eigen::internal::psin(x.p);
}
template <class T>
inline Vec<T> cos(Vec<T> x) {
  return Eigen::internal::pcos(x.p);
}

namespace detail {
/// f of each lane, for functions of the C library.
template <class T, class F>
inline Vec<T> each_lane(Vec<T> x, F f) {
  alignas(64) T lane[Vec<T>::lanes];
  x.store(lane);
  for (T& value : lane) value = f(value);
  return Vec<T>::load(lane);
}
}  // namespace detail

/// Float: below 1 an odd polynomial, else 1 - exp(-q(|x|)) with q fitted to -log(erfc) up to 4, where erf rounds to 1;
/// q grows beyond. Double: the C library's.
template <class T>
inline Vec<T> erf(Vec<T> x) {
  if constexpr (std::is_same_v<T, float>) {
    const float p[] = {1.283791669e-01f, -3.761262582e-01f, 1.128358515e-01f, -2.685381187e-02f,
                       5.188327561e-03f, -8.010192528e-04f, 7.853857732e-05f};
    const float q[] = {-1.880381750e-04f, 1.129578416e+00f, 6.332199080e-01f,  1.084185631e-01f,
                       -2.520824873e-02f, 4.204559226e-03f, -4.413359001e-04f, 2.168681385e-05f};
    const Vec<float> magnitude = abs(x), one(1.0f);
    const Vec<float> small = fma(x, polynomial(x * x, p), x), large = one - exp(-polynomial(magnitude, q));
    return select(magnitude < one, small, copysign(large, x));
  } else {
    return detail::each_lane(x, [](T value) { return std::erf(value); });
  }
}

/// P(X < x) for a standard normal X. Float: 1/2 + x p(x^2) / q(x^2), fitted for |x| <= 5.6, where it reaches 0 and 1;
/// the absolute error is at most 2^-23. Double: by the C library's erfc.
template <class T>
inline Vec<T> normal_distribution(Vec<T> x) {
  if constexpr (std::is_same_v<T, float>) {
    const float p[] = {3.989422023e-01f, 3.683665395e-02f,  4.569454119e-03f, 1.794058189e-04f,
                       3.319092684e-06f, -2.186978065e-08f, 1.078629755e-10f};
    const float q[] = {1.0f, 2.590005398e-01f, 2.962470055e-02f, 1.884672791e-03f, 6.513723929e-05f};
    const Vec<float> half(0.5f), end(5.6f), near = clamp(x, -end, end), square = near * near;
    return half + clamp(near * polynomial(square, p) / polynomial(square, q), -half, half);
  } else {
    return detail::each_lane(x, [](T value) { return T(0.5) * std::erfc(value * -T(0.70710678118654752440)); });
  }
}

}  // namespace cygnet
