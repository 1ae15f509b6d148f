#include "families.h"
#include "kernels/ctc.h"
#include "kernels/ctc_decode.h"
#include "launch.h"
#include "loss_arguments.h"

namespace cygnet {
namespace {

// The arguments that forward and backward share.
struct CtcArguments {
  Array log_probabilities, labels, input_lengths, target_lengths;
  CtcSizes sizes;
  int64_t row;  // as in CtcTargets
};

// From the addresses of the labels and of the lengths of inputs and targets.
CtcTargets targets_at(void* const* at, int64_t row) {
  return {in<int64_t>(at[0]), in<int64_t>(at[1]), in<int64_t>(at[2]), row};
}

Array lengths_of(const char* op, const char* name, const ArrayArg& arg, int64_t samples) {
  const Array lengths = index_array(op, name, arg);
  check_shape(op, name, lengths, {samples});
  return contiguous(lengths);
}

Array log_probabilities_of(const char* op, const ArrayArg& arg, int64_t blank) {
  const Array y = float_array(op, "log_probs", arg);
  check_rank(op, "log_probs", y, 3);
  check<ValueError>(0 <= blank && blank < y.shape(2), op, ": blank is ", blank, ", expected 0 <= blank < ", y.shape(2),
                    ", the number of classes");
  return contiguous(y);
}

void check_length(const char* op, const char* name, const int64_t* lengths, int64_t n, int64_t highest) {
  check<ValueError>(0 <= lengths[n] && lengths[n] <= highest, op, ": ", name, "[", n, "] is ", lengths[n],
                    ", expected 0 to ", highest);
}

CtcArguments arguments_of(const char* op, const ArrayArg& log_probabilities, const ArrayArg& targets,
                          const ArrayArg& input_lengths, const ArrayArg& target_lengths, int64_t blank) {
  const Array y = log_probabilities_of(op, log_probabilities, blank);
  const int64_t steps = y.shape(0), samples = y.shape(1), classes = y.shape(2);
  const Array labels = index_array(op, "targets", targets);
  const bool rows = labels.rank() == 2;
  check<ShapeError>(rows ? labels.shape(0) == samples : labels.rank() == 1, op, ": targets has shape ", labels.shape(),
                    ", expected (", samples, ", labels), or one dimension for targets one after another");
  return {y,
          contiguous(labels),
          lengths_of(op, "input_lengths", input_lengths, samples),
          lengths_of(op, "target_lengths", target_lengths, samples),
          {steps, samples, classes, labels.count(), blank},
          rows ? labels.shape(1) : -1};
}

// Lengths and labels are data: each run of a call checks them before its kernel proper.
void check_targets(const char* op, const CtcSizes& s, const CtcTargets& targets) {
  int64_t offset = 0;
  for (int64_t n = 0; n < s.samples; ++n) {
    check_length(op, "input_lengths", targets.input_lengths, n, s.steps);
    if (targets.row >= 0) offset = n * targets.row;
    const int64_t length = targets.target_lengths[n];
    check_length(op, "target_lengths", targets.target_lengths, n, targets.row < 0 ? s.labels - offset : targets.row);
    for (int64_t i = offset; i < offset + length; ++i) {
      const int64_t label = targets.labels[i];
      check<IndexError>(0 <= label && label < s.classes && label != s.blank, op, ": targets has label ", label,
                        " in sample ", n, ", expected 0 <= label < ", s.classes, " and not the blank ", s.blank);
    }
    offset += length;
  }
  check<ValueError>(targets.row >= 0 || offset == s.labels, op, ": target_lengths has sum ", offset, ", expected ",
                    s.labels, ", the size of targets");
}

Work work_of(const CtcArguments& a) {
  const double states = 2.0 * static_cast<double>(a.sizes.labels) + static_cast<double>(a.sizes.samples);
  const double item = static_cast<double>(item_size(a.log_probabilities.dtype()));
  return {20.0 * states * static_cast<double>(a.sizes.steps), item * static_cast<double>(a.log_probabilities.count())};
}

py::tuple ctc_loss_forward_binding(const ArrayArg& log_probabilities, const ArrayArg& targets,
                                   const ArrayArg& input_lengths, const ArrayArg& target_lengths, int64_t blank,
                                   const std::string& reduction_name, bool zero_infinity) {
  constexpr const char* op = "ctc_loss";
  const CtcArguments a = arguments_of(op, log_probabilities, targets, input_lengths, target_lengths, blank);
  const Reduction reduction = reduction_of(op, reduction_name);
  const DType dtype = a.log_probabilities.dtype();
  const CtcAlphaShape shape = ctc_alpha_shape(a.sizes);
  const Array loss = new_array(op, dtype, reduction == Reduction::None ? Dims{a.sizes.samples} : Dims{});
  const Array log_likelihood = new_array(op, dtype, {a.sizes.samples});
  const Array alpha = new_array(op, dtype, {shape.rows, shape.width});
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch("ctc_loss_forward", work_of(a),
           {read(a.log_probabilities), read(a.labels), read(a.input_lengths), read(a.target_lengths), write(loss),
            write(log_likelihood), write(alpha)},
           ctc_scratch_bytes(a.sizes, sizeof(T)), [=, sizes = a.sizes, row = a.row](void* const* at) {
             const CtcTargets all = targets_at(at + 1, row);
             check_targets(op, sizes, all);
             ctc_loss_forward<T>(sizes, in<T>(at[0]), all, reduction, zero_infinity, to<T>(at[4]), to<T>(at[5]),
                                 to<T>(at[6]), at[7]);
           });
  });
  return py::make_tuple(loss.object, log_likelihood.object, alpha.object);
}

py::object ctc_loss_backward_binding(const ArrayArg& grad_arg, const ArrayArg& log_probabilities,
                                     const ArrayArg& targets, const ArrayArg& input_lengths,
                                     const ArrayArg& target_lengths, const ArrayArg& log_likelihood_arg,
                                     const ArrayArg& alpha_arg, int64_t blank, const std::string& reduction_name) {
  constexpr const char* op = "ctc_loss_backward";
  const CtcArguments a = arguments_of(op, log_probabilities, targets, input_lengths, target_lengths, blank);
  const Reduction reduction = reduction_of(op, reduction_name);
  const DType dtype = a.log_probabilities.dtype();
  const Array grad = loss_gradient(op, grad_arg, dtype, "log_probs", reduction, {a.sizes.samples});
  const Array log_likelihood = array_of(op, "log_likelihood", log_likelihood_arg, dtype, "log_probs");
  check_shape(op, "log_likelihood", log_likelihood, {a.sizes.samples});
  const Array alpha = array_of(op, "alpha", alpha_arg, dtype, "log_probs");
  const CtcAlphaShape shape = ctc_alpha_shape(a.sizes);
  check_shape(op, "alpha", alpha, {shape.rows, shape.width});
  const Array result = new_array(op, dtype, a.log_probabilities.shape());
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(a),
           {read(grad), read(a.log_probabilities), read(a.labels), read(a.input_lengths), read(a.target_lengths),
            read(contiguous(log_likelihood)), read(contiguous(alpha)), write(result)},
           ctc_scratch_bytes(a.sizes, sizeof(T)), [=, sizes = a.sizes, row = a.row](void* const* at) {
             const CtcTargets all = targets_at(at + 2, row);
             check_targets(op, sizes, all);
             ctc_loss_backward<T>(sizes, in<T>(at[0]), in<T>(at[1]), all, reduction, in<T>(at[5]), in<T>(at[6]),
                                  to<T>(at[7]), at[8]);
           });
  });
  return result.object;
}

py::tuple ctc_beam_search_binding(const ArrayArg& log_probabilities_arg, const ArrayArg& input_lengths_arg,
                                  int64_t blank, int64_t beam_width) {
  constexpr const char* op = "ctc_beam_search";
  const Array y = log_probabilities_of(op, log_probabilities_arg, blank);
  const BeamSizes sizes{y.shape(0), y.shape(1), y.shape(2), blank, beam_width};
  const Array input_lengths = lengths_of(op, "input_lengths", input_lengths_arg, sizes.samples);
  check<ValueError>(beam_width >= 1, op, ": beam_width is ", beam_width, ", expected at least 1");
  element_count(op, {sizes.samples, sizes.steps + sizes.classes + 8, beam_width}, 40);  // bounds the scratch
  const Array labels = new_array(op, DType::Int64, {sizes.samples, beam_width, sizes.steps});
  const Array lengths = new_array(op, DType::Int64, {sizes.samples, beam_width});
  const Array scores = new_array(op, y.dtype(), {sizes.samples, beam_width});
  const double candidates = static_cast<double>(y.count()) * static_cast<double>(beam_width);
  dispatch(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {10 * candidates, 8 * candidates},
           {read(y), read(input_lengths), write(labels), write(lengths), write(scores)}, ctc_beam_scratch_bytes(sizes),
           [=](void* const* at) {
             for (int64_t n = 0; n < sizes.samples; ++n)
               check_length(op, "input_lengths", in<int64_t>(at[1]), n, sizes.steps);
             ctc_beam_search<T>(sizes, in<T>(at[0]), in<int64_t>(at[1]), to<int64_t>(at[2]), to<int64_t>(at[3]),
                                to<T>(at[4]), at[5]);
           });
  });
  return py::make_tuple(labels.object, lengths.object, scores.object);
}

}  // namespace

void bind_ctc(py::module_& m) {
  m.def(
      "ctc_loss_forward", &ctc_loss_forward_binding, py::arg("log_probs"), py::arg("targets"), py::arg("input_lengths"),
      py::arg("target_lengths"), py::arg("blank") = 0, py::arg("reduction") = "mean", py::arg("zero_infinity") = false,
      R"(Connectionist temporal classification: minus the logarithm of the probability of all paths that give a target.

Parameters
----------
log_probs : numpy.ndarray
    (T, N, C), float32 or float64, any strides: logarithms of probabilities.
targets : numpy.ndarray
    (N, S), int64 or int32, of which each row counts up to its length, or one after another in one dimension; each
    0 <= label < C and not the blank.
input_lengths, target_lengths : numpy.ndarray
    (N,), int64 or int32.
blank : int
    The class of no label. Default 0.
reduction : str
    'mean' (default) divides each loss by its target's length, or 1, and their sum by N; 'sum' or 'none'.
zero_infinity : bool
    Whether an infinite loss, of a target too long for its input, counts as 0. Default False.

Returns
-------
tuple of numpy.ndarray
    The loss, 0-d or (N,) for 'none'; and what the backward needs: the logarithms of the targets' probabilities (N,), and
    an opaque table.

Raises
------
IndexError
    A label out of range.
DTypeError, ShapeError, ValueError

References
----------
A. Graves et al., "Connectionist temporal classification", ICML 2006, equations (5) to (8).
)");
  m.def("ctc_loss_backward", &ctc_loss_backward_binding, py::arg("grad_output"), py::arg("log_probs"),
        py::arg("targets"), py::arg("input_lengths"), py::arg("target_lengths"), py::arg("log_likelihood"),
        py::arg("alpha"), py::arg("blank") = 0, py::arg("reduction") = "mean",
        R"(Gradient of `ctc_loss_forward` with respect to the scores whose log-softmax `log_probs` is.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the loss: 0-d, or (N,) for 'none'.
log_probs, targets, input_lengths, target_lengths, blank, reduction
    As in the forward call.
log_likelihood, alpha : numpy.ndarray
    The forward call's second and third result.

Returns
-------
numpy.ndarray
    (T, N, C); 0 from the length of a sample on, and for samples of infinite loss.

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)");
  m.def("ctc_beam_search", &ctc_beam_search_binding, py::arg("log_probs"), py::arg("input_lengths"),
        py::arg("blank") = 0, py::arg("beam_width") = 16,
        R"(The most probable labellings under connectionist temporal classification, by prefix beam search.

Parameters
----------
log_probs : numpy.ndarray
    (T, N, C), float32 or float64, any strides: logarithms of probabilities.
input_lengths : numpy.ndarray
    (N,), int64 or int32, each at most T.
blank : int
    The class of no label. Default 0.
beam_width : int
    How many prefixes are kept after each step. Default 16.

Returns
-------
tuple of numpy.ndarray
    Labels (N, beam_width, T), int64, the best labelling first, each filled up with -1; their lengths
    (N, beam_width), -1 where there are fewer labellings; and the logarithms of their probabilities (N, beam_width).

Raises
------
DTypeError, ShapeError, ValueError

References
----------
A. Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs",
2014, algorithm 1.
)");
}

}  // namespace cygnet
