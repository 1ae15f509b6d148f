#include "families.h"
#include "fused_activation.h"
#include "kernels/norm_channels.h"
#include "launch.h"
#include "norm_arguments.h"
#include "spatial.h"

namespace cygnet {
namespace {

Array channels_input(const char* op, const ArrayArg& arg) {
  Array input = float_array(op, "input", arg);
  check<ShapeError>(input.rank() >= 2, op, ": input has shape ", input.shape(), ", expected (N, C, ...)");
  check<ShapeError>(input.shape(1) > 0, op, ": input has shape ", input.shape(), ", expected at least 1 channel");
  return input;
}

ChannelSizes batch_sizes(const Array& input) {
  const int64_t channels = input.shape(1);
  return {1, input.count() / channels, channels, channels};
}

ChannelSizes image_sizes(const char* op, const Array& input, int64_t groups) {
  ChannelSizes sizes{input.shape(0), 1, input.shape(1), groups};
  check<ValueError>(groups > 0, op, ": groups is ", groups, ", expected at least 1");
  check<ShapeError>(sizes.channels % groups == 0, op, ": input has ", sizes.channels,
                    " channels, expected a multiple of groups, ", groups);
  for (int i = 2; i < input.rank(); ++i) sizes.rows *= input.shape(i);
  return sizes;
}

bool relu_of(const char* op, const std::string& activation) {
  check<ValueError>(activation == "none" || activation == "relu", op, ": activation is '", activation,
                    "', expected 'none' or 'relu'");
  return activation == "relu";
}

// Running averages as arguments; `batches` and both averages may be absent.
struct Running {
  Array mean, variance, batches;
  double momentum = 0;
  bool cumulative = false, unbiased = true;

  Running() = default;
  Running(const char* op, const OptionalArray& mean_arg, const OptionalArray& variance_arg,
          const OptionalArray& batches_arg, std::optional<double> momentum_arg, const Array& input, bool updated)
      : momentum(momentum_arg.value_or(0)), cumulative(!momentum_arg) {
    check<ValueError>(mean_arg.has_value() == variance_arg.has_value(), op,
                      ": running_mean and running_var are given both or not at all");
    mean = average(op, "running_mean", mean_arg, input, updated);
    variance = average(op, "running_var", variance_arg, input, updated);
    if (!updated) return;
    check_no_overlap(op, "running_mean", mean, "running_var", variance);
    if (batches_arg) {
      batches = array_of(op, "num_batches_tracked", *batches_arg, DType::Int64);
      check_shape(op, "num_batches_tracked", batches, {});
      check_state(op, "num_batches_tracked", batches);
    }
    check<ValueError>(!mean || !cumulative || batches, op, ": num_batches_tracked is needed where momentum is None");
  }

 private:
  static void check_state(const char* op, const char* name, const Array& array) {
    check_writeable(op, name, array);
    check<ValueError>(array.view.contiguous(), op, ": ", name, " must be C-contiguous and aligned");
  }
  static Array average(const char* op, const char* name, const OptionalArray& arg, const Array& input, bool updated) {
    const Array array = optional_array_of(op, name, arg, input.dtype(), "input");
    if (!array) return array;
    check_shape(op, name, array, {input.shape(1)});
    if (!updated) return contiguous(array);
    check_state(op, name, array);
    check_no_overlap(op, name, array, "input", input);
    return array;
  }
};

// The arrays that all forward calls share, checked.
struct ForwardArguments {
  Array weight, bias, residual;
  bool relu;

  ForwardArguments(const char* op, const Array& input, const OptionalArray& weight_arg, const OptionalArray& bias_arg,
                   const OptionalArray& residual_arg = {}, const std::string& activation = "none")
      : weight(optional_vector(op, "weight", weight_arg, input.dtype(), input.shape(1))),
        bias(optional_vector(op, "bias", bias_arg, input.dtype(), input.shape(1))),
        residual(optional_array_of(op, "residual", residual_arg, input.dtype(), "input")),
        relu(relu_of(op, activation)) {
    if (residual) check_shape(op, "residual", residual, input.shape());
  }
};

// Normalises with the statistics of the input where `own`, else with the running ones.
py::tuple forward(const char* op, const ChannelSizes& sizes, const Dims& statistics, Array input,
                  ForwardArguments arguments, const Running& running, bool own, double eps, const OptionalArray& out) {
  check_eps(op, eps);
  const DType dtype = input.dtype();
  const ChannelsLastOutput result(op, out, dtype, input.shape(),
                                  {&input, &arguments.weight, &arguments.bias, &arguments.residual});
  const Array mean = new_array(op, dtype, statistics), rstd = new_array(op, dtype, statistics);
  input = channels_last(input);
  if (arguments.residual) arguments.residual = channels_last(arguments.residual);
  const double moved = (own ? 3 : 2) + (arguments.residual ? 1 : 0);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const double momentum = running.momentum;
    const bool cumulative = running.cumulative, unbiased = running.unbiased;
    const auto body = [=](Activation activation) {
      return [=, relu = activation == Activation::Relu](void* const* at) {
        const RunningStatistics<T> averages{to<T>(at[4]), to<T>(at[5]), to<int64_t>(at[6]),
                                            momentum,     cumulative,   unbiased};
        T *const means = to<T>(at[7]), *const rstds = to<T>(at[8]);
        const T *const weights = in<T>(at[1]), *const biases = in<T>(at[2]), *const residuals = in<T>(at[3]);
        if (own) {
          channel_norm_training_forward<T>(sizes, in<T>(at[0]), eps, averages, means, rstds, weights, biases, residuals,
                                           relu, to<T>(at[9]), at[10]);
          return;
        }
        channel_statistics_of<T>(averages.mean, averages.variance, sizes.channels, eps, means, rstds);
        channel_norm_forward<T>(sizes, in<T>(at[0]), means, rstds, weights, biases, residuals, relu, to<T>(at[9]),
                                at[10]);
      };
    };
    launch_activated(
        op, work_of(input, moved),
        {read(input), read(arguments.weight), read(arguments.bias), read(arguments.residual),
         own ? write(running.mean) : read(running.mean), own ? write(running.variance) : read(running.variance),
         write(running.batches), write(mean), write(rstd), write(result.written)},
        channel_norm_scratch_bytes<T>(sizes), arguments.relu ? Activation::Relu : Activation::None, body, 3);
  });
  return py::make_tuple(result.finish(), mean.object, rstd.object);
}

py::tuple batch_norm_forward(const ArrayArg& input_arg, const OptionalArray& weight, const OptionalArray& bias,
                             const OptionalArray& running_mean, const OptionalArray& running_var,
                             const OptionalArray& num_batches_tracked, bool training, std::optional<double> momentum,
                             double eps, bool unbiased, const OptionalArray& residual, const std::string& activation,
                             const OptionalArray& out) {
  constexpr const char* op = "batch_norm";
  const Array input = channels_input(op, input_arg);
  const ChannelSizes sizes = batch_sizes(input);
  const ForwardArguments arguments(op, input, weight, bias, residual, activation);
  Running running(op, running_mean, running_var, num_batches_tracked, momentum, input, training);
  running.unbiased = unbiased;
  if (training)
    check<ValueError>(sizes.rows != 1 || !unbiased, op, ": input has shape ", input.shape(),
                      ", expected more than 1 value a channel in training");
  else
    check<ValueError>(static_cast<bool>(running.mean), op,
                      ": running_mean and running_var are needed where training is False");
  return forward(op, sizes, {sizes.channels}, input, arguments, running, training, eps, out);
}

py::tuple group_norm_forward(const ArrayArg& input_arg, int64_t groups, const OptionalArray& weight,
                             const OptionalArray& bias, double eps, const OptionalArray& out) {
  constexpr const char* op = "group_norm";
  const Array input = channels_input(op, input_arg);
  const ChannelSizes sizes = image_sizes(op, input, groups);
  return forward(op, sizes, {sizes.samples, groups}, input, ForwardArguments(op, input, weight, bias), Running(), true,
                 eps, out);
}

py::tuple instance_norm_forward(const ArrayArg& input_arg, const OptionalArray& weight, const OptionalArray& bias,
                                const OptionalArray& running_mean, const OptionalArray& running_var, double momentum,
                                double eps, const OptionalArray& out) {
  constexpr const char* op = "instance_norm";
  const Array input = channels_input(op, input_arg);
  const ChannelSizes sizes = image_sizes(op, input, input.shape(1));
  const ForwardArguments arguments(op, input, weight, bias);
  const Running running(op, running_mean, running_var, {}, momentum, input, true);
  check<ValueError>(sizes.rows != 1, op, ": input has shape ", input.shape(),
                    ", expected more than 1 value a channel of an image");
  return forward(op, sizes, {sizes.samples, sizes.channels}, input, arguments, running, true, eps, out);
}

// The gradients of input, weight, bias and residual. With relu, `output` is the forward call's result where there was a
// residual; without, the sign is computed again from the input.
py::tuple backward(const char* op, const ChannelSizes& sizes, const Dims& statistics, Array input,
                   const ArrayArg& grad_arg, const ArrayArg& mean_arg, const ArrayArg& rstd_arg,
                   const OptionalArray& weight_arg, const OptionalArray& bias_arg, const OptionalArray& output_arg,
                   bool training, bool relu, Needed needed) {
  const DType dtype = input.dtype();
  Array grad = array_of(op, "grad_output", grad_arg, dtype, "input");
  check_shape(op, "grad_output", grad, input.shape());
  Array mean = array_of(op, "mean", mean_arg, dtype, "input"), rstd = array_of(op, "rstd", rstd_arg, dtype, "input");
  check_shape(op, "mean", mean, statistics);
  check_shape(op, "rstd", rstd, statistics);
  const Array weight = optional_vector(op, "weight", weight_arg, dtype, sizes.channels);
  const Array bias = optional_vector(op, "bias", bias_arg, dtype, sizes.channels);
  Array output = optional_array_of(op, "output", output_arg, dtype, "input");
  if (output) check_shape(op, "output", output, input.shape());
  check<ValueError>(!output || relu, op, ": output is given, but activation is 'none'");
  grad = channels_last(grad);
  input = channels_last(input);
  if (output) output = channels_last(output);
  mean = contiguous(mean);
  rstd = contiguous(rstd);
  const Dims& shape = input.shape();
  const Array grad_input = needed.input ? new_array(op, dtype, shape, Layout::ChannelsLast) : Array{};
  const Array grad_weight = needed.weight ? new_array(op, dtype, {sizes.channels}) : Array{};
  const Array grad_bias = needed.bias ? new_array(op, dtype, {sizes.channels}) : Array{};
  const Array grad_residual = output ? new_array(op, dtype, shape, Layout::ChannelsLast) : Array{};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(input, output ? 7 : 5),
           {read(grad), read(input), read(mean), read(rstd), read(weight), read(bias), read(output), write(grad_input),
            write(grad_weight), write(grad_bias), write(grad_residual)},
           channel_norm_scratch_bytes<T>(sizes), [=](void* const* at) {
             const ChannelNormBackward<T> arguments{
                 in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), in<T>(at[3]), in<T>(at[4]), in<T>(at[5]), in<T>(at[6]),
                 relu,         training,     to<T>(at[7]), to<T>(at[8]), to<T>(at[9]), to<T>(at[10])};
             channel_norm_backward<T>(sizes, arguments, at[11]);
           });
  });
  return py::make_tuple(or_none(grad_input), or_none(grad_weight), or_none(grad_bias), or_none(grad_residual));
}

py::tuple batch_norm_backward(const ArrayArg& grad, const ArrayArg& input_arg, const ArrayArg& mean,
                              const ArrayArg& rstd, const OptionalArray& weight, const OptionalArray& bias,
                              const OptionalArray& output, bool training, const std::string& activation,
                              bool need_input, bool need_weight, bool need_bias) {
  constexpr const char* op = "batch_norm_backward";
  const Array input = channels_input(op, input_arg);
  const ChannelSizes sizes = batch_sizes(input);
  return backward(op, sizes, {sizes.channels}, input, grad, mean, rstd, weight, bias, output, training,
                  relu_of(op, activation), {need_input, need_weight, need_bias});
}

py::tuple group_norm_backward(const ArrayArg& grad, const ArrayArg& input_arg, const ArrayArg& mean_arg,
                              const ArrayArg& rstd, const OptionalArray& weight, bool need_input, bool need_weight,
                              bool need_bias) {
  constexpr const char* op = "group_norm_backward";
  const Array input = channels_input(op, input_arg);
  const Array mean = array_of(op, "mean", mean_arg, input.dtype(), "input");
  check_rank(op, "mean", mean, 2);
  check<ShapeError>(mean.shape(1) > 0, op, ": mean has shape ", mean.shape(), ", expected at least one group");
  const ChannelSizes sizes = image_sizes(op, input, mean.shape(1));
  const py::tuple all = backward(op, sizes, {sizes.samples, sizes.groups}, input, grad, mean_arg, rstd, weight, {}, {},
                                 true, false, {need_input, need_weight, need_bias});
  return py::make_tuple(all[0], all[1], all[2]);
}

}  // namespace

void bind_norm(py::module_& m) {
  m.def("batch_norm_forward", &batch_norm_forward, py::arg("input"), py::arg("weight") = py::none(),
        py::arg("bias") = py::none(), py::arg("running_mean") = py::none(), py::arg("running_var") = py::none(),
        py::arg("num_batches_tracked") = py::none(), py::arg("training") = false, py::arg("momentum") = 0.1,
        py::arg("eps") = 1e-5, py::arg("unbiased") = true, py::arg("residual") = py::none(),
        py::arg("activation") = "none", py::arg("out") = py::none(),
        norm_text(R"(Batch normalisation with fused residual and activation.

``activation((input - mean) / sqrt(variance + eps) * weight + bias + residual)``, with mean and variance of each channel
over the batch and all pixels in training, else the running ones. The memory of the result is channels last; an input in
that order is fastest.

Parameters
----------
input : numpy.ndarray
    (N, C, ...), float32 or float64, any strides.
weight, bias : numpy.ndarray, optional
    (C,), of the input's type.
running_mean, running_var : numpy.ndarray, optional
    (C,). In training they are updated in place; needed otherwise.
num_batches_tracked : numpy.ndarray, optional
    int64 (), counted up in training; needed where momentum is None.
training : bool
    Default False.
momentum : float, optional
    How far a running average moves towards the new value, default 0.1; None makes it the mean of all batches.
eps : float
    Default 1e-5.
unbiased : bool
    Whether the running variance moves towards the unbiased variance. Default True.
residual : numpy.ndarray, optional
    Of the input's shape and type, added before the activation.
activation : str
    'none' (default) or 'relu'.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
tuple of numpy.ndarray
    (output, mean, rstd): the result, and what the backward call needs, each (C,).
)")
            .c_str());
  m.def("batch_norm_backward", &batch_norm_backward, py::arg("grad_output"), py::arg("input"), py::arg("mean"),
        py::arg("rstd"), py::arg("weight") = py::none(), py::arg("bias") = py::none(), py::arg("output") = py::none(),
        py::arg("training") = false, py::arg("activation") = "none", py::arg("need_input") = true,
        py::arg("need_weight") = true, py::arg("need_bias") = true,
        norm_text(R"(Gradients of `batch_norm_forward`.

Parameters
----------
grad_output : numpy.ndarray
    (N, C, ...), the gradient of the result.
input, weight, bias : numpy.ndarray
    As in the forward call.
mean, rstd : numpy.ndarray
    (C,), from the forward call.
output : numpy.ndarray, optional
    The forward call's result; needed with a residual and an activation, and only then.
training : bool
    As in the forward call. Default False.
activation : str
    As in the forward call. Default 'none'.
need_input, need_weight, need_bias : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    (grad_input, grad_weight, grad_bias, grad_residual), None for each that is not needed. grad_residual is given where
    `output` is; without an activation it is grad_output.
)")
            .c_str());
  m.def(
      "group_norm_forward", &group_norm_forward, py::arg("input"), py::arg("groups"), py::arg("weight") = py::none(),
      py::arg("bias") = py::none(), py::kw_only(), py::arg("eps") = 1e-5, py::arg("out") = py::none(),
      norm_text(
          R"(Group normalisation: every image's channels in `groups` sets of neighbours, each normalised over its pixels.

The memory of the result is channels last; an input in that order is fastest.

Parameters
----------
input : numpy.ndarray
    (N, C, ...), float32 or float64, any strides.
groups : int
    Divides C.
weight, bias : numpy.ndarray, optional
    (C,), of the input's type.
eps : float
    Default 1e-5.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
tuple of numpy.ndarray
    (output, mean, rstd): the result, and what the backward call needs, each (N, groups).
)")
          .c_str());
  m.def("instance_norm_forward", &instance_norm_forward, py::arg("input"), py::arg("weight") = py::none(),
        py::arg("bias") = py::none(), py::arg("running_mean") = py::none(), py::arg("running_var") = py::none(),
        py::kw_only(), py::arg("momentum") = 0.1, py::arg("eps") = 1e-5, py::arg("out") = py::none(),
        norm_text(R"(Instance normalisation: every channel of every image over its pixels.

`group_norm_backward` gives its gradients.

Parameters
----------
input : numpy.ndarray
    (N, C, ...) of more than one pixel, float32 or float64, any strides.
weight, bias : numpy.ndarray, optional
    (C,), of the input's type.
running_mean, running_var : numpy.ndarray, optional
    (C,), updated in place with the images' mean statistics, the variance unbiased.
momentum : float
    How far a running average moves towards the new value. Default 0.1.
eps : float
    Default 1e-5.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with an input.

Returns
-------
tuple of numpy.ndarray
    (output, mean, rstd): the result, and what the backward call needs, each (N, C).
)")
            .c_str());
  m.def("group_norm_backward", &group_norm_backward, py::arg("grad_output"), py::arg("input"), py::arg("mean"),
        py::arg("rstd"), py::arg("weight") = py::none(), py::kw_only(), py::arg("need_input") = true,
        py::arg("need_weight") = true, py::arg("need_bias") = true,
        norm_text(R"(Gradients of `group_norm_forward` and `instance_norm_forward`.

Parameters
----------
grad_output : numpy.ndarray
    (N, C, ...), the gradient of the result.
input, weight : numpy.ndarray
    As in the forward call.
mean, rstd : numpy.ndarray
    (N, groups), from the forward call.
need_input, need_weight, need_bias : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    (grad_input, grad_weight, grad_bias), None for each that is not needed.
)")
            .c_str());
}

}  // namespace cygnet
