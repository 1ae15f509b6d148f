#include <algorithm>

#include "families.h"
#include "kernels/sort.h"
#include "launch.h"

namespace cygnet {
namespace {

// The input as contiguous rows along its last axis.
struct Rows {
  Array input;
  RowSizes sizes;

  Rows(const char* op, const char* name, const ArrayArg& arg) : input(contiguous(any_array(op, name, arg))) {
    check<ShapeError>(input.rank() > 0, op, ": ", name, " has no dimensions, expected at least 1");
    sizes.size = input.shape().back();
    check<ShapeError>(sizes.size < INT32_MAX, op, ": ", name, " has rows of ", sizes.size,
                      " elements, expected less than ", INT32_MAX);
    sizes.rows = 1;
    for (int i = 0; i + 1 < input.rank(); ++i) sizes.rows *= input.shape(i);
  }
  // The input's shape with another size of the last axis.
  Dims shape_of(int64_t last) const {
    Dims shape = input.shape();
    shape[shape.rank - 1] = last;
    return shape;
  }
  Work work(double of_element) const {
    const double count = static_cast<double>(input.count());
    return {of_element * count, count * static_cast<double>(item_size(input.dtype()))};
  }
};

py::object argsort_binding(const ArrayArg& input_arg, bool descending) {
  constexpr const char* op = "argsort";
  const Rows rows(op, "input", input_arg);
  const Array result = new_array(op, DType::Int64, rows.input.shape());
  const DType dtype = rows.input.dtype();
  if (result.count() > 0)
    launch(op, rows.work(16), {read(rows.input), write(result)}, argsort_scratch_bytes(dtype, rows.sizes),
           [=, sizes = rows.sizes](void* const* at) {
             argsort_rows(dtype, sizes, descending, at[0], to<int64_t>(at[1]), at[2]);
           });
  return result.object;
}

py::object topk_binding(const ArrayArg& input_arg, int64_t k, bool largest) {
  constexpr const char* op = "topk";
  const Rows rows(op, "input", input_arg);
  check<ValueError>(k >= 0 && k <= rows.sizes.size, op, ": k is ", k, ", expected 0 to ", rows.sizes.size,
                    ", the size of the dimension");
  const Array result = new_array(op, DType::Int64, rows.shape_of(k));
  const DType dtype = rows.input.dtype();
  if (result.count() > 0)
    launch(op, rows.work(2), {read(rows.input), write(result)}, topk_scratch_bytes(dtype, rows.sizes, k),
           [=, sizes = rows.sizes](void* const* at) {
             topk_rows(dtype, sizes, k, largest, at[0], to<int64_t>(at[1]), at[2]);
           });
  return result.object;
}

py::object kth_binding(const ArrayArg& input_arg, int64_t k, bool nan_wins) {
  constexpr const char* op = "argkth";
  const Rows rows(op, "input", input_arg);
  check<ValueError>(k >= 0 && k < rows.sizes.size, op, ": k is ", k, ", expected 0 to ", rows.sizes.size - 1);
  const Array result = new_array(op, DType::Int64, rows.shape_of(1));
  const DType dtype = rows.input.dtype();
  if (result.count() > 0)
    launch(op, rows.work(8), {read(rows.input), write(result)}, argsort_scratch_bytes(dtype, rows.sizes),
           [=, sizes = rows.sizes](void* const* at) {
             kth_rows(dtype, sizes, k, nan_wins, at[0], to<int64_t>(at[1]), at[2]);
           });
  return result.object;
}

py::object search_binding(const ArrayArg& boundaries_arg, const ArrayArg& values_arg, bool right) {
  constexpr const char* op = "searchsorted";
  const Rows rows(op, "boundaries", boundaries_arg);
  const bool shared = rows.input.rank() == 1;
  const Array values = contiguous(array_of(op, "values", values_arg, rows.input.dtype(), "boundaries"));
  int64_t count = values.count();
  RowSizes sizes = rows.sizes;
  if (!shared) {
    check<ShapeError>(values.rank() == rows.input.rank() &&
                          std::equal(values.shape().begin(), values.shape().end() - 1, rows.input.shape().begin()),
                      op, ": values has shape ", values.shape(), ", boundaries has shape ", rows.input.shape(),
                      "; they must agree in all but the last dimension");
    count = values.shape().back();
  }
  const Array result = new_array(op, DType::Int64, values.shape());
  if (result.count() > 0)
    launch(op, {32 * static_cast<double>(values.count()), rows.work(1).bytes},
           {read(rows.input), read(values), write(result)}, 0, [=, dtype = values.dtype()](void* const* at) {
             search_rows(dtype, sizes, shared, count, right, at[0], at[1], to<int64_t>(at[2]));
           });
  return result.object;
}

}  // namespace

void bind_sort(py::module_& m) {
  m.def("argsort", &argsort_binding, py::arg("input"), py::arg("descending") = false,
        R"(Positions that sort the last axis; stable, NaNs are the largest.

Parameters
----------
input : numpy.ndarray
    Any type, at least one dimension.
descending : bool
    Whether the largest comes first; equal elements keep their order in either case. Default False.

Returns
-------
numpy.ndarray
    int64, of the input's shape.

Raises
------
DTypeError, ShapeError
)");
  m.def("topk", &topk_binding, py::arg("input"), py::arg("k"), py::arg("largest") = true,
        R"(Positions of the k largest elements along the last axis, the largest first; the first of equals, and NaNs are
the largest.

Parameters
----------
input : numpy.ndarray
    Any type, at least one dimension.
k : int
    0 <= k <= the size of the last axis.
largest : bool
    False for the smallest, the smallest first. Default True.

Returns
-------
numpy.ndarray
    int64, (..., k).

Raises
------
DTypeError, ShapeError, ValueError
)");
  m.def("argkth", &kth_binding, py::arg("input"), py::arg("k"), py::arg("nan_wins") = false,
        R"(Position of the element that has place k in the ascending order of the last axis.

Parameters
----------
input : numpy.ndarray
    Any type, at least one dimension.
k : int
    The place, 0 <= k < the size of the last axis.
nan_wins : bool
    Whether the first NaN is the answer where there is one; else NaNs are the largest. Default False.

Returns
-------
numpy.ndarray
    int64, (..., 1).

Raises
------
DTypeError, ShapeError, ValueError
)");
  m.def("searchsorted", &search_binding, py::arg("boundaries"), py::arg("values"), py::arg("right") = false,
        R"(How many boundaries are less than each value.

Parameters
----------
boundaries : numpy.ndarray
    (size,), or (..., size) with the leading sizes of `values`; ascending along the last axis.
values : numpy.ndarray
    Of the type of `boundaries`; any shape where there is one row of boundaries.
right : bool
    Whether equal boundaries count too. Default False.

Returns
-------
numpy.ndarray
    int64, of the shape of `values`.

Raises
------
DTypeError, ShapeError
)");
}

}  // namespace cygnet
