#include "replay.h"

#include <structmember.h>

#include <chrono>
#include <cstring>

#include "launch.h"

namespace cygnet {
namespace {

// The offset of a slot of a class with `__slots__`.
Py_ssize_t offset_of(const py::object& type, const char* name) {
  const py::object descriptor = type.attr(name);
  check<TypeError>(Py_TYPE(descriptor.ptr()) == &PyMemberDescr_Type, "capture: ", name, " is no slot of Tensor");
  return reinterpret_cast<PyMemberDescrObject*>(descriptor.ptr())->d_member->offset;
}

constexpr double worth_unlocking = 5e-6;  // seconds of a run: threads that wait for Python are called and put to sleep
constexpr char foreign = '>';             // the byte order that kernels do not read

bool is_array(PyObject* object) {
  auto& api = py::detail::npy_api::get();
  return Py_TYPE(object) == reinterpret_cast<PyTypeObject*>(api.PyArray_Type_);
}

Dims dims_of(const Py_intptr_t* values, int rank) {
  Dims dims;
  dims.rank = rank;
  for (int i = 0; i < rank; ++i) dims[i] = values[i];
  return dims;
}

int dtype_number(PyObject* array) { return py::reinterpret_borrow<py::array>(array).dtype().num(); }

bool is_plain(PyObject* object) {
  return PyLong_Check(object) || PyFloat_CheckExact(object) || PyUnicode_CheckExact(object) ||
         PyBytes_CheckExact(object) || PyTuple_CheckExact(object);
}

// The same object, or one of the same type that compares equal: numbers with all bits, tuples in each element. `plain`
// compares numbers, texts and tuples only.
bool same_value(PyObject* a, PyObject* b, bool plain = false) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b) || (plain && !is_plain(a))) return false;
  if (PyFloat_CheckExact(a)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PyTuple_CheckExact(a)) {
    const Py_ssize_t count = PyTuple_GET_SIZE(a);
    if (PyTuple_GET_SIZE(b) != count) return false;
    for (Py_ssize_t i = 0; i < count; ++i)
      if (!same_value(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i), plain)) return false;
    return true;
  }
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0 && !PyErr_ExceptionMatches(PyExc_Exception)) throw py::error_already_set();  // such as Ctrl-C
  if (equal < 0) PyErr_Clear();
  return equal == 1;
}

void extent_of(PyObject* array, const char*& low, const char*& high) {
  const auto* proxy = py::detail::array_proxy(array);
  ArrayView view;
  view.data = proxy->data;
  view.shape = dims_of(proxy->dimensions, proxy->nd);
  view.strides = dims_of(proxy->strides, proxy->nd);
  view.extent(low, high);
  if (low != high) high += py::reinterpret_borrow<py::array>(array).itemsize() - 1;
}

// Where an array's memory begins, which is not its first element if it runs backwards.
char* begin_of(const py::object& array) {
  const char *low, *high;
  extent_of(array.ptr(), low, high);
  return const_cast<char*>(low);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void check_signals() {
  const Locked locked;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

void set_slot(PyObject* object, Py_ssize_t offset, PyObject* value) {
  PyObject*& slot = TensorType::slot(object, offset);
  PyObject* const before = slot;
  Py_INCREF(value);
  slot = value;
  Py_XDECREF(before);
}

}  // namespace

std::vector<Alias> aliases_of(const std::vector<py::object>& arrays) {
  std::vector<Alias> aliases;
  for (size_t i = 0; i < arrays.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const char *low, *high, *from, *end;
      extent_of(arrays[j].ptr(), low, high);
      extent_of(arrays[i].ptr(), from, end);
      if (low < end && from < high) aliases.push_back({j, i, from - low});
    }
  return aliases;
}

bool is_sequence(PyObject* object) {
  if (PyTuple_CheckExact(object) || PyList_CheckExact(object)) return true;
  return PyTuple_Check(object) && PyObject_HasAttrString(object, "_fields");
}

int64_t& module_changes() noexcept {
  static int64_t changes = 0;
  return changes;
}

TensorType::TensorType(const py::object& tensor)
    : type(reinterpret_cast<PyTypeObject*>(tensor.ptr())),
      array(offset_of(tensor, "_array")),
      node(offset_of(tensor, "_node")),
      memory(offset_of(tensor, "_memory")),
      view(offset_of(tensor, "_view")),
      hooks(offset_of(tensor, "_hooks")),
      grad(offset_of(tensor, "grad")),
      requires_grad(offset_of(tensor, "requires_grad")) {}

PyObject* TensorType::wrap(PyObject* array_object) const {
  PyObject* const object = type->tp_alloc(type, 0);
  if (!object) throw py::error_already_set();
  slot(object, array) = array_object;
  for (Py_ssize_t offset : {node, memory, view, hooks, grad}) {
    Py_INCREF(Py_None);
    slot(object, offset) = Py_None;
  }
  Py_INCREF(Py_False);
  slot(object, requires_grad) = Py_False;
  return object;
}

Signature::Signature(const TensorType& tensor, const py::tuple& args, const py::dict& kwargs) : tensor_(tensor) {
  add(args.ptr());
  add(kwargs.ptr());
}

void Signature::add(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  Item item{Item::Value, {}, type, false, 0, 0, {}, {}, false};
  const bool tensor = PyType_IsSubtype(type, tensor_.type);
  if (tensor || is_array(object)) {
    PyObject* const array = tensor ? TensorType::slot(object, tensor_.array) : object;
    const auto* proxy = py::detail::array_proxy(array);
    check<ShapeError>(proxy->nd <= max_rank, "capture: an argument has ", proxy->nd, " dimensions, expected at most ",
                      max_rank);
    item.kind = Item::Array;
    item.wants_gradient = tensor && TensorType::slot(object, tensor_.requires_grad) == Py_True;
    item.dtype = dtype_number(array);
    item.shape = dims_of(proxy->dimensions, proxy->nd);
    item.strides = dims_of(proxy->strides, proxy->nd);
    items_.push_back(std::move(item));
    arrays_.push_back(py::reinterpret_borrow<py::object>(array));
    return;
  }
  if (is_sequence(object)) {
    item.kind = Item::Sequence;
    item.count = static_cast<size_t>(PySequence_Fast_GET_SIZE(object));
    items_.push_back(item);
    for (size_t i = 0; i < item.count; ++i) add(PySequence_Fast_GET_ITEM(object, static_cast<Py_ssize_t>(i)));
    return;
  }
  if (type == &PyDict_Type) {
    item.kind = Item::Mapping;
    item.value = py::reinterpret_steal<py::object>(PyDict_Keys(object));
    item.count = static_cast<size_t>(PyDict_Size(object));
    items_.push_back(item);
    for (py::handle key : py::reinterpret_borrow<py::list>(item.value)) add(PyDict_GetItem(object, key.ptr()));
    return;
  }
  item.value = py::reinterpret_borrow<py::object>(object);
  if (type->tp_richcompare == PyBaseObject_Type.tp_richcompare && type->tp_weaklistoffset > 0) {
    // Compared by identity alone: a recording that belongs to a model must not keep it alive.
    item.value = py::weakref(item.value);
    item.weak = true;
  }
  items_.push_back(std::move(item));
}

bool Signature::matches(PyObject* args, PyObject* kwargs, Found& found) const {
  size_t at = 0;
  return match(at, args, found) && match(at, kwargs, found);
}

bool Signature::match(size_t& at, PyObject* object, Found& found) const {
  const Item& item = items_[at++];
  if (item.weak) return object != Py_None && PyWeakref_GetObject(item.value.ptr()) == object;  // None: it is gone
  if (item.kind == Item::Value) return same_value(item.value.ptr(), object);
  if (Py_TYPE(object) != item.type) return false;
  if (item.kind == Item::Sequence) {
    if (static_cast<size_t>(PySequence_Fast_GET_SIZE(object)) != item.count) return false;
    for (size_t i = 0; i < item.count; ++i)
      if (!match(at, PySequence_Fast_GET_ITEM(object, static_cast<Py_ssize_t>(i)), found)) return false;
    return true;
  }
  if (item.kind == Item::Mapping) {
    if (static_cast<size_t>(PyDict_Size(object)) != item.count) return false;
    PyObject *key, *value;
    Py_ssize_t position = 0;
    for (size_t i = 0; PyDict_Next(object, &position, &key, &value); ++i)
      if (!same_value(PyList_GET_ITEM(item.value.ptr(), static_cast<Py_ssize_t>(i)), key) || !match(at, value, found))
        return false;
    return true;
  }
  PyObject* array = object;
  if (!is_array(object)) {
    if ((TensorType::slot(object, tensor_.requires_grad) == Py_True) != item.wants_gradient) return false;
    array = TensorType::slot(object, tensor_.array);
  }
  const auto* proxy = py::detail::array_proxy(array);
  if (proxy->nd != item.shape.rank) return false;
  for (int i = 0; i < proxy->nd; ++i)
    if (proxy->dimensions[i] != item.shape[i] || (proxy->strides[i] != item.strides[i] && item.shape[i] > 1))
      return false;
  const py::dtype dtype = py::reinterpret_borrow<py::array>(array).dtype();
  if (dtype.num() != item.dtype || dtype.byteorder() == foreign) return false;
  found.arrays.push_back(py::reinterpret_borrow<py::object>(array));
  found.givers.push_back(py::reinterpret_borrow<py::object>(object));
  return true;
}

bool Captured::holds() const {
  if (!name) {
    PyObject* const content = PyCell_GET(holder.ptr());
    return content && same_value(content, value.ptr(), true);
  }
  if (PyList_CheckExact(holder.ptr())) {
    const Py_ssize_t index = PyLong_AsSsize_t(name.ptr());
    return index < PyList_GET_SIZE(holder.ptr()) && same_value(PyList_GET_ITEM(holder.ptr(), index), value.ptr(), true);
  }
  const bool is_class = PyType_Check(holder.ptr());
  PyObject* const dict = is_class ? reinterpret_cast<PyTypeObject*>(holder.ptr())->tp_dict : holder.ptr();
  PyObject* const content = PyDict_GetItem(dict, name.ptr());
  return content && same_value(content, value.ptr(), true);
}

Replay::Replay(std::shared_ptr<const Signature> signature, Recording recording, ReplayParts parts)
    : plan(std::move(recording), parts.result_buffers, parts.fold),
      signature_(std::move(signature)),
      parts_(std::move(parts)),
      sole_(parts_.result_buffers.size()) {
  std::vector<int> users(sole_.size());
  for (const auto* items : {&parts_.results, &parts_.gradients})
    for (const ResultItem& item : *items) {
      if (item.kind != ResultItem::Tensor) continue;
      const size_t bytes = static_cast<size_t>(element_count("capture", item.shape)) * item_size(item.dtype);
      const bool whole = item.offset == 0 && bytes == plan.result_bytes(item.index);
      sole_[item.index] = users[item.index]++ == 0 && whole ? &item : nullptr;
    }
  idle_.push_back({plan.instance(), {}, {}, {}});
}

Loan::~Loan() {
  if (!replay_) return;
  run.arguments.clear();
  run.results.clear();
  replay_->plan.give_arena_back(run.instance);
  replay_->idle_.push_back(std::move(run));
}

bool Replay::fits(bool grad_enabled) const {
  if (cleared_ || grad_enabled != parts_.grad_enabled) return false;
  const TensorType& type = signature_->tensor();
  for (const Leaf& leaf : parts_.leaves) {
    PyObject* const tensor = leaf.tensor.ptr();
    if (TensorType::slot(tensor, type.array) != leaf.array.ptr()) return false;
    if ((TensorType::slot(tensor, type.requires_grad) == Py_True) != leaf.requires_grad) return false;
    if (leaf.before == Leaf::Any) continue;
    PyObject* const grad = TensorType::slot(tensor, type.grad);
    const bool is_tensor = grad && PyType_IsSubtype(Py_TYPE(grad), type.type);
    if (leaf.before == Leaf::IsNone ? grad != Py_None : !is_tensor) return false;
    if (leaf.before == Leaf::IsThis && TensorType::slot(grad, type.array) != leaf.grad_array.ptr()) return false;
  }
  for (const Captured& captured : parts_.captured)
    if (!captured.holds()) return false;
  return true;
}

void Replay::execute(Run& run, size_t begin, size_t end, std::vector<double>* seconds) const {
  const Work work{plan.flops(), plan.bytes()};
  const auto work_off = [&] {
    if (!seconds) return plan.run(run.instance, begin, end, check_signals);
    for (size_t step = begin; step < end; ++step) {
      const double start = now();
      plan.run(run.instance, step, step + 1, nullptr);
      seconds->push_back(now() - start);
    }
  };
  if (!work.worth_unlocking()) return work_off();
  // An estimate takes it that memory is far: what the last run took tells better.
  std::atomic<double>& took = took_[begin > 0];
  std::optional<Unlocked> unlocked;
  if (took.load(std::memory_order_relaxed) > worth_unlocking) unlocked.emplace();
  const double start = now();
  work_off();
  took.store(now() - start, std::memory_order_relaxed);
}

bool Replay::readable(const std::vector<py::object>& arrays) const {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const auto array = py::reinterpret_borrow<py::array>(arrays[i]);
    if (reinterpret_cast<uintptr_t>(array.data()) % static_cast<uintptr_t>(array.itemsize()) != 0) return false;
    const char *low, *high;
    extent_of(arrays[i].ptr(), low, high);
    if (plan.keeps(low, high)) return false;
    if (plan.writes_inputs() && !array.writeable()) return false;
  }
  if (plan.writes_inputs() && !aliases_of(arrays).empty()) return false;
  for (const Alias& alias : parts_.aliases)
    if (begin_of(arrays[alias.second]) - begin_of(arrays[alias.first]) != alias.offset) return false;
  return true;
}

void Replay::provide(Run& run, size_t begin, size_t end) const {
  for (size_t i = begin; i < end; ++i) {
    Run::Result result;
    const char* data;
    if (const ResultItem* const item = sole_[i]) {
      const Array array = new_array_strided("capture", item->dtype, item->shape, item->strides);
      result.array = array.object;
      data = array.view.data;
    } else {
      result.block = std::make_shared<Block>(plan.result_bytes(i));
      data = result.block->data();
    }
    plan.set_result(run.instance, i, data);
    run.results.push_back(std::move(result));
  }
}

void Replay::raise_versions(const Run& run) const {
  const auto raise = [](const py::handle& memory) {
    memory.attr("version") = memory.attr("version").cast<int64_t>() + 1;
  };
  for (const py::object& memory : parts_.written) raise(memory);
  for (size_t input : parts_.written_inputs) {
    PyObject* const giver = run.arguments.givers[input].ptr();
    if (is_array(giver)) continue;
    const py::handle memory = TensorType::slot(giver, signature_->tensor().memory);
    if (!memory.is_none()) raise(memory);
  }
}

py::object Replay::built(const std::vector<ResultItem>& items, size_t& at, Run& run) const {
  const ResultItem& item = items[at++];
  switch (item.kind) {
    case ResultItem::Object:
      return item.value;
    case ResultItem::Again:
      return py::reinterpret_borrow<py::object>(run.made[item.index]);
    case ResultItem::Sequence: {
      py::list list(item.count);
      for (size_t i = 0; i < item.count; ++i) list[i] = built(items, at, run);
      if (item.value.ptr() == reinterpret_cast<PyObject*>(&PyList_Type)) return std::move(list);
      if (item.value.ptr() == reinterpret_cast<PyObject*>(&PyTuple_Type)) return py::tuple(list);
      return item.value(*list);
    }
    case ResultItem::Mapping: {
      py::dict dict;
      for (py::handle key : py::reinterpret_borrow<py::list>(item.value)) dict[key] = built(items, at, run);
      return std::move(dict);
    }
    default:
      break;
  }
  py::object array;
  if (item.kind == ResultItem::View) {
    const py::object& owner = run.arguments.arrays[item.index];
    array = array_around(owner, {begin_of(owner) + item.offset, item.dtype, item.shape, item.strides}).object;
  } else if (const Run::Result& result = run.results[item.index]; result.array) {
    array = result.array;
  } else {
    array = array_in(result.block, {result.block->data() + item.offset, item.dtype, item.shape, item.strides}).object;
  }
  run.made.push_back(signature_->tensor().wrap(array.release().ptr()));
  return py::reinterpret_steal<py::object>(run.made.back());
}

py::object Replay::call(bool grad_enabled, const py::tuple& args, const py::dict& kwargs,
                        std::vector<double>* seconds) {
  const py::object differs = py::reinterpret_borrow<py::object>(Py_NotImplemented);
  Loan loan(nullptr, {});
  if (!idle_.empty()) {
    loan = Loan(shared_from_this(), std::move(idle_.back()));
    idle_.pop_back();
  } else if (!parts_.shared) {
    return differs;
  }
  Run& run = loan.run;
  if (!signature_->matches(args.ptr(), kwargs.ptr(), run.arguments) || !fits(grad_enabled)) return differs;
  if (seen_ != module_changes()) {
    const int64_t changes = module_changes();
    if (parts_.verify && !parts_.verify().cast<bool>()) return differs;
    seen_ = changes;
  }
  if (!readable(run.arguments.arrays)) return differs;
  for (const py::object& update : parts_.before)
    if (update().is(py::bool_(false))) return differs;
  if (!loan.replay()) {
    Found arguments = std::move(run.arguments);
    loan = Loan(shared_from_this(), {plan.instance(), std::move(arguments), {}, {}});
  }
  ++uses;
  const std::vector<py::object>& arrays = run.arguments.arrays;
  for (size_t i = 0; i < arrays.size(); ++i) plan.set_input(run.instance, i, begin_of(arrays[i]));
  provide(run, 0, parts_.forward_results);
  plan.lend_arena(run.instance);
  execute(run, 0, plan.forward(), seconds);
  const TensorType& type = signature_->tensor();
  for (const Leaf& leaf : parts_.leaves)
    if (leaf.after && TensorType::slot(leaf.tensor.ptr(), type.grad) != leaf.after.ptr())
      set_slot(leaf.tensor.ptr(), type.grad, leaf.after.ptr());
  raise_versions(run);
  run.made.clear();
  size_t at = 0;
  const py::object results = built(parts_.results, at, run);
  if (!parts_.differentiable) return results;
  return py::make_tuple(results, std::make_shared<Pending>(std::move(loan)));
}

py::object Pending::backward(const std::vector<py::object>& gradients) {
  check<ValueError>(loan_ && !loan_->replay()->cleared_, "backward: the graph of a captured call was used before");
  Loan loan = std::move(*loan_);
  loan_ = nullptr;
  const Replay& replay = *loan.replay();
  Run& run = loan.run;
  for (const py::object& gradient : gradients) {
    replay.plan.set_input(run.instance, run.arguments.arrays.size(), begin_of(gradient));
    run.arguments.arrays.push_back(gradient);
  }
  replay.provide(run, run.results.size(), replay.parts_.result_buffers.size());
  replay.execute(run, replay.plan.forward(), replay.plan.steps().size(), nullptr);
  run.made.clear();
  size_t at = 0;
  return replay.built(replay.parts_.gradients, at, run);
}

}  // namespace cygnet
