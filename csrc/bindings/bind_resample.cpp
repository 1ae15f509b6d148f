#include "families.h"
#include "kernels/resample.h"
#include "launch.h"

namespace cygnet {
namespace {

// The three arrays of `Taps`, checked: they describe the resampling and do not change, so once is enough.
struct Matrix {
  Array offsets, sources, weights;
  int64_t count, taps;

  Matrix(const char* op, const char* name, const ListArg& list, int64_t size, DType dtype) {
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
    count = offsets.count() - 1;
    const auto* at = in<int64_t>(offsets.view.data);
    check<ValueError>(count >= 0 && at[0] == 0 && at[count] == sources.count(), op, ": ", name,
                      " has offsets that do not span its ", sources.count(), " sources");
    taps = count > 0 ? at[1] : 0;
    for (int64_t i = 0; i < count; ++i) {
      check<ValueError>(at[i + 1] >= at[i], op, ": ", name, " has falling offsets");
      if (at[i + 1] - at[i] != taps) taps = 0;
    }
    const auto* from = in<int64_t>(sources.view.data);
    for (int64_t i = 0; i < sources.count(); ++i)
      check<IndexError>(from[i] >= 0 && from[i] < size, op, ": ", name, " has the source ", from[i],
                        ", expected 0 <= source < ", size);
  }
};

py::object resample_binding(const ArrayArg& input_arg, const ListArg& rows, const ListArg& columns) {
  constexpr const char* op = "resample";
  Array input = float_array(op, "input", input_arg);
  check<ShapeError>(input.rank() >= 3, op, ": input has shape ", input.shape(), ", expected at least 3 dimensions");
  const int height = input.rank() - 2, width = input.rank() - 1;
  const bool by_pixel = input.rank() == 4 && layout_of(input) == Layout::ChannelsLast;
  if (!by_pixel) input = contiguous(input);
  const Matrix by_row(op, "rows", rows, input.shape(height), input.dtype());
  const Matrix by_column(op, "columns", columns, input.shape(width), input.dtype());
  Images images{1, input.shape(height), input.shape(width), 1};
  for (int i = 0; i < height; ++i) (by_pixel && i == 1 ? images.inner : images.planes) *= input.shape(i);
  Dims shape = input.shape();
  shape[height] = by_row.count;
  shape[width] = by_column.count;
  const Array result = new_array(op, input.dtype(), shape, by_pixel ? Layout::ChannelsLast : Layout::Contiguous);
  const int64_t rows_count = by_row.count, rows_taps = by_row.taps;
  const int64_t columns_count = by_column.count, columns_taps = by_column.taps;
  const size_t item = item_size(input.dtype());
  const double moved = static_cast<double>(input.count() + result.count());
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {4 * static_cast<double>(result.count()), moved * static_cast<double>(item)},
           {read(input), read(by_row.offsets), read(by_row.sources), read(by_row.weights), read(by_column.offsets),
            read(by_column.sources), read(by_column.weights), write(result)},
           resample_scratch_bytes(images, rows_count, item), [=](void* const* at) {
             const Taps<T> vertical{rows_count, in<int64_t>(at[1]), in<int64_t>(at[2]), in<T>(at[3]), rows_taps};
             const Taps<T> horizontal{columns_count, in<int64_t>(at[4]), in<int64_t>(at[5]), in<T>(at[6]),
                                      columns_taps};
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
    They are checked when called and must not change for a replay.

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
