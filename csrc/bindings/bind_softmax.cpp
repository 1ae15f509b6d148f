#include "families.h"
#include "kernels/softmax.h"
#include "launch.h"

namespace cygnet {
namespace {

SoftmaxSizes sizes_of(const char* op, const Array& array, int64_t axis_argument) {
  const int axis = axis_of(op, axis_argument, array.rank());
  SoftmaxSizes sizes{1, 1, 1};
  for (int i = 0; i < array.rank(); ++i)
    (i < axis ? sizes.outer : i > axis ? sizes.inner : sizes.classes) *= array.shape(i);
  return sizes;
}

Work work_of(const Array& array, double reads) {
  const double n = static_cast<double>(array.count());
  return {10 * n, reads * n * static_cast<double>(item_size(array.dtype()))};
}

template <class F>
py::object forward(const char* op, const ArrayArg& input_arg, int64_t axis, const OptionalArray& out, F kernel) {
  const Array input = float_array(op, "input", input_arg);
  const SoftmaxSizes sizes = sizes_of(op, input, axis);
  const Array source = contiguous(input);
  const Array result = output(op, out, input.dtype(), input.shape(), {&input, &source});
  if (input.count() == 0) return result.object;
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(input, 2), {read(source), write(result)}, 0,
           [=](void* const* at) { kernel(sizes, in<T>(at[0]), to<T>(at[1])); });
  });
  return result.object;
}

template <class F>
py::object backward(const char* op, const ArrayArg& grad_arg, const ArrayArg& output_arg, int64_t axis, F kernel) {
  Array grad = float_array(op, "grad_output", grad_arg);
  Array saved = array_of(op, "output", output_arg, grad.dtype(), "grad_output");
  check_shape(op, "output", saved, grad.shape());
  const SoftmaxSizes sizes = sizes_of(op, grad, axis);
  grad = contiguous(grad);
  saved = contiguous(saved);
  const Array result = new_array(op, grad.dtype(), grad.shape());
  if (grad.count() == 0) return result.object;
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(grad, 3), {read(grad), read(saved), write(result)}, 0,
           [=](void* const* at) { kernel(sizes, in<T>(at[0]), in<T>(at[1]), to<T>(at[2])); });
  });
  return result.object;
}

constexpr const char* forward_tail = R"(

Parameters
----------
input : numpy.ndarray
    float32 or float64, any shape and strides. -inf is allowed; a line of nothing else gives NaN.
axis : int
    The axis of the classes. Default the last.
out : numpy.ndarray, optional
    C-contiguous array for the result; it must not share memory with the input.

Returns
-------
numpy.ndarray
    Of the input's shape and type, C-contiguous.

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)";
constexpr const char* backward_tail = R"(

Parameters
----------
grad_output, output : numpy.ndarray
    The gradient of the result, and the result; one shape, float32 or float64.
axis : int
    As in the forward call.

Returns
-------
numpy.ndarray
    The gradient of the input, C-contiguous.

Raises
------
DTypeError, IndexError, ShapeError
)";

}  // namespace

void bind_softmax(py::module_& m) {
  m.def(
      "softmax_forward",
      [](const ArrayArg& input, int64_t axis, const OptionalArray& out) {
        return forward("softmax", input, axis, out, [](auto s, auto x, auto y) { softmax_forward(s, x, y); });
      },
      py::arg("input"), py::arg("axis") = -1, py::kw_only(), py::arg("out") = py::none(),
      (std::string("``exp(input) / sum(exp(input))`` over an axis, computed after subtracting the maximum.") +
       forward_tail)
          .c_str());
  m.def(
      "log_softmax_forward",
      [](const ArrayArg& input, int64_t axis, const OptionalArray& out) {
        return forward("log_softmax", input, axis, out, [](auto s, auto x, auto y) { log_softmax_forward(s, x, y); });
      },
      py::arg("input"), py::arg("axis") = -1, py::kw_only(), py::arg("out") = py::none(),
      (std::string("``input - log(sum(exp(input)))`` over an axis, computed after subtracting the maximum.") +
       forward_tail)
          .c_str());
  m.def(
      "softmax_backward",
      [](const ArrayArg& grad, const ArrayArg& output, int64_t axis) {
        return backward("softmax_backward", grad, output, axis,
                        [](auto s, auto g, auto y, auto t) { softmax_backward(s, g, y, t); });
      },
      py::arg("grad_output"), py::arg("output"), py::arg("axis") = -1,
      (std::string("Gradient of `softmax_forward`: ``output * (grad - sum(grad * output))``.") + backward_tail)
          .c_str());
  m.def(
      "log_softmax_backward",
      [](const ArrayArg& grad, const ArrayArg& output, int64_t axis) {
        return backward("log_softmax_backward", grad, output, axis,
                        [](auto s, auto g, auto y, auto t) { log_softmax_backward(s, g, y, t); });
      },
      py::arg("grad_output"), py::arg("output"), py::arg("axis") = -1,
      (std::string("Gradient of `log_softmax_forward`: ``grad - exp(output) * sum(grad)``.") + backward_tail).c_str());
}

}  // namespace cygnet
