#include <cstdlib>
#include <utility>

#include "families.h"
#include "kernels/pad.h"
#include "launch.h"

namespace cygnet {
namespace {

py::object pad_constant_binding(const ArrayArg& input_arg, const ListArg& padding_arg, double value) {
  constexpr const char* op = "pad_constant";
  const Array input = any_array(op, "input", input_arg);
  constexpr const char* wanted = "a list of pairs of ints";
  const py::tuple padding = items_of(op, "padding", padding_arg.object, wanted);
  check<ShapeError>(input.rank() >= 1 && padding.size() == static_cast<size_t>(input.rank()), op, ": padding has ",
                    padding.size(), " pairs, expected one for each dimension of shape ", input.shape(),
                    ", which must have at least one");
  Dims shape = input.shape(), before;
  for (int i = 0; i < input.rank(); ++i) {
    const py::object pair = padding[static_cast<size_t>(i)];
    const std::vector<int64_t> sizes = integers_of(op, "padding", {{pair}});
    check<ValueError>(sizes.size() == 2, op, ": padding must be ", wanted, ", got ", Shown{padding});
    const int64_t first = sizes[0], second = sizes[1];
    check<ValueError>(first >= 0 && second >= 0, op, ": padding[", i, "] is (", first, ", ", second,
                      "), expected numbers of at least 0");
    check<ShapeError>(
        !__builtin_add_overflow(shape[i], first, &shape[i]) && !__builtin_add_overflow(shape[i], second, &shape[i]), op,
        ": padding of ", first, " and ", second, " gives more elements than memory can hold");
    before.push(first);
  }
  const Array result = new_array(op, input.dtype(), shape, layout_of(input));
  const ArrayView from = input.view, target = result.view;
  const double item = static_cast<double>(item_size(input.dtype()));
  launch(op, {0, item * static_cast<double>(input.count() + result.count())}, {read(input), write(result)}, 0,
         [=](void* const* at) {
           ArrayView source = from, to = target;
           source.data = static_cast<char*>(at[0]);
           to.data = static_cast<char*>(at[1]);
           pad_constant(source, to, before, value);
         });
  return result.object;
}

// How many leading axes step over all that the axes inside of them reach.
int axes_apart(const ArrayView& view) {
  for (int i = 0; i < view.rank(); ++i) {
    int64_t reach = static_cast<int64_t>(item_size(view.dtype));
    for (int j = i + 1; j < view.rank(); ++j) reach += std::abs(view.strides[j]) * (view.shape[j] - 1);
    if (view.shape[i] > 1 && std::abs(view.strides[i]) < reach) return i;
  }
  return view.rank();
}

void overlap_add_binding(const ArrayArg& target_arg, const ArrayArg& source_arg) {
  constexpr const char* op = "overlap_add";
  const Array target = float_array(op, "target", target_arg);
  check_writeable(op, "target", target);
  check<ShapeError>(target.rank() >= 1, op, ": target has shape (), expected at least 1 dimension");
  check<ValueError>(target.view.aligned(), op, ": target is not aligned");
  Array source = array_of(op, "source", source_arg, target.dtype(), "target");
  check_shape(op, "source", source, target.shape());
  check_no_overlap(op, "target", target, "source", source);
  if (!source.view.aligned()) source = contiguous(source);
  const ArrayView from = source.view, view = target.view;
  const int apart = axes_apart(view);
  const double count = static_cast<double>(source.count());
  launch(op, {count, 3 * count * static_cast<double>(item_size(target.dtype()))}, {read(source), write(target)}, 0,
         [=](void* const* at) {
           ArrayView s = from, t = view;
           s.data = static_cast<char*>(at[0]);
           t.data = static_cast<char*>(at[1]);
           overlap_add(s, t, apart);
         });
}

}  // namespace

void bind_pad(py::module_& m) {
  m.def("pad_constant", &pad_constant_binding, py::arg("input"), py::arg("padding"), py::arg("value") = 0.0,
        R"(The array in a frame of one value, in its own memory order if that is channels last.

Parameters
----------
input : numpy.ndarray
    Any supported type, at least one dimension.
padding : sequence of (int, int)
    Elements before and after, for each dimension; at least 0.
value : float
    Default 0; converted as `cast` does.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("overlap_add", &overlap_add_binding, py::arg("target"), py::arg("source"),
        R"(Adds `source` to `target`, in place, element after element: where several elements of `target` are one in
memory, as in a view of overlapping windows, all are added to it.

Parameters
----------
target : numpy.ndarray
    float32 or float64, aligned and writeable, at least one dimension, any strides.
source : numpy.ndarray
    Of the target's shape and type.

Raises
------
ShapeError, DTypeError, ValueError
)");
}

}  // namespace cygnet
