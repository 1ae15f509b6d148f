/* Which instruction sets this processor and its operating system can run. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject* levels(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  PyObject* list = PyList_New(0);
  if (!list) return NULL;
#define ADD(name)                                  \
  do {                                             \
    PyObject* text = PyUnicode_FromString(name);   \
    if (!text || PyList_Append(list, text) != 0) { \
      Py_XDECREF(text);                            \
      Py_DECREF(list);                             \
      return NULL;                                 \
    }                                              \
    Py_DECREF(text);                               \
  } while (0)
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v2")) ADD("v2");
  if (__builtin_cpu_supports("x86-64-v3")) ADD("v3");
  if (__builtin_cpu_supports("x86-64-v4")) ADD("v4");
#elif defined(__aarch64__)
  ADD("neon");
#endif
  return list;
}

static PyMethodDef methods[] = {
    {"levels", levels, METH_NOARGS, "The levels that can run here, lowest first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_cpu", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cpu(void) { return PyModule_Create(&module); }
