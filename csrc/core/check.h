// The errors that a call can raise. Messages read "op: argument ... expected ..., got ..."; the bindings translate
// each class to the Python exception of the same name.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace cygnet {

/// Wrong rank or shape: Python's ShapeError, a ValueError and RuntimeError.
struct ShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Wrong element type or byte order: Python's DTypeError, a TypeError and RuntimeError.
struct DTypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Python's ValueError.
struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Python's TypeError.
struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Python's IndexError.
struct IndexError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws `Error` with the concatenated parts unless `condition` holds. Pass values, not text made of them: they are
/// written only when the check fails.
template <class Error, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) throw Error(message(parts...));
}

}  // namespace cygnet
