// Element-wise operations: each is one loop over contiguous memory an element type, and one driver that brings
// operands of any strides to that loop, so that every layout gives the same bits.
#pragma once

#include "core/array_view.h"
#include "core/stream_bytes.h"

namespace cygnet {

constexpr int max_elementwise_inputs = 3;
constexpr int dtype_count = 6;

/// The constants of an operation that has any.
struct ElementwiseParameters {
  double first = 0, second = 0;
};

/// out[i] = f(in[0][i], in[1][i], ...) over aligned contiguous runs; `out` may be one of the inputs.
using ElementwiseLoop = void (*)(const void* const* in, void* out, int64_t count,
                                 ElementwiseParameters parameters) noexcept;

struct ElementwiseOp {
  const char* name;
  int inputs;
  double cost;                        // of an element, in additions
  bool gives_bool;                    // a comparison; else the result has the type of the inputs
  ElementwiseLoop loop[dtype_count];  // by element type of the inputs (of the last one for `where`), null if none
};

/// The operation of a name that elementwise_operations.cpp lists.
const ElementwiseOp& elementwise_op(const char* name) noexcept;

/// A call with everything but the addresses: operands over common axes, outermost first, inputs in order and the
/// output, which is dense and aligned, last. A step of 0 repeats an element.
struct ElementwisePlan {
  ElementwiseLoop loop;
  ElementwiseParameters parameters;
  double cost = 1;
  int inputs = 0;
  int axes = 0;
  int64_t size[max_rank];
  int64_t step[max_elementwise_inputs + 1][max_rank];  // in bytes
  int64_t item[max_elementwise_inputs + 1];
  bool aligned[max_elementwise_inputs + 1];

  /// Whether every operand is one contiguous aligned run.
  bool flat() const noexcept {
    if (axes != 1) return false;
    for (int i = 0; i <= inputs; ++i)
      if (!aligned[i] || step[i][0] != item[i]) return false;
    return true;
  }
  /// Whether the output is too large to be read from the caches afterwards.
  bool large() const noexcept {
    int64_t bytes = item[inputs];
    for (int a = 0; a < axes; ++a) bytes *= size[a];
    return bytes >= stream_bytes;
  }
};

/// Fills size, step, item and aligned: axes in the order of the output's memory, neighbours joined where all operands
/// allow. An input's shape is that of the output; broadcast axes have step 0.
void plan_axes(const ArrayView* inputs, int input_count, const ArrayView& output, ElementwisePlan& plan) noexcept;

/// Runs the plan. The output may be exactly one of the inputs, and overlaps no other.
void elementwise(const ElementwisePlan& plan, const void* const* in, void* out) noexcept;

/// The case of a plan that is flat and not large.
void elementwise_flat(ElementwiseLoop loop, ElementwiseParameters parameters, double cost, int inputs,
                      const int64_t* item, int64_t count, const void* const* in, void* out) noexcept;

}  // namespace cygnet
