#include <algorithm>

#include "families.h"
#include "kernels/reduce.h"
#include "launch.h"

namespace cygnet {
namespace {

// A reduction brought to [outer][depth][inner]: the input in memory of that order (copied if need be), and how its
// axes lie there.
struct Reduction {
  Array input;
  ReduceSizes sizes{1, 1, 1};
  Dims result;  // shape of the result
  Dims order;   // axes of the input, outermost in memory first

  double elements() const { return static_cast<double>(input.count()); }
  double bytes() const { return elements() * static_cast<double>(item_size(input.dtype())); }
  Work work() const { return {elements(), bytes()}; }
};

// The axes from outermost to innermost in memory; false unless they are dense.
bool memory_order(const ArrayView& view, Dims& order) {
  if (!view.aligned()) return false;
  order.rank = 0;
  for (int i = 0; i < view.rank(); ++i) order.push(i);
  std::stable_sort(order.value, order.value + order.rank, [&](int64_t a, int64_t b) {
    return view.strides[static_cast<int>(a)] > view.strides[static_cast<int>(b)];
  });
  auto step = static_cast<int64_t>(item_size(view.dtype));
  for (int i = order.rank - 1; i >= 0; --i) {
    const int axis = static_cast<int>(order[i]);
    if (view.shape[axis] > 1 && view.strides[axis] != step) return false;
    step *= view.shape[axis];
  }
  return true;
}

// Whether the reduced axes are neighbours in this order and the kept ones in their own; sizes of 1 lie anywhere.
bool fits(const Dims& order, const Dims& shape, const bool* reduced, bool logical) {
  int64_t last_kept = -1, last_reduced = -1;
  int runs = 0;
  bool inside = false;
  for (const int64_t axis : order) {
    if (shape[static_cast<int>(axis)] == 1) continue;
    int64_t& last = reduced[axis] ? last_reduced : last_kept;
    if (axis < last && (logical || !reduced[axis])) return false;
    last = axis;
    runs += reduced[axis] && !inside;
    inside = reduced[axis];
  }
  return runs <= 1;
}

// `logical`: elements keep their logical order along the reduced axes (positions matter).
Reduction prepare(const Array& input, const Dims& axes, bool keepdims, bool logical = false) {
  Reduction r;
  bool reduced[max_rank] = {};
  for (const int64_t a : axes) reduced[a] = true;
  r.input = input;
  if (input.count() == 0 || !memory_order(input.view, r.order) || !fits(r.order, input.shape(), reduced, logical)) {
    r.order.rank = 0;
    for (int i = 0; i < input.rank(); ++i)
      if (!reduced[i]) r.order.push(i);
    for (int i = 0; i < input.rank(); ++i)
      if (reduced[i]) r.order.push(i);
    Array moved = input;
    for (int i = 0; i < input.rank(); ++i) {
      moved.view.shape[i] = input.shape(static_cast<int>(r.order[i]));
      moved.view.strides[i] = input.view.strides[static_cast<int>(r.order[i])];
    }
    r.input = contiguous(moved);
  }
  bool passed = false;
  for (const int64_t a : r.order) {
    const int64_t size = input.shape(static_cast<int>(a));
    if (size == 1) continue;
    passed |= reduced[a];
    (reduced[a] ? r.sizes.depth : passed ? r.sizes.inner : r.sizes.outer) *= size;
  }
  for (int i = 0; i < input.rank(); ++i) {
    if (!reduced[i]) {
      r.result.push(input.shape(i));
    } else if (keepdims) {
      r.result.push(1);
    }
  }
  return r;
}

void check_not_empty(const char* op, const Array& input, const Dims& axes) {
  bool empty = false;
  for (const int64_t axis : axes) empty |= input.shape(static_cast<int>(axis)) == 0;
  check<ValueError>(!empty, op, ": input has shape ", input.shape(), ", which leaves nothing to choose from");
}

// Of several stretches of reduced axes in memory the innermost one, else none: reduced by itself it needs no copy.
Dims innermost_axes(const Array& input, const Dims& axes) {
  Dims order, inner;
  if (input.count() == 0 || !memory_order(input.view, order)) return {};
  bool ended = false;
  for (int i = order.rank - 1; i >= 0; --i) {
    const int64_t axis = order[i];
    if (input.shape(static_cast<int>(axis)) == 1) continue;
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (reduced && ended) return inner;
    if (reduced) inner.push(axis);
    ended = !reduced && inner.rank > 0;
  }
  return {};
}

// The result of reduce(dtype, sizes, in, out, divisor, scratch) over the axes; the divisor is the number of elements of
// each result.
template <class Reduce>
py::object reduced(const char* op, const Array& input, const Dims& axes, bool keepdims, DType type,
                   const OptionalArray& out, const Reduce& reduce) {
  const auto step = [&](const Reduction& r, const Array& result, double divisor) {
    launch(op, r.work(), {read(r.input), write(result)}, reduce_scratch_bytes(r.sizes),
           [dtype = r.input.dtype(), sizes = r.sizes, divisor, reduce](void* const* at) {
             reduce(dtype, sizes, at[0], at[1], divisor, at[2]);
           });
  };
  Array rest = input;
  if (const Dims inner = innermost_axes(input, axes); inner.rank > 0) {
    const Reduction first = prepare(input, inner, true);
    rest = new_array(op, type, first.result);
    step(first, rest, 1);
  }
  const Reduction r = prepare(rest, axes, keepdims);
  const Array result = output(op, out, type, r.result, {&input, &r.input});
  step(r, result, static_cast<double>(input.count()) / static_cast<double>(result.count()));
  return result.object;
}

constexpr const char* tail = R"(

Parameters
----------
input : numpy.ndarray
    Any shape and strides.
axis : int or tuple of int, optional
    The axes to reduce, all by default; negative ones count from the end.
keepdims : bool
    Whether reduced axes stay, with size 1. Default False.
out : numpy.ndarray, optional
    C-contiguous array for the result; it must not share memory with the input.

Returns
-------
numpy.ndarray
    The reduced array, 0-d for a full reduction.

Raises
------
IndexError
    An axis out of range.
DTypeError, ShapeError, ValueError
    Another wrong argument; for `max` and `min`, nothing to reduce.
)";

constexpr const char* place_tail = R"(; the first of equals.

Parameters
----------
input : numpy.ndarray
    Any shape, strides and type; not empty along the reduced axis.
axis : int, optional
    The axis to search; by default the whole array in C order.
keepdims : bool
    Whether the reduced axis stays, with size 1. Default False.

Returns
-------
numpy.ndarray
    int64.

Raises
------
IndexError, TypeError, ValueError
)";

template <class F>
void bind(py::module_& m, const char* name, F function, const char* summary) {
  m.def(name, function, py::arg("input"), py::arg("axis") = py::none(), py::arg("keepdims") = false, py::kw_only(),
        py::arg("out") = py::none(), (std::string(summary) + tail).c_str());
}

// The type of sums and products.
DType accumulated(DType dtype) { return dtype == DType::Float32 || dtype == DType::Float64 ? dtype : DType::Int64; }

py::object sum_binding(const ArrayArg& input_arg, const py::object& axis, bool keepdims, const OptionalArray& out) {
  constexpr const char* op = "sum";
  const Array input = any_array(op, "input", input_arg);
  return reduced(op, input, axes_of(op, axis, input.rank()), keepdims, accumulated(input.dtype()), out,
                 [](DType from, ReduceSizes sizes, const void* in, void* to, double, void* scratch) {
                   reduce_sum(from, sizes, in, to, 1, scratch);
                 });
}

py::object mean_binding(const ArrayArg& input_arg, const py::object& axis, bool keepdims, const OptionalArray& out) {
  constexpr const char* op = "mean";
  const Array input = float_array(op, "input", input_arg);
  return reduced(op, input, axes_of(op, axis, input.rank()), keepdims, input.dtype(), out, reduce_sum);
}

// Reductions that keep or widen the type, without a divisor.
using PlainReduce = void (*)(DType, ReduceSizes, const void*, void*, void*) noexcept;

py::object squares_binding(const ArrayArg& input_arg, const py::object& axis, bool keepdims, const OptionalArray& out) {
  constexpr const char* op = "sum_squares";
  const Array input = float_array(op, "input", input_arg);
  const Dims axes = axes_of(op, axis, input.rank());
  const Reduction r = prepare(input, axes, keepdims);
  const Array result = output(op, out, input.dtype(), r.result, {&input, &r.input});
  launch(
      op, {2 * r.elements(), r.bytes()}, {read(r.input), write(result)}, reduce_scratch_bytes(r.sizes),
      [dtype = input.dtype(), sizes = r.sizes](void* const* at) { reduce_squares(dtype, sizes, at[0], at[1], at[2]); });
  return result.object;
}

py::object prod_binding(const ArrayArg& input_arg, const py::object& axis, bool keepdims, const OptionalArray& out) {
  constexpr const char* op = "prod";
  const Array input = any_array(op, "input", input_arg);
  return reduced(op, input, axes_of(op, axis, input.rank()), keepdims, accumulated(input.dtype()), out,
                 [](DType dtype, ReduceSizes sizes, const void* in, void* to, double, void* scratch) {
                   reduce_prod(dtype, sizes, in, to, scratch);
                 });
}

void bind_extremum(py::module_& m, const char* op, PlainReduce reduce, const char* summary) {
  const auto call = [op, reduce](const ArrayArg& input_arg, const py::object& axis, bool keepdims,
                                 const OptionalArray& out) {
    const Array input = any_array(op, "input", input_arg);
    const Dims axes = axes_of(op, axis, input.rank());
    check_not_empty(op, input, axes);
    return reduced(op, input, axes, keepdims, input.dtype(), out,
                   [reduce](DType dtype, ReduceSizes sizes, const void* in, void* to, double, void* scratch) {
                     reduce(dtype, sizes, in, to, scratch);
                   });
  };
  bind(m, op, call, summary);
}

void bind_place(py::module_& m, const char* op,
                void (*reduce)(DType, ReduceSizes, const void*, int64_t*, void*) noexcept, const char* summary) {
  const auto call = [op, reduce](const ArrayArg& input_arg, const py::object& axis, bool keepdims) {
    const Array input = any_array(op, "input", input_arg);
    check<TypeError>(axis.is_none() || PyLong_Check(axis.ptr()), op, ": axis must be None or an int");
    const Dims axes = axes_of(op, axis, input.rank());
    check_not_empty(op, input, axes);
    const Reduction r = prepare(input, axes, keepdims, true);
    const Array result = new_array(op, DType::Int64, r.result);
    if (result.count() == 0) return result.object;
    launch(op, r.work(), {read(r.input), write(result)}, reduce_scratch_bytes(r.sizes),
           [reduce, dtype = input.dtype(), sizes = r.sizes](void* const* at) {
             reduce(dtype, sizes, at[0], to<int64_t>(at[1]), at[2]);
           });
    return result.object;
  };
  m.def(op, call, py::arg("input"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
        (std::string(summary) + place_tail).c_str());
}

py::tuple variance_binding(const ArrayArg& input_arg, const py::object& axis, double correction, bool keepdims) {
  constexpr const char* op = "variance";
  const Array input = float_array(op, "input", input_arg);
  const Reduction r = prepare(input, axes_of(op, axis, input.rank()), keepdims);
  const Array variance = new_array(op, input.dtype(), r.result), mean = new_array(op, input.dtype(), r.result);
  if (variance.count() == 0) return py::make_tuple(variance.object, mean.object);
  const double divisor = std::max(0.0, static_cast<double>(r.sizes.depth) - correction);
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {4 * r.elements(), r.bytes()}, {read(r.input), write(variance), write(mean)},
           reduce_variance_scratch_bytes(r.sizes), [sizes = r.sizes, divisor](void* const* at) {
             reduce_variance<T>(sizes, in<T>(at[0]), divisor, to<T>(at[1]), to<T>(at[2]), to<double>(at[3]));
           });
  });
  return py::make_tuple(variance.object, mean.object);
}

py::object extremum_backward_binding(const ArrayArg& grad_arg, const ArrayArg& input_arg, const ArrayArg& output_arg,
                                     const py::object& axis, bool keepdims) {
  constexpr const char* op = "extremum_backward";
  const Array input = float_array(op, "input", input_arg);
  Array grad = array_of(op, "grad_output", grad_arg, input.dtype(), "input");
  Array extremum = array_of(op, "output", output_arg, input.dtype(), "input");
  const Reduction r = prepare(input, axes_of(op, axis, input.rank()), keepdims);
  check_shape(op, "grad_output", grad, r.result);
  check_shape(op, "output", extremum, r.result);
  grad = contiguous(grad);
  extremum = contiguous(extremum);
  Dims strides;
  strides.rank = input.rank();
  auto step = static_cast<int64_t>(item_size(input.dtype()));
  for (int i = input.rank() - 1; i >= 0; --i) {
    const int axis_here = static_cast<int>(r.order[i]);
    strides[axis_here] = step;
    step *= std::max<int64_t>(1, input.shape(axis_here));
  }
  const Array result = new_array_strided(op, input.dtype(), input.shape(), strides);
  if (input.count() == 0) return result.object;
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {2 * r.elements(), 3 * r.bytes()}, {read(grad), read(r.input), read(extremum), write(result)}, 0,
           [sizes = r.sizes](void* const* at) {
             reduce_extremum_backward<T>(sizes, in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), to<T>(at[3]));
           });
  });
  return result.object;
}

}  // namespace

void bind_reduce(py::module_& m) {
  bind(m, "sum", &sum_binding,
       "Sum over axes: floats in their own type, by blocks and pairwise; integers, bool and uint8 in int64.");
  bind(m, "mean", &mean_binding, "Mean over axes of float32 or float64; the mean of nothing is NaN.");
  bind(m, "sum_squares", &squares_binding, "Sum of squares over axes of float32 or float64, by blocks and pairwise.");
  bind(m, "prod", &prod_binding,
       "Product over axes: floats in their own type, by blocks and pairwise; integers, bool and uint8 in int64.");
  bind_extremum(m, "max", reduce_max, "Maximum over axes, of any type; NaN if an element is.");
  bind_extremum(m, "min", reduce_min, "Minimum over axes, of any type; NaN if an element is.");
  bind_place(m, "argmax", reduce_argmax, "Position of the maximum, where a NaN counts as largest");
  bind_place(m, "argmin", reduce_argmin, "Position of the minimum, where a NaN counts as smallest");
  m.def("variance", &variance_binding, py::arg("input"), py::arg("axis") = py::none(), py::arg("correction") = 1.0,
        py::arg("keepdims") = false,
        R"(Variance and mean over axes; blocks in two passes, joined in double.

Parameters
----------
input : numpy.ndarray
    float32 or float64.
axis : int or tuple of int, optional
    The axes to reduce, all by default; negative ones count from the end.
correction : float
    What the number of elements is lessened by, at most to 0, before the sum of squares is divided by it. Default 1.
keepdims : bool
    Whether reduced axes stay, with size 1. Default False.

Returns
-------
variance, mean : numpy.ndarray
    NaN of nothing.

Raises
------
DTypeError, IndexError, ValueError
)");
  m.def("extremum_backward", &extremum_backward_binding, py::arg("grad_output"), py::arg("input"), py::arg("output"),
        py::arg("axis") = py::none(), py::arg("keepdims") = false,
        R"(Gradient of `max` and `min`, shared evenly among equal extrema (all NaN ones where it is NaN).

Parameters
----------
grad_output, output : numpy.ndarray
    The gradient of the result, and the result.
input : numpy.ndarray
    float32 or float64, as in the forward call.
axis, keepdims
    As in the forward call.

Returns
-------
numpy.ndarray
    The gradient of the input, of its shape.

Raises
------
DTypeError, IndexError, ShapeError, ValueError
)");
}

}  // namespace cygnet
