#include <algorithm>
#include <array>
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
    int64_t elements = 0;
    for (size_t i = 0; i < parameters_; ++i) {
      const int64_t count = arrays_[i].count();
      spans_.push_back({count, elements, arrays_[i].dtype()});
      elements += count;
      bytes_ += static_cast<double>(count) * static_cast<double>(item_size(arrays_[i].dtype()));
    }
    elements_ = static_cast<double>(elements);
  }

  /// Gradients: copied where they are not C-contiguous.
  void add_grads(const py::object& list) { add_like("grads", list, false); }
  /// State of the parameters' shapes, updated in place.
  void add_state(const char* name, const py::object& list) { add_like(name, list, true); }
  /// One float32 number a parameter, updated in place.
  void add_numbers(const char* name, const py::object& list) {
    read_list(name, list, true, [&](const char* item, const ArrayArg& arg, size_t) {
      Array number = array_of(op_, item, arg, DType::Float32);
      check_shape(op_, item, number, {});
      return number;
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
  size_t size() const { return arrays_.size(); }  // arrays so far: the place of the next list
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

struct NamedList {
  const char* name;
  const py::object& list;
  bool optional = false;  // may be empty
};

// Whether there is a list for the momentum that the hyper-parameters ask for.
template <class Rule>
bool has_momentum_buffers(const Rule&, const OptimizerLists<Rule>&) {
  return true;
}
template <>
bool has_momentum_buffers(const Sgd& rule, const OptimizerLists<Sgd>& lists) {
  return rule.momentum == 0 || lists.states[0];
}
template <>
bool has_momentum_buffers(const Rmsprop& rule, const OptimizerLists<Rmsprop>& lists) {
  return rule.momentum == 0 || lists.states[1];
}

template <class Rule>
void step(const char* op, const py::object& params, const py::object& grads, const NamedList (&numbers)[Rule::numbers],
          const NamedList (&states)[Rule::states], const ArrayArg& hyper) {
  ArrayLists lists(op, params);
  lists.add_grads(grads);
  const size_t n = lists.parameters();
  const auto absent = [&](const NamedList& each) { return each.optional && length_of(op, each.name, each.list) == 0; };
  // Where each list begins in the table of addresses, 0 for an absent one.
  std::array<size_t, Rule::numbers> number_at{};
  std::array<size_t, Rule::states> state_at{};
  double tensors = 3;  // read and written: parameters, gradients, each state
  for (size_t k = 0; k < Rule::numbers; ++k) {
    if (absent(numbers[k])) continue;
    number_at[k] = lists.size();
    lists.add_numbers(numbers[k].name, numbers[k].list);
  }
  for (size_t k = 0; k < Rule::states; ++k) {
    if (absent(states[k])) continue;
    state_at[k] = lists.size();
    lists.add_state(states[k].name, states[k].list);
    tensors += 2;
  }
  const size_t cell = lists.size();
  lists.add_hyper(hyper, sizeof(Rule) / sizeof(double));
  lists.check_overlaps();
  const std::vector<Operand> operands = lists.operands();
  launch(op, {2 * tensors * lists.elements(), tensors * lists.bytes()}, operands.data(), operands.size(), 0,
         [=, spans = lists.spans()](void* const* at) {
           if (n == 0) return;
           OptimizerLists<Rule> addresses{at, at + n, {}, {}};
           for (size_t k = 0; k < Rule::numbers; ++k) addresses.numbers[k] = number_at[k] ? at + number_at[k] : nullptr;
           for (size_t k = 0; k < Rule::states; ++k) addresses.states[k] = state_at[k] ? at + state_at[k] : nullptr;
           const Rule& rule = *in<Rule>(at[cell]);
           check<ValueError>(has_momentum_buffers(rule, addresses), op,
                             ": hyper asks for momentum, but momentum_buffers is empty");
           optimizer_step(spans.data(), n, rule, addresses);
         });
}

// The documentation of a step.
std::string documentation(const char* rule, const char* lists, const char* hyper) {
  return message("One step of ", rule, R"( over many parameters, in place.

Parameters
----------
params : list of numpy.ndarray
    float32 or float64, C-contiguous and writeable; they must not share memory.
grads : list of numpy.ndarray
    One a parameter, of its shape and type.
)",
                 lists, R"(
hyper : numpy.ndarray
    float64, read on every run: )",
                 hyper, R"(. Flags are 0 or 1.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
}

constexpr const char* steps_text = R"(steps : list of numpy.ndarray
    One float32 array of shape () a parameter: the number of steps before this one, counted up.
)";

std::string states_text(const char* names, const char* more = "") {
  return message(steps_text, names, R"( : list of numpy.ndarray
    One a parameter, of its shape and type, updated; they begin as zeros.)",
                 more);
}

}  // namespace

void bind_optimizer(py::module_& m) {
  using List = const py::object&;
  using Hyper = const ArrayArg&;
  using py::arg;
  m.def(
      "sgd_step",
      [](List params, List grads, List steps, List momentum_buffers, Hyper hyper) {
        constexpr const char* op = "sgd_step";
        const size_t buffers = length_of(op, "momentum_buffers", momentum_buffers);
        const size_t counts = length_of(op, "steps", steps);
        check<ValueError>(counts == buffers, op, ": steps has ", counts, " arrays, expected ", buffers,
                          ", one a momentum buffer");
        step<Sgd>(op, params, grads, {{"steps", steps, true}}, {{"momentum_buffers", momentum_buffers, true}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("momentum_buffers"), arg("hyper"),
      documentation("stochastic gradient descent (torch.optim.SGD)", R"(steps : list of numpy.ndarray
    With momentum_buffers, one float32 array of shape () a buffer, counted up by every step with momentum. Where it is
    0, the buffer becomes the gradient itself, without dampening.
momentum_buffers : list of numpy.ndarray
    One a parameter, or empty for momentum 0. A buffer's content before its first step does not matter.)",
                    "lr, momentum, dampening, weight_decay, nesterov, maximize, decoupled_weight_decay, lr_in_buffer")
          .c_str());
  m.def(
      "adam_step",
      [](List params, List grads, List steps, List exp_avgs, List exp_avg_sqs, List max_exp_avg_sqs, Hyper hyper) {
        step<Adam>("adam_step", params, grads, {{"steps", steps}},
                   {{"exp_avgs", exp_avgs}, {"exp_avg_sqs", exp_avg_sqs}, {"max_exp_avg_sqs", max_exp_avg_sqs, true}},
                   hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("exp_avgs"), arg("exp_avg_sqs"), arg("max_exp_avg_sqs"),
      arg("hyper"),
      documentation("Adam or AdamW (torch.optim.Adam, AdamW)",
                    states_text("exp_avgs, exp_avg_sqs", R"(
max_exp_avg_sqs : list of numpy.ndarray
    AMSGrad's running maximum, one a parameter, or empty for plain Adam.)")
                        .c_str(),
                    "lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "adamax_step",
      [](List params, List grads, List steps, List exp_avgs, List exp_infs, Hyper hyper) {
        step<Adamax>("adamax_step", params, grads, {{"steps", steps}}, {{"exp_avgs", exp_avgs}, {"exp_infs", exp_infs}},
                     hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("exp_avgs"), arg("exp_infs"), arg("hyper"),
      documentation("Adamax (torch.optim.Adamax)", states_text("exp_avgs, exp_infs").c_str(),
                    "lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "lion_step",
      [](List params, List grads, List steps, List exp_avgs, Hyper hyper) {
        step<Lion>("lion_step", params, grads, {{"steps", steps}}, {{"exp_avgs", exp_avgs}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("exp_avgs"), arg("hyper"),
      documentation("Lion", states_text("exp_avgs").c_str(),
                    "lr, beta1, beta2, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "nadam_step",
      [](List params, List grads, List steps, List mu_products, List exp_avgs, List exp_avg_sqs, Hyper hyper) {
        step<Nadam>("nadam_step", params, grads, {{"steps", steps}, {"mu_products", mu_products}},
                    {{"exp_avgs", exp_avgs}, {"exp_avg_sqs", exp_avg_sqs}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("mu_products"), arg("exp_avgs"), arg("exp_avg_sqs"), arg("hyper"),
      documentation("Nadam (torch.optim.NAdam)",
                    states_text("exp_avgs, exp_avg_sqs", R"(
mu_products : list of numpy.ndarray
    One float32 array of shape () a parameter, updated; it begins as 1.)")
                        .c_str(),
                    "lr, beta1, beta2, eps, weight_decay, momentum_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "radam_step",
      [](List params, List grads, List steps, List exp_avgs, List exp_avg_sqs, Hyper hyper) {
        step<Radam>("radam_step", params, grads, {{"steps", steps}},
                    {{"exp_avgs", exp_avgs}, {"exp_avg_sqs", exp_avg_sqs}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("exp_avgs"), arg("exp_avg_sqs"), arg("hyper"),
      documentation("RAdam (torch.optim.RAdam)", states_text("exp_avgs, exp_avg_sqs").c_str(),
                    "lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "rmsprop_step",
      [](List params, List grads, List steps, List square_avgs, List momentum_buffers, List grad_avgs, Hyper hyper) {
        step<Rmsprop>("rmsprop_step", params, grads, {{"steps", steps}},
                      {{"square_avgs", square_avgs},
                       {"momentum_buffers", momentum_buffers, true},
                       {"grad_avgs", grad_avgs, true}},
                      hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("square_avgs"), arg("momentum_buffers"), arg("grad_avgs"),
      arg("hyper"),
      documentation(
          "RMSprop (torch.optim.RMSprop)",
          states_text("square_avgs", R"(
momentum_buffers : list of numpy.ndarray
    The same, or empty for momentum 0.
grad_avgs : list of numpy.ndarray
    The same for the centered form, or empty for the plain one.)")
              .c_str(),
          "lr, alpha, eps, weight_decay, momentum, maximize, decoupled_weight_decay, lr_in_buffer, eps_in_root")
          .c_str());
  m.def(
      "adagrad_step",
      [](List params, List grads, List steps, List sums, Hyper hyper) {
        step<Adagrad>("adagrad_step", params, grads, {{"steps", steps}}, {{"sums", sums}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("sums"), arg("hyper"),
      documentation("Adagrad (torch.optim.Adagrad)", states_text("sums").c_str(),
                    "lr, lr_decay, eps, weight_decay, maximize, decoupled_weight_decay, eps_in_root")
          .c_str());
  m.def(
      "adadelta_step",
      [](List params, List grads, List steps, List square_avgs, List acc_deltas, Hyper hyper) {
        step<Adadelta>("adadelta_step", params, grads, {{"steps", steps}},
                       {{"square_avgs", square_avgs}, {"acc_deltas", acc_deltas}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("square_avgs"), arg("acc_deltas"), arg("hyper"),
      documentation("Adadelta (torch.optim.Adadelta)", states_text("square_avgs, acc_deltas").c_str(),
                    "lr, rho, eps, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "asgd_step",
      [](List params, List grads, List steps, List etas, List mus, List axs, Hyper hyper) {
        step<Asgd>("asgd_step", params, grads, {{"steps", steps}, {"etas", etas}, {"mus", mus}}, {{"axs", axs}}, hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("etas"), arg("mus"), arg("axs"), arg("hyper"),
      documentation("averaged gradient descent (torch.optim.ASGD)",
                    states_text("axs", R"(
etas, mus : list of numpy.ndarray
    The step size and the weight of the average in this step: float32 arrays of shape (), one a parameter, updated;
    they begin as the learning rate and as 1.)")
                        .c_str(),
                    "lr, lambd, alpha, t0, weight_decay, maximize, decoupled_weight_decay")
          .c_str());
  m.def(
      "rprop_step",
      [](List params, List grads, List steps, List prevs, List step_sizes, Hyper hyper) {
        step<Rprop>("rprop_step", params, grads, {{"steps", steps}}, {{"prevs", prevs}, {"step_sizes", step_sizes}},
                    hyper);
      },
      arg("params"), arg("grads"), arg("steps"), arg("prevs"), arg("step_sizes"), arg("hyper"),
      documentation("resilient backpropagation (torch.optim.Rprop)",
                    states_text("prevs", R"(
step_sizes : list of numpy.ndarray
    The same; they begin as the learning rate.)")
                        .c_str(),
                    "lr (unused), eta_minus, eta_plus, smallest and largest step size, weight_decay, maximize, "
                    "decoupled_weight_decay")
          .c_str());
}

}  // namespace cygnet
