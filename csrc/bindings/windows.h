// Arguments that all poolings share: windows, and images that may stand alone.
#pragma once

#include "kernels/pooling.h"
#include "spatial.h"

namespace cygnet {

/// The windows of a pooling over `axes` spatial axes, checked; `padding` is at most half a window, so that each starts
/// or ends inside.
struct Windows {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode;

  Windows(const char* op, int axes, const AxesArg& kernel_size, const std::optional<AxesArg>& stride,
          const AxesArg& padding, const AxesArg& dilation, bool ceil_mode);
  /// Over images of (N, C, ...) shape; throws ShapeError where a window does not fit.
  Pooling over(const char* op, const Dims& input) const;
};

/// Windows that split the axes of (N, C, ...) images evenly into `sizes`.
Pooling split_evenly(const char* op, const Dims& input, const Dims& sizes);

/// The shape (N, C, ...) of a pooling's output over `axes` axes.
Dims output_shape(const Pooling& pooling, int axes);

/// Images (N, C, ...), or one alone without N, in one of the two memory orders that pooling takes.
struct Images {
  Array array;  // its view always has N
  bool alone;
  Layout layout;

  /// A checked argument, in any order until `put_in_order`.
  Images(const char* op, const char* name, Array argument, int axes);
  /// A new array, or the user's `out` after all checks, in the order that it has.
  Images(const char* op, const OptionalArray& out, DType dtype, const Dims& shape, const Images& like);

  void put_in_order(Layout wanted);
  const Dims& shape() const { return array.shape(); }
  DType dtype() const { return array.dtype(); }
  int axes() const { return array.rank() - 2; }
};

/// The same windows over memory as the kernels see it: plain images of C channels are C images of one.
Pooling in_memory(Pooling pooling, Layout layout);

/// A shape argument (N, C, ...) or, of an image alone, (C, ...), as (N, C, ...).
Dims images_shape(const char* op, const char* name, const py::object& arg, int axes);

}  // namespace cygnet
