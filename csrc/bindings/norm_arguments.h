// What the bindings of normalisation share.
#pragma once

#include <limits>
#include <string>

#include "launch.h"

namespace cygnet {

/// The gradients that a backward call is asked for.
struct Needed {
  bool input, weight, bias;
};

inline void check_eps(const char* op, double eps) {
  check<ValueError>(eps >= 0 && eps <= std::numeric_limits<float>::max(), op, ": eps is ", eps,
                    ", expected at least 0");
}

/// The work of a call that moves the array `moved` times.
inline Work work_of(const Array& array, double moved) {
  const double n = static_cast<double>(array.count());
  return {4 * moved * n, moved * n * static_cast<double>(item_size(array.dtype()))};
}

/// A docstring with the errors that all of these functions raise.
inline std::string norm_text(const char* body) {
  return std::string(body) + R"(
Raises
------
DTypeError, ShapeError, TypeError, ValueError
)";
}

}  // namespace cygnet
