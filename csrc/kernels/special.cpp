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
  for (; q < asymptotic + s; ++q) {  // the terms of the series below rise with s / q
    const double term = std::pow(q, -s);
    sum += term;
    if (term <= sum * 1e-17) return sum;  // also where both are zero
  }
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

double hurwitz_zeta(double s, double q) noexcept {
  if (std::isnan(s) || std::isnan(q) || s < 1) return nan;
  if (s == 1) return infinity;
  if (q > 0) return std::isinf(s) ? (q < 1 ? infinity : q == 1) : positive_zeta(s, q);
  if (q == std::floor(q)) return infinity;
  return s == std::floor(s) && s < 1e9 && std::isfinite(q) ? zeta(static_cast<int>(s), q) : nan;
}

// From x = 10 on by the asymptotic series of erfc (Abramowitz and Stegun, 7.1.23), whose terms fall below exp(-100).
double erfcx(double x) noexcept {
  if (!(x >= 10)) return std::exp(x * x) * std::erfc(x);
  double sum = 1, term = 1;
  for (int k = 1; k < 60 && std::fabs(term) > 1e-17; ++k) sum += term *= -(2 * k - 1) / (2 * x * x);
  return sum / (x * std::sqrt(pi));
}

namespace {

// I_n(x) exp(-|x|), n = 0 or 1, by its power series, all of one sign, and from 20 on by the asymptotic one
// (Abramowitz and Stegun, 9.6.10 and 9.7.1), whose least term is below exp(-40).
double scaled_bessel(int n, double x) noexcept {
  const double size = std::fabs(x), sign = n == 1 && x < 0 ? -1 : 1;
  if (std::isnan(x)) return x;
  double sum = 1, term = 1;
  if (size < 20) {
    const double quarter = size * size / 4;
    for (int k = 1; term > sum * 1e-17; ++k) sum += term *= quarter / (k * (k + n));
    return sign * (n == 1 ? size / 2 : 1) * sum * std::exp(-size);
  }
  for (int k = 1; k < 40 && std::fabs(term) > 1e-17; ++k)
    sum += term *= ((2.0 * k - 1) * (2.0 * k - 1) - 4 * n) / (k * 8 * size);
  return sign * sum / std::sqrt(2 * pi * size);
}

// x^a exp(-x) / gamma(a + 1). From a = 10 on by Stirling's series, as a log(x) - x would lose digits.
double gamma_density(double a, double x) noexcept {
  if (a < 10) return std::exp(a * std::log(x) - x - std::log(std::tgamma(a + 1)));
  const double square = 1 / (a * a);
  double correction = 0, power = 1 / a;
  for (int k = 1; k <= 8; ++k, power *= square) correction += bernoulli[k - 1] / (2 * k * (2 * k - 1)) * power;
  const double apart = (x - a) / a;
  const double exponent = x < a / 2 ? a * std::log(x / a) + (a - x) : a * (std::log1p(apart) - apart);
  return std::exp(exponent - correction) / std::sqrt(2 * pi * a);
}

// Enough terms for arguments up to about 1e9; near x = a their number grows like the root of a.
constexpr int most_terms = 200000;

// Below x = a + 1 the power series of the part below x (Abramowitz and Stegun, 6.5.29), else Lentz's evaluation of
// the continued fraction of the part above (6.5.31). Returns that part, and whether it is the one below.
double gamma_part(double a, double x, bool& below) noexcept {
  below = x < a + 1;
  const double density = gamma_density(a, x);
  if (below) {
    double sum = 1, term = 1;
    for (int k = 1; k < most_terms && term > sum * 1e-17; ++k) sum += term *= x / (a + k);
    return density * sum;
  }
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, fraction = d;
  for (int k = 1; k < most_terms; ++k) {
    const double numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    c = b + numerator / c;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    if (std::fabs(c) < tiny) c = tiny;
    fraction *= d * c;
    if (std::fabs(d * c - 1) < 1e-16) break;
  }
  return density * a * fraction;
}

double gamma_share(double a, double x, bool want_below) noexcept {
  if (!(a >= 0) || !(x >= 0) || (a == 0 && x == 0) || (std::isinf(a) && std::isinf(x))) return nan;
  if (a == 0 || std::isinf(x)) return want_below ? 1 : 0;
  if (x == 0 || std::isinf(a)) return want_below ? 0 : 1;
  bool below;
  const double part = std::fmin(gamma_part(a, x, below), 1);
  return below == want_below ? part : 1 - part;
}

}  // namespace

double scaled_bessel_i0(double x) noexcept { return scaled_bessel(0, x); }
double scaled_bessel_i1(double x) noexcept { return scaled_bessel(1, x); }
double gamma_below(double a, double x) noexcept { return gamma_share(a, x, true); }
double gamma_above(double a, double x) noexcept { return gamma_share(a, x, false); }

}  // namespace cygnet
