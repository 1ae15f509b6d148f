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

/// What becomes of the sums before they are stored.
template <class T>
struct Epilogue {
  const T* bias = nullptr;  // one for each column, or null
  Activation activation = Activation::None;
  T alpha = 1, beta = 0;
};

/// C[m][n] = f(alpha sum_k A[m][k] B[k][n] + beta C[m][n] + bias[n]) for 0 <= m < rows, 0 <= n < columns,
/// 0 <= k < depth. C is row-major with `c_step` elements from row to row and overlaps nothing; with beta 0 it is not
/// read. With depth 0 the sum is 0. `scratch` has gemm_scratch_bytes of the same arguments. `packed` is null or B as
/// gemm_pack has left it there, then B is not read.
template <class T>
void gemm(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, Epilogue<T> epilogue, T* c,
          int64_t c_step, void* scratch, const void* packed = nullptr) noexcept;

/// For products with the same B again and again: B in the order in which `gemm` of the same sizes and steps reads it;
/// 0 bytes where that is how it lies. The data of A are not read.
template <class T>
size_t gemm_packed_bytes(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                         const MatrixView<T>& b) noexcept;
template <class T>
void gemm_pack(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a, const MatrixView<T>& b,
               void* packed) noexcept;

/// Scratch of `gemm`, for packed parts of A and B; the views' data are not read.
template <class T>
size_t gemm_scratch_bytes(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                          const MatrixView<T>& b) noexcept;

/// `batch` products of one shape: matrix i of A begins a_offset[i] elements after a.data, that of B b_offset[i] after
/// b.data, that of C i rows * columns after c.
template <class T>
void gemm_batched(int64_t batch, const int64_t* a_offset, const int64_t* b_offset, int64_t rows, int64_t columns,
                  int64_t depth, MatrixView<T> a, MatrixView<T> b, Epilogue<T> epilogue, T* c, void* scratch) noexcept;
template <class T>
size_t gemm_batched_scratch_bytes(int64_t batch, int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                                  const MatrixView<T>& b) noexcept;

/// sums[n] = sum_m A[m][n] of a row-major matrix: the gradient of a bias. Rows are summed in runs of fixed length
/// and the runs pairwise. `scratch` has column_sum_scratch_bytes.
template <class T>
void column_sum(const T* a, int64_t rows, int64_t columns, T* sums, void* scratch) noexcept;
size_t column_sum_scratch_bytes(int64_t rows, int64_t columns, size_t item) noexcept;

/// Packs columns [panel begin, panel end) of B for the micro-kernel: target[k][n], n padded with zeros to whole
/// vectors. B is `depth` by at least the panel's columns; `columns` of them are real. From one k to the next the target
/// is `step` elements further; 0 stands for the panel's width.
template <class T>
void pack_panel(MatrixView<T> b, int64_t depth, int columns, int vectors, T* target, int64_t step = 0) noexcept;

}  // namespace cygnet
