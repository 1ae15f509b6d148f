// Special functions of one double, which also serve float.
#pragma once

namespace cygnet {

/// The x with erf(x) = y; infinite at 1 and -1, NaN beyond.
double erfinv(double y) noexcept;

/// The derivative of log |gamma(x)|: infinite at 0, with the sign of -x; NaN at negative integers.
double digamma(double x) noexcept;

/// The n-th derivative of digamma, n >= 0.
double polygamma(int n, double x) noexcept;

}  // namespace cygnet
