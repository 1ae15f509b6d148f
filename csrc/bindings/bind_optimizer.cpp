#include <algorithm>
#include <string>
#include <vector>

#include "families.h"
#include "kernels/optimizer.h"
#include "launch.h"

namespace cygnet {
namespace {

// A list's length after the check that the object is a list or tuple.
size_t length_of(const char* op, const char* name, const py::object& list) {
  check<TypeError>(PyList_Check(list.ptr()) || PyTuple_Check(list.ptr()), op, ": ", name,
                   " must be a list of NumPy arrays, got ", Py_TYPE(list.ptr())->tp_name);
  return static_cast<size_t>(PySequence_Fast_GET_SIZE(list.ptr()));
}

// The arrays of a call, list after list in the order of the operands, with what each is called in messages.
class ArrayLists {
 public:
  ArrayLists(const char* op, const py::object& params) : op_(op), parameters_(length_of(op, "params", params)) {
    read_list("params", params, true,
              [&](const char* name, const ArrayArg& arg, size_t) { return float_array(op_, name, arg); });
    int64_t chunks = 0;
    for (size_t i = 0; i < parameters_; ++i) {
      const int64_t count = arrays_[i].count();
      spans_.push_back({count, chunks, arrays_[i].dtype()});
      chunks += (count + optimizer_chunk - 1) / optimizer_chunk;
      elements_ += static_cast<double>(count);
      bytes_ += static_cast<double>(count) * static_cast<double>(item_size(arrays_[i].dtype()));
    }
  }

  /// Gradients: copied where they are not C-contiguous.
  void add_grads(const py::object& list) { add_like("grads", list, false); }
  /// State of the parameters' shapes, updated in place.
  void add_state(const char* name, const py::object& list) { add_like(name, list, true); }
  /// Step counts: one float32 number a parameter, updated in place.
  void add_steps(const py::object& list) {
    read_list("steps", list, true, [&](const char* name, const ArrayArg& arg, size_t) {
      Array step = array_of(op_, name, arg, DType::Float32);
      check_shape(op_, name, step, {});
      return step;
    });
  }
  /// The cell of hyper-parameters.
  void add_hyper(const ArrayArg& arg, int64_t size) {
    const Array hyper = array_of(op_, "hyper", arg, DType::Float64);
    check_shape(op_, "hyper", hyper, {size});
    arrays_.push_back(contiguous(hyper));
    origins_.push_back({"hyper", -1, false});
  }

  /// Throws ValueError if two arrays share memory and one of them is written.
  void check_overlaps() const {
    struct Interval {
      const char *low, *high;
      size_t array;
    };
    std::vector<Interval> intervals;
    for (size_t i = 0; i < arrays_.size(); ++i) {
      Interval interval{nullptr, nullptr, i};
      arrays_[i].view.extent(interval.low, interval.high);
      if (interval.low < interval.high) intervals.push_back(interval);
    }
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.low < b.low; });
    const Interval *farthest = nullptr, *farthest_written = nullptr;
    for (const Interval& interval : intervals) {
      const bool written = origins_[interval.array].written;
      const Interval* const before = written ? farthest : farthest_written;
      if (before && interval.low < before->high) {
        const size_t a = std::min(before->array, interval.array), b = std::max(before->array, interval.array);
        throw ValueError(message(op_, ": ", name_of_array(a), " shares memory with ", name_of_array(b)));
      }
      if (!farthest || interval.high > farthest->high) farthest = &interval;
      if (written && (!farthest_written || interval.high > farthest_written->high)) farthest_written = &interval;
    }
  }

  std::vector<Operand> operands() const {
    std::vector<Operand> all;
    for (size_t i = 0; i < arrays_.size(); ++i)
      all.push_back({arrays_[i].view.data, origins_[i].written, arrays_[i].object});
    return all;
  }
  size_t parameters() const { return parameters_; }
  const std::vector<ParameterSpan>& spans() const { return spans_; }
  double elements() const { return elements_; }
  double bytes() const { return bytes_; }  // of the parameters

 private:
  struct Origin {
    const char* list;
    int64_t index;  // -1: not in a list
    bool written;
  };

  std::string name_of_array(size_t i) const {
    return origins_[i].index < 0 ? origins_[i].list : message(origins_[i].list, "[", origins_[i].index, "]");
  }

  template <class Check>
  void read_list(const char* name, const py::object& list, bool written, const Check& checked) {
    const size_t length = length_of(op_, name, list);
    check<ValueError>(length == parameters_, op_, ": ", name, " has ", length, " arrays, expected ", parameters_,
                      ", one a parameter");
    for (size_t i = 0; i < length; ++i) {
      const std::string item = std::string(name) + "[" + std::to_string(i) + "]";
      const py::handle object = PySequence_Fast_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i));
      Array array = checked(item.c_str(), ArrayArg{object}, i);
      if (written) {
        check_writeable(op_, item.c_str(), array);
        check<ValueError>(array.view.contiguous(), op_, ": ", item, " must be C-contiguous and aligned");
      }
      arrays_.push_back(std::move(array));
      origins_.push_back({name, static_cast<int64_t>(i), written});
    }
  }

  void add_like(const char* name, const py::object& list, bool written) {
    read_list(name, list, written, [&](const char* item, const ArrayArg& arg, size_t i) {
      const Array& param = arrays_[i];
      Array array = any_array(op_, item, arg);
      check<DTypeError>(array.dtype() == param.dtype(), op_, ": ", item, " has dtype ", cygnet::name_of(array.dtype()),
                        ", expected ", cygnet::name_of(param.dtype()), ", that of params[", i, "]");
      check_shape(op_, item, array, param.shape());
      return written ? array : contiguous(array);
    });
  }

  const char* op_;
  size_t parameters_;
  std::vector<Array> arrays_;
  std::vector<Origin> origins_;
  std::vector<ParameterSpan> spans_;
  double elements_ = 0, bytes_ = 0;
};

void sgd_step_binding(const py::object& params, const py::object& grads, const py::object& momentum_buffers,
                      const ArrayArg& hyper, const py::object& steps) {
  constexpr const char* op = "sgd_step";
  ArrayLists lists(op, params);
  lists.add_grads(grads);
  const size_t n = lists.parameters();
  const bool has_buffers = length_of(op, "momentum_buffers", momentum_buffers) > 0;
  if (has_buffers) {
    lists.add_state("momentum_buffers", momentum_buffers);
    lists.add_steps(steps);
  } else {
    const size_t length = length_of(op, "steps", steps);
    check<ValueError>(length == 0, op, ": steps has ", length, " arrays, but momentum_buffers is empty");
  }
  lists.add_hyper(hyper, sizeof(SgdHyper) / sizeof(double));
  lists.check_overlaps();
  const std::vector<Operand> operands = lists.operands();
  const double tensors = has_buffers ? 5 : 3;
  launch(op, {2 * tensors * lists.elements(), tensors * lists.bytes()}, operands.data(), operands.size(),
         sgd_scratch_bytes(n), [n, has_buffers, op = op, spans = lists.spans()](void* const* at) {
           void* const* const buffers = has_buffers ? at + 2 * n : nullptr;
           void* const* const counts = has_buffers ? at + 3 * n : nullptr;
           const size_t cell = (has_buffers ? 4 : 2) * n;
           const SgdHyper& values = *in<SgdHyper>(at[cell]);
           check<ValueError>(has_buffers || n == 0 || values.momentum == 0, op, ": hyper has momentum ",
                             values.momentum, ", but momentum_buffers is empty");
           sgd_step(spans.data(), n, values, at, at + n, buffers, counts, at[cell + 1]);
         });
}

void adam_step_binding(const py::object& params, const py::object& grads, const py::object& exp_avgs,
                       const py::object& exp_avg_sqs, const py::object& steps, const ArrayArg& hyper,
                       const py::object& max_exp_avg_sqs, bool decoupled) {
  constexpr const char* op = "adam_step";
  ArrayLists lists(op, params);
  lists.add_grads(grads);
  lists.add_state("exp_avgs", exp_avgs);
  lists.add_state("exp_avg_sqs", exp_avg_sqs);
  lists.add_steps(steps);
  const size_t n = lists.parameters();
  const bool amsgrad = length_of(op, "max_exp_avg_sqs", max_exp_avg_sqs) > 0;
  if (amsgrad) lists.add_state("max_exp_avg_sqs", max_exp_avg_sqs);
  lists.add_hyper(hyper, sizeof(AdamHyper) / sizeof(double));
  lists.check_overlaps();
  const std::vector<Operand> operands = lists.operands();
  const double tensors = amsgrad ? 9 : 7;
  launch(op, {14 * lists.elements(), tensors * lists.bytes()}, operands.data(), operands.size(), adam_scratch_bytes(n),
         [n, amsgrad, decoupled, spans = lists.spans()](void* const* at) {
           const size_t cell = (amsgrad ? 6 : 5) * n;
           adam_step(spans.data(), n, *in<AdamHyper>(at[cell]), decoupled, at, at + n, at + 2 * n, at + 3 * n,
                     amsgrad ? at + 5 * n : nullptr, at + 4 * n, at[cell + 1]);
         });
}

}  // namespace

void bind_optimizer(py::module_& m) {
  m.def("sgd_step", &sgd_step_binding, py::arg("params"), py::arg("grads"), py::arg("momentum_buffers"),
        py::arg("hyper"), py::arg("steps") = py::tuple(),
        R"(One step of stochastic gradient descent over many parameters, in place, as torch.optim.SGD defines it.

Parameters
----------
params : list of numpy.ndarray
    float32 or float64, C-contiguous and writeable; they must not share memory.
grads : list of numpy.ndarray
    One a parameter, of its shape and type.
momentum_buffers : list of numpy.ndarray
    One a parameter, or empty for momentum 0. A buffer's content before its first step does not matter.
hyper : numpy.ndarray
    float64 (6,): lr, momentum, dampening, weight_decay, nesterov (0 or 1), maximize (0 or 1); read on every run.
steps : list of numpy.ndarray
    With momentum_buffers, one float32 array of shape () a buffer, counted up by every step with momentum. Where it is
    0, the buffer becomes the gradient itself, without dampening.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("adam_step", &adam_step_binding, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"),
        py::arg("exp_avg_sqs"), py::arg("steps"), py::arg("hyper"), py::arg("max_exp_avg_sqs") = py::tuple(),
        py::arg("decoupled") = false,
        R"(One step of Adam or AdamW over many parameters, in place, as torch.optim.Adam and AdamW define it.

Parameters
----------
params : list of numpy.ndarray
    float32 or float64, C-contiguous and writeable; they must not share memory.
grads, exp_avgs, exp_avg_sqs : list of numpy.ndarray
    One a parameter, of its shape and type. The averages begin as zeros.
steps : list of numpy.ndarray
    One float32 array of shape () a parameter: the number of steps before this one, counted up.
hyper : numpy.ndarray
    float64 (6,): lr, beta1, beta2, eps, weight_decay, maximize (0 or 1); read on every run.
max_exp_avg_sqs : list of numpy.ndarray
    AMSGrad's running maximum, one a parameter, or empty (the default) for plain Adam.
decoupled : bool
    Whether weight decay shrinks the parameter (AdamW) instead of entering the gradient. Default False.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
}

}  // namespace cygnet
