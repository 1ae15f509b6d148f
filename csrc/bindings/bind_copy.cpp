#include "families.h"
#include "kernels/copy.h"
#include "launch.h"

namespace cygnet {
namespace {

DType dtype_named(const char* op, const std::string& name) {
  for (DType dtype : {DType::Float32, DType::Float64, DType::Int32, DType::Int64, DType::Bool, DType::UInt8})
    if (name == name_of(dtype)) return dtype;
  throw DTypeError(message(op, ": dtype is ", name, ", expected float32, float64, int32, int64, bool or uint8"));
}

// Launches a copy between two views of one shape; the arrays keep the views' memory alive.
void launch_copy(const char* op, const Array& from, const Array& to, const ArrayView& target) {
  const ArrayView source = from.view;
  const ptrdiff_t offset = target.data - to.view.data;
  const double bytes = static_cast<double>(item_size(source.dtype) + item_size(target.dtype));
  launch(op, {0, static_cast<double>(source.count()) * bytes}, {read(from), write(to)}, 0,
         [source, target, offset](void* const* at) {
           ArrayView s = source, t = target;
           s.data = static_cast<char*>(at[0]);
           t.data = static_cast<char*>(at[1]) + offset;
           copy(s, t);
         });
}

py::object contiguous_binding(const ArrayArg& input, bool always_copy) {
  const Array array = any_array("contiguous", "input", input);
  return (always_copy ? converted(array, array.dtype()) : contiguous(array)).object;
}

void copy_into(const ArrayArg& target_arg, const ArrayArg& source_arg) {
  constexpr const char* op = "copy_into";
  const Array target = any_array(op, "target", target_arg);
  Array source = any_array(op, "source", source_arg);
  check_writeable(op, "target", target);
  for (int i = 0; target.count() && i < target.rank(); ++i)
    check<ValueError>(target.shape(i) == 1 || target.view.strides[i] != 0, op, ": target has shape ", target.shape(),
                      ", but all places along axis ", i, " are one in memory: an expanded array cannot be written");
  check<ShapeError>(source.rank() <= target.rank(), op, ": source has shape ", source.shape(),
                    ", which does not broadcast to ", target.shape());
  check_no_overlap(op, "target", target, "source", source);
  ArrayView expanded = source.view;
  expanded.shape = target.shape();
  expanded.strides.rank = target.rank();
  for (int i = 0; i < target.rank(); ++i) {
    const int j = i - (target.rank() - source.rank());
    const int64_t size = j < 0 ? 1 : source.shape(j);
    check<ShapeError>(size == target.shape(i) || size == 1, op, ": source has shape ", source.shape(),
                      ", which does not broadcast to ", target.shape());
    expanded.strides[i] = size == 1 ? 0 : source.view.strides[j];
  }
  source.view = expanded;
  launch_copy(op, source, target, target.view);
}

py::object empty(const IntegersArg& shape, const std::string& dtype_name) {
  constexpr const char* op = "empty";
  const Dims dims = sizes_of(op, "shape", shape);
  return new_array(op, dtype_named(op, dtype_name), dims).object;
}

py::object full(const IntegersArg& shape, double value, const std::string& dtype_name) {
  constexpr const char* op = "full";
  const Dims dims = sizes_of(op, "shape", shape);
  const DType dtype = dtype_named(op, dtype_name);
  const Array result = new_array(op, dtype, dims);
  const int64_t count = result.count();
  launch(op, {0, static_cast<double>(count) * static_cast<double>(item_size(dtype))}, {write(result)}, 0,
         [=](void* const* at) {
           double number = value;
           const ArrayView source{reinterpret_cast<char*>(&number), DType::Float64, {count}, {0}};
           copy(source, {static_cast<char*>(at[0]), dtype, {count}, {static_cast<int64_t>(item_size(dtype))}});
         });
  return result.object;
}

py::object concatenate(const ListArg& list, int64_t axis_arg) {
  constexpr const char* op = "concatenate";
  const py::tuple items = items_of(op, "arrays", list.object, "a list or tuple of NumPy arrays");
  check<ValueError>(items.size() > 0, op, ": arrays is empty, expected at least one array");
  std::vector<Array> arrays;
  std::vector<std::string> names;
  for (size_t i = 0; i < items.size(); ++i) {
    const py::handle item = PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i));
    const std::string name = "arrays[" + std::to_string(i) + "]";
    arrays.push_back(any_array(op, name.c_str(), ArrayArg{item}));
    names.push_back(name);
  }
  const Array& first = arrays[0];
  check<ShapeError>(first.rank() > 0, op, ": arrays[0] has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, first.rank());
  Dims shape = first.shape();
  shape[axis] = 0;
  Layout layout = layout_of(first);
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Array& array = arrays[i];
    check<DTypeError>(array.dtype() == first.dtype(), op, ": ", names[i], " has dtype ", name_of(array.dtype()),
                      ", expected ", name_of(first.dtype()), ", that of arrays[0]");
    bool fits = array.rank() == first.rank();
    for (int d = 0; fits && d < first.rank(); ++d) fits = d == axis || array.shape(d) == first.shape(d);
    check<ShapeError>(fits, op, ": ", names[i], " has shape ", array.shape(), ", expected ", first.shape(),
                      " but for axis ", axis);
    check<ShapeError>(!__builtin_add_overflow(shape[axis], array.shape(axis), &shape[axis]), op,
                      ": the result has more elements than memory can hold");
    if (layout_of(array) != layout) layout = Layout::Contiguous;
  }
  const Array result = new_array(op, first.dtype(), shape, layout);
  ArrayView part = result.view;
  for (const Array& array : arrays) {
    part.shape = array.shape();
    launch_copy(op, array, result, part);
    part.data += array.shape(axis) * part.strides[axis];
  }
  return result.object;
}

}  // namespace

void bind_copy(py::module_& m) {
  m.def("contiguous", &contiguous_binding, py::arg("input"), py::kw_only(), py::arg("always_copy") = false,
        R"(The array itself if it is C-contiguous and aligned, else (or with ``always_copy``) a C-contiguous copy.)");
  m.def(
      "cast",
      [](const ArrayArg& input, const std::string& dtype) {
        return converted(any_array("cast", "input", input), dtype_named("cast", dtype)).object;
      },
      py::arg("input"), py::arg("dtype"),
      R"(A C-contiguous copy converted to another element type.

Parameters
----------
input : numpy.ndarray
    Any shape and supported type.
dtype : str
    'float32', 'float64', 'int32', 'int64', 'bool' or 'uint8'. A float becomes an integer by truncation; NaN and
    numbers outside the type's range become its lowest.

Raises
------
DTypeError
)");
  m.def("copy_into", &copy_into, py::arg("target"), py::arg("source"),
        R"(Copies `source`, broadcast and converted, into the memory of `target`, of any strides.

Raises
------
ShapeError
    If source does not broadcast to target.
ValueError
    If target is read-only or shares memory with source.
)");
  m.def("empty", &empty, py::arg("shape"), py::arg("dtype") = "float32",
        R"(A new array whose elements are whatever its memory held, for a kernel that fills it.

Parameters
----------
shape : sequence of int
dtype : str
    Default 'float32'; see `cast`.
)");
  m.def("full", &full, py::arg("shape"), py::arg("value"), py::arg("dtype") = "float32",
        R"(A new array with one value everywhere.

Parameters
----------
shape : sequence of int
value : float
dtype : str
    Default 'float32'; see `cast`.
)");
  m.def("concatenate", &concatenate, py::arg("arrays"), py::arg("axis") = 0,
        R"(Joins arrays of one type along an axis; their other sizes agree. Channels-last if all of them are.

Raises
------
ValueError, ShapeError, DTypeError, IndexError
)");
}

}  // namespace cygnet
