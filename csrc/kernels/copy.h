// Copies between arrays of any strides, with conversion of the element type.
#pragma once

#include "core/array_view.h"

namespace cygnet {

/// to[i] = from[i] for every index i; the views have one shape and do not overlap. A float becomes an integer by
/// truncation (NaN and what does not fit: the type's lowest), anything becomes bool by comparison with zero.
void copy(const ArrayView& from, const ArrayView& to) noexcept;

/// to[r][c] = from[c][r]: `rows` rows of `columns` elements, their steps in elements. Serial.
void transpose(const uint32_t* from, int64_t from_step, uint32_t* to, int64_t to_step, int64_t rows,
               int64_t columns) noexcept;

}  // namespace cygnet
