// Objects of bound classes that are complete.
#pragma once

#include <pybind11/pybind11.h>

namespace cygnet {

/// Takes an object of a bound class only if its constructor has run: `cls.__new__(cls)` alone makes one around memory
/// that nobody has written. A specialisation of pybind11's caster for the class derives from this.
template <class T>
struct ConstructedCaster : pybind11::detail::type_caster_base<T> {
  bool load(pybind11::handle source, bool convert) {
    if (pybind11::isinstance<T>(source) && !pybind11::detail::is_holder_constructed(source.ptr())) return false;
    return pybind11::detail::type_caster_base<T>::load(source, convert);
  }
};

}  // namespace cygnet
