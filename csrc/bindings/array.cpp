#include "array.h"

#include <algorithm>

#include "core/pool.h"
#include "core/recording.h"
#include "kernels/copy.h"
#include "launch.h"

namespace cygnet {
namespace {

constexpr int numpy_number[] = {11, 12, 5, 7, 0, 2};  // NPY_FLOAT, DOUBLE, INT, LONG, BOOL, UBYTE by DType

const char* type_name(py::handle object) { return Py_TYPE(object.ptr())->tp_name; }

std::optional<DType> dtype_of(const py::dtype& dtype) {
  switch (dtype.kind()) {
    case 'f':
      if (dtype.itemsize() == 4) return DType::Float32;
      if (dtype.itemsize() == 8) return DType::Float64;
      break;
    case 'i':
      if (dtype.itemsize() == 4) return DType::Int32;
      if (dtype.itemsize() == 8) return DType::Int64;
      break;
    case 'b':
      return DType::Bool;
    case 'u':
      if (dtype.itemsize() == 1) return DType::UInt8;
      break;
  }
  return std::nullopt;
}

void release_block(PyObject* capsule) { pool::release(PyCapsule_GetPointer(capsule, nullptr)); }

void release_shared(PyObject* capsule) {
  delete static_cast<std::shared_ptr<Block>*>(PyCapsule_GetPointer(capsule, nullptr));
}

// A recorded element-wise copy into a new array of the given type and strides.
Array copied(const Array& from, DType dtype, const Dims& strides) {
  const Array result = new_array_strided("copy", dtype, from.shape(), strides);
  const ArrayView source = from.view, target = result.view;
  const double n = static_cast<double>(from.count());
  launch("copy", {0, n * static_cast<double>(item_size(from.dtype()) + item_size(dtype))}, {read(from), write(result)},
         0, [source, target](void* const* at) {
           ArrayView s = source, t = target;
           s.data = static_cast<char*>(at[0]);
           t.data = static_cast<char*>(at[1]);
           copy(s, t);
         });
  return result;
}

}  // namespace

Array any_array(const char* op, const char* name, const ArrayArg& arg) {
  auto& api = py::detail::npy_api::get();
  check<TypeError>(api.PyArray_Check_(arg.object.ptr()), op, ": ", name, " must be a NumPy array, got ",
                   type_name(arg.object));
  Array result;
  result.object = py::reinterpret_borrow<py::object>(arg.object);
  const auto* proxy = py::detail::array_proxy(arg.object.ptr());
  const auto array = py::reinterpret_borrow<py::array>(arg.object);
  const py::dtype dtype = array.dtype();
  const std::optional<DType> known = dtype_of(dtype);
  check<DTypeError>(known.has_value(), op, ": ", name, " has dtype ", Shown{dtype},
                    ", expected float32, float64, int32, int64, bool or uint8");
  const char order = dtype.byteorder();
  check<DTypeError>(order == '=' || order == '|', op, ": ", name, " has dtype ", Shown{dtype},
                    ", expected native byte order (array.astype(array.dtype.newbyteorder('=')) converts)");
  check<ShapeError>(proxy->nd <= max_rank, op, ": ", name, " has ", proxy->nd, " dimensions, expected at most ",
                    max_rank);
  result.view.data = proxy->data;
  result.view.dtype = *known;
  result.view.shape.rank = result.view.strides.rank = proxy->nd;
  for (int i = 0; i < proxy->nd; ++i) {
    result.view.shape[i] = proxy->dimensions[i];
    result.view.strides[i] = proxy->strides[i];
  }
  element_count(op, result.view.shape, item_size(*known));
  return result;
}

std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  // A str() that fails, or cannot be encoded, must not take the place of the message.
  const auto text = py::reinterpret_steal<py::object>(PyObject_Str(shown.object.ptr()));
  const auto bytes = py::reinterpret_steal<py::object>(
      text ? PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace") : nullptr);
  if (bytes) return out << std::string_view(PyBytes_AS_STRING(bytes.ptr()), PyBytes_GET_SIZE(bytes.ptr()));
  PyErr_Clear();
  return out << "an object of type " << Py_TYPE(shown.object.ptr())->tp_name;
}

py::tuple items_of(const char* op, const char* name, py::handle list, const char* wanted) {
  PyObject* const object = list.ptr();
  const bool sequence = PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object);
  PyObject* const items = sequence ? PySequence_Tuple(object) : nullptr;
  if (items) return py::reinterpret_steal<py::tuple>(items);
  PyErr_Clear();
  throw TypeError(message(op, ": ", name, " must be ", wanted, ", got ", Shown{list}));
}

std::optional<int64_t> integer_of(py::handle item) {
  if (PyBool_Check(item.ptr())) return std::nullopt;
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(item.ptr()));
  if (!index) {
    PyErr_Clear();
    return std::nullopt;
  }
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  return overflow ? overflow > 0 ? INT64_MAX : INT64_MIN : value;
}

std::vector<int64_t> integers_of(const char* op, const char* name, const IntegersArg& arg) {
  constexpr const char* wanted = "a list or tuple of ints";
  std::vector<int64_t> values;
  for (const py::handle item : items_of(op, name, arg.object, wanted)) {
    const std::optional<int64_t> value = integer_of(item);
    if (!value) throw TypeError(message(op, ": ", name, " must be ", wanted, ", got ", Shown{arg.object}));
    values.push_back(*value);
  }
  return values;
}

Dims sizes_of(const char* op, const char* name, const IntegersArg& arg) {
  const std::vector<int64_t> values = integers_of(op, name, arg);
  check<ShapeError>(values.size() <= max_rank, op, ": ", name, " has ", values.size(), " sizes, expected at most ",
                    max_rank);
  Dims sizes;
  for (int64_t value : values) sizes.push(value);
  return sizes;
}

Array float_array(const char* op, const char* name, const ArrayArg& arg) {
  Array result = any_array(op, name, arg);
  check<DTypeError>(result.dtype() == DType::Float32 || result.dtype() == DType::Float64, op, ": ", name, " has dtype ",
                    name_of(result.dtype()), ", expected float32 or float64");
  return result;
}

Array array_of(const char* op, const char* name, const ArrayArg& arg, DType dtype, const char* like) {
  Array result = any_array(op, name, arg);
  check<DTypeError>(result.dtype() == dtype, op, ": ", name, " has dtype ", name_of(result.dtype()), ", expected ",
                    name_of(dtype), like ? ", that of " : "", like ? like : "");
  return result;
}

Array index_array(const char* op, const char* name, const ArrayArg& arg) {
  Array result = any_array(op, name, arg);
  check<DTypeError>(result.dtype() == DType::Int64 || result.dtype() == DType::Int32, op, ": ", name, " has dtype ",
                    name_of(result.dtype()), ", expected int64 or int32");
  return result.dtype() == DType::Int64 ? contiguous(result) : converted(result, DType::Int64);
}

Array optional_array_of(const char* op, const char* name, const OptionalArray& arg, DType dtype, const char* like) {
  return arg ? array_of(op, name, *arg, dtype, like) : Array{};
}

void check_rank(const char* op, const char* name, const Array& array, int rank) {
  check<ShapeError>(array.rank() == rank, op, ": ", name, " has shape ", array.shape(), ", expected ", rank,
                    rank == 1 ? " dimension" : " dimensions");
}

void check_shape(const char* op, const char* name, const Array& array, const Dims& shape) {
  check<ShapeError>(array.shape() == shape, op, ": ", name, " has shape ", array.shape(), ", expected ", shape);
}

Array contiguous(const Array& array) {
  if (array.view.contiguous()) return array;
  return copied(array, array.dtype(), contiguous_strides(array.shape(), item_size(array.dtype())));
}

Array channels_last(const Array& array) {
  if (array.view.channels_last()) return array;
  return copied(array, array.dtype(), channels_last_strides(array.shape(), item_size(array.dtype())));
}

Array dense(const Array& array) {
  if (array.view.contiguous()) return array;
  if (array.view.aligned()) {
    // Dense means: sorted by stride, each axis steps over exactly the block of the ones inside it.
    int order[max_rank];
    int n = 0;
    bool ok = true;
    for (int i = 0; i < array.rank(); ++i)
      if (array.shape(i) > 1) order[n++] = i;
    std::sort(order, order + n, [&](int a, int b) { return array.view.strides[a] < array.view.strides[b]; });
    auto step = static_cast<int64_t>(item_size(array.dtype()));
    for (int i = 0; i < n; ++i) {
      ok &= array.view.strides[order[i]] == step;
      step *= array.shape(order[i]);
    }
    if (ok) return array;
  }
  return contiguous(array);
}

Array converted(const Array& array, DType dtype) {
  return copied(array, dtype, contiguous_strides(array.shape(), item_size(dtype)));
}

Dims strides_for(const Dims& shape, size_t item, Layout layout) {
  return layout == Layout::ChannelsLast ? channels_last_strides(shape, item) : contiguous_strides(shape, item);
}

Layout layout_of(const Array& array) {
  return array.rank() >= 3 && array.view.channels_last() && !array.view.contiguous() ? Layout::ChannelsLast
                                                                                     : Layout::Contiguous;
}

Array new_array(const char* op, DType dtype, const Dims& shape, Layout layout) {
  return new_array_strided(op, dtype, shape, strides_for(shape, item_size(dtype), layout));
}

Array new_array_strided(const char* op, DType dtype, const Dims& shape, const Dims& strides) {
  const size_t item = item_size(dtype);
  const size_t bytes = static_cast<size_t>(element_count(op, shape, item)) * item;
  if (bytes == 0) {  // NumPy refuses an empty array whose other sizes would not fit memory
    Dims others;
    for (int64_t size : shape) others.push(size ? size : 1);
    element_count(op, others, item);
  }
  if (Recording* recording = Recording::current()) {
    const auto block = recording->allocate(bytes);
    return array_in(block, {block->data(), dtype, shape, strides});
  }
  void* const memory = pool::allocate(bytes);
  py::object owner = py::reinterpret_steal<py::object>(PyCapsule_New(memory, nullptr, release_block));
  if (!owner) {
    pool::release(memory);
    throw py::error_already_set();
  }
  return array_around(std::move(owner), {static_cast<char*>(memory), dtype, shape, strides});
}

Array array_in(const std::shared_ptr<Block>& block, const ArrayView& view) {
  auto* const holder = new std::shared_ptr<Block>(block);
  py::object owner = py::reinterpret_steal<py::object>(PyCapsule_New(holder, nullptr, release_shared));
  if (!owner) {
    delete holder;
    throw py::error_already_set();
  }
  return array_around(std::move(owner), view);
}

Array array_around(py::object owner, const ArrayView& view) {
  // Never destroyed: they may be used until the interpreter is gone.
  static const auto* const descriptors = [] {
    auto* all = new std::vector<py::object>;
    for (int number : numpy_number) all->push_back(py::dtype(number));
    return all;
  }();
  auto& api = py::detail::npy_api::get();
  Py_intptr_t sizes[max_rank], steps[max_rank];
  for (int i = 0; i < view.rank(); ++i) {
    sizes[i] = view.shape[i];
    steps[i] = view.strides[i];
  }
  constexpr int writeable = py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  PyObject* descriptor = (*descriptors)[static_cast<size_t>(view.dtype)].ptr();
  Py_INCREF(descriptor);  // the call takes one reference
  py::object object = py::reinterpret_steal<py::object>(api.PyArray_NewFromDescr_(
      api.PyArray_Type_, descriptor, view.rank(), sizes, steps, view.data, writeable, nullptr));
  if (!object || api.PyArray_SetBaseObject_(object.ptr(), owner.release().ptr()) != 0) throw py::error_already_set();
  return {std::move(object), view};
}

void check_no_overlap(const char* op, const char* name, const Array& written, const char* input_name,
                      const Array& read) {
  if (!read || written.count() == 0 || read.count() == 0) return;
  const char *low, *high, *from, *end;
  written.view.extent(low, high);
  read.view.extent(from, end);
  check<ValueError>(high <= from || end <= low, op, ": ", name, " shares memory with ", input_name);
}

void check_writeable(const char* op, const char* name, const Array& array) {
  const auto numpy = py::reinterpret_borrow<py::array>(array.object);
  check<ValueError>(numpy.writeable(), op, ": ", name, " is read-only");
}

Array output(const char* op, const OptionalArray& out, DType dtype, const Dims& shape,
             std::initializer_list<const Array*> inputs, Layout preferred) {
  if (!out) return new_array(op, dtype, shape, preferred);
  Array result = array_of(op, "out", *out, dtype);
  check_shape(op, "out", result, shape);
  check_writeable(op, "out", result);
  check<ValueError>(result.view.contiguous() || (preferred == Layout::ChannelsLast && result.view.channels_last()), op,
                    ": out must be C-contiguous", preferred == Layout::ChannelsLast ? " or channels-last" : "",
                    " and aligned");
  for (const Array* input : inputs) check_no_overlap(op, "out", result, "an input", *input);
  return result;
}

Pair pair(const char* op, const char* name, const PairArg& arg, int64_t minimum) {
  const auto integer = [&](py::handle item) {
    const std::optional<int64_t> value = integer_of(item);
    if (!value) throw TypeError(message(op, ": ", name, " must be an int or a pair of ints, got ", Shown{arg.object}));
    check<ValueError>(*value >= minimum && *value <= INT32_MAX, op, ": ", name, " is ", Shown{arg.object},
                      ", expected at least ", minimum, " and at most ", INT32_MAX);
    return *value;
  };
  if (py::isinstance<py::tuple>(arg.object) || py::isinstance<py::list>(arg.object)) {
    const py::tuple items = items_of(op, name, arg.object);
    check<ValueError>(items.size() == 2, op, ": ", name, " must be an int or a pair of ints, got ", Shown{arg.object});
    const py::object h = items[0], w = items[1];
    return {integer(h), integer(w)};
  }
  const int64_t both = integer(arg.object);
  return {both, both};
}

int axis_of(const char* op, int64_t axis, int rank) {
  const int64_t size = std::max(rank, 1);  // a scalar has axes -1 and 0, as in PyTorch
  check<IndexError>(axis >= -size && axis < size, op, ": axis ", axis, " is out of range for an array with ", rank,
                    " dimensions");
  return static_cast<int>(axis < 0 ? axis + size : axis);
}

Dims axes_of(const char* op, const py::object& axis, int rank) {
  Dims axes;
  if (axis.is_none()) {
    for (int i = 0; i < rank; ++i) axes.push(i);
    return axes;
  }
  bool chosen[max_rank] = {};
  const auto choose = [&](py::handle item) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(item.ptr()));
    if (!index) {
      PyErr_Clear();
      throw TypeError(message(op, ": axis must be None, an int or a tuple of ints, got ", Shown{axis}));
    }
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    check<IndexError>(!overflow, op, ": axis ", Shown{item}, " is out of range");
    const int i = axis_of(op, value, rank);
    check<ValueError>(!chosen[i], op, ": axis ", i, " is given twice");
    chosen[i] = true;
  };
  if (py::isinstance<py::tuple>(axis) || py::isinstance<py::list>(axis))
    for (py::handle item : items_of(op, "axis", axis)) choose(item);
  else
    choose(axis);
  for (int i = 0; i < rank; ++i)
    if (chosen[i]) axes.push(i);
  return axes;
}

}  // namespace cygnet
