#include "families.h"
#include "kernels/resample.h"
#include "launch.h"

namespace cygnet {
namespace {

// The three arrays of `Taps`.
struct Matrix {
  Array offsets, sources, weights;
  int64_t count;

  Matrix(const char* op, const char* name, const ListArg& list, DType dtype) {
    const py::tuple arrays = items_of(op, name, list.object, "offsets, sources and weights");
    check<ValueError>(arrays.size() == 3, op, ": ", name, " has ", arrays.size(),
                      " arrays, expected offsets, sources and weights");
    const auto item = [&](Py_ssize_t i) { return ArrayArg{PyTuple_GET_ITEM(arrays.ptr(), i)}; };
    offsets = contiguous(array_of(op, name, item(0), DType::Int64));
    sources = contiguous(array_of(op, name, item(1), DType::Int64));
    weights = contiguous(array_of(op, name, item(2), dtype, "input"));
    check_rank(op, name, offsets, 1);
    check_rank(op, name, sources, 1);
    check_shape(op, name, weights, sources.shape());
    check<ShapeError>(offsets.count() > 0, op, ": ", name, " has no offsets, expected at least one");
    count = offsets.count() - 1;
  }
};

// The matrix of `terms` terms at three addresses, whose sources are below `size`. Part of the body: a replay meets
// other offsets and sources than the call that was recorded.
template <class T>
Taps<T> checked_taps(const char* op, const char* name, void* const* at, int64_t count, int64_t terms, int64_t size) {
  const auto *offsets = in<int64_t>(at[0]), *sources = in<int64_t>(at[1]);
  check<ValueError>(offsets[0] == 0 && offsets[count] == terms, op, ": ", name, " has offsets that do not span its ",
                    terms, " sources");
  int64_t taps = count > 0 ? offsets[1] : 0;
  for (int64_t i = 0; i < count; ++i) {
    check<ValueError>(offsets[i + 1] >= offsets[i], op, ": ", name, " has falling offsets");
    if (offsets[i + 1] - offsets[i] != taps) taps = 0;
  }
  for (int64_t i = 0; i < terms; ++i)
    check<IndexError>(sources[i] >= 0 && sources[i] < size, op, ": ", name, " has the source ", sources[i],
                      ", expected 0 <= source < ", size);
  return {count, offsets, sources, in<T>(at[2]), taps};
}

py::object resample_binding(const ArrayArg& input_arg, const ListArg& rows, const ListArg& columns) {
  constexpr const char* op = "resample";
  Array input = float_array(op, "input", input_arg);
  check<ShapeError>(input.rank() >= 3, op, ": input has shape ", input.shape(), ", expected at least 3 dimensions");
  const int height = input.rank() - 2, width = input.rank() - 1;
  const bool by_pixel = input.rank() == 4 && layout_of(input) == Layout::ChannelsLast;
  if (!by_pixel) input = contiguous(input);
  const Matrix by_row(op, "rows", rows, input.dtype()), by_column(op, "columns", columns, input.dtype());
  Images images{1, input.shape(height), input.shape(width), 1};
  for (int i = 0; i < height; ++i) (by_pixel && i == 1 ? images.inner : images.planes) *= input.shape(i);
  Dims shape = input.shape();
  shape[height] = by_row.count;
  shape[width] = by_column.count;
  const Array result = new_array(op, input.dtype(), shape, by_pixel ? Layout::ChannelsLast : Layout::Contiguous);
  const int64_t rows_count = by_row.count, rows_terms = by_row.sources.count();
  const int64_t columns_count = by_column.count, columns_terms = by_column.sources.count();
  const size_t item = item_size(input.dtype());
  const double moved = static_cast<double>(input.count() + result.count());
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {4 * static_cast<double>(result.count()), moved * static_cast<double>(item)},
           {read(input), read(by_row.offsets), read(by_row.sources), read(by_row.weights), read(by_column.offsets),
            read(by_column.sources), read(by_column.weights), write(result)},
           resample_scratch_bytes(images, rows_count, item), [=](void* const* at) {
             const auto vertical = checked_taps<T>(op, "rows", at + 1, rows_count, rows_terms, images.rows);
             const auto horizontal =
                 checked_taps<T>(op, "columns", at + 4, columns_count, columns_terms, images.columns);
             resample(images, vertical, horizontal, in<T>(at[0]), to<T>(at[7]), to<T>(at[8]));
           });
  });
  return result.object;
}

}  // namespace

void bind_resample(py::module_& m) {
  m.def("resample", &resample_binding, py::arg("input"), py::arg("rows"), py::arg("columns"),
        R"(Images whose rows, then columns, are weighted sums of the input's.

Parameters
----------
input : numpy.ndarray
    (..., H, W), float32 or float64, at least three dimensions; a channels-last (N, C, H, W) gives such a result.
rows, columns : sequence of three numpy.ndarray
    A sparse matrix each: `offsets` (size + 1,), `sources` (terms,), both int64, and `weights` (terms,) of the input's
    type. Entry r of the result is the sum of weights[k] times entry sources[k] over offsets[r] <= k < offsets[r + 1].

Returns
-------
numpy.ndarray
    (..., rows' size, columns' size).

Raises
------
ShapeError, DTypeError, ValueError, IndexError
)");
}

}  // namespace cygnet
