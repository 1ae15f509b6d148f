#include <pybind11/pybind11.h>

#include <new>

#include "core/check.h"
#include "families.h"

namespace py = pybind11;

namespace {

// An exception class that descends from two built-in ones, and the translation of the C++ class to it.
template <class Error>
void add_exception(py::module_& m, const char* name, const char* doc, py::handle first, py::handle second) {
  static PyObject* type = nullptr;
  const std::string qualified = std::string("cygnet.") + name;
  type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, py::make_tuple(first, second).ptr(), nullptr);
  if (!type) throw py::error_already_set();
  m.add_object(name, py::reinterpret_borrow<py::object>(type));
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      PyErr_SetString(type, error.what());
    }
  });
}

// The base that pybind11 gives all classes has no instances of its own: its allocation throws through Python's C, which
// ends the process. `object.__reduce__` of any bound object asks for one.
void forbid_instances_of_the_base() {
  static newfunc original = nullptr;
  static PyTypeObject* const base = reinterpret_cast<PyTypeObject*>(py::detail::get_internals().instance_base);
  original = base->tp_new;
  base->tp_new = [](PyTypeObject* type, PyObject* args, PyObject* kwargs) -> PyObject* {
    if (type != base) return original(type, args, kwargs);
    PyErr_Format(PyExc_TypeError, "%s: expected one of its classes, it has no objects itself", type->tp_name);
    return nullptr;
  };
}

}  // namespace

PYBIND11_MODULE(CYGNET_MODULE, m) {
  forbid_instances_of_the_base();
  m.doc() = "Cygnet's kernels, compiled for one instruction set.";
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const cygnet::ValueError& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const cygnet::TypeError& error) {
      PyErr_SetString(PyExc_TypeError, error.what());
    } catch (const cygnet::IndexError& error) {
      PyErr_SetString(PyExc_IndexError, error.what());
    }
  });
  add_exception<cygnet::ShapeError>(m, "ShapeError", "An array has the wrong number of dimensions or sizes.",
                                    PyExc_ValueError, PyExc_RuntimeError);
  add_exception<cygnet::DTypeError>(m, "DTypeError", "An array has the wrong element type or byte order.",
                                    PyExc_TypeError, PyExc_RuntimeError);
  cygnet::bind_runtime(m);
  cygnet::bind_copy(m);
  cygnet::bind_gemm(m);
  cygnet::bind_attention(m);
  cygnet::bind_conv(m);
  cygnet::bind_pool(m);
  cygnet::bind_elementwise(m);
  cygnet::bind_reduce(m);
  cygnet::bind_scan(m);
  cygnet::bind_softmax(m);
  cygnet::bind_sort(m);
  cygnet::bind_linalg(m);
  cygnet::bind_loss(m);
  cygnet::bind_ctc(m);
  cygnet::bind_random(m);
  cygnet::bind_sampling(m);
  cygnet::bind_gather(m);
  cygnet::bind_grid_sample(m);
  cygnet::bind_pad(m);
  cygnet::bind_resample(m);
  cygnet::bind_norm(m);
  cygnet::bind_norm_rows(m);
  cygnet::bind_optimizer(m);
  cygnet::bind_recording(m);
  cygnet::bind_recurrent(m);
}
