#include "special.h"

#include <cmath>
#include <limits>

namespace cygnet {
namespace {

constexpr double pi = 3.14159265358979323846, infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// B_2k of the asymptotic series (M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 6.3.18 and 23.2.16).
constexpr double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
constexpr double asymptotic = 12;  // from here on eight terms are exact to double

// The Hurwitz zeta function, the sum of (q + k)^-s over k = 0, 1, ..., for q > 0 and s > 1, by Euler and Maclaurin.
double positive_zeta(double s, double q) noexcept {
  if (std::isinf(q)) return 0;
  double sum = 0;
  for (; q < asymptotic; ++q) sum += std::pow(q, -s);
  const double power = std::pow(q, -s);
  sum += power * (q / (s - 1) + 0.5);
  double factor = s * power / q, factorial = 2;  // s (s + 1) ... (s + 2k - 2) q^-(s + 2k - 1), and (2k)!
  for (int k = 1; k <= 8; ++k) {
    sum += bernoulli[k - 1] / factorial * factor;
    factor *= (s + 2 * k - 1) * (s + 2 * k) / (q * q);
    factorial *= (2 * k + 1) * (2 * k + 2);
  }
  return sum;
}

// Of a negative q, the terms below zero are those of two positive ones.
double zeta(int s, double q) noexcept {
  if (q > 0) return positive_zeta(s, q);
  const double fraction = q - std::floor(q);
  if (fraction == 0) return infinity;
  const double below = positive_zeta(s, 1 - fraction) - positive_zeta(s, 1 - q);
  return positive_zeta(s, fraction) + (s % 2 ? -below : below);
}

}  // namespace

// S. Winitzki, "A handy approximation for the error function and its inverse" (2008), is right to 2e-3; Halley's
// steps treble the digits. Near the ends 1 - |y| = erfc(x) keeps them.
double erfinv(double y) noexcept {
  const double magnitude = std::fabs(y);
  if (!(magnitude < 1)) return magnitude == 1 ? std::copysign(infinity, y) : nan;
  const double a = 0.147, l = std::log1p(-magnitude * magnitude), b = 2 / (pi * a) + l / 2;
  double x = std::sqrt(-l / a / (std::sqrt(b * b - l / a) + b));
  for (int step = 0; step < 3; ++step) {
    const double error = magnitude < 0.5 ? std::erf(x) - magnitude : (1 - magnitude) - std::erfc(x);
    const double newton = error * std::sqrt(pi) / 2 * std::exp(x * x);
    x -= newton / (1 + x * newton);
  }
  return std::copysign(x, y);
}

double digamma(double x) noexcept {
  if (x == 0) return std::copysign(infinity, -x);
  if (x < 0) {  // the reflection; cot has period 1 in x
    const double fraction = x - std::floor(x);
    return fraction == 0 || std::isinf(x) ? nan : digamma(1 - x) - pi / std::tan(pi * fraction);
  }
  if (std::isinf(x)) return x;
  double sum = 0;
  for (; x < asymptotic; ++x) sum -= 1 / x;
  const double square = 1 / (x * x);
  double power = square;
  for (int k = 1; k <= 8; ++k, power *= square) sum -= bernoulli[k - 1] / (2 * k) * power;
  return sum + (std::log(x) - 0.5 / x);
}

double polygamma(int n, double x) noexcept {
  if (n == 0) return digamma(x);
  const double size = std::tgamma(n + 1.0) * zeta(n + 1, x);
  return n % 2 ? size : -size;
}

}  // namespace cygnet
