#include <limits>

#include "families.h"
#include "fused_activation.h"
#include "kernels/norm_rows.h"
#include "launch.h"
#include "norm_arguments.h"

namespace cygnet {
namespace {

// The last `axes` axes of the input make a row.
struct Rows {
  RowSizes sizes{1, 1};
  Dims outer, inner;

  Rows(const char* op, const Array& input, int64_t axes) {
    check<ShapeError>(axes >= 1 && axes <= input.rank(), op, ": axes is ", axes, ", expected at least 1 and at most ",
                      input.rank(), ", the dimensions of input");
    for (int i = 0; i < input.rank(); ++i) {
      const bool in_row = i >= input.rank() - axes;
      (in_row ? inner : outer).push(input.shape(i));
      (in_row ? sizes.width : sizes.rows) *= input.shape(i);
    }
  }

  Array parameter(const char* op, const char* name, const OptionalArray& arg, DType dtype) const {
    const Array array = optional_array_of(op, name, arg, dtype, "input");
    if (!array) return array;
    check_shape(op, name, array, inner);
    return contiguous(array);
  }
};

py::tuple layer_norm_forward_binding(const ArrayArg& input_arg, const OptionalArray& weight_arg,
                                     const OptionalArray& bias_arg, int64_t axes, double eps,
                                     const OptionalArray& out) {
  constexpr const char* op = "layer_norm";
  Array input = float_array(op, "input", input_arg);
  check_eps(op, eps);
  const Rows rows(op, input, axes);
  const DType dtype = input.dtype();
  const Array weight = rows.parameter(op, "weight", weight_arg, dtype);
  const Array bias = rows.parameter(op, "bias", bias_arg, dtype);
  const Array result = output(op, out, dtype, input.shape(), {&input, &weight, &bias});
  const Array mean = new_array(op, dtype, rows.outer), rstd = new_array(op, dtype, rows.outer);
  input = contiguous(input);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(input, 2), {read(input), read(weight), read(bias), write(result), write(mean), write(rstd)}, 0,
           [=, sizes = rows.sizes](void* const* at) {
             layer_norm_forward<T>(sizes, in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), eps, to<T>(at[3]), to<T>(at[4]),
                                   to<T>(at[5]));
           });
  });
  return py::make_tuple(result.object, mean.object, rstd.object);
}

py::tuple rms_norm_forward_binding(const ArrayArg& input_arg, const OptionalArray& weight_arg, int64_t axes,
                                   std::optional<double> eps_arg, const OptionalArray& out) {
  constexpr const char* op = "rms_norm";
  Array input = float_array(op, "input", input_arg);
  const DType dtype = input.dtype();
  const double eps = eps_arg.value_or(dtype == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                              : std::numeric_limits<float>::epsilon());
  check_eps(op, eps);
  const Rows rows(op, input, axes);
  const Array weight = rows.parameter(op, "weight", weight_arg, dtype);
  const Array result = output(op, out, dtype, input.shape(), {&input, &weight});
  const Array rstd = new_array(op, dtype, rows.outer);
  input = contiguous(input);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(input, 2), {read(input), read(weight), write(result), write(rstd)}, 0,
           [=, sizes = rows.sizes](void* const* at) {
             rms_norm_forward<T>(sizes, in<T>(at[0]), in<T>(at[1]), eps, to<T>(at[2]), to<T>(at[3]));
           });
  });
  return py::make_tuple(result.object, rstd.object);
}

// The gradients of input, weight and bias; without `mean_arg` those of root-mean-square normalisation.
py::tuple rows_backward(const char* op, const ArrayArg& grad_arg, const ArrayArg& input_arg,
                        const OptionalArray& mean_arg, const ArrayArg& rstd_arg, const OptionalArray& weight_arg,
                        Needed needed) {
  Array input = float_array(op, "input", input_arg);
  const DType dtype = input.dtype();
  Array grad = array_of(op, "grad_output", grad_arg, dtype, "input");
  check_shape(op, "grad_output", grad, input.shape());
  Array rstd = array_of(op, "rstd", rstd_arg, dtype, "input");
  check<ShapeError>(rstd.rank() < input.rank(), op, ": rstd has shape ", rstd.shape(),
                    ", expected the first sizes of input, ", input.shape());
  const Rows rows(op, input, input.rank() - rstd.rank());
  check_shape(op, "rstd", rstd, rows.outer);
  Array mean = optional_array_of(op, "mean", mean_arg, dtype, "input");
  if (mean) check_shape(op, "mean", mean, rows.outer);
  const Array weight = rows.parameter(op, "weight", weight_arg, dtype);
  grad = contiguous(grad);
  input = contiguous(input);
  rstd = contiguous(rstd);
  if (mean) mean = contiguous(mean);
  const Array grad_input = needed.input ? new_array(op, dtype, input.shape()) : Array{};
  const Array grad_weight = needed.weight ? new_array(op, dtype, rows.inner) : Array{};
  const Array grad_bias = needed.bias ? new_array(op, dtype, rows.inner) : Array{};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(input, 3),
           {read(grad), read(input), read(mean), read(rstd), read(weight), write(grad_input), write(grad_weight),
            write(grad_bias)},
           needed.weight || needed.bias ? row_norm_scratch_bytes<T>(rows.sizes) : 0,
           [=, sizes = rows.sizes, centered = static_cast<bool>(mean)](void* const* at) {
             if (centered)
               layer_norm_backward<T>(sizes, in<T>(at[0]), in<T>(at[1]), in<T>(at[4]), in<T>(at[2]), in<T>(at[3]),
                                      to<T>(at[5]), to<T>(at[6]), to<T>(at[7]), at[8]);
             else
               rms_norm_backward<T>(sizes, in<T>(at[0]), in<T>(at[1]), in<T>(at[4]), in<T>(at[3]), to<T>(at[5]),
                                    to<T>(at[6]), at[8]);
           });
  });
  return py::make_tuple(or_none(grad_input), or_none(grad_weight), or_none(grad_bias));
}

py::tuple layer_norm_backward_binding(const ArrayArg& grad, const ArrayArg& input, const ArrayArg& mean,
                                      const ArrayArg& rstd, const OptionalArray& weight, bool need_input,
                                      bool need_weight, bool need_bias) {
  return rows_backward("layer_norm_backward", grad, input, mean, rstd, weight, {need_input, need_weight, need_bias});
}

py::tuple rms_norm_backward_binding(const ArrayArg& grad, const ArrayArg& input, const ArrayArg& rstd,
                                    const OptionalArray& weight, bool need_input, bool need_weight) {
  const py::tuple all =
      rows_backward("rms_norm_backward", grad, input, {}, rstd, weight, {need_input, need_weight, false});
  return py::make_tuple(all[0], all[1]);
}

}  // namespace

void bind_norm_rows(py::module_& m) {
  m.def("layer_norm_forward", &layer_norm_forward_binding, py::arg("input"), py::arg("weight") = py::none(),
        py::arg("bias") = py::none(), py::kw_only(), py::arg("axes") = 1, py::arg("eps") = 1e-5,
        py::arg("out") = py::none(),
        norm_text(R"(Layer normalisation: ``(input - mean) / sqrt(variance + eps) * weight + bias`` over the last axes.

Parameters
----------
input : numpy.ndarray
    float32 or float64, any strides.
weight, bias : numpy.ndarray, optional
    Of the sizes of the last axes and the input's type.
axes : int
    How many axes, from the last, share a mean. Default 1.
eps : float
    Default 1e-5.
out : numpy.ndarray, optional
    C-contiguous array for the result; it must not share memory with an input.

Returns
-------
tuple of numpy.ndarray
    (output, mean, rstd): the result, and what the backward call needs, of the sizes of the other axes.
)")
            .c_str());
  m.def("layer_norm_backward", &layer_norm_backward_binding, py::arg("grad_output"), py::arg("input"), py::arg("mean"),
        py::arg("rstd"), py::arg("weight") = py::none(), py::kw_only(), py::arg("need_input") = true,
        py::arg("need_weight") = true, py::arg("need_bias") = true,
        norm_text(R"(Gradients of `layer_norm_forward`.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result.
input, weight : numpy.ndarray
    As in the forward call.
mean, rstd : numpy.ndarray
    From the forward call.
need_input, need_weight, need_bias : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    (grad_input, grad_weight, grad_bias), None for each that is not needed.
)")
            .c_str());
  m.def(
      "rms_norm_forward", &rms_norm_forward_binding, py::arg("input"), py::arg("weight") = py::none(), py::kw_only(),
      py::arg("axes") = 1, py::arg("eps") = py::none(), py::arg("out") = py::none(),
      norm_text(R"(Root-mean-square normalisation: ``input / sqrt(mean(input ** 2) + eps) * weight`` over the last axes.

Parameters
----------
input : numpy.ndarray
    float32 or float64, any strides.
weight : numpy.ndarray, optional
    Of the sizes of the last axes and the input's type.
axes : int
    How many axes, from the last, share a root. Default 1.
eps : float, optional
    Default the distance from 1 to the next number of the input's type.
out : numpy.ndarray, optional
    C-contiguous array for the result; it must not share memory with an input.

Returns
-------
tuple of numpy.ndarray
    (output, rstd): the result, and what the backward call needs, of the sizes of the other axes.
)")
          .c_str());
  m.def("rms_norm_backward", &rms_norm_backward_binding, py::arg("grad_output"), py::arg("input"), py::arg("rstd"),
        py::arg("weight") = py::none(), py::kw_only(), py::arg("need_input") = true, py::arg("need_weight") = true,
        norm_text(R"(Gradients of `rms_norm_forward`.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result.
input, weight : numpy.ndarray
    As in the forward call.
rstd : numpy.ndarray
    From the forward call.
need_input, need_weight : bool
    Which gradients to compute. Default both.

Returns
-------
tuple
    (grad_input, grad_weight), None for each that is not needed.
)")
            .c_str());
}

}  // namespace cygnet
