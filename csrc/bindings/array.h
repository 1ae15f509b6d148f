// Between Python and the kernels: arguments become checked views, outputs get memory from the pool.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/array_view.h"

namespace cygnet {

class Block;

namespace py = pybind11;

/// Any Python object in the place of an array; `view` and its kin check it.
struct ArrayArg {
  py::handle object;
};
using OptionalArray = std::optional<ArrayArg>;

/// Any Python object in the place of an int or a pair of ints; `pair` checks it.
struct PairArg {
  py::object object;
};

/// Any Python object in the place of a list; `items_of` and its kin check it.
struct ListArg {
  py::object object;
};
/// The same, of ints; `integers_of` checks it.
struct IntegersArg : ListArg {};

/// An object that a message shows as str() does, or by its type where that fails; converted only when the message is
/// written.
struct Shown {
  py::handle object;
  friend std::ostream& operator<<(std::ostream& out, const Shown& shown);
};

/// The items of a sequence that is no string, held: what the code of one does to a list changes nothing.
py::tuple items_of(const char* op, const char* name, py::handle list, const char* wanted = "a list or tuple");
/// The ints of a sequence; as sizes, no more than an array may have.
std::vector<int64_t> integers_of(const char* op, const char* name, const IntegersArg& arg);
Dims sizes_of(const char* op, const char* name, const IntegersArg& arg);
/// An int of Python or NumPy that is no bool and fits 64 bits; one that does not is the nearest that does. None
/// where it is no int.
std::optional<int64_t> integer_of(py::handle item);

/// An array in use: the view, and the Python object that keeps its memory alive.
struct Array {
  py::object object;
  ArrayView view;

  const Dims& shape() const { return view.shape; }
  int64_t shape(int i) const { return view.shape[i]; }
  int rank() const { return view.rank(); }
  DType dtype() const { return view.dtype; }
  int64_t count() const { return view.count(); }
  explicit operator bool() const { return static_cast<bool>(object); }
};

/// A checked view of an array of any supported element type, in native byte order.
Array any_array(const char* op, const char* name, const ArrayArg& arg);
/// The same, of float32 or float64.
Array float_array(const char* op, const char* name, const ArrayArg& arg);
/// The same, of a given type; `like` says what it must agree with.
Array array_of(const char* op, const char* name, const ArrayArg& arg, DType dtype, const char* like = nullptr);
/// Labels or indices: int64 or int32. An int32 array is widened by a recorded copy.
Array index_array(const char* op, const char* name, const ArrayArg& arg);
/// An array of given type that may be absent (None): then an Array without object.
Array optional_array_of(const char* op, const char* name, const OptionalArray& arg, DType dtype,
                        const char* like = nullptr);

void check_rank(const char* op, const char* name, const Array& array, int rank);
void check_shape(const char* op, const char* name, const Array& array, const Dims& shape);

/// The array itself if it is aligned and C-contiguous, else a copy made by a recorded kernel.
Array contiguous(const Array& array);
/// The same for (N, C, ...) arrays and channels-last order.
Array channels_last(const Array& array);
/// The array itself if its memory is aligned and dense in any order of its axes, else a contiguous copy.
Array dense(const Array& array);
/// A copy of another type, C-contiguous, made by a recorded kernel.
Array converted(const Array& array, DType dtype);

enum class Layout { Contiguous, ChannelsLast };
Dims strides_for(const Dims& shape, size_t item, Layout layout);
/// Whether the array's memory order is channels last and not also plain: what a convolution passes on.
Layout layout_of(const Array& array);

/// A new uninitialised array from the pool; a recording that is on knows of it.
Array new_array(const char* op, DType dtype, const Dims& shape, Layout layout = Layout::Contiguous);
Array new_array_strided(const char* op, DType dtype, const Dims& shape, const Dims& strides);
/// An array in memory that `owner`, or the block, keeps alive.
Array array_around(py::object owner, const ArrayView& view);
Array array_in(const std::shared_ptr<Block>& block, const ArrayView& view);

/// The user's `out` after all checks (type, shape, writeable, in one of the two layouts, no memory shared with an
/// input), else a new array in the preferred layout.
Array output(const char* op, const OptionalArray& out, DType dtype, const Dims& shape,
             std::initializer_list<const Array*> inputs, Layout preferred = Layout::Contiguous);
/// Throws ValueError if a written array shares memory with a read one.
void check_no_overlap(const char* op, const char* name, const Array& written, const char* input_name,
                      const Array& read);
void check_writeable(const char* op, const char* name, const Array& array);

/// Two ints from an int or a pair, each at least `minimum`.
struct Pair {
  int64_t h, w;
};
Pair pair(const char* op, const char* name, const PairArg& arg, int64_t minimum);

/// The axes of a reduction, normalised to 0 <= axis < rank and sorted; None means all.
Dims axes_of(const char* op, const py::object& axis, int rank);
/// One axis, normalised.
int axis_of(const char* op, int64_t axis, int rank);

/// Calls `f(T{})` with T = float or double.
template <class F>
auto dispatch(DType dtype, F&& f) {
  return dtype == DType::Float64 ? f(double{}) : f(float{});
}

}  // namespace cygnet

namespace pybind11::detail {
template <>
struct type_caster<cygnet::ArrayArg> {
  PYBIND11_TYPE_CASTER(cygnet::ArrayArg, const_name("numpy.ndarray"));
  bool load(handle source, bool) {
    value.object = source;
    return true;
  }
};
template <class Arg>
struct list_caster_of {
  PYBIND11_TYPE_CASTER(Arg, const_name("Sequence[Any]"));
  bool load(handle source, bool) {
    value.object = reinterpret_borrow<object>(source);
    return true;
  }
};
template <>
struct type_caster<cygnet::ListArg> : list_caster_of<cygnet::ListArg> {};
template <>
struct type_caster<cygnet::IntegersArg> : list_caster_of<cygnet::IntegersArg> {
  static constexpr auto name = const_name("Sequence[int]");
};
template <>
struct type_caster<cygnet::PairArg> {
  PYBIND11_TYPE_CASTER(cygnet::PairArg, const_name("int | tuple[int, int]"));
  bool load(handle source, bool) {
    value.object = reinterpret_borrow<object>(source);
    return true;
  }
  static handle cast(const cygnet::PairArg& argument, return_value_policy, handle) { return argument.object.inc_ref(); }
};
}  // namespace pybind11::detail
