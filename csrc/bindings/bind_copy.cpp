#include "families.h"
#include "launch.h"

namespace cygnet {
namespace {

py::object contiguous_binding(const ArrayArg& input, bool always_copy) {
  const Array array = any_array("contiguous", "input", input);
  return (always_copy ? converted(array, array.dtype()) : contiguous(array)).object;
}

DType dtype_named(const char* op, const std::string& name) {
  for (DType dtype : {DType::Float32, DType::Float64, DType::Int32, DType::Int64, DType::Bool, DType::UInt8})
    if (name == name_of(dtype)) return dtype;
  throw DTypeError(message(op, ": dtype is ", name, ", expected float32, float64, int32, int64, bool or uint8"));
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
}

}  // namespace cygnet
