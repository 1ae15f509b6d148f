// Special functions of one double, which also serve float.
#pragma once

namespace cygnet {

/// The x with erf(x) = y; infinite at 1 and -1, NaN beyond.
double erfinv(double y) noexcept;

/// The derivative of log |gamma(x)|: infinite at 0, with the sign of -x; NaN at negative integers.
double digamma(double x) noexcept;

/// The n-th derivative of digamma, n >= 0.
double polygamma(int n, double x) noexcept;

/// The Hurwitz zeta function, the sum of (q + k)^-s over k = 0, 1, ...: infinite for s = 1 and at the poles q = 0, -1,
/// ...; NaN for s < 1 and, below q = 0, for s that is no whole number.
double hurwitz_zeta(double s, double q) noexcept;

/// exp(x^2) erfc(x), without overflow for x > 0.
double erfcx(double x) noexcept;

/// exp(-|x|) times the modified Bessel function of the first kind of order 0 or 1.
double scaled_bessel_i0(double x) noexcept;
double scaled_bessel_i1(double x) noexcept;

/// The regularised incomplete gamma functions, below and above x: their sum is 1. NaN for a < 0 or x < 0.
double gamma_below(double a, double x) noexcept;
double gamma_above(double a, double x) noexcept;

}  // namespace cygnet
