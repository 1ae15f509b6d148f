// Products of few rows with the transpose of a row-major matrix, both contiguous in k, as sets of dot products: every
// element of B is read once and nothing is packed.
#pragma once

#include "gemm.h"

namespace cygnet {

/// Whether the vectors that each dot product ends with summing up cost less than packing B would.
template <class T>
bool gemm_dot_is_faster(int64_t rows, int64_t depth, const MatrixView<T>& a, const MatrixView<T>& b) noexcept;

/// B in the order in which `gemm_dot` reads it: one stream instead of one a column.
template <class T>
size_t gemm_dot_packed_bytes(int64_t rows, int64_t columns, int64_t depth) noexcept;
template <class T>
void gemm_dot_pack(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& b, T* packed) noexcept;

/// As `gemm`; needs k contiguous in A and in B. `packed` is null or B packed.
template <class T>
void gemm_dot(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, const T* packed,
              Epilogue<T> epilogue, T* c, int64_t c_step) noexcept;

}  // namespace cygnet
