#include "families.h"
#include "kernels/loss.h"
#include "launch.h"
#include "loss_arguments.h"

namespace cygnet {
namespace {

// Labels are data: each run of a call checks them before its kernel proper.
void check_labels(const char* op, Labels labels) {
  for (int64_t n = 0; n < labels.count; ++n) {
    const int64_t label = labels.label[n];
    if (label == labels.ignore_index || (label >= 0 && label < labels.classes)) continue;
    throw IndexError(
        message(op, ": labels has ", label, " at position ", n, ", expected 0 <= label < ", labels.classes));
  }
}

Work work_of(int64_t count, DType dtype, double flops, double passes) {
  const double n = static_cast<double>(count);
  return {flops * n, passes * n * static_cast<double>(item_size(dtype))};
}

Array label_array(const char* op, const ArrayArg& arg, int64_t rows) {
  const Array labels = index_array(op, "labels", arg);
  check_shape(op, "labels", labels, {rows});
  return labels;
}

py::tuple cross_entropy_forward_binding(const ArrayArg& logits_arg, const ArrayArg& labels_arg, int64_t ignore_index,
                                        const std::string& reduction_name) {
  constexpr const char* op = "cross_entropy";
  Array logits = float_array(op, "logits", logits_arg);
  check_rank(op, "logits", logits, 2);
  const int64_t rows = logits.shape(0), classes = logits.shape(1);
  const Array labels = label_array(op, labels_arg, rows);
  const Reduction reduction = reduction_of(op, reduction_name);
  logits = contiguous(logits);
  const Array loss = new_array(op, logits.dtype(), reduction == Reduction::None ? Dims{rows} : Dims{});
  const Array log_sum_exp = new_array(op, logits.dtype(), {rows});
  dispatch(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch("cross_entropy_forward", work_of(logits.count(), logits.dtype(), 10, 1),
           {read(logits), read(labels), write(loss), write(log_sum_exp)}, loss_scratch_bytes(rows),
           [=](void* const* at) {
             const Labels all{in<int64_t>(at[1]), rows, classes, ignore_index};
             check_labels(op, all);
             cross_entropy_forward<T>(in<T>(at[0]), all, reduction, to<T>(at[2]), to<T>(at[3]), at[4]);
           });
  });
  return py::make_tuple(loss.object, log_sum_exp.object);
}

py::object cross_entropy_backward_binding(const ArrayArg& grad_arg, const ArrayArg& logits_arg,
                                          const ArrayArg& labels_arg, const ArrayArg& log_sum_exp_arg,
                                          int64_t ignore_index, const std::string& reduction_name) {
  constexpr const char* op = "cross_entropy_backward";
  Array logits = float_array(op, "logits", logits_arg);
  check_rank(op, "logits", logits, 2);
  const int64_t rows = logits.shape(0), classes = logits.shape(1);
  const Array labels = label_array(op, labels_arg, rows);
  const Reduction reduction = reduction_of(op, reduction_name);
  const Array grad = loss_gradient(op, grad_arg, logits.dtype(), "logits", reduction, {rows});
  Array log_sum_exp = array_of(op, "log_sum_exp", log_sum_exp_arg, logits.dtype(), "logits");
  check_shape(op, "log_sum_exp", log_sum_exp, {rows});
  logits = contiguous(logits);
  log_sum_exp = contiguous(log_sum_exp);
  const Array result = new_array(op, logits.dtype(), logits.shape());
  dispatch(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(logits.count(), logits.dtype(), 10, 2),
           {read(grad), read(logits), read(labels), read(log_sum_exp), write(result)}, 0, [=](void* const* at) {
             const Labels all{in<int64_t>(at[2]), rows, classes, ignore_index};
             check_labels(op, all);
             cross_entropy_backward<T>(in<T>(at[0]), in<T>(at[1]), all, in<T>(at[3]), reduction, to<T>(at[4]));
           });
  });
  return result.object;
}

// A number for each class, or none.
Array class_weights(const char* op, const OptionalArray& arg, DType dtype, const char* like, int64_t classes) {
  const Array weight = optional_array_of(op, "weight", arg, dtype, like);
  if (!weight) return weight;
  check_shape(op, "weight", weight, {classes});
  return contiguous(weight);
}

py::object nll_loss_forward_binding(const ArrayArg& input_arg, const ArrayArg& labels_arg,
                                    const OptionalArray& weight_arg, int64_t ignore_index,
                                    const std::string& reduction_name) {
  constexpr const char* op = "nll_loss";
  Array input = float_array(op, "log_probabilities", input_arg);
  check_rank(op, "log_probabilities", input, 2);
  const int64_t rows = input.shape(0), classes = input.shape(1);
  const Array labels = label_array(op, labels_arg, rows);
  const Array weight = class_weights(op, weight_arg, input.dtype(), "log_probabilities", classes);
  const Reduction reduction = reduction_of(op, reduction_name);
  input = contiguous(input);
  const Array loss = new_array(op, input.dtype(), reduction == Reduction::None ? Dims{rows} : Dims{});
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch("nll_loss_forward", work_of(rows, input.dtype(), 1, 4),
           {read(input), read(labels), read(weight), write(loss)}, loss_scratch_bytes(rows), [=](void* const* at) {
             const Labels all{in<int64_t>(at[1]), rows, classes, ignore_index};
             check_labels(op, all);
             nll_loss_forward<T>(in<T>(at[0]), all, in<T>(at[2]), reduction, to<T>(at[3]), at[4]);
           });
  });
  return loss.object;
}

py::object nll_loss_backward_binding(const ArrayArg& grad_arg, const ArrayArg& labels_arg,
                                     const IntegersArg& input_shape_arg, const OptionalArray& weight_arg,
                                     int64_t ignore_index, const std::string& reduction_name) {
  constexpr const char* op = "nll_loss_backward";
  const std::vector<int64_t> input_shape = integers_of(op, "input_shape", input_shape_arg);
  check<ShapeError>(input_shape.size() == 2, op, ": input_shape has ", input_shape.size(), " sizes, expected 2");
  const int64_t rows = input_shape[0], classes = input_shape[1];
  element_count(op, {rows, classes}, 8);
  const Array labels = label_array(op, labels_arg, rows);
  const Reduction reduction = reduction_of(op, reduction_name);
  const DType dtype = float_array(op, "grad_output", grad_arg).dtype();
  const Array grad = loss_gradient(op, grad_arg, dtype, nullptr, reduction, {rows});
  const Array weight = class_weights(op, weight_arg, dtype, "grad_output", classes);
  const Array result = new_array(op, dtype, {rows, classes});
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(result.count(), dtype, 0, 1), {read(grad), read(labels), read(weight), write(result)}, 0,
           [=](void* const* at) {
             const Labels all{in<int64_t>(at[1]), rows, classes, ignore_index};
             check_labels(op, all);
             nll_loss_backward<T>(in<T>(at[0]), all, in<T>(at[2]), reduction, to<T>(at[3]));
           });
  });
  return result.object;
}

py::object point_forward(const char* op, PointLoss kind, const ArrayArg& input_arg, const ArrayArg& target_arg,
                         const std::string& reduction_name) {
  Array input = float_array(op, "input", input_arg);
  Array target = array_of(op, "target", target_arg, input.dtype(), "input");
  check_shape(op, "target", target, input.shape());
  const Reduction reduction = reduction_of(op, reduction_name);
  input = contiguous(input);
  target = contiguous(target);
  const Array loss = new_array(op, input.dtype(), reduction == Reduction::None ? input.shape() : Dims{});
  const int64_t count = input.count();
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(count, input.dtype(), 4, 2), {read(input), read(target), write(loss)},
           loss_scratch_bytes(reduction == Reduction::None ? 0 : count / 1024 + 1), [=](void* const* at) {
             point_loss_forward<T>(kind, in<T>(at[0]), in<T>(at[1]), count, reduction, to<T>(at[2]), at[3]);
           });
  });
  return loss.object;
}

py::object point_backward(const char* op, PointLoss kind, const ArrayArg& grad_arg, const ArrayArg& input_arg,
                          const ArrayArg& target_arg, const std::string& reduction_name) {
  Array input = float_array(op, "input", input_arg);
  Array target = array_of(op, "target", target_arg, input.dtype(), "input");
  check_shape(op, "target", target, input.shape());
  const Reduction reduction = reduction_of(op, reduction_name);
  const Array grad = loss_gradient(op, grad_arg, input.dtype(), "input", reduction, input.shape());
  input = contiguous(input);
  target = contiguous(target);
  const Array result = new_array(op, input.dtype(), input.shape());
  const int64_t count = input.count();
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(count, input.dtype(), 4, 3), {read(grad), read(input), read(target), write(result)}, 0,
           [=](void* const* at) {
             point_loss_backward<T>(kind, in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), count, reduction, to<T>(at[3]));
           });
  });
  return result.object;
}

void bind_point_loss(py::module_& m, const char* op, const char* forward_name, const char* backward_name,
                     PointLoss kind, const char* summary) {
  m.def(
      forward_name,
      [op, kind](const ArrayArg& input, const ArrayArg& target, const std::string& reduction) {
        return point_forward(op, kind, input, target, reduction);
      },
      py::arg("input"), py::arg("target"), py::kw_only(), py::arg("reduction") = "mean",
      (std::string(summary) + R"(

Parameters
----------
input, target : numpy.ndarray
    One shape and type, float32 or float64, any strides.
reduction : str
    'mean' (default; NaN of nothing), 'sum' or 'none'.

Returns
-------
numpy.ndarray
    0-d for 'mean' and 'sum', added up in double; else of the input's shape.

Raises
------
DTypeError, ShapeError, ValueError
)")
          .c_str());
  m.def(
      backward_name,
      [backward_name, kind](const ArrayArg& grad, const ArrayArg& input, const ArrayArg& target,
                            const std::string& reduction) {
        return point_backward(backward_name, kind, grad, input, target, reduction);
      },
      py::arg("grad_output"), py::arg("input"), py::arg("target"), py::kw_only(), py::arg("reduction") = "mean",
      (std::string("Gradient of `") + forward_name + R"(` with respect to the input.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the loss: 0-d for 'mean' and 'sum', else of the input's shape.
input, target, reduction
    As in the forward call.

Returns
-------
numpy.ndarray
    Of the input's shape and type.

Raises
------
DTypeError, ShapeError, ValueError
)")
          .c_str());
}

}  // namespace

void bind_loss(py::module_& m) {
  m.def("cross_entropy_forward", &cross_entropy_forward_binding, py::arg("logits"), py::arg("labels"),
        py::arg("ignore_index") = -100, py::arg("reduction") = "mean",
        R"(Softmax cross-entropy from class labels: ``log(sum(exp(logits[n]))) - logits[n, labels[n]]``.

Parameters
----------
logits : numpy.ndarray
    (N, C), float32 or float64, any strides.
labels : numpy.ndarray
    (N,), int64 or int32, each in [0, C) or `ignore_index`.
ignore_index : int
    Rows with this label count for nothing. Default -100.
reduction : str
    'mean' (default) over the rows that count, NaN if there are none; 'sum' or 'none'.

Returns
-------
tuple of numpy.ndarray
    The loss, 0-d (added up in double) or (N,) for 'none', and log_sum_exp (N,), which the backward needs.

Raises
------
IndexError
    A label out of range.
DTypeError, ShapeError, ValueError

Examples
--------
>>> import numpy as np, cygnet
>>> loss, _ = cygnet.kernels.cross_entropy_forward(np.zeros((1, 2)), np.array([1]))
>>> round(float(loss), 4)
0.6931
)");
  m.def(
      "cross_entropy_backward", &cross_entropy_backward_binding, py::arg("grad_output"), py::arg("logits"),
      py::arg("labels"), py::arg("log_sum_exp"), py::arg("ignore_index") = -100, py::arg("reduction") = "mean",
      R"(Gradient of `cross_entropy_forward` with respect to the logits: ``softmax(logits) - one_hot(labels)``, scaled.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the loss: 0-d, or (N,) for 'none'.
logits, labels, ignore_index, reduction
    As in the forward call.
log_sum_exp : numpy.ndarray
    (N,), the forward call's second result.

Returns
-------
numpy.ndarray
    (N, C); rows that are ignored are 0.

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)");
  m.def("nll_loss_forward", &nll_loss_forward_binding, py::arg("log_probabilities"), py::arg("labels"), py::kw_only(),
        py::arg("weight") = py::none(), py::arg("ignore_index") = -100, py::arg("reduction") = "mean",
        R"(Negative log-likelihood: ``-weight[labels[n]] * log_probabilities[n, labels[n]]``.

Parameters
----------
log_probabilities : numpy.ndarray
    (N, C), float32 or float64, any strides.
labels, ignore_index, reduction
    As in `cross_entropy_forward`; a mean divides by the sum of the rows' weights.
weight : numpy.ndarray, optional
    (C,), of the type of the log-probabilities. Default: all 1.

Returns
-------
numpy.ndarray
    The loss, 0-d or (N,) for 'none'.

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)");
  m.def("nll_loss_backward", &nll_loss_backward_binding, py::arg("grad_output"), py::arg("labels"),
        py::arg("input_shape"), py::kw_only(), py::arg("weight") = py::none(), py::arg("ignore_index") = -100,
        py::arg("reduction") = "mean",
        R"(Gradient of `nll_loss_forward` with respect to the log-probabilities.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the loss: 0-d, or (N,) for 'none'; its type is the result's.
labels, weight, ignore_index, reduction
    As in the forward call.
input_shape : tuple of int
    (N, C).

Returns
-------
numpy.ndarray
    (N, C).

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)");
  bind_point_loss(m, "mse_loss", "mse_loss_forward", "mse_loss_backward", PointLoss::MeanSquare,
                  "Mean square error: ``(input - target) ** 2``.");
  bind_point_loss(
      m, "bce_loss", "bce_loss_forward", "bce_loss_backward", PointLoss::BinaryCrossEntropy,
      "Binary cross-entropy of probabilities: ``-target * log(input) - (1 - target) * log(1 - input)``, the\n"
      "logarithms at least -100. An input outside [0, 1] gives NaN.");
  bind_point_loss(m, "bce_with_logits_loss", "bce_with_logits_loss_forward", "bce_with_logits_loss_backward",
                  PointLoss::BinaryCrossEntropyWithLogits,
                  "Binary cross-entropy of logits: ``max(input, 0) - input * target + log(1 + exp(-abs(input)))``.");
}

}  // namespace cygnet
