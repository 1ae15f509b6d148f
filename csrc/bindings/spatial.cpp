#include "spatial.h"

#include "kernels/copy.h"

namespace cygnet {
namespace {

// Beyond any memory, and far enough from the end of int64 that positions in padded images do not overflow.
constexpr int64_t largest_size = int64_t{1} << 48;

bool is_sequence(const py::object& object) {
  return py::isinstance<py::tuple>(object) || py::isinstance<py::list>(object);
}

// An argument that is one value for all spatial axes, or a tuple or list with one for each.
struct AxesReader {
  const char *op, *name, *wanted;
  const py::object& whole;
  int axes;
  int64_t minimum;

  // Calls `take` with the value of each axis.
  template <class F>
  void each(F take) const {
    if (!is_sequence(whole)) {
      for (int i = 0; i < axes; ++i) take(whole);
      return;
    }
    const py::tuple parts = items_of(op, name, whole);
    check<ValueError>(parts.size() == 1 || parts.size() == static_cast<size_t>(axes), op, ": ", name, " must be ",
                      wanted, " of ", axes, axes == 1 ? " axis, got " : " axes, got ", Shown{whole});
    for (int i = 0; i < axes; ++i) take(py::object(parts[parts.size() == 1 ? 0 : static_cast<size_t>(i)]));
  }
  int64_t integer(py::handle item) const {
    const std::optional<int64_t> value = integer_of(item);
    if (!value) throw TypeError(message(op, ": ", name, " must be ", wanted, ", got ", Shown{whole}));
    check<ValueError>(*value >= minimum && *value <= INT32_MAX, op, ": ", name, " is ", Shown{whole},
                      ", expected at least ", minimum, " and at most ", INT32_MAX);
    return *value;
  }
};

}  // namespace

Dims per_axis(const char* op, const char* name, const AxesArg& arg, int axes, int64_t minimum) {
  const AxesReader reader{op, name, "an int or an int for each", arg.object, axes, minimum};
  Dims values;
  reader.each([&](const py::object& value) { values.push(reader.integer(value)); });
  return values;
}

Padding padding_of(const char* op, const PaddingArg& arg, int axes) {
  const AxesReader reader{op, "padding", "an int, or an int or a pair (low, high) for each", arg.object, axes, 0};
  Padding padding;
  reader.each([&](const py::object& value) {
    if (!is_sequence(value)) {
      padding.low.push(reader.integer(value));
      padding.high.push(padding.low.back());
      return;
    }
    const py::tuple pair = items_of(op, "padding", value);
    check<ValueError>(pair.size() == 2, op, ": padding must be ", reader.wanted, " of ", axes, " axes, got ",
                      Shown{arg.object});
    padding.low.push(reader.integer(py::object(pair[0])));
    padding.high.push(reader.integer(py::object(pair[1])));
  });
  return padding;
}

Dims image_shape(const char* op, const char* name, const py::object& arg, int rank) {
  const auto not_ints = [&] {
    return TypeError(message(op, ": ", name, " must be a tuple of ", rank, " ints, got ", Shown{arg}));
  };
  if (!is_sequence(arg)) throw not_ints();
  const py::tuple items = items_of(op, name, arg);
  check<ShapeError>(items.size() == static_cast<size_t>(rank), op, ": ", name, " is ", Shown{arg}, ", expected ", rank,
                    " sizes");
  Dims shape;
  for (py::handle item : items) {
    const std::optional<int64_t> value = integer_of(item);
    if (!value) throw not_ints();
    check<ShapeError>(*value >= 0 && *value <= largest_size, op, ": ", name, " is ", Shown{arg},
                      ", expected sizes of at least 0 and at most 2**48");
    shape.push(*value);
  }
  return shape;
}

int64_t Window::extent() const {
  int64_t reach;
  if (__builtin_mul_overflow(dilation, kernel - 1, &reach) || reach == INT64_MAX) return INT64_MAX;
  return reach + 1;
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
