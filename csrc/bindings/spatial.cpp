#include "spatial.h"

#include "kernels/copy.h"

namespace cygnet {
namespace {

// Beyond any memory, and far enough from the end of int64 that positions in padded images do not overflow.
constexpr int64_t largest_size = int64_t{1} << 48;

}  // namespace

Dims image_shape(const char* op, const char* name, const py::object& arg) {
  const auto text = [&] { return py::cast<std::string>(py::str(arg)); };
  if (!py::isinstance<py::tuple>(arg) && !py::isinstance<py::list>(arg))
    throw TypeError(message(op, ": ", name, " must be a tuple of 4 ints, got ", text()));
  const auto items = py::reinterpret_borrow<py::sequence>(arg);
  if (items.size() != 4) throw ShapeError(message(op, ": ", name, " is ", text(), ", expected 4 sizes"));
  Dims shape;
  for (py::handle item : items) {
    const auto index =
        PyBool_Check(item.ptr()) ? py::object() : py::reinterpret_steal<py::object>(PyNumber_Index(item.ptr()));
    if (!index) {
      PyErr_Clear();
      throw TypeError(message(op, ": ", name, " must be a tuple of 4 ints, got ", text()));
    }
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (overflow || value < 0 || value > largest_size)
      throw ShapeError(message(op, ": ", name, " is ", text(), ", expected sizes of at least 0 and at most 2**48"));
    shape.push(value);
  }
  return shape;
}

int64_t Window::extent() const {
  int64_t reach;
  if (__builtin_mul_overflow(dilation, kernel - 1, &reach) || reach == INT64_MAX) return INT64_MAX;
  return reach + 1;
}

void check_fits(const char* op, int64_t h, int64_t w, const Window& rows, const Window& columns) {
  const Dims padded{h + 2 * rows.padding, w + 2 * columns.padding};
  check<ShapeError>(rows.fits(h) && columns.fits(w), op, ": kernel ", Dims{rows.kernel, columns.kernel},
                    " with dilation ", Dims{rows.dilation, columns.dilation}, " is larger than the padded input ",
                    padded);
}

ChannelsLastOutput::ChannelsLastOutput(const char* op, const OptionalArray& out, DType dtype, const Dims& shape,
                                       std::initializer_list<const Array*> inputs)
    : result(output(op, out, dtype, shape, inputs, Layout::ChannelsLast)),
      written(result.view.channels_last() ? result : new_array(op, dtype, shape, Layout::ChannelsLast)) {}

py::object ChannelsLastOutput::finish() const {
  if (written.object.is(result.object)) return result.object;
  const ArrayView source = written.view, target = result.view;
  const double bytes = 2 * static_cast<double>(written.count()) * static_cast<double>(item_size(written.dtype()));
  launch("copy", {0, bytes}, {read(written), write(result)}, 0, [source, target](void* const* at) {
    ArrayView s = source, t = target;
    s.data = static_cast<char*>(at[0]);
    t.data = static_cast<char*>(at[1]);
    copy(s, t);
  });
  return result.object;
}

Array plain_or_channels_last(const Array& array) { return array.view.contiguous() ? array : channels_last(array); }

}  // namespace cygnet
