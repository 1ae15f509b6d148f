#include <algorithm>

#include "families.h"
#include "fused_activation.h"
#include "kernels/conv.h"
#include "spatial.h"

namespace cygnet {
namespace {

struct Geometry {
  Pair stride, padding, dilation;
  int64_t groups;

  Geometry(const char* op, const PairArg& stride_arg, const PairArg& padding_arg, const PairArg& dilation_arg,
           int64_t groups_arg)
      : stride(pair(op, "stride", stride_arg, 1)),
        padding(pair(op, "padding", padding_arg, 0)),
        dilation(pair(op, "dilation", dilation_arg, 1)),
        groups(groups_arg) {
    check<ValueError>(groups >= 1, op, ": groups is ", groups, ", expected at least 1");
  }
};

// The checked shape of a convolution; `input` and `weight` have four dimensions.
ConvShape conv_shape(const char* op, const Dims& input, const Dims& weight, const Geometry& g) {
  check<ShapeError>(weight[0] % g.groups == 0, op, ": weight has ", weight[0], " output channels, groups ", g.groups,
                    " does not divide them");
  check<ShapeError>(input[1] % g.groups == 0, op, ": input has ", input[1], " channels, groups ", g.groups,
                    " does not divide them");
  if (g.groups == 1)
    check<ShapeError>(weight[1] == input[1], op, ": weight has ", weight[1], " input channels, input has ", input[1]);
  else
    check<ShapeError>(weight[1] == input[1] / g.groups, op, ": weight has ", weight[1], " input channels, expected ",
                      input[1] / g.groups, ", the input's ", input[1], " in ", g.groups, " groups");
  check<ShapeError>(weight[2] >= 1 && weight[3] >= 1, op, ": weight has shape ", weight,
                    ", expected a kernel of at least 1 by 1");
  const Window rows{weight[2], g.stride.h, g.padding.h, g.dilation.h};
  const Window columns{weight[3], g.stride.w, g.padding.w, g.dilation.w};
  element_count(op, input, sizeof(double));
  element_count(op, weight, sizeof(double));
  check_fits(op, input[2], input[3], rows, columns);
  const ConvShape shape{input[0],
                        input[1],
                        weight[0],
                        g.groups,
                        {{1, 1, 1, 1, 0, 1},
                         {input[2], weight[2], rows.positions(input[2]), g.stride.h, g.padding.h, g.dilation.h},
                         {input[3], weight[3], columns.positions(input[3]), g.stride.w, g.padding.w, g.dilation.w}}};
  element_count(op, {shape.batch, shape.out_channels, shape.axes[1].out, shape.axes[2].out}, sizeof(double));
  // What is copied with its padding, and what the gradient of one image may be made of; in double, since the parts may
  // overflow.
  const double padded =
      static_cast<double>(input[2] + 2 * g.padding.h) * static_cast<double>(input[3] + 2 * g.padding.w);
  const double channels = static_cast<double>(input[1] + weight[0] + 16);
  const double filter = static_cast<double>(shape.group_in()) * static_cast<double>(shape.taps());
  check<ShapeError>(
      padded * std::max(channels * static_cast<double>(std::max<int64_t>(shape.batch, 1)), filter) < 0x1p54, op,
      ": input ", input, " with padding ", Dims{g.padding.h, g.padding.w}, " has more elements than memory can hold");
  return shape;
}

Dims output_shape(const ConvShape& s) { return {s.batch, s.out_channels, s.axes[1].out, s.axes[2].out}; }

Work work_of(const ConvShape& s, DType dtype) {
  const double pixels = static_cast<double>(s.batch * s.out_pixels());
  const double weights = static_cast<double>(s.out_channels * s.group_in() * s.taps());
  const double images =
      pixels * static_cast<double>(s.out_channels) + static_cast<double>(s.batch * s.in_channels * s.in_pixels());
  return {2 * pixels * weights, (images + weights) * static_cast<double>(item_size(dtype))};
}

py::object forward(const ArrayArg& input_arg, const ArrayArg& weight_arg, const OptionalArray& bias_arg,
                   const PairArg& stride, const PairArg& padding, const PairArg& dilation, int64_t groups,
                   const std::string& activation_name, const OptionalArray& out) {
  constexpr const char* op = "conv2d";
  Array input = float_array(op, "input", input_arg);
  Array weight = array_of(op, "weight", weight_arg, input.dtype(), "input");
  check_rank(op, "input", input, 4);
  check_rank(op, "weight", weight, 4);
  const Geometry geometry(op, stride, padding, dilation, groups);
  const ConvShape shape = conv_shape(op, input.shape(), weight.shape(), geometry);
  const Activation activation = activation_of(op, activation_name);
  const Array bias = optional_vector(op, "bias", bias_arg, input.dtype(), shape.out_channels);
  const ChannelsLastOutput result(op, out, input.dtype(), output_shape(shape), {&input, &weight, &bias});
  input = plain_or_channels_last(input);
  weight = contiguous(weight);
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const bool last = input.view.channels_last();
    launch("conv2d_forward", work_of(shape, input.dtype()),
           {read(input), read(weight), read(bias), write(result.written)}, conv_forward_scratch_bytes<T>(shape, last),
           [=](void* const* at) {
             conv_forward<T>(shape, in<T>(at[0]), last, in<T>(at[1]), in<T>(at[2]), activation, to<T>(at[3]), at[4]);
           });
  });
  return result.finish();
}

py::object backward_input(const ArrayArg& grad_arg, const ArrayArg& weight_arg, const py::object& input_shape,
                          const PairArg& stride, const PairArg& padding, const PairArg& dilation, int64_t groups,
                          const OptionalArray& out) {
  constexpr const char* op = "conv2d_backward_input";
  Array grad = float_array(op, "grad_output", grad_arg);
  Array weight = array_of(op, "weight", weight_arg, grad.dtype(), "grad_output");
  check_rank(op, "weight", weight, 4);
  const Dims result_shape = image_shape(op, "input_shape", input_shape);
  const Geometry geometry(op, stride, padding, dilation, groups);
  const ConvShape shape = conv_shape(op, result_shape, weight.shape(), geometry);
  check_shape(op, "grad_output", grad, output_shape(shape));
  const ChannelsLastOutput result(op, out, grad.dtype(), result_shape, {&grad, &weight});
  grad = plain_or_channels_last(grad);
  weight = contiguous(weight);
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const bool last = grad.view.channels_last();
    launch(op, work_of(shape, grad.dtype()), {read(grad), read(weight), write(result.written)},
           conv_backward_input_scratch_bytes<T>(shape, last), [=](void* const* at) {
             conv_backward_input<T>(shape, in<T>(at[0]), last, in<T>(at[1]), nullptr, Activation::None, to<T>(at[2]),
                                    at[3]);
           });
  });
  return result.finish();
}

py::tuple backward_weight(const ArrayArg& grad_arg, const ArrayArg& input_arg, const py::object& weight_shape,
                          const PairArg& stride, const PairArg& padding, const PairArg& dilation, int64_t groups,
                          bool need_bias) {
  constexpr const char* op = "conv2d_backward_weight";
  Array input = float_array(op, "input", input_arg);
  Array grad = array_of(op, "grad_output", grad_arg, input.dtype(), "input");
  check_rank(op, "input", input, 4);
  const Dims result_shape = image_shape(op, "weight_shape", weight_shape);
  const Geometry geometry(op, stride, padding, dilation, groups);
  const ConvShape shape = conv_shape(op, input.shape(), result_shape, geometry);
  check_shape(op, "grad_output", grad, output_shape(shape));
  grad = channels_last(grad);
  input = plain_or_channels_last(input);
  const DType dtype = input.dtype();
  const Array grad_weight = new_array(op, dtype, result_shape);
  const Array grad_bias = need_bias ? new_array(op, dtype, {shape.out_channels}) : Array{};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const bool last = input.view.channels_last();
    launch(op, work_of(shape, dtype), {read(grad), read(input), write(grad_weight), write(grad_bias)},
           conv_backward_weight_scratch_bytes<T>(shape, last), [=](void* const* at) {
             conv_backward_weight<T>(shape, in<T>(at[0]), in<T>(at[1]), last, to<T>(at[2]), to<T>(at[3]), at[4]);
           });
  });
  return py::make_tuple(grad_weight.object, or_none(grad_bias));
}

}  // namespace

void bind_conv(py::module_& m) {
  const PairArg one{py::int_(1)}, none{py::int_(0)};
  m.def(
      "conv2d_forward", &forward, py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(), py::kw_only(),
      py::arg("stride") = one, py::arg("padding") = none, py::arg("dilation") = one, py::arg("groups") = 1,
      py::arg("activation") = "none", py::arg("out") = py::none(),
      R"(Two-dimensional convolution with fused bias and activation (a cross-correlation, as `torch.nn.functional.conv2d`).

The memory of the result is channels last (N, H, W, C) under the shape (N, C, H, W); an input in that order is
fastest.

Parameters
----------
input : numpy.ndarray
    Images (N, C, H, W), float32 or float64, any strides.
weight : numpy.ndarray
    Filters (O, C / groups, kernel_h, kernel_w), of the input's type.
bias : numpy.ndarray, optional
    (O,).
stride, padding, dilation : int or (int, int)
    Step of the filter, zeros added on each side, and distance of its taps, in pixels (height, width). Default 1, 0, 1.
groups : int
    Groups of channels that are convolved separately; divides C and O. Default 1.
activation : str
    'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid' or 'tanh'.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
numpy.ndarray
    (N, O, H', W') with H' = (H + 2 padding - dilation (kernel_h - 1) - 1) // stride + 1, and W' likewise.

Raises
------
ShapeError, DTypeError, ValueError, TypeError

Examples
--------
>>> import numpy as np, cygnet
>>> image, weight = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
>>> cygnet.kernels.conv2d_forward(image, weight)[0, 0]
array([[4., 4.],
       [4., 4.]], dtype=float32)
)");
  m.def("conv2d_backward_input", &backward_input, py::arg("grad_output"), py::arg("weight"), py::arg("input_shape"),
        py::kw_only(), py::arg("stride") = one, py::arg("padding") = none, py::arg("dilation") = one,
        py::arg("groups") = 1, py::arg("out") = py::none(),
        R"(Gradient of `conv2d_forward` with respect to its input (a transposed convolution).

Parameters
----------
grad_output : numpy.ndarray
    (N, O, H', W'), the gradient of the result; float32 or float64.
weight : numpy.ndarray
    (O, C / groups, kernel_h, kernel_w).
input_shape : tuple of int
    (N, C, H, W).
stride, padding, dilation, groups
    As in the forward call.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
numpy.ndarray
    (N, C, H, W), channels last in memory.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("conv2d_backward_weight", &backward_weight, py::arg("grad_output"), py::arg("input"), py::arg("weight_shape"),
        py::kw_only(), py::arg("stride") = one, py::arg("padding") = none, py::arg("dilation") = one,
        py::arg("groups") = 1, py::arg("need_bias") = true,
        R"(Gradients of `conv2d_forward` with respect to weight and bias.

Parameters
----------
grad_output : numpy.ndarray
    (N, O, H', W'), the gradient of the result; float32 or float64.
input : numpy.ndarray
    (N, C, H, W), as in the forward call.
weight_shape : tuple of int
    (O, C / groups, kernel_h, kernel_w).
stride, padding, dilation, groups
    As in the forward call.
need_bias : bool
    Whether to compute the gradient of the bias. Default True.

Returns
-------
tuple
    (grad_weight, grad_bias), shaped as weight and (O,); grad_bias is None if it is not needed.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
}

}  // namespace cygnet
