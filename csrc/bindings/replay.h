// A recorded call of a Python function, to be made again: what its arguments must look like, what the recording took
// for granted, the plan, and how its results are put together.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "array.h"
#include "constructed.h"
#include "core/plan.h"

namespace cygnet {

/// Where the slots of `cygnet.Tensor` lie in its objects, so that they are read and set without Python.
struct TensorType {
  explicit TensorType(const py::object& type);
  PyTypeObject* type;
  Py_ssize_t array, node, memory, view, hooks, grad, requires_grad;

  static PyObject*& slot(PyObject* object, Py_ssize_t offset) {
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
  }
  /// A tensor around an array; takes over the reference.
  PyObject* wrap(PyObject* array) const;
};

/// The arrays in the arguments of a call, and the tensors or arrays that were given for them.
struct Found {
  std::vector<py::object> arrays;
  std::vector<py::object> givers;
  void clear() {
    arrays.clear();
    givers.clear();
  }
};

/// The arguments of a call: nested tuples, lists and dicts of tensors, arrays and other values.
class Signature {
 public:
  Signature(const TensorType& tensor, const py::tuple& args, const py::dict& kwargs);
  /// Whether other arguments are like these: of tensors and arrays the type, memory order and whether gradients are
  /// wanted, of all else the value. Then `found` are the arrays in them, in order.
  bool matches(PyObject* args, PyObject* kwargs, Found& found) const;
  /// The arrays that the arguments held, in order.
  const std::vector<py::object>& arrays() const { return arrays_; }
  /// Forgets them: a signature lives as long as its recordings.
  void forget_arrays() { arrays_.clear(); }
  const TensorType& tensor() const { return tensor_; }

 private:
  struct Item {
    enum Kind { Array, Value, Sequence, Mapping } kind;
    py::object value;  // the type of a sequence, the keys of a mapping, the value itself
    PyTypeObject* type;
    bool wants_gradient;
    size_t count;  // of what is inside
    int dtype;
    Dims shape, strides;
    bool weak = false;  // whether `value` is a weak reference
  };
  void add(PyObject* object);
  bool match(size_t& at, PyObject* object, Found& found) const;

  const TensorType tensor_;
  std::vector<Item> items_;
  std::vector<py::object> arrays_;
};

/// A tensor that the recorded call used and did not get as an argument: what it was, and its gradient before and after.
struct Leaf {
  py::object tensor, array;
  bool requires_grad;
  enum Before { Any, IsNone, IsSome, IsThis } before;
  py::object grad_array;  // for IsThis
  py::object after;       // the gradient after the call; null: it is left alone
};

/// A place that held a value: a cell of a closure, a key of a dict, an attribute of a class, or an index of a list.
struct Captured {
  py::object holder, name, value;  // no name: the holder is a cell
  bool holds() const;
};

/// How a result is made: nested like the arguments.
struct ResultItem {
  enum Kind { Tensor, View, Again, Object, Sequence, Mapping } kind;
  py::object value;  // the object itself, or the type of a sequence, or the keys of a mapping
  size_t count = 0;
  size_t index = 0;  // of the result's buffer, of the input that it is a view of, or of the tensor that comes again
  int64_t offset = 0;
  DType dtype = DType::Float32;
  Dims shape{}, strides{};
};

/// Two arguments that shared memory in the recorded call, and how far the second began behind the first.
struct Alias {
  size_t first, second;
  ptrdiff_t offset;
};

class Replay;

/// What one run works on.
struct Run {
  /// The memory of a result: an array that has it alone, or a block that several share.
  struct Result {
    py::object array;
    std::shared_ptr<Block> block;
  };
  Plan::Instance instance;
  Found arguments;
  std::vector<Result> results;
  std::vector<PyObject*> made;  // the tensors in the result so far, borrowed from it
};

/// A run on loan from a replay, to which it goes back.
class Loan {
 public:
  Loan(std::shared_ptr<Replay> replay, Run run) : run(std::move(run)), replay_(std::move(replay)) {}
  Loan(Loan&&) = default;  // leaves an empty one
  Loan& operator=(Loan&& other) noexcept {
    std::swap(run, other.run);
    std::swap(replay_, other.replay_);
    return *this;
  }
  ~Loan();
  const std::shared_ptr<Replay>& replay() const { return replay_; }
  Run run;

 private:
  std::shared_ptr<Replay> replay_;
};

/// A run whose backward is still to come.
class Pending {
 public:
  explicit Pending(Loan loan) : loan_(std::make_unique<Loan>(std::move(loan))) {}
  /// Runs the backward with an array for each differentiable result; returns what it gives. It can be run once.
  py::object backward(const std::vector<py::object>& gradients);

 private:
  std::unique_ptr<Loan> loan_;  // null once the backward was run
};

/// What `Replay` is made of beside the recording; see there.
struct ReplayParts {
  std::vector<uint32_t> result_buffers;
  std::vector<ResultItem> results, gradients;
  std::vector<Leaf> leaves;
  std::vector<Captured> captured;
  std::vector<py::object> written;     // the `Memory` of tensors that a run writes
  std::vector<size_t> written_inputs;  // the arguments that it writes
  std::vector<Alias> aliases;
  std::vector<py::object> before;  // called before each run
  py::object verify;               // called after modules have changed: whether the recording still holds
  bool differentiable = false;     // whether there is a backward
  size_t forward_results = 0;      // the number of result buffers that are written before it
  bool grad_enabled = false;
  bool fold = false;    // see `Plan`
  bool shared = false;  // whether several runs may be on at once, each with its own memory

  /// Calls `f` with each of the Python objects: for the search for cycles, which it must not miss, nor visit twice.
  template <class F>
  void each_object(const F& f) {
    for (Leaf& leaf : leaves)
      for (py::object* object : {&leaf.tensor, &leaf.array, &leaf.grad_array, &leaf.after}) f(*object);
    for (Captured& each : captured)
      for (py::object* object : {&each.holder, &each.name, &each.value}) f(*object);
    for (auto* items : {&results, &gradients})
      for (ResultItem& item : *items) f(item.value);
    for (py::object& object : written) f(object);
    for (py::object& object : before) f(object);
    f(verify);
  }
};

class Replay : public std::enable_shared_from_this<Replay> {
 public:
  Replay(std::shared_ptr<const Signature> signature, Recording recording, ReplayParts parts);
  /// The results, or NotImplemented where the recording does not fit the call. Where there is a backward: (results,
  /// Pending).
  py::object call(bool grad_enabled, const py::tuple& args, const py::dict& kwargs, std::vector<double>* seconds);

  Plan plan;
  int64_t uses = 0;  // how often it fitted
  ReplayParts& parts() { return parts_; }
  /// Lets go of all that it holds; it fits no call any more.
  ReplayParts clear() {
    cleared_ = true;
    return std::exchange(parts_, {});
  }

 private:
  friend class Loan;
  friend class Pending;
  bool fits(bool grad_enabled) const;
  /// Whether the plan may read, and where it does, write the arguments in their place.
  bool readable(const std::vector<py::object>& arrays) const;
  /// Notes that the memory of the arguments and tensors which it writes was written.
  void raise_versions(const Run& run) const;
  void execute(Run& run, size_t begin, size_t end, std::vector<double>* seconds) const;
  /// New memory for the result buffers `begin` to `end`.
  void provide(Run& run, size_t begin, size_t end) const;
  py::object built(const std::vector<ResultItem>& items, size_t& at, Run& run) const;

  std::shared_ptr<const Signature> signature_;
  ReplayParts parts_;
  std::vector<const ResultItem*> sole_;  // by result buffer: the one result that is all of it, or null
  std::vector<Run> idle_;
  mutable std::atomic<double> took_[2] = {1, 1};  // seconds of the last run, and of the last backward of its own
  int64_t seen_ = -1;
  bool cleared_ = false;
};

/// Where the memory of arrays begins that others share.
std::vector<Alias> aliases_of(const std::vector<py::object>& arrays);

/// Whether an object is a list, a tuple or a named tuple.
bool is_sequence(PyObject* object);

/// Counts changes of modules' structure and modes.
int64_t& module_changes() noexcept;

}  // namespace cygnet

template <>
struct pybind11::detail::type_caster<cygnet::Signature> : cygnet::ConstructedCaster<cygnet::Signature> {};
template <>
struct pybind11::detail::type_caster<cygnet::Pending> : cygnet::ConstructedCaster<cygnet::Pending> {};
template <>
struct pybind11::detail::type_caster<cygnet::Replay> : cygnet::ConstructedCaster<cygnet::Replay> {};
