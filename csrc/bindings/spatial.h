// Arguments that convolutions and pooling share.
#pragma once

#include "array.h"
#include "launch.h"

namespace cygnet {

/// Any Python object in the place of an int or one int for each spatial axis; `per_axis` checks it.
struct AxesArg {
  py::object object;
};
/// One value for each of `axes` spatial axes, each at least `minimum`.
Dims per_axis(const char* op, const char* name, const AxesArg& arg, int axes, int64_t minimum);

/// Any Python object in the place of a padding: an int, one for each spatial axis, or a pair (low, high) for each.
struct PaddingArg {
  py::object object;
};
/// Zeros before and behind each spatial axis, each at least 0.
struct Padding {
  Dims low, high;
};
Padding padding_of(const char* op, const PaddingArg& arg, int axes);

/// A tuple or list of `rank` sizes, each at least 0.
Dims image_shape(const char* op, const char* name, const py::object& arg, int rank = 4);

/// A window that moves over an axis.
struct Window {
  int64_t kernel, stride, padding, dilation;

  /// The positions that it covers; INT64_MAX where that overflows.
  int64_t extent() const;
};

/// The result of a kernel that writes channels last: the user's `out`, if that has another order a new array that
/// `finish` copies to it. Made before the inputs are copied to a usable order, so that an overlap is seen.
struct ChannelsLastOutput {
  Array result, written;

  ChannelsLastOutput(const char* op, const OptionalArray& out, DType dtype, const Dims& shape,
                     std::initializer_list<const Array*> inputs);
  py::object finish() const;
};

/// The array itself if its memory is aligned and plain or channels last, else a channels-last copy.
Array plain_or_channels_last(const Array& array);

}  // namespace cygnet

namespace pybind11::detail {
template <>
struct type_caster<cygnet::AxesArg> {
  PYBIND11_TYPE_CASTER(cygnet::AxesArg, const_name("int | tuple[int, ...]"));
  bool load(handle source, bool) {
    value.object = reinterpret_borrow<object>(source);
    return true;
  }
  static handle cast(const cygnet::AxesArg& argument, return_value_policy, handle) { return argument.object.inc_ref(); }
};
template <>
struct type_caster<cygnet::PaddingArg> {
  PYBIND11_TYPE_CASTER(cygnet::PaddingArg, const_name("int | tuple[int | tuple[int, int], ...]"));
  bool load(handle source, bool) {
    value.object = reinterpret_borrow<object>(source);
    return true;
  }
  static handle cast(const cygnet::PaddingArg& argument, return_value_policy, handle) {
    return argument.object.inc_ref();
  }
};
}  // namespace pybind11::detail
