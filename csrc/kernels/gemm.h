// Matrix products. Matrices are given by their address and the element steps between rows and between columns, so
// a transposed matrix is the same call with its steps exchanged.
#pragma once

#include <cstddef>
#include <cstdint>

#include "activation.h"

namespace cygnet {

template <class T>
struct MatrixView {
  const T* data;
  int64_t row_step;     // elements from one row to the next
  int64_t column_step;  // elements from one column to the next
};

/// C[m][n] = f(sum_k A[m][k] B[k][n] + bias[n]) for 0 <= m < rows, 0 <= n < columns, 0 <= k < depth.
/// C is row-major with `c_step` elements from row to row and overlaps nothing; bias may be null. With depth 0 the sum
/// is 0. `scratch` has gemm_scratch_bytes of the same arguments.
template <class T>
void gemm(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, const T* bias,
          Activation activation, T* c, int64_t c_step, void* scratch) noexcept;

/// Scratch of `gemm`, for packed parts of A and B; the views' data are not read.
template <class T>
size_t gemm_scratch_bytes(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                          const MatrixView<T>& b) noexcept;

/// sums[n] = sum_m A[m][n] of a row-major matrix: the gradient of a bias. Rows are summed in runs of fixed length
/// and the runs pairwise. `scratch` has column_sum_scratch_bytes.
template <class T>
void column_sum(const T* a, int64_t rows, int64_t columns, T* sums, void* scratch) noexcept;
size_t column_sum_scratch_bytes(int64_t rows, int64_t columns, size_t item) noexcept;

/// Packs columns [panel begin, panel end) of B for the micro-kernel: target[k][n], n padded with zeros to whole
/// vectors. B is `depth` by at least the panel's columns; `columns` of them are real.
template <class T>
void pack_panel(MatrixView<T> b, int64_t depth, int columns, int vectors, T* target) noexcept;

}  // namespace cygnet
