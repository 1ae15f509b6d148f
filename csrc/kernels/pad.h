// Frames around arrays, and sums over windows that overlap.
#pragma once

#include "core/array_view.h"

namespace cygnet {

/// to[i] = from[i - before], and `value` where that is outside of `from`; views of one type and rank, from[0] at
/// to[before], inside of `to`.
void pad_constant(const ArrayView& from, const ArrayView& to, const Dims& before, double value) noexcept;

/// to[i] += from[i] for every index i in turn; elements of `to`, of float32 or float64, may be one in memory. Those of
/// different indices in the first `apart` axes are not.
void overlap_add(const ArrayView& from, const ArrayView& to, int apart) noexcept;

}  // namespace cygnet
