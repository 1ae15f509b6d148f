// The random state that a kernel reads.
#pragma once

#include "array.h"
#include "core/check.h"

namespace cygnet {

/// A checked cell: int64 (2,), writeable, read and counted up by every run of a call.
inline Array cell_array(const char* op, const ArrayArg& arg) {
  Array cell = array_of(op, "cell", arg, DType::Int64);
  check_shape(op, "cell", cell, {2});
  check_writeable(op, "cell", cell);
  check<ValueError>(cell.view.contiguous(), op, ": cell must be C-contiguous and aligned");
  return cell;
}

}  // namespace cygnet
