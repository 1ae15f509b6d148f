// Recordings, and the replays that are made of them.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "families.h"
#include "replay.h"
#include "unlocked.h"

namespace cygnet {
namespace {

constexpr int poison = 0xff;  // NaN in each type

/// What Python has of a recording. Alone it can be replayed as well: then arrays that are still held keep their
/// memory, and all else goes to one arena, where reading what nobody wrote shows.
struct Recorded {
  std::unique_ptr<Recording> recording = std::make_unique<Recording>();
  std::unique_ptr<Plan> plan;
  Plan::Instance instance;

  ~Recorded() { recording->stop(); }
  void stop(bool failed) {
    recording->stop();
    if (failed) recording = std::make_unique<Recording>();
  }
  void replay() {
    if (!plan) {
      plan = std::make_unique<Plan>(std::move(*recording), std::vector<uint32_t>{}, false);
      instance = plan->instance();
      std::memset(instance.arena.get(), poison, plan->arena_bytes());
    }
    plan->run(instance, 0, plan->steps().size(), nullptr);
  }
  template <class F>
  void each(const F& f) const {
    if (plan)
      for (const Plan::Step& step : plan->steps()) f(*step.call);
    else
      for (const Call& call : recording->calls) f(call);
  }
};

py::object null_or(const py::object& object) { return object.is(py::ellipsis()) ? py::object() : object; }

std::vector<Leaf> leaves_of(const py::list& list) {
  std::vector<Leaf> leaves;
  for (py::handle each : list) {
    const auto [tensor, array, requires_grad, before, after] =
        each.cast<std::tuple<py::object, py::object, bool, py::object, py::object>>();
    Leaf leaf{tensor, array, requires_grad, Leaf::IsThis, {}, null_or(after)};
    if (before.is(py::ellipsis()))
      leaf.before = Leaf::Any;
    else if (py::isinstance<py::bool_>(before))
      leaf.before = before.cast<bool>() ? Leaf::IsSome : Leaf::IsNone;
    else
      leaf.grad_array = before;
    leaves.push_back(std::move(leaf));
  }
  return leaves;
}

// Finds the buffers of results, and how the results are put together again.
class ResultReader {
 public:
  ResultReader(const Recording& recording, const TensorType& tensor, const std::vector<bool>& kept)
      : recording_(recording), tensor_(tensor), kept_(kept) {}

  std::vector<ResultItem> read(const py::object& results) {
    std::vector<ResultItem> items;
    tensors_.clear();
    add(results, items);
    return items;
  }
  std::vector<uint32_t> buffers;

 private:
  void add(const py::object& object, std::vector<ResultItem>& items) {
    ResultItem item{ResultItem::Object, object};
    if (is_sequence(object.ptr())) {
      const auto sequence = py::reinterpret_borrow<py::sequence>(object);
      item = {ResultItem::Sequence, py::type::of(object), sequence.size()};
      items.push_back(item);
      for (size_t i = 0; i < item.count; ++i) add(sequence[i], items);
      return;
    }
    if (PyDict_CheckExact(object.ptr())) {
      item = {ResultItem::Mapping, py::reinterpret_steal<py::object>(PyDict_Keys(object.ptr()))};
      items.push_back(item);
      for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(object))
        add(py::reinterpret_borrow<py::object>(value), items);
      return;
    }
    if (Py_TYPE(object.ptr()) == tensor_.type) {
      const auto array = py::reinterpret_borrow<py::object>(TensorType::slot(object.ptr(), tensor_.array));
      const Array view = any_array("capture", "a result", {array});
      const Place at = recording_.place_of(view.view.data);
      const auto before = std::find(tensors_.begin(), tensors_.end(), object.ptr());
      if (before != tensors_.end()) {
        item = {ResultItem::Again, {}};
        item.index = static_cast<size_t>(before - tensors_.begin());
      } else if (at.home == Place::Input || (at.home == Place::Buffer && !kept_[at.index])) {
        tensors_.push_back(object.ptr());
        item = {at.home == Place::Input ? ResultItem::View : ResultItem::Tensor, {}};
        item.index = at.home == Place::Input ? at.index : number_of(at.index);
        item.offset = at.offset;
        item.dtype = view.dtype();
        item.shape = view.view.shape;
        item.strides = view.view.strides;
      }
    }
    items.push_back(item);
  }

  size_t number_of(uint32_t buffer) {
    const auto found = std::find(buffers.begin(), buffers.end(), buffer);
    if (found == buffers.end()) {
      buffers.push_back(buffer);
      return buffers.size() - 1;
    }
    return static_cast<size_t>(found - buffers.begin());
  }

  const Recording& recording_;
  const TensorType& tensor_;
  const std::vector<bool>& kept_;
  std::vector<PyObject*> tensors_;  // that a replay makes
};

// Throws RuntimeError if memory of the recording is held that is neither a result nor kept.
void check_nothing_else_lives(const Recording& recording, const std::vector<bool>& kept,
                              const std::vector<uint32_t>& results) {
  for (uint32_t b = 0; b < recording.buffers.size(); ++b) {
    if (recording.buffers[b].bytes == 0 || recording.buffers[b].block.expired() || kept[b] ||
        std::count(results.begin(), results.end(), b))
      continue;
    for (const Call& call : recording.calls)
      for (size_t i = 0; i < call.places.size(); ++i)
        if (call.written[i] && call.places[i].home == Place::Buffer && call.places[i].index == b)
          throw std::runtime_error(message(
              "capture: a tensor that ", call.op, " (", call.shapes,
              ") has made in the function lives on without being its result; a replay would not renew it: return it, "
              "or copy it into a tensor that was made before"));
  }
}

// What an array is a view of; null for one with memory of its own.
PyObject* base_of(PyObject* object) {
  return py::isinstance<py::array>(object) ? py::detail::array_proxy(object)->base : nullptr;
}

// Throws RuntimeError if a call changes an array that nobody but the recording holds: the function has made it without
// a kernel, and a replay would find in it what the last one left behind.
void check_changes_last(const Recording& recording) {
  const auto array_of = [](const Recording::Pin& pin) { return static_cast<py::object*>(pin.owner.get())->ptr(); };
  std::unordered_map<PyObject*, Py_ssize_t> held;  // references from the recording
  std::unordered_map<int64_t, PyObject*> array_at;
  for (const Recording::Pin& pin : recording.pins) {
    if (!py::isinstance<py::array>(array_of(pin))) continue;
    ++held[array_of(pin)];
    array_at[reinterpret_cast<int64_t>(pin.address)] = array_of(pin);
  }
  std::vector<PyObject*> waiting;
  for (const auto& [array, count] : held) waiting.push_back(array);
  std::unordered_set<PyObject*> passing;  // held by the recording alone, and by such views
  while (!waiting.empty()) {
    PyObject* const object = waiting.back();
    waiting.pop_back();
    if (Py_REFCNT(object) > held[object] || !passing.insert(object).second) continue;
    if (PyObject* const base = base_of(object)) {
      ++held[base];
      waiting.push_back(base);
    }
  }
  std::unordered_map<int64_t, bool> read_first;
  for (const Call& call : recording.calls)
    for (const bool written : {false, true})
      for (size_t i = 0; i < call.places.size(); ++i) {
        const Place& at = call.places[i];
        if (call.written[i] != written || at.home != Place::Outside) continue;
        const auto array = array_at.find(at.offset);
        if (!read_first.emplace(at.offset, !written).first->second || !written || array == array_at.end()) continue;
        PyObject* root = array->second;
        while (PyObject* const base = base_of(root)) root = base;
        if (passing.count(root))
          throw std::runtime_error(
              message("capture: ", call.op, " (", call.shapes,
                      ") changes an array that the function has made of Python's or NumPy's values, which a replay "
                      "would not make again: clone() it first, or make it outside"));
      }
}

/// A recorded call whose tensors have been told apart, before its plan is made.
struct Draft {
  std::shared_ptr<const Signature> signature;
  std::unique_ptr<Recording> recording;
  ReplayParts content;
  std::vector<bool> kept;  // buffers that stay where they are

  ReplayParts& parts() { return content; }
  ReplayParts clear() {
    recording = nullptr;
    return std::exchange(content, {});
  }

  std::shared_ptr<Replay> finish() {
    check<ValueError>(static_cast<bool>(recording), "Draft: finish was called before");
    check_nothing_else_lives(*recording, kept, content.result_buffers);
    const auto replay = std::make_shared<Replay>(std::move(signature), std::move(*recording), std::move(content));
    clear();
    return replay;
  }
};

std::shared_ptr<Draft> make_draft(std::shared_ptr<const Signature> signature, Recorded& recorded,
                                  const py::object& results, const py::object& gradients, const py::list& leaves,
                                  const std::vector<std::tuple<py::object, py::object, py::object>>& captured,
                                  std::vector<py::object> written, std::vector<size_t> written_inputs,
                                  std::vector<py::object> before, const py::object& verify,
                                  const std::optional<size_t>& forward, bool grad_enabled, bool fold, bool shared) {
  auto draft = std::make_shared<Draft>();
  draft->recording = std::move(recorded.recording);
  recorded.recording = std::make_unique<Recording>();
  if (forward) draft->recording->forward = *forward;
  const Recording& recording = *draft->recording;
  check_changes_last(recording);
  ReplayParts& parts = draft->content;
  parts.leaves = leaves_of(leaves);
  draft->kept.assign(recording.buffers.size(), false);
  for (const Leaf& leaf : parts.leaves) {
    if (!leaf.after || leaf.after.is_none()) continue;
    PyObject* const array = TensorType::slot(leaf.after.ptr(), signature->tensor().array);
    const Place at = recording.place_of(py::detail::array_proxy(array)->data);
    if (at.home == Place::Buffer) draft->kept[at.index] = true;
  }
  ResultReader reader(recording, signature->tensor(), draft->kept);
  parts.results = reader.read(results);
  parts.forward_results = reader.buffers.size();
  parts.gradients = reader.read(gradients);
  parts.result_buffers = std::move(reader.buffers);
  for (const auto& [holder, name, value] : captured)
    parts.captured.push_back({holder, name.is_none() ? py::object() : name, value});
  parts.written = std::move(written);
  parts.written_inputs = std::move(written_inputs);
  parts.aliases = aliases_of(signature->arrays());
  parts.before = std::move(before);
  if (!verify.is_none()) parts.verify = verify;
  parts.differentiable = forward.has_value();
  parts.grad_enabled = grad_enabled;
  parts.fold = fold;
  parts.shared = shared;
  draft->signature = std::move(signature);
  return draft;
}

}  // namespace
}  // namespace cygnet

template <>
struct pybind11::detail::type_caster<cygnet::Recorded> : cygnet::ConstructedCaster<cygnet::Recorded> {};
template <>
struct pybind11::detail::type_caster<cygnet::Draft> : cygnet::ConstructedCaster<cygnet::Draft> {};

namespace cygnet {
namespace {

/// Lets Python's collector see the objects that a replay or draft holds: a model may hold its own recordings.
template <class T>
py::custom_type_setup traversed() {
  return py::custom_type_setup([](PyHeapTypeObject* heap) {
    PyTypeObject& type = heap->ht_type;
    type.tp_flags |= Py_TPFLAGS_HAVE_GC;
    type.tp_traverse = [](PyObject* self, visitproc visit, void* arg) {
      Py_VISIT(Py_TYPE(self));
      int result = 0;
      if (py::detail::is_holder_constructed(self))
        py::cast<T&>(py::handle(self)).parts().each_object([&](const py::object& object) {
          if (result == 0 && object) result = visit(object.ptr(), arg);
        });
      return result;
    };
    type.tp_clear = [](PyObject* self) {
      if (!py::detail::is_holder_constructed(self)) return 0;
      const ReplayParts released = py::cast<T&>(py::handle(self)).clear();  // what they are part of may go with them
      return 0;
    };
  });
}

}  // namespace

void bind_recording(py::module_& m) {
  py::class_<Recorded>(m, "Recording", "The kernel calls made in a `with` block, to be run again by `replay`.")
      .def(py::init<>())
      .def("__enter__",
           [](py::object self) {
             self.cast<Recorded&>().recording->start();
             return self;
           })
      .def("__exit__", [](Recorded& self, const py::object& kind, const py::args&) { self.stop(!kind.is_none()); })
      .def("replay", &Recorded::replay, py::call_guard<Unlocked>(),
           "Runs the recorded calls again. What is still held when it is first called keeps its memory.")
      .def("__len__",
           [](const Recorded& self) {
             size_t count = 0;
             self.each([&](const Call&) { ++count; });
             return count;
           })
      .def(
          "add_input",
          [](Recorded& self, const ArrayArg& arg) {
            const Array array = any_array("capture", "an argument", arg);
            const char *low, *high;
            array.view.extent(low, high);
            return self.recording->add_input(low, high);
          },
          py::arg("array"), "Makes the memory of an array the next input of replays; returns its number.")
      .def(
          "holds",
          [](const Recorded& self, const ArrayArg& arg) {
            const Array array = any_array("capture", "a tensor", arg);
            return self.recording->place_of(array.view.data).home == Place::Buffer;
          },
          py::arg("array"), "Whether the array was made in the recording.")
      .def(
          "reads",
          [](const Recorded& self, const ArrayArg& arg) {
            const char *low, *high;
            any_array("capture", "a tensor", arg).view.extent(low, high);
            for (const Call& call : self.recording->calls)
              for (const Place& at : call.places) {
                const auto* const address = reinterpret_cast<const char*>(at.offset);
                if (at.home == Place::Outside && low <= address && address < high) return true;
              }
            return false;
          },
          py::arg("array"), "Whether a recorded call uses a part of the array, which was not made in the recording.")
      .def(
          "buffer",
          [](const Recorded& self, const ArrayArg& arg) -> std::optional<uint32_t> {
            const Place at = self.recording->place_of(any_array("capture", "a tensor", arg).view.data);
            if (at.home != Place::Buffer) return std::nullopt;
            return at.index;
          },
          py::arg("array"), "The number of the memory that was made in the recording for the array, else None.")
      .def(
          "uses",
          [](const Recorded& self, uint32_t buffer) {
            std::vector<size_t> writers, readers;
            for (size_t c = 0; c < self.recording->calls.size(); ++c) {
              const Call& call = self.recording->calls[c];
              for (size_t i = 0; i < call.places.size(); ++i)
                if (call.places[i].home == Place::Buffer && call.places[i].index == buffer)
                  (call.written[i] ? writers : readers).push_back(c);
            }
            return py::make_tuple(writers, readers);
          },
          py::arg("buffer"), "The numbers of the calls that write such memory, and of those that read it.")
      .def(
          "ops",
          [](const Recorded& self) {
            std::vector<std::string> names;
            self.each([&](const Call& call) { names.emplace_back(call.op); });
            return names;
          },
          "The names of the recorded calls, in order.")
      .def(
          "work",
          [](const Recorded& self) {
            double flops = 0, bytes = 0;
            self.each([&](const Call& call) {
              flops += call.flops;
              bytes += call.bytes;
            });
            return py::make_tuple(flops, bytes);
          },
          "Floating-point operations and bytes moved of one replay.");
  m.def(
      "object_bytes",
      [](const py::object& object) {
        const auto size = static_cast<size_t>(Py_TYPE(object.ptr())->tp_basicsize) - sizeof(PyObject);
        return py::bytes(reinterpret_cast<const char*>(object.ptr() + 1), size);
      },
      py::arg("object"),
      "The memory of an object without what it points to: whether a generator of random numbers has moved, which its "
      "own methods take fifty times as long to tell.");
  m.def("is_recording", [] { return Recording::current() != nullptr; }, "Whether a recording is on in this thread.");
  m.def(
      "modules_changed", [] { ++module_changes(); },
      "Makes replays look at their next call whether the modules they used are as they were.");

  py::class_<Signature, std::shared_ptr<Signature>>(m, "Signature", "What the arguments of a call look like.")
      .def(py::init([](const py::object& tensor, const py::tuple& args, const py::dict& kwargs) {
             return std::make_shared<Signature>(TensorType(tensor), args, kwargs);
           }),
           py::arg("tensor"), py::arg("args"), py::arg("kwargs"))
      .def(
          "matches",
          [](const Signature& self, const py::tuple& args, const py::dict& kwargs) {
            Found found;
            return self.matches(args.ptr(), kwargs.ptr(), found);
          },
          py::arg("args"), py::arg("kwargs"), "Whether other arguments are like these.")
      .def("arrays", &Signature::arrays, "The arrays in the arguments, in order.")
      .def("forget_arrays", &Signature::forget_arrays, "Lets go of the arrays.");

  py::class_<Pending, std::shared_ptr<Pending>>(m, "Pending", "A replayed call whose backward is still to come.")
      .def("backward", &Pending::backward, py::arg("gradients"),
           "The gradients that the recorded backward gives; it can be run once.");

  py::class_<Replay, std::shared_ptr<Replay>>(m, "Replay", "A recorded call that is made again in one go.",
                                              traversed<Replay>())
      .def(
          "__call__",
          [](Replay& self, bool grad_enabled, const py::tuple& args, const py::dict& kwargs) {
            return self.call(grad_enabled, args, kwargs, nullptr);
          },
          py::arg("grad_enabled"), py::arg("args"), py::arg("kwargs"),
          "The results, or NotImplemented where the recording does not fit the call.")
      .def(
          "profile",
          [](Replay& self, bool grad_enabled, const py::tuple& args, const py::dict& kwargs) {
            std::vector<double> seconds;
            const py::object results = self.call(grad_enabled, args, kwargs, &seconds);
            return py::make_tuple(results, seconds);
          },
          py::arg("grad_enabled"), py::arg("args"), py::arg("kwargs"), "The results, and the seconds of each call.")
      .def(
          "calls",
          [](const Replay& self) {
            py::list calls;
            for (const Plan::Step& step : self.plan.steps())
              calls.append(py::make_tuple(step.call->op, step.call->shapes, step.call->flops, step.call->bytes));
            return calls;
          },
          "Name, shapes, floating-point operations and bytes of each call.")
      .def_readonly("uses", &Replay::uses, "How often it fitted a call.")
      .def(
          "arena_bytes", [](const Replay& self) { return self.plan.arena_bytes(); },
          "The memory that a run works in, beside results and what stays where it is.")
      .def(
          "constant_bytes", [](const Replay& self) { return self.plan.constant_bytes(); },
          "The memory that was made in the recording and that all runs share.");

  py::class_<Draft, std::shared_ptr<Draft>>(m, "Draft", R"(What a Replay is made of.

Parameters
----------
signature : Signature
recording : Recording
    Is empty afterwards.
results, gradients : object
    What a call and its backward return: tensors, and tuples, lists and dicts of them.
leaves : list of (tensor, array, requires_grad, before, after)
    Tensors that were used and their gradients: before the call an array, whether there was one, or ... if it does not
    matter; after it a tensor or None, or ... if it is left alone.
captured : list of (cell, dict, class or list; None, key, name or index; value)
    Places that must hold these values.
written : list of Memory
    Whose versions a call raises.
written_inputs : list of int
    The arguments that it writes, by their places among tensors and arrays: those of their memory rise as well.
before : list of callable
    Called before each run; where one returns False, the recording does not fit.
verify : callable or None
    Called when modules have changed.
forward : int or None
    The number of calls before those of the backward.
grad_enabled : bool
    Whether gradients were on.
fold : bool
    Whether calls that depend on nothing but memory from before the recording are run once and for all.
shared : bool
    Whether several runs may be on at once.
)",
                                            traversed<Draft>())
      .def(py::init(&make_draft), py::arg("signature"), py::arg("recording"), py::kw_only(), py::arg("results"),
           py::arg("gradients"), py::arg("leaves"), py::arg("captured"), py::arg("written"), py::arg("written_inputs"),
           py::arg("before"), py::arg("verify"), py::arg("forward"), py::arg("grad_enabled"), py::arg("fold"),
           py::arg("shared"))
      .def("finish", &Draft::finish,
           "The replay. RuntimeError where memory of the recording is held that is no result.");
}

}  // namespace cygnet
