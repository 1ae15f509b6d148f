#include "families.h"
#include "kernels/scan.h"
#include "launch.h"

namespace cygnet {
namespace {

// A contiguous input around one axis; a 0-d one has one element along it.
struct Line {
  Array input;
  ReduceSizes sizes{1, 1, 1};

  Line(const char* op, const Array& given, int64_t axis_arg) : input(contiguous(given)) {
    const int axis = axis_of(op, axis_arg, input.rank());
    for (int i = 0; i < input.rank(); ++i)
      (i < axis ? sizes.outer : i == axis ? sizes.depth : sizes.inner) *= input.shape(i);
  }
  // Elements are added one after another.
  Work work(double inputs = 1) const {
    const double count = static_cast<double>(input.count());
    return {4 * count, (inputs + 1) * count * static_cast<double>(item_size(input.dtype()))};
  }
};

using Accumulate = void (*)(DType, ReduceSizes, bool, const void*, void*) noexcept;

void bind_accumulation(py::module_& m, const char* op, Accumulate run, const char* summary) {
  const auto call = [op, run](const ArrayArg& input_arg, int64_t axis, bool reverse) {
    const Line line(op, any_array(op, "input", input_arg), axis);
    const DType dtype = line.input.dtype();
    const bool floats = dtype == DType::Float32 || dtype == DType::Float64;
    const Array result = new_array(op, floats ? dtype : DType::Int64, line.input.shape());
    if (result.count() > 0)
      launch(op, line.work(), {read(line.input), write(result)}, 0,
             [=, sizes = line.sizes](void* const* at) { run(dtype, sizes, reverse, at[0], at[1]); });
    return result.object;
  };
  m.def(op, call, py::arg("input"), py::arg("axis"), py::arg("reverse") = false,
        (std::string(summary) + R"(

Parameters
----------
input : numpy.ndarray
    Any type and strides.
axis : int
    The axis to run along, negative ones counted from the end.
reverse : bool
    Whether it runs from the last element to the first. Default False.

Returns
-------
numpy.ndarray
    Of the input's shape; floats keep their type and are accumulated in double, the others give int64.

Raises
------
DTypeError, IndexError
)")
            .c_str());
}

using Places = void (*)(DType, ReduceSizes, const void*, int64_t*) noexcept;

void bind_places(py::module_& m, const char* op, Places run, const char* summary) {
  const auto call = [op, run](const ArrayArg& input_arg, int64_t axis) {
    const Line line(op, any_array(op, "input", input_arg), axis);
    const Array result = new_array(op, DType::Int64, line.input.shape());
    if (result.count() > 0)
      launch(op, line.work(), {read(line.input), write(result)}, 0,
             [run, dtype = line.input.dtype(), sizes = line.sizes](void* const* at) {
               run(dtype, sizes, at[0], to<int64_t>(at[1]));
             });
    return result.object;
  };
  m.def(op, call, py::arg("input"), py::arg("axis"),
        (std::string(summary) + R"( up to each element along an
axis; the last of equals, and a NaN wins.

Parameters
----------
input : numpy.ndarray
    Any type and strides.
axis : int
    The axis to run along, negative ones counted from the end.

Returns
-------
numpy.ndarray
    int64, of the input's shape.

Raises
------
DTypeError, IndexError
)")
            .c_str());
}

py::object linear_binding(const ArrayArg& input_arg, const ArrayArg& factor_arg, int64_t axis, bool reverse) {
  constexpr const char* op = "linear_scan";
  const Line line(op, float_array(op, "input", input_arg), axis);
  Array factor = array_of(op, "factor", factor_arg, line.input.dtype(), "input");
  check_shape(op, "factor", factor, line.input.shape());
  factor = contiguous(factor);
  const Array result = new_array(op, line.input.dtype(), line.input.shape());
  if (result.count() == 0) return result.object;
  dispatch(line.input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, line.work(2), {read(line.input), read(factor), write(result)}, 0,
           [=, sizes = line.sizes](void* const* at) {
             scan_linear<T>(sizes, reverse, in<T>(at[0]), in<T>(at[1]), to<T>(at[2]));
           });
  });
  return result.object;
}

py::object logsumexp_binding(const ArrayArg& input_arg, int64_t axis) {
  constexpr const char* op = "logcumsumexp";
  const Line line(op, float_array(op, "input", input_arg), axis);
  const Array result = new_array(op, line.input.dtype(), line.input.shape());
  if (result.count() == 0) return result.object;
  dispatch(line.input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, line.work(), {read(line.input), write(result)}, 0,
           [sizes = line.sizes](void* const* at) { scan_logsumexp<T>(sizes, in<T>(at[0]), to<T>(at[1])); });
  });
  return result.object;
}

}  // namespace

void bind_scan(py::module_& m) {
  bind_accumulation(m, "cumsum", scan_sum, "Running sum along an axis.");
  bind_accumulation(m, "cumprod", scan_product, "Running product along an axis.");
  bind_places(m, "cumargmax", scan_argmax, "Position of the maximum");
  bind_places(m, "cumargmin", scan_argmin, "Position of the minimum");
  m.def("logcumsumexp", &logsumexp_binding, py::arg("input"), py::arg("axis"),
        R"(Running ``log(sum(exp(input)))`` along an axis, without overflow.

Parameters
----------
input : numpy.ndarray
    float32 or float64.
axis : int
    The axis to run along, negative ones counted from the end.

Returns
-------
numpy.ndarray
    Of the input's shape and type.

Raises
------
DTypeError, IndexError
)");
  m.def("linear_scan", &linear_binding, py::arg("input"), py::arg("factor"), py::arg("axis"),
        py::arg("reverse") = false,
        R"(The recurrence ``y[d] = input[d] + factor[d] * y[d - 1]`` along an axis, with y[-1] = 0.

Parameters
----------
input, factor : numpy.ndarray
    float32 or float64, of one shape and type.
axis : int
    The axis to run along, negative ones counted from the end.
reverse : bool
    Whether it runs from the last element to the first: then y[d + 1] stands for y[d - 1]. Default False.

Returns
-------
numpy.ndarray
    Of the input's shape and type; accumulated in double.

Raises
------
DTypeError, IndexError, ShapeError
)");
}

}  // namespace cygnet
