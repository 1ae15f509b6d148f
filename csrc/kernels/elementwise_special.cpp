// The table of functions that are computed element by element, by the C library or special.h.
#include "elementwise_functions.h"
#include "elementwise_loops.h"
#include "special.h"

namespace cygnet {
namespace functions {
namespace {

constexpr auto tan = per_element([](auto x) { return std::tan(x); });
constexpr auto asin = per_element([](auto x) { return std::asin(x); });
constexpr auto acos = per_element([](auto x) { return std::acos(x); });
constexpr auto atan = per_element([](auto x) { return std::atan(x); });
constexpr auto sinh = per_element([](auto x) { return std::sinh(x); });
constexpr auto cosh = per_element([](auto x) { return std::cosh(x); });
constexpr auto asinh = per_element([](auto x) { return std::asinh(x); });
constexpr auto acosh = per_element([](auto x) { return std::acosh(x); });
constexpr auto atanh = per_element([](auto x) { return std::atanh(x); });
constexpr auto exp2 = per_element([](auto x) { return std::exp2(x); });
constexpr auto log2 = per_element([](auto x) { return std::log2(x); });
constexpr auto log10 = per_element([](auto x) { return std::log10(x); });
constexpr auto erfc = per_element([](auto x) { return std::erfc(x); });
constexpr auto atan2 = per_element([](auto y, auto x) { return std::atan2(y, x); });
constexpr auto hypot = per_element([](auto a, auto b) { return std::hypot(a, b); });

// In double, so that float results are correctly rounded or nearly so.
template <class T>
T in_double(double (*f)(double), T x) {
  return static_cast<T>(f(x));
}
// std::lgamma writes the sign to a global variable.
constexpr auto lgamma = per_element([](auto x) {
  return in_double(
      [](double value) {
        int sign;
        return lgamma_r(value, &sign);
      },
      x);
});
constexpr auto digamma = per_element([](auto x) { return in_double(cygnet::digamma, x); });
constexpr auto erfinv = per_element([](auto x) { return in_double(cygnet::erfinv, x); });
constexpr auto polygamma = per_element([](auto x, ElementwiseParameters order) {
  const int n = static_cast<int>(std::fmin(std::fmax(order.first, 0), 1000));
  return static_cast<decltype(x)>(cygnet::polygamma(n, static_cast<double>(x)));
});
constexpr auto erfcx = per_element([](auto x) { return in_double(cygnet::erfcx, x); });
constexpr auto i0e = per_element([](auto x) { return in_double(scaled_bessel_i0, x); });
constexpr auto i1e = per_element([](auto x) { return in_double(scaled_bessel_i1, x); });
// exp(|x|) in two factors: the product may be finite where it is not.
double bessel(double (*scaled)(double), double x) {
  const double half = std::exp(std::fabs(x) / 2);
  return std::isinf(x) ? std::copysign(x, scaled(x)) : scaled(x) * half * half;
}
constexpr auto i0 =
    per_element([](auto x) { return in_double([](double value) { return bessel(scaled_bessel_i0, value); }, x); });
constexpr auto i1 =
    per_element([](auto x) { return in_double([](double value) { return bessel(scaled_bessel_i1, value); }, x); });

template <class T>
T in_double(double (*f)(double, double), T a, T b) {
  return static_cast<T>(f(a, b));
}
constexpr auto igamma = per_element([](auto a, auto x) { return in_double(gamma_below, a, x); });
constexpr auto igammac = per_element([](auto a, auto x) { return in_double(gamma_above, a, x); });
constexpr auto zeta = per_element([](auto s, auto q) { return in_double(hurwitz_zeta, s, q); });
constexpr auto nextafter = per_element([](auto a, auto b) { return std::nextafter(a, b); });

// x = mantissa 2^exponent with 0.5 <= |mantissa| < 1; of infinities and NaN the exponent is 0.
constexpr auto frexp_mantissa = per_element([](auto x) {
  int exponent;
  return std::frexp(x, &exponent);
});
constexpr auto frexp_exponent = per_element([](auto x) {
  int exponent = 0;
  if (std::isfinite(x)) std::frexp(x, &exponent);
  return static_cast<decltype(x)>(exponent);
});

}  // namespace
}  // namespace functions

namespace {

using namespace loops;
namespace f = functions;

constexpr ElementwiseOp operations[] = {
    floats<f::tan, 1>("tan", 32),
    floats<f::asin, 1>("asin", 32),
    floats<f::acos, 1>("acos", 32),
    floats<f::atan, 1>("atan", 32),
    floats<f::atan2, 2>("atan2", 32),
    floats<f::sinh, 1>("sinh", 32),
    floats<f::cosh, 1>("cosh", 32),
    floats<f::asinh, 1>("asinh", 32),
    floats<f::acosh, 1>("acosh", 32),
    floats<f::atanh, 1>("atanh", 32),
    floats<f::exp2, 1>("exp2", 16),
    floats<f::log2, 1>("log2", 16),
    floats<f::log10, 1>("log10", 16),
    floats<f::erfc, 1>("erfc", 32),
    floats<f::erfinv, 1>("erfinv", 256),
    floats<f::hypot, 2>("hypot", 16),
    floats<f::lgamma, 1>("lgamma", 64),
    floats<f::digamma, 1>("digamma", 128),
    floats<f::polygamma, 1>("polygamma", 512),
    floats<f::erfcx, 1>("erfcx", 64),
    floats<f::i0, 1>("i0", 64),
    floats<f::i0e, 1>("i0e", 64),
    floats<f::i1, 1>("i1", 64),
    floats<f::i1e, 1>("i1e", 64),
    floats<f::igamma, 2>("igamma", 256),
    floats<f::igammac, 2>("igammac", 256),
    floats<f::zeta, 2>("zeta", 512),
    floats<f::nextafter, 2>("nextafter", 8),
    floats<f::frexp_mantissa, 1>("frexp_mantissa", 8),
    floats<f::frexp_exponent, 1>("frexp_exponent", 8),
};

}  // namespace

const ElementwiseTable special_operations = table_of(operations);

}  // namespace cygnet
