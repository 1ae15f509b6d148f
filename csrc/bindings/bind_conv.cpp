#include <algorithm>
#include <string>

#include "families.h"
#include "fused_activation.h"
#include "kernels/conv.h"
#include "kernels/conv_forward.h"
#include "kernels/reduce.h"
#include "spatial.h"

namespace cygnet {
namespace {

// A convolution over some spatial axes, or a transposed one, which is the former's gradient of the input.
struct Op {
  int axes;
  bool transposed;
  const char *name, *forward, *backward_input, *backward_weight;
};
constexpr Op ops[] = {
    {1, false, "conv1d", "conv1d_forward", "conv1d_backward_input", "conv1d_backward_weight"},
    {2, false, "conv2d", "conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight"},
    {3, false, "conv3d", "conv3d_forward", "conv3d_backward_input", "conv3d_backward_weight"},
    {1, true, "conv_transpose1d", "conv_transpose1d_forward", "conv_transpose1d_backward_input",
     "conv_transpose1d_backward_weight"},
    {2, true, "conv_transpose2d", "conv_transpose2d_forward", "conv_transpose2d_backward_input",
     "conv_transpose2d_backward_weight"},
    {3, true, "conv_transpose3d", "conv_transpose3d_forward", "conv_transpose3d_backward_input",
     "conv_transpose3d_backward_weight"},
};

struct Geometry {
  Dims stride, dilation, output_padding;
  Padding padding;
  int64_t groups;

  Geometry(const Op& op, const char* name, const AxesArg& stride_arg, const PaddingArg& padding_arg,
           const AxesArg& output_padding_arg, const AxesArg& dilation_arg, int64_t groups_arg)
      : stride(per_axis(name, "stride", stride_arg, op.axes, 1)),
        dilation(per_axis(name, "dilation", dilation_arg, op.axes, 1)),
        output_padding(per_axis(name, "output_padding", output_padding_arg, op.axes, 0)),
        padding(padding_of(name, padding_arg, op.axes)),
        groups(groups_arg) {
    check<ValueError>(groups >= 1 && groups <= INT32_MAX, name, ": groups is ", groups, ", expected at least 1");
    for (int i = 0; i < op.axes; ++i)
      check<ValueError>(output_padding[i] == 0 || output_padding[i] < std::max(stride[i], dilation[i]), name,
                        ": output_padding is ", output_padding, ", expected less than stride ", stride, " or dilation ",
                        dilation);
  }
};

void check_channels(const Op& op, const char* name, const Dims& input, const Dims& weight, int64_t groups) {
  check<ShapeError>(input[1] % groups == 0, name, ": input has ", input[1], " channels, groups ", groups,
                    " does not divide them");
  if (op.transposed) {
    check<ShapeError>(weight[0] == input[1], name, ": weight has ", weight[0], " input channels, input has ", input[1]);
    check<ShapeError>(static_cast<double>(weight[1]) * static_cast<double>(groups) < 0x1p48, name, ": weight ", weight,
                      " in ", groups, " groups has more elements than memory can hold");
    return;
  }
  check<ShapeError>(weight[0] % groups == 0, name, ": weight has ", weight[0], " output channels, groups ", groups,
                    " does not divide them");
  if (groups == 1)
    check<ShapeError>(weight[1] == input[1], name, ": weight has ", weight[1], " input channels, input has ", input[1]);
  else
    check<ShapeError>(weight[1] == input[1] / groups, name, ": weight has ", weight[1], " input channels, expected ",
                      input[1] / groups, ", the input's ", input[1], " in ", groups, " groups");
}

// The spatial sizes of a shape.
Dims spatial(const Dims& shape) {
  Dims sizes;
  for (int i = 2; i < shape.rank; ++i) sizes.push(shape[i]);
  return sizes;
}

// Positions of the result along each axis, from those of the input and of the filter.
Dims result_sizes(const Op& op, const char* name, const Dims& in, const Dims& kernel, const Geometry& g) {
  Dims padded, sizes;
  bool fits = true, overflow = false;
  for (int i = 0; i < op.axes; ++i) {
    const int64_t extent = Window{kernel[i], 1, 0, g.dilation[i]}.extent();
    const int64_t padding = g.padding.low[i] + g.padding.high[i];
    padded.push(in[i] + padding);
    if (!op.transposed) {
      fits = fits && extent <= padded[i];
      sizes.push((padded[i] - extent) / g.stride[i] + 1);
      continue;
    }
    const double size = static_cast<double>(in[i]) * static_cast<double>(g.stride[i]) + static_cast<double>(extent);
    overflow = overflow || size > 0x1p48;
    sizes.push(overflow ? 0 : (in[i] - 1) * g.stride[i] + extent - padding + g.output_padding[i]);
    fits = fits && (overflow || sizes[i] >= 1);
  }
  check<ShapeError>(!overflow, name, ": input of size ", in, " with stride ", g.stride, " and dilation ", g.dilation,
                    " has a result of more elements than memory can hold");
  if (op.transposed)
    check<ShapeError>(fits, name, ": input of size ", in, " leaves a result of size ", sizes,
                      ", expected at least 1 along each axis");
  else
    check<ShapeError>(fits, name, ": kernel ", kernel, " with dilation ", g.dilation,
                      " is larger than the padded input ", padded);
  return sizes;
}

Dims in_shape(const Op& op, const ConvShape& s) {
  Dims shape{s.batch, s.in_channels};
  for (int i = max_axes - op.axes; i < max_axes; ++i) shape.push(s.axes[i].in);
  return shape;
}
Dims out_shape(const Op& op, const ConvShape& s) {
  Dims shape{s.batch, s.out_channels};
  for (int i = max_axes - op.axes; i < max_axes; ++i) shape.push(s.axes[i].out);
  return shape;
}
Dims result_shape(const Op& op, const ConvShape& s) { return op.transposed ? in_shape(op, s) : out_shape(op, s); }

// The checked shape of the convolution, for a transposed op of the one that it is the gradient of; `input` and `weight`
// have the op's rank.
ConvShape conv_shape(const Op& op, const char* name, const Dims& input, const Dims& weight, const Geometry& g) {
  check_channels(op, name, input, weight, g.groups);
  element_count(name, input, sizeof(double));
  element_count(name, weight, sizeof(double));
  ConvShape shape{input[0], op.transposed ? weight[1] * g.groups : input[1], weight[0], g.groups, {}};
  std::fill(shape.axes, shape.axes + max_axes, ConvAxis{1, 1, 1, 1, 0, 1});
  const Dims given = spatial(input), kernel = spatial(weight);
  for (int i = 0; i < op.axes; ++i) {
    check<ShapeError>(given[i] >= 1, name, ": input has shape ", input,
                      ", expected a size of at least 1 along each spatial axis");
    check<ShapeError>(kernel[i] >= 1, name, ": weight has shape ", weight,
                      ", expected a kernel of at least 1 along each spatial axis");
  }
  const Dims sizes = result_sizes(op, name, given, kernel, g);
  double padded = 1;
  for (int i = 0; i < op.axes; ++i) {
    const int64_t in = op.transposed ? sizes[i] : given[i], out = op.transposed ? given[i] : sizes[i];
    shape.axes[max_axes - op.axes + i] = {in, kernel[i], out, g.stride[i], g.padding.low[i], g.dilation[i]};
    padded *= static_cast<double>(in) + static_cast<double>(g.padding.low[i] + g.padding.high[i]);
  }
  element_count(name, result_shape(op, shape), sizeof(double));
  // What is copied with its padding, and what the gradient of one image may be made of; in double, since the parts may
  // overflow.
  const double channels = static_cast<double>(shape.in_channels + shape.out_channels + 16);
  const double filter = static_cast<double>(shape.group_in()) * static_cast<double>(shape.taps());
  check<ShapeError>(
      padded * std::max(channels * static_cast<double>(std::max<int64_t>(shape.batch, 1)), filter) < 0x1p54, name,
      ": input ", input, " with padding ", g.padding.low, " has more elements than memory can hold");
  return shape;
}

Work work_of(const ConvShape& s, DType dtype) {
  const double batch = static_cast<double>(s.batch), outputs = batch * static_cast<double>(s.out_pixels());
  const double weights = static_cast<double>(s.out_channels * s.group_in() * s.taps());
  const double images = outputs * static_cast<double>(s.out_channels) +
                        batch * static_cast<double>(s.in_pixels()) * static_cast<double>(s.in_channels);
  return {2 * outputs * weights, (images + weights) * static_cast<double>(item_size(dtype))};
}

// Runs the convolution over `source`, or its gradient of the input.
py::object run(const char* call, const char* name, const ConvShape& shape, bool gradient, Array source, Array weight,
               const Array& bias, Activation activation, const Dims& result_shape, const OptionalArray& out) {
  const DType dtype = source.dtype();
  const ChannelsLastOutput result(name, out, dtype, result_shape, {&source, &weight, &bias});
  source = plain_or_channels_last(source);
  weight = contiguous(weight);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    if (!source.view.channels_last() &&
        (gradient ? conv_backward_input_in_tiles<T>(shape) : ConvForward<T>(shape, true).in_tiles()))
      source = channels_last(source);
    const bool last = source.view.channels_last();
    const std::initializer_list<Operand> operands = {read(source), read(weight), read(bias), write(result.written)};
    const Work work = work_of(shape, dtype);
    if (gradient) {
      const auto body = [=](Activation activation) {
        return [=](void* const* at) {
          conv_backward_input(shape, in<T>(at[0]), last, in<T>(at[1]), in<T>(at[2]), activation, to<T>(at[3]), at[4]);
        };
      };
      return launch_activated(call, work, operands, conv_backward_input_scratch_bytes<T>(shape, last), activation,
                              body);
    }
    const ConvForward<T> pass(shape, last);
    const auto body_of = [](const ConvForward<T>& pass, Activation activation) {
      return [=](void* const* at) {
        pass.run(in<T>(at[0]), in<T>(at[1]), at[5], in<T>(at[2]), activation, to<T>(at[3]), at[4]);
      };
    };
    const auto body = [=](Activation activation) { return body_of(pass, activation); };
    launch_activated(
        call, work, operands, pass.scratch_bytes(), activation, body, SIZE_MAX,
        Packing{1, 1, pass.packed_bytes(), [=](void* const* at, void* packed) { pass.pack(in<T>(at[1]), packed); },
                !pass.in_tiles()});
    Recording* const recording = Recording::current();
    if (!recording) return;
    // A maximum of windows that follows is joined to it as well.
    const auto pooled = [=](Activation activation) {
      return [=](const Call& after) -> Joined {
        const auto* const pooling = std::any_cast<MaxPooling>(&after.details);
        ConvForward<T> both = pass;
        if (!pooling || !both.pool(*pooling)) return {};
        if (!pooling->keeps_taps) return {body_of(both, activation), SIZE_MAX, both.scratch_bytes(), {}};
        const auto body = [=](void* const* at) {
          both.run(in<T>(at[0]), in<T>(at[1]), at[6], in<T>(at[2]), activation, to<T>(at[3]), at[5],
                   to<uint8_t>(at[4]));
        };
        return {body, 4, both.scratch_bytes(), {}};
      };
    };
    auto& joined = recording->calls.back().joined;
    joined = [=, activated = joined](const Call& after) {
      Joined both = pooled(activation)(after);
      if (both.body || !activated) return both;
      both = activated(after);
      if (both.body) both.joined = pooled(activation_of(call, after.op));
      return both;
    };
  });
  return result.finish();
}

py::object forward(const Op& op, const ArrayArg& input_arg, const ArrayArg& weight_arg, const OptionalArray& bias_arg,
                   const AxesArg& stride, const PaddingArg& padding, const AxesArg& output_padding,
                   const AxesArg& dilation, int64_t groups, const std::string& activation_name,
                   const OptionalArray& out) {
  const Array input = float_array(op.name, "input", input_arg);
  const Array weight = array_of(op.name, "weight", weight_arg, input.dtype(), "input");
  check_rank(op.name, "input", input, op.axes + 2);
  check_rank(op.name, "weight", weight, op.axes + 2);
  const Geometry geometry(op, op.name, stride, padding, output_padding, dilation, groups);
  const ConvShape shape = conv_shape(op, op.name, input.shape(), weight.shape(), geometry);
  const Activation activation = activation_of(op.name, activation_name);
  const Dims result = result_shape(op, shape);
  const Array bias = optional_vector(op.name, "bias", bias_arg, input.dtype(), result[1]);
  return run(op.forward, op.name, shape, op.transposed, input, weight, bias, activation, result, out);
}

py::object backward_input(const Op& op, const ArrayArg& grad_arg, const ArrayArg& weight_arg,
                          const py::object& input_shape, const AxesArg& stride, const PaddingArg& padding,
                          const AxesArg& output_padding, const AxesArg& dilation, int64_t groups,
                          const OptionalArray& out) {
  const char* const name = op.backward_input;
  const Array grad = float_array(name, "grad_output", grad_arg);
  const Array weight = array_of(name, "weight", weight_arg, grad.dtype(), "grad_output");
  check_rank(name, "weight", weight, op.axes + 2);
  const Dims result = image_shape(name, "input_shape", input_shape, op.axes + 2);
  const Geometry geometry(op, name, stride, padding, output_padding, dilation, groups);
  const ConvShape shape = conv_shape(op, name, result, weight.shape(), geometry);
  check_shape(name, "grad_output", grad, result_shape(op, shape));
  return run(name, name, shape, !op.transposed, grad, weight, {}, Activation::None, result, out);
}

py::tuple backward_weight(const Op& op, const ArrayArg& grad_arg, const ArrayArg& input_arg,
                          const py::object& weight_shape, const AxesArg& stride, const PaddingArg& padding,
                          const AxesArg& output_padding, const AxesArg& dilation, int64_t groups, bool need_weight,
                          bool need_bias) {
  const char* const name = op.backward_weight;
  Array input = float_array(name, "input", input_arg);
  Array grad = array_of(name, "grad_output", grad_arg, input.dtype(), "input");
  check_rank(name, "input", input, op.axes + 2);
  const Dims weight = image_shape(name, "weight_shape", weight_shape, op.axes + 2);
  const Geometry geometry(op, name, stride, padding, output_padding, dilation, groups);
  const ConvShape shape = conv_shape(op, name, input.shape(), weight, geometry);
  check_shape(name, "grad_output", grad, result_shape(op, shape));
  const DType dtype = input.dtype();
  // The bias is summed with the weight where both read grad_output alike, else apart from it, channels last.
  const bool sum_apart = need_bias && (op.transposed || !need_weight);
  if (sum_apart) grad = channels_last(grad);
  const int64_t channels = grad.shape(1);
  const ReduceSizes sum{1, channels ? grad.count() / channels : 0, channels};
  // The operands of the convolution's gradient; a transposed op has their roles exchanged.
  const Array outputs = need_weight ? channels_last(op.transposed ? input : grad) : grad;
  Array inputs = need_weight ? plain_or_channels_last(op.transposed ? grad : input) : grad;
  const Array grad_weight = need_weight ? new_array(name, dtype, weight) : Array{};
  const Array grad_bias = need_bias ? new_array(name, dtype, {channels}) : Array{};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    if (need_weight && !inputs.view.channels_last() && conv_backward_weight_in_tiles<T>(shape))
      inputs = channels_last(inputs);
    const bool last = inputs.view.channels_last();
    const size_t scratch = std::max(need_weight ? conv_backward_weight_scratch_bytes<T>(shape, last) : 0,
                                    sum_apart ? reduce_scratch_bytes(sum) : 0);
    launch(name, need_weight ? work_of(shape, dtype) : Work{0, static_cast<double>(grad.count()) * sizeof(T)},
           {read(grad), read(outputs), read(inputs), write(grad_weight), write(grad_bias)}, scratch,
           [=](void* const* at) {
             if (need_weight)
               conv_backward_weight<T>(shape, in<T>(at[1]), in<T>(at[2]), last, to<T>(at[3]),
                                       sum_apart ? nullptr : to<T>(at[4]), at[5]);
             if (sum_apart) reduce_sum(dtype, sum, at[0], at[4], 1, at[5]);
           });
  });
  return py::make_tuple(or_none(grad_weight), or_none(grad_bias));
}

// Replaces each mark in angle brackets by the op's words.
std::string doc_of(const Op& op, std::string text) {
  const std::string spatial[] = {"L", "H, W", "D, H, W"}, kernels[] = {"kl", "kh, kw", "kd, kh, kw"};
  const std::pair<std::string, std::string> words[] = {
      {"<op>", op.name},
      {"<axes>", std::to_string(op.axes)},
      {"<spatial>", spatial[op.axes - 1]},
      {"<kernel>", kernels[op.axes - 1]},
      {"<kind>", op.transposed ? "Transposed convolution, the gradient of a convolution by its input,"
                               : "Convolution (a cross-correlation)"},
      {"<weight>", op.transposed ? "C, O / groups" : "O, C / groups"},
      {"<padding>", op.transposed ? "Positions that are cut off on each side of the result: an int, an int for each "
                                    "axis, or a pair\n    (low, high) for each. Default 0."
                                  : "Zeros added on each side: an int, an int for each axis, or a pair (low, high) "
                                    "for each. Default 0."},
      {"<more>", op.transposed ? "output_padding : int or tuple of int\n    Positions added at the high side of the "
                                 "result, fewer than stride or dilation. Default 0.\n"
                               : ""},
      {"<size>", op.transposed ? "(size - 1) stride - low - high + dilation (kernel - 1) + output_padding + 1"
                               : "(size + low + high - dilation (kernel - 1) - 1) // stride + 1"},
  };
  for (const auto& [mark, word] : words)
    for (size_t at; (at = text.find(mark)) != std::string::npos;) text.replace(at, mark.size(), word);
  return text;
}

constexpr const char* forward_doc = R"(<kind> over <axes> spatial axes with fused bias and activation.

The memory of the result is channels last (N, <spatial>, C) under the shape (N, C, <spatial>); an input in that order
is fastest.

Parameters
----------
input : numpy.ndarray
    (N, C, <spatial>), float32 or float64, any strides.
weight : numpy.ndarray
    (<weight>, <kernel>), of the input's type.
bias : numpy.ndarray, optional
    (O,).
stride, dilation : int or tuple of int
    Step of the filter and distance of its taps, for all axes or for each. Default 1.
padding : int or tuple
    <padding>
<more>groups : int
    Groups of channels that are convolved separately; divides C and O. Default 1.
activation : str
    'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' or 'silu'.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
numpy.ndarray
    (N, O, ...), each size <size>.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)";
constexpr const char* backward_input_doc = R"(Gradient of `<op>_forward` with respect to its input.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result, (N, O, ...); float32 or float64.
weight : numpy.ndarray
    (<weight>, <kernel>).
input_shape : tuple of int
    (N, C, <spatial>).
stride, padding, dilation, groups and the like
    As in the forward call.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
numpy.ndarray
    (N, C, <spatial>), channels last in memory.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)";
constexpr const char* backward_weight_doc = R"(Gradients of `<op>_forward` with respect to weight and bias.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result, (N, O, ...); float32 or float64.
input : numpy.ndarray
    (N, C, <spatial>), as in the forward call.
weight_shape : tuple of int
    (<weight>, <kernel>).
stride, padding, dilation, groups and the like
    As in the forward call.
need_weight, need_bias : bool
    Whether to compute each of the two. Default True.

Returns
-------
tuple
    (grad_weight, grad_bias), shaped as weight and (O,); None for what is not needed.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)";

void add_convolution(py::module_& m, const Op& op) {
  const AxesArg one{py::int_(1)}, none{py::int_(0)};
  m.def(
      op.forward,
      [&op, none](const ArrayArg& input, const ArrayArg& weight, const OptionalArray& bias, const AxesArg& stride,
                  const PaddingArg& padding, const AxesArg& dilation, int64_t groups, const std::string& activation,
                  const OptionalArray& out) {
        return forward(op, input, weight, bias, stride, padding, none, dilation, groups, activation, out);
      },
      py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("dilation") = one, py::arg("groups") = 1,
      py::arg("activation") = "none", py::arg("out") = py::none(), doc_of(op, forward_doc).c_str());
  m.def(
      op.backward_input,
      [&op, none](const ArrayArg& grad, const ArrayArg& weight, const py::object& shape, const AxesArg& stride,
                  const PaddingArg& padding, const AxesArg& dilation, int64_t groups, const OptionalArray& out) {
        return backward_input(op, grad, weight, shape, stride, padding, none, dilation, groups, out);
      },
      py::arg("grad_output"), py::arg("weight"), py::arg("input_shape"), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("dilation") = one, py::arg("groups") = 1,
      py::arg("out") = py::none(), doc_of(op, backward_input_doc).c_str());
  m.def(
      op.backward_weight,
      [&op, none](const ArrayArg& grad, const ArrayArg& input, const py::object& shape, const AxesArg& stride,
                  const PaddingArg& padding, const AxesArg& dilation, int64_t groups, bool need_weight,
                  bool need_bias) {
        return backward_weight(op, grad, input, shape, stride, padding, none, dilation, groups, need_weight, need_bias);
      },
      py::arg("grad_output"), py::arg("input"), py::arg("weight_shape"), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("dilation") = one, py::arg("groups") = 1,
      py::arg("need_weight") = true, py::arg("need_bias") = true, doc_of(op, backward_weight_doc).c_str());
}

void add_transposed(py::module_& m, const Op& op) {
  const AxesArg one{py::int_(1)}, none{py::int_(0)};
  m.def(
      op.forward,
      [&op](const ArrayArg& input, const ArrayArg& weight, const OptionalArray& bias, const AxesArg& stride,
            const PaddingArg& padding, const AxesArg& output_padding, const AxesArg& dilation, int64_t groups,
            const std::string& activation, const OptionalArray& out) {
        return forward(op, input, weight, bias, stride, padding, output_padding, dilation, groups, activation, out);
      },
      py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("output_padding") = none, py::arg("dilation") = one,
      py::arg("groups") = 1, py::arg("activation") = "none", py::arg("out") = py::none(),
      doc_of(op, forward_doc).c_str());
  m.def(
      op.backward_input,
      [&op](const ArrayArg& grad, const ArrayArg& weight, const py::object& shape, const AxesArg& stride,
            const PaddingArg& padding, const AxesArg& output_padding, const AxesArg& dilation, int64_t groups,
            const OptionalArray& out) {
        return backward_input(op, grad, weight, shape, stride, padding, output_padding, dilation, groups, out);
      },
      py::arg("grad_output"), py::arg("weight"), py::arg("input_shape"), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("output_padding") = none, py::arg("dilation") = one,
      py::arg("groups") = 1, py::arg("out") = py::none(), doc_of(op, backward_input_doc).c_str());
  m.def(
      op.backward_weight,
      [&op](const ArrayArg& grad, const ArrayArg& input, const py::object& shape, const AxesArg& stride,
            const PaddingArg& padding, const AxesArg& output_padding, const AxesArg& dilation, int64_t groups,
            bool need_weight, bool need_bias) {
        return backward_weight(op, grad, input, shape, stride, padding, output_padding, dilation, groups, need_weight,
                               need_bias);
      },
      py::arg("grad_output"), py::arg("input"), py::arg("weight_shape"), py::arg("stride") = one,
      py::arg("padding") = PaddingArg{none.object}, py::arg("output_padding") = none, py::arg("dilation") = one,
      py::arg("groups") = 1, py::arg("need_weight") = true, py::arg("need_bias") = true,
      doc_of(op, backward_weight_doc).c_str());
}

}  // namespace

void bind_conv(py::module_& m) {
  for (const Op& op : ops) op.transposed ? add_transposed(m, op) : add_convolution(m, op);
}

}  // namespace cygnet
