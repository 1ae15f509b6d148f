#include "families.h"
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
void check_indices(const char* op, const int64_t* indices, const Dims& shape, int64_t count, int64_t size) {
  const int64_t wrong = first_out_of_range(indices, count, size);
  if (wrong < 0) return;
  throw IndexError(
      message(op, ": indices[", Position{wrong, shape}, "] is ", indices[wrong], ", expected 0 <= index < ", size));
}

double bytes_of(const Array& array) {
  return static_cast<double>(array.count()) * static_cast<double>(item_size(array.dtype()));
}

py::object gather_rows_binding(const ArrayArg& source_arg, const ArrayArg& indices_arg, const OptionalArray& out) {
  constexpr const char* op = "gather_rows";
  Array source = any_array(op, "source", source_arg);
  check<ShapeError>(source.rank() >= 1, op, ": source has shape (), expected at least 1 dimension");
  Array indices = index_array(op, "indices", indices_arg);
  check_rank(op, "indices", indices, 1);
  Dims shape = source.shape();
  const int64_t rows = shape[0], count = indices.shape(0);
  shape[0] = count;
  const Array result = output(op, out, source.dtype(), shape, {&source, &indices});
  source = contiguous(source);
  size_t row_bytes = item_size(source.dtype());
  for (int i = 1; i < shape.rank; ++i) row_bytes *= static_cast<size_t>(shape[i]);
  const Dims positions = indices.shape();
  launch(op, {0, 2 * bytes_of(result) + bytes_of(indices)}, {read(source), read(indices), write(result)}, 0,
         [=](void* const* at) {
           check_indices(op, in<int64_t>(at[1]), positions, count, rows);
           gather_rows(in<char>(at[0]), in<int64_t>(at[1]), count, row_bytes, to<char>(at[2]));
         });
  return result.object;
}

py::object scatter_add_rows_binding(const ArrayArg& grad_arg, const ArrayArg& indices_arg, int64_t rows) {
  constexpr const char* op = "scatter_add_rows";
  Array grad = float_array(op, "grad", grad_arg);
  check<ShapeError>(grad.rank() >= 1, op, ": grad has shape (), expected at least 1 dimension");
  const Array indices = index_array(op, "indices", indices_arg);
  check_shape(op, "indices", indices, {grad.shape(0)});
  check<ValueError>(rows >= 0, op, ": rows is ", rows, ", expected at least 0");
  grad = contiguous(grad);
  Dims shape = grad.shape();
  const int64_t count = shape[0];
  shape[0] = rows;
  const Array result = new_array(op, grad.dtype(), shape);
  int64_t width = 1;
  for (int i = 1; i < shape.rank; ++i) width *= shape[i];
  const Dims positions = indices.shape();
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {static_cast<double>(grad.count()), bytes_of(grad) + bytes_of(indices) + bytes_of(result)},
           {read(grad), read(indices), write(result)}, 0, [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, rows);
             scatter_add_rows(in<T>(at[0]), in<int64_t>(at[1]), count, rows, width, to<T>(at[2]));
           });
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

// Sizes around `axis` of an array of shape `indexed` and of indices, which agree but for that axis.
AlongAxis along_axis(const Dims& indexed, const Dims& indices, int axis) {
  AlongAxis shape{1, indexed[axis], indices[axis], 1};
  for (int i = 0; i < axis; ++i) shape.outer *= indexed[i];
  for (int i = axis + 1; i < indexed.rank; ++i) shape.inner *= indexed[i];
  return shape;
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
  const AlongAxis shape = along_axis(input.shape(), indices.shape(), axis);
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
  const AlongAxis shape = along_axis(result_shape, indices.shape(), axis);
  const Dims positions = indices.shape();
  const int64_t count = indices.count();
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {static_cast<double>(count), bytes_of(grad) + bytes_of(indices) + bytes_of(result)},
           {read(grad), read(indices), write(result)}, 0, [=](void* const* at) {
             check_indices(op, in<int64_t>(at[1]), positions, count, shape.size);
             scatter_add_along_axis(shape, in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
           });
  });
  return result.object;
}

}  // namespace

void bind_gather(py::module_& m) {
  m.def("gather_rows", &gather_rows_binding, py::arg("source"), py::arg("indices"), py::kw_only(),
        py::arg("out") = py::none(),
        R"(Rows picked by index: ``source[indices]``.

Parameters
----------
source : numpy.ndarray
    (N, ...), any supported type.
indices : numpy.ndarray
    (M,), int64 or int32, each 0 <= index < N; checked on every run, also in a replay.
out : numpy.ndarray, optional
    C-contiguous (M, ...) array for the result.

Returns
-------
numpy.ndarray
    (M, ...), of the source's type.

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
  m.def("scatter_add_rows", &scatter_add_rows_binding, py::arg("grad"), py::arg("indices"), py::arg("rows"),
        R"(Gradient of `gather_rows`: row r of the result is the sum of all grad[i] with indices[i] = r, in order of i.

Parameters
----------
grad : numpy.ndarray
    (M, ...), float32 or float64.
indices : numpy.ndarray
    (M,), int64 or int32, each 0 <= index < rows.
rows : int
    Rows of the result, at least 0.

Returns
-------
numpy.ndarray
    (rows, ...), of grad's type.

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
}

}  // namespace cygnet
