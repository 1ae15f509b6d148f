// Order of the elements of rows: (rows, size) contiguous. NaNs are the largest and equal to each other, -0 equals 0,
// and equal elements keep their order, also in a descending one. Results are positions in the row.
#pragma once

#include <cstddef>

#include "core/array_view.h"

namespace cygnet {

struct RowSizes {
  int64_t rows, size;
};

/// out (rows, size): the positions in sorted order. `scratch` has argsort_scratch_bytes.
void argsort_rows(DType dtype, RowSizes sizes, bool descending, const void* in, int64_t* out, void* scratch) noexcept;
size_t argsort_scratch_bytes(DType dtype, RowSizes sizes) noexcept;

/// out (rows, k): the first k positions of the sorted order, 0 <= k <= size. `scratch` has topk_scratch_bytes.
void topk_rows(DType dtype, RowSizes sizes, int64_t k, bool largest, const void* in, int64_t* out,
               void* scratch) noexcept;
size_t topk_scratch_bytes(DType dtype, RowSizes sizes, int64_t k) noexcept;

/// out (rows): position k of the ascending order, 0 <= k < size; with `nan_wins`, the first NaN if there is one.
/// `scratch` has argsort_scratch_bytes.
void kth_rows(DType dtype, RowSizes sizes, int64_t k, bool nan_wins, const void* in, int64_t* out,
              void* scratch) noexcept;

/// out[r][j] = how many of the ascending boundaries[r] are less than values[r][j], or with `right` not greater.
/// `boundaries` (rows, size), or (size,) for all rows if `shared`; values and out (rows, count).
void search_rows(DType dtype, RowSizes sizes, bool shared, int64_t count, bool right, const void* boundaries,
                 const void* values, int64_t* out) noexcept;

}  // namespace cygnet
