// The interface of Vec for element types without a vector: one lane, so that one loop serves integers too.
#pragma once

#include <cstdint>
#include <type_traits>

#include "vec.h"

namespace cygnet {

/// One integer; arithmetic wraps around as NumPy's does.
template <class T>
struct Lane {
  using Unsigned = std::make_unsigned_t<T>;
  static constexpr int lanes = 1;

  T value;

  Lane() = default;
  Lane(T scalar) : value(scalar) {}

  template <class From>
  static Lane load(const From* from) {
    return static_cast<T>(*from);
  }
  template <class From>
  static Lane load(const From* from, int) {
    return static_cast<T>(*from);
  }
  void store(T* to) const { *to = value; }
  void store(T* to, int) const { *to = value; }

  static Lane wrapped(Unsigned bits) { return static_cast<T>(bits); }
  Unsigned bits() const { return static_cast<Unsigned>(value); }
  friend Lane operator+(Lane a, Lane b) { return wrapped(a.bits() + b.bits()); }
  friend Lane operator-(Lane a, Lane b) { return wrapped(a.bits() - b.bits()); }
  friend Lane operator*(Lane a, Lane b) { return wrapped(a.bits() * b.bits()); }
  friend Lane operator-(Lane a) { return wrapped(Unsigned(0) - a.bits()); }
  friend Lane operator~(Lane a) { return wrapped(~a.bits()); }
  friend Lane operator&(Lane a, Lane b) { return wrapped(a.bits() & b.bits()); }
  friend Lane operator|(Lane a, Lane b) { return wrapped(a.bits() | b.bits()); }
  friend Lane operator^(Lane a, Lane b) { return wrapped(a.bits() ^ b.bits()); }
  friend bool operator<(Lane a, Lane b) { return a.value < b.value; }
  friend bool operator<=(Lane a, Lane b) { return a.value <= b.value; }
  friend bool operator>(Lane a, Lane b) { return a.value > b.value; }
  friend bool operator>=(Lane a, Lane b) { return a.value >= b.value; }
  friend bool operator==(Lane a, Lane b) { return a.value == b.value; }
};

template <class T>
inline Lane<T> select(bool mask, Lane<T> yes, Lane<T> no) {
  return mask ? yes : no;
}
template <class T>
inline Lane<T> max(Lane<T> a, Lane<T> b) {
  return a.value < b.value ? b : a;
}
template <class T>
inline Lane<T> min(Lane<T> a, Lane<T> b) {
  return b.value < a.value ? b : a;
}
template <class T>
inline Lane<T> abs(Lane<T> a) {
  return a.value < 0 ? -a : a;
}
template <class T>
inline T horizontal_sum(Lane<T> a) {
  return a.value;
}
template <class T>
inline T horizontal_max(Lane<T> a) {
  return a.value;
}
template <class T>
inline T horizontal_min(Lane<T> a) {
  return a.value;
}
template <class T>
inline T horizontal_product(Lane<T> a) {
  return a.value;
}

/// Vec for float and double, else Lane.
template <class T>
using Lanes = typename std::conditional_t<std::is_floating_point_v<T>, std::enable_if<true, Vec<T>>,
                                          std::enable_if<true, Lane<T>>>::type;

}  // namespace cygnet
