#include <numeric>

#include "families.h"
#include "kernels/copy.h"
#include "kernels/gather.h"
#include "launch.h"

namespace cygnet {
namespace {

// The indices of an element, from its number in logical order; written only in messages.
struct Position {
  int64_t element;
  const Dims& shape;

  friend std::ostream& operator<<(std::ostream& out, const Position& position) {
    Dims index = position.shape;
    int64_t rest = position.element;
    for (int i = index.rank - 1; i >= 0; rest /= position.shape[i--]) index[i] = rest % position.shape[i];
    for (int i = 0; i < index.rank; ++i) out << (i ? ", " : "") << index[i];
    return out;
  }
};

// Part of the bodies: a replay meets other indices than the call that was recorded.
void check_indices(const char* op, const int64_t* indices, const Dims& shape, int64_t count, int64_t size,
                   int64_t low = 0, const char* name = "indices") {
  const int64_t wrong = first_out_of_range(indices, count, low, size);
  if (wrong < 0) return;
  throw IndexError(message(op, ": ", name, "[", Position{wrong, shape}, "] is ", indices[wrong], ", expected ", low,
                           " <= index < ", size));
}

double bytes_of(const Array& array) {
  return static_cast<double>(array.count()) * static_cast<double>(item_size(array.dtype()));
}

// Sizes around the axes from `axis` on, `axes` of them, where one vector of `count` positions counts.
AlongAxis around(const Dims& indexed, int axis, int axes, int64_t count) {
  AlongAxis shape{1, 1, count, 1};
  for (int i = 0; i < indexed.rank; ++i)
    (i < axis ? shape.outer : i < axis + axes ? shape.size : shape.inner) *= indexed[i];
  return shape;
}

// Calls f(T{}) with the number type of an element; a bool is moved as its byte.
template <class F>
void dispatch_numbers(DType dtype, const F& f) {
  switch (dtype) {
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::Int32:
      return f(int32_t{});
    case DType::Int64:
      return f(int64_t{});
    default:
      return f(uint8_t{});
  }
}

Put put_named(const char* op, const std::string& mode, DType dtype) {
  constexpr const char* names[] = {"assign", "add", "multiply", "amax", "amin"};
  for (int i = 0; i < 5; ++i) {
    if (mode != names[i]) continue;
    check<DTypeError>(i == 0 || dtype != DType::Bool, op, ": target has dtype bool, for which mode must be 'assign'");
    return static_cast<Put>(i);
  }
  throw ValueError(message(op, ": mode is '", mode, "', expected 'assign', 'add', 'multiply', 'amax' or 'amin'"));
}

// Launches a call that puts values into `target`, by way of a contiguous copy where the target's memory is not plain.
template <class Run>
void launch_put(const char* op, const Array& target, const Array& values, const Array& indices, int64_t size,
                const Run& run) {
  check_writeable(op, "target", target);
  check_no_overlap(op, "target", target, "values", values);
  check_no_overlap(op, "target", target, "indices", indices);
  const Array work = contiguous(target), from = contiguous(values);
  const Dims positions = indices.shape();
  const int64_t count = indices.count();
  dispatch_numbers(target.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {static_cast<double>(from.count()), 2 * bytes_of(from) + bytes_of(indices)},
           {read(from), read(indices), write(work)}, 0, [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, size);
             run(in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
           });
  });
  if (work.object.is(target.object)) return;
  const ArrayView source = work.view, view = target.view;
  launch("copy", {0, 2 * bytes_of(target)}, {read(work), write(target)}, 0, [=](void* const* at) {
    ArrayView s = source, t = view;
    s.data = static_cast<char*>(at[0]);
    t.data = static_cast<char*>(at[1]);
    copy(s, t);
  });
}

py::object gather_rows_binding(const ArrayArg& source_arg, const ArrayArg& indices_arg, int64_t axis_arg,
                               const OptionalArray& out) {
  constexpr const char* op = "gather_rows";
  Array source = any_array(op, "source", source_arg);
  check<ShapeError>(source.rank() >= 1, op, ": source has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, source.rank());
  Array indices = index_array(op, "indices", indices_arg);
  check_rank(op, "indices", indices, 1);
  Dims result_shape = source.shape();
  const int64_t count = indices.shape(0);
  result_shape[axis] = count;
  const Array result = output(op, out, source.dtype(), result_shape, {&source, &indices});
  source = contiguous(source);
  const AlongAxis shape = around(source.shape(), axis, 1, count);
  const size_t item = item_size(source.dtype());
  const Dims positions = indices.shape();
  launch(op, {0, 2 * bytes_of(result) + bytes_of(indices)}, {read(source), read(indices), write(result)}, 0,
         [=](void* const* at) {
           check_indices(op, in<int64_t>(at[1]), positions, count, shape.size);
           gather_rows(shape, item, in<char>(at[0]), in<int64_t>(at[1]), to<char>(at[2]));
         });
  return result.object;
}

py::object scatter_add_rows_binding(const ArrayArg& grad_arg, const ArrayArg& indices_arg, int64_t rows,
                                    int64_t axis_arg) {
  constexpr const char* op = "scatter_add_rows";
  Array grad = float_array(op, "grad", grad_arg);
  check<ShapeError>(grad.rank() >= 1, op, ": grad has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, grad.rank());
  const Array indices = index_array(op, "indices", indices_arg);
  check_shape(op, "indices", indices, {grad.shape(axis)});
  check<ValueError>(rows >= 0, op, ": rows is ", rows, ", expected at least 0");
  grad = contiguous(grad);
  Dims result_shape = grad.shape();
  const int64_t count = result_shape[axis];
  result_shape[axis] = rows;
  const Array result = new_array(op, grad.dtype(), result_shape);
  const AlongAxis shape = around(result_shape, axis, 1, count);
  const Dims positions = indices.shape();
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {static_cast<double>(grad.count()), bytes_of(grad) + bytes_of(indices) + bytes_of(result)},
           {read(grad), read(indices), write(result)}, 0, [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, rows);
             put_rows(shape, Put::Add, true, in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
           });
  });
  return result.object;
}

void index_put_binding(const ArrayArg& target_arg, const ArrayArg& positions_arg, const ArrayArg& values_arg,
                       int64_t axis_arg, int axes, const std::string& mode) {
  constexpr const char* op = "index_put";
  const Array target = any_array(op, "target", target_arg);
  check<ShapeError>(target.rank() >= 1, op, ": target has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, target.rank());
  check<ValueError>(axes >= 1 && axes <= target.rank() - axis, op, ": axes is ", axes, ", expected 1 to ",
                    target.rank() - axis);
  const Array positions = index_array(op, "positions", positions_arg);
  check_rank(op, "positions", positions, 1);
  const Array values = array_of(op, "values", values_arg, target.dtype(), "target");
  Dims expected;
  for (int i = 0; i < axis; ++i) expected.push(target.shape(i));
  expected.push(positions.shape(0));
  for (int i = axis + axes; i < target.rank(); ++i) expected.push(target.shape(i));
  check_shape(op, "values", values, expected);
  const Put put = put_named(op, mode, target.dtype());
  const AlongAxis shape = around(target.shape(), axis, axes, positions.shape(0));
  launch_put(op, target, values, positions, shape.size,
             [=](auto* from, const int64_t* indices, auto* at) { put_rows(shape, put, false, from, indices, at); });
}

py::object flat_positions_binding(const ListArg& indices_arg, const IntegersArg& sizes_arg) {
  constexpr const char* op = "indexing";  // the user's message: every way of indexing comes here
  const py::tuple items = items_of(op, "indices", indices_arg.object, "a list or tuple of NumPy arrays");
  const Dims limits = sizes_of(op, "sizes", sizes_arg);
  check<ValueError>(limits.rank > 0 && items.size() == static_cast<size_t>(limits.rank), op, ": ", items.size(),
                    " index arrays for ", limits.rank, " sizes, expected one each");
  std::vector<Array> indices;
  for (const py::handle item : items) indices.push_back(index_array(op, "index", ArrayArg{item}));
  const Dims shape = indices[0].shape();
  for (const Array& index : indices) check_shape(op, "index", index, shape);
  element_count(op, limits);
  const Array result = new_array(op, DType::Int64, shape);
  std::vector<Operand> operands{write(result)};
  for (const Array& index : indices) operands.push_back(read(index));
  const int64_t count = result.count();
  launch(op, {0, bytes_of(result) * static_cast<double>(limits.rank + 1)}, operands.data(), operands.size(), 0,
         [=](void* const* at) {
           int64_t* const positions = to<int64_t>(at[0]);
           for (int i = 0; i < limits.rank; ++i) {
             check_indices(op, in<int64_t>(at[i + 1]), shape, count, limits[i], -limits[i], "index");
             append_positions(in<int64_t>(at[i + 1]), count, limits[i], i == 0, positions);
           }
         });
  return result.object;
}

py::object nonzero_binding(const ArrayArg& input_arg) {
  constexpr const char* op = "nonzero";
  check<ValueError>(!Recording::current(), op, ": the size of the result depends on values, so it cannot be recorded");
  const Array input = any_array(op, "input", input_arg);
  const Array mask = input.dtype() == DType::Bool ? contiguous(input) : converted(input, DType::Bool);
  const int64_t size = mask.count(), pieces = (size + nonzero_piece - 1) / nonzero_piece;
  const Array offsets = new_array(op, DType::Int64, {pieces + 1});
  launch(op, {0, bytes_of(mask)}, {read(mask), write(offsets)}, 0, [=](void* const* at) {
    int64_t* const counts = to<int64_t>(at[1]);
    counts[0] = 0;
    count_nonzero(in<char>(at[0]), size, counts + 1);
    std::partial_sum(counts, counts + pieces + 1, counts);
  });
  const Array result = new_array(op, DType::Int64, {in<int64_t>(offsets.view.data)[pieces]});
  launch(op, {0, bytes_of(mask) + bytes_of(result)}, {read(mask), read(offsets), write(result)}, 0,
         [=](void* const* at) { nonzero(in<char>(at[0]), size, in<int64_t>(at[1]), to<int64_t>(at[2])); });
  return result.object;
}

py::object unravel_binding(const ArrayArg& positions_arg, const IntegersArg& shape) {
  constexpr const char* op = "unravel";
  const Array positions = index_array(op, "positions", positions_arg);
  check_rank(op, "positions", positions, 1);
  const Dims sizes = sizes_of(op, "shape", shape);
  const int64_t elements = element_count(op, sizes), count = positions.count();
  const Array result = new_array(op, DType::Int64, {sizes.rank, count});
  launch(op, {0, bytes_of(positions) + bytes_of(result)}, {read(positions), write(result)}, 0, [=](void* const* at) {
    check_indices(op, in<int64_t>(at[0]), {count}, count, elements);
    unravel(in<int64_t>(at[0]), count, sizes.value, sizes.rank, to<int64_t>(at[1]));
  });
  return result.object;
}

py::object segment_numbers_binding(const ArrayArg& offsets_arg, int64_t count) {
  constexpr const char* op = "segment_numbers";
  Array offsets = index_array(op, "offsets", offsets_arg);
  check_rank(op, "offsets", offsets, 1);
  offsets = contiguous(offsets);
  const int64_t segments = offsets.count();
  const Array result = new_array(op, DType::Int64, {count});
  launch(op, {0, bytes_of(offsets) + bytes_of(result)}, {read(offsets), write(result)}, 0, [=](void* const* at) {
    const int64_t* const first = in<int64_t>(at[0]);
    for (int64_t i = 0; i < segments; ++i) {
      const int64_t low = i ? first[i - 1] : 0, high = i ? count : 0;
      check<IndexError>(low <= first[i] && first[i] <= high, op, ": offsets[", i, "] is ", first[i], ", expected ", low,
                        " to ", high);
    }
    number_segments(first, segments, count, to<int64_t>(at[1]));
  });
  return result.object;
}

void renormalize_rows_binding(const ArrayArg& table_arg, const ArrayArg& indices_arg, double max_norm,
                              double norm_type) {
  constexpr const char* op = "renormalize_rows";
  const Array table = float_array(op, "table", table_arg);
  check_rank(op, "table", table, 2);
  check_writeable(op, "table", table);
  check<ValueError>(table.view.contiguous(), op, ": table must be C-contiguous and aligned");
  const Array indices = index_array(op, "indices", indices_arg);
  check_rank(op, "indices", indices, 1);
  check<ValueError>(max_norm >= 0, op, ": max_norm is ", max_norm, ", expected at least 0");
  check<ValueError>(norm_type > 0, op, ": norm_type is ", norm_type, ", expected more than 0");
  check_no_overlap(op, "table", table, "indices", indices);
  const int64_t count = indices.shape(0), rows = table.shape(0), width = table.shape(1);
  const Dims positions = indices.shape();
  const double moved = static_cast<double>(count * width);
  dispatch(table.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {3 * moved, 2 * moved * static_cast<double>(sizeof(T))}, {write(table), read(indices)}, 0,
           [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, rows);
             renormalize_rows(to<T>(at[0]), in<int64_t>(at[1]), count, rows, width, max_norm, norm_type);
           });
  });
}

py::object take_along_axis_binding(const ArrayArg& input_arg, const ArrayArg& indices_arg, int64_t axis_arg,
                                   const OptionalArray& out) {
  constexpr const char* op = "take_along_axis";
  Array input = any_array(op, "input", input_arg);
  check<ShapeError>(input.rank() >= 1, op, ": input has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, input.rank());
  const Array indices = index_array(op, "indices", indices_arg);
  check_rank(op, "indices", indices, input.rank());
  Dims expected = input.shape();
  expected[axis] = indices.shape(axis);
  check_shape(op, "indices", indices, expected);
  const Array result = output(op, out, input.dtype(), indices.shape(), {&input, &indices});
  input = contiguous(input);
  const AlongAxis shape = around(input.shape(), axis, 1, indices.shape(axis));
  const size_t item = item_size(input.dtype());
  const Dims positions = indices.shape();
  const int64_t count = indices.count();
  launch(op, {0, 2 * bytes_of(result) + bytes_of(indices)}, {read(input), read(indices), write(result)}, 0,
         [=](void* const* at) {
           check_indices(op, in<int64_t>(at[1]), positions, count, shape.size);
           take_along_axis(shape, item, in<char>(at[0]), in<int64_t>(at[1]), to<char>(at[2]));
         });
  return result.object;
}

py::object scatter_add_along_axis_binding(const ArrayArg& grad_arg, const ArrayArg& indices_arg, int64_t axis_arg,
                                          int64_t size) {
  constexpr const char* op = "scatter_add_along_axis";
  Array grad = float_array(op, "grad", grad_arg);
  check<ShapeError>(grad.rank() >= 1, op, ": grad has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, grad.rank());
  const Array indices = index_array(op, "indices", indices_arg);
  check_shape(op, "indices", indices, grad.shape());
  check<ValueError>(size >= 0, op, ": size is ", size, ", expected at least 0");
  grad = contiguous(grad);
  Dims result_shape = grad.shape();
  result_shape[axis] = size;
  const Array result = new_array(op, grad.dtype(), result_shape);
  const AlongAxis shape = around(result_shape, axis, 1, indices.shape(axis));
  const Dims positions = indices.shape();
  const int64_t count = indices.count();
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {static_cast<double>(count), bytes_of(grad) + bytes_of(indices) + bytes_of(result)},
           {read(grad), read(indices), write(result)}, 0, [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, shape.size);
             put_along_axis(shape, Put::Add, true, in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
           });
  });
  return result.object;
}

void put_along_axis_binding(const ArrayArg& target_arg, const ArrayArg& indices_arg, const ArrayArg& values_arg,
                            int64_t axis_arg, const std::string& mode) {
  constexpr const char* op = "put_along_axis";
  const Array target = any_array(op, "target", target_arg);
  check<ShapeError>(target.rank() >= 1, op, ": target has shape (), expected at least 1 dimension");
  const int axis = axis_of(op, axis_arg, target.rank());
  const Array indices = index_array(op, "indices", indices_arg);
  check_rank(op, "indices", indices, target.rank());
  Dims expected = target.shape();
  expected[axis] = indices.shape(axis);
  check_shape(op, "indices", indices, expected);
  const Array values = array_of(op, "values", values_arg, target.dtype(), "target");
  check_shape(op, "values", values, expected);
  const Put put = put_named(op, mode, target.dtype());
  const AlongAxis shape = around(target.shape(), axis, 1, indices.shape(axis));
  launch_put(op, target, values, indices, shape.size, [=](auto* from, const int64_t* positions, auto* at) {
    put_along_axis(shape, put, false, from, positions, at);
  });
}

}  // namespace

void bind_gather(py::module_& m) {
  m.def("gather_rows", &gather_rows_binding, py::arg("source"), py::arg("indices"), py::arg("axis") = 0, py::kw_only(),
        py::arg("out") = py::none(),
        R"(Rows picked by index: ``source[indices]``, or ``source[:, indices]`` and so on.

Parameters
----------
source : numpy.ndarray
    Any supported type, at least one dimension.
indices : numpy.ndarray
    (M,), int64 or int32, each 0 <= index < source.shape[axis]; checked on every run, also in a replay.
axis : int
    The axis that is indexed, negative ones counted from the end. Default 0.
out : numpy.ndarray, optional
    C-contiguous array for the result.

Returns
-------
numpy.ndarray
    Of the source's type and shape, but for M along the axis.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("scatter_add_rows", &scatter_add_rows_binding, py::arg("grad"), py::arg("indices"), py::arg("rows"),
        py::arg("axis") = 0,
        R"(Gradient of `gather_rows`: row r of the result is the sum of all grad[i] with indices[i] = r, in order of i.

Parameters
----------
grad : numpy.ndarray
    float32 or float64, at least one dimension; M is its size along the axis.
indices : numpy.ndarray
    (M,), int64 or int32, each 0 <= index < rows.
rows : int
    The result's size along the axis, at least 0.
axis : int
    The axis of the rows, negative ones counted from the end. Default 0.

Returns
-------
numpy.ndarray
    Of grad's type and shape, but for `rows` along the axis.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("renormalize_rows", &renormalize_rows_binding, py::arg("table"), py::arg("indices"), py::arg("max_norm"),
        py::arg("norm_type") = 2.0,
        R"(Scales rows that are too long to a largest norm, in place.

Parameters
----------
table : numpy.ndarray
    (rows, width), float32 or float64, C-contiguous and writeable.
indices : numpy.ndarray
    (M,), int64 or int32, each 0 <= index < rows: the rows that are looked at.
max_norm : float
    The largest norm, at least 0.
norm_type : float
    p of ``sum(abs(row) ** p) ** (1 / p)``, more than 0, also infinite. Default 2.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("take_along_axis", &take_along_axis_binding, py::arg("input"), py::arg("indices"), py::arg("axis"),
        py::kw_only(), py::arg("out") = py::none(),
        R"(Elements picked along one axis: ``numpy.take_along_axis`` without negative indices.

Parameters
----------
input : numpy.ndarray
    Any supported type, at least one dimension.
indices : numpy.ndarray
    int64 or int32, of the input's shape but for `axis`; each 0 <= index < input.shape[axis].
axis : int
    The axis, negative ones counted from the end.
out : numpy.ndarray, optional
    C-contiguous array of the indices' shape for the result.

Returns
-------
numpy.ndarray
    Of the indices' shape and the input's type.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("scatter_add_along_axis", &scatter_add_along_axis_binding, py::arg("grad"), py::arg("indices"), py::arg("axis"),
        py::arg("size"),
        R"(Gradient of `take_along_axis`: adds each element of grad to the place that it was picked from.

Parameters
----------
grad : numpy.ndarray
    float32 or float64, at least one dimension.
indices : numpy.ndarray
    int64 or int32, of grad's shape; each 0 <= index < size.
axis : int
    The axis that the indices count along.
size : int
    The result's size along that axis, at least 0.

Returns
-------
numpy.ndarray
    Of grad's type and shape but for `axis`.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("put_along_axis", &put_along_axis_binding, py::arg("target"), py::arg("indices"), py::arg("values"),
        py::arg("axis"), py::arg("mode") = "assign",
        R"(Puts values, in place, at indices along one axis, in their order: ``numpy.put_along_axis`` without negative
indices, and its kin that add, multiply or keep the larger or smaller.

Parameters
----------
target : numpy.ndarray
    Any supported type and strides, writeable, at least one dimension.
indices : numpy.ndarray
    int64 or int32, of the target's shape but for `axis`; each 0 <= index < target.shape[axis].
values : numpy.ndarray
    Of the indices' shape and the target's type.
axis : int
    The axis, negative ones counted from the end.
mode : str
    'assign' (default), 'add', 'multiply', 'amax' or 'amin'; a bool target takes only 'assign'.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("index_put", &index_put_binding, py::arg("target"), py::arg("positions"), py::arg("values"),
        py::arg("axis") = 0, py::arg("axes") = 1, py::arg("mode") = "assign",
        R"(Puts rows, in place, at positions, in their order.

Parameters
----------
target : numpy.ndarray
    Any supported type and strides, writeable, at least one dimension.
positions : numpy.ndarray
    (M,), int64 or int32: the number of an entry, in logical order, of the indexed axes.
values : numpy.ndarray
    Of the target's type and shape, but for M in the place of the indexed axes.
axis : int
    The first indexed axis, negative ones counted from the end. Default 0.
axes : int
    How many neighbouring axes are indexed together. Default 1.
mode : str
    'assign' (default), 'add', 'multiply', 'amax' or 'amin'; a bool target takes only 'assign'.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("flat_positions", &flat_positions_binding, py::arg("indices"), py::arg("sizes"),
        R"(The numbers, in logical order, of the elements that several index arrays name together.

Parameters
----------
indices : sequence of numpy.ndarray
    One an axis, int64 or int32, all of one shape; each -size <= index < size, checked on every run.
sizes : sequence of int
    The sizes of the axes.

Returns
-------
numpy.ndarray
    int64, of the indices' shape; not negative.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("nonzero", &nonzero_binding, py::arg("input"),
        R"(The numbers, in logical order, of the elements that are not zero.

Parameters
----------
input : numpy.ndarray
    Any shape and supported type.

Returns
-------
numpy.ndarray
    (M,), int64, rising.

Raises
------
DTypeError
ValueError
    While calls are recorded: a replay could not give a result of another size.
)");
  m.def("unravel", &unravel_binding, py::arg("positions"), py::arg("shape"),
        R"(The indices along each axis of elements that are given by their number in logical order.

Parameters
----------
positions : numpy.ndarray
    (M,), int64 or int32, each 0 <= position < the product of `shape`.
shape : sequence of int

Returns
-------
numpy.ndarray
    (len(shape), M), int64.

Raises
------
ShapeError, DTypeError, IndexError
)");
  m.def("segment_numbers", &segment_numbers_binding, py::arg("offsets"), py::arg("count"),
        R"(For each of `count` positions the number of the segment that it lies in.

Parameters
----------
offsets : numpy.ndarray
    (S,), int64 or int32: where each segment begins. The first is 0, none is less than the one before or more than
    `count`; a segment that begins where the next one does is empty.
count : int

Returns
-------
numpy.ndarray
    (count,), int64; 0 without segments.

Raises
------
ShapeError, DTypeError, IndexError
)");
}

}  // namespace cygnet
