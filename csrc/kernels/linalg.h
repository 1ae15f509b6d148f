// Factorisations of row-major matrices, and what follows from them, for a whole stack of matrices at once.
//
// Matrices of a stack are tasks of their own; a large one is cut up inside instead (`in_stack` of linalg_parts.h says
// which, from the shape alone). Work that grows with the third power is done by `gemm` wherever the algorithm has a
// blocked form. No function allocates: `scratch` has the bytes that the function of the same name with _scratch_bytes
// gives. Inputs and outputs do not overlap unless a function says that it works in place. NaN and infinity go through,
// or give `NotFinite` where an iteration would not end with them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

/// What `info` of a matrix says instead of 0 or a position: an iteration that its bound has ended, and an input that
/// is not finite. The results are NaN then.
constexpr int32_t not_converged = -1, not_finite = -2;

/// A = L Lᵀ in place, of symmetric matrices [batch][n][n] of which the lower triangle is read; the upper one becomes 0.
/// info[b] is 0, or the order of the first leading minor that is not positive; then L is that of the minors before.
/// Blocked, right-looking; n³/3 operations.
template <class T>
void cholesky(int64_t batch, int64_t n, T* a, int32_t* info, void* scratch) noexcept;
template <class T>
size_t cholesky_scratch_bytes(int64_t batch, int64_t n) noexcept;

/// P A = L U in place, of matrices [batch][rows][columns], by partial pivoting; L has ones on the diagonal and lies
/// below it. pivots[b][k] - 1 is the row that was exchanged with row k in step k. info[b] is 0, or 1 more than the
/// first k with U[k][k] = 0. Blocked, right-looking; 2n³/3 operations.
template <class T>
void lu_factor(int64_t batch, int64_t rows, int64_t columns, T* a, int32_t* pivots, int32_t* info,
               void* scratch) noexcept;
template <class T>
size_t lu_factor_scratch_bytes(int64_t batch, int64_t rows, int64_t columns) noexcept;

/// X = op(A)⁻¹ B in place of B [batch][n][columns], where op transposes or not and A [batch][n][n] is a triangle; the
/// rest of A is not read, nor is its diagonal where that is taken for ones. n² columns operations.
struct Triangle {
  bool upper, transposed, unit;
};
template <class T>
void solve_triangular(int64_t batch, int64_t n, int64_t columns, Triangle kind, const T* a, T* b,
                      void* scratch) noexcept;
template <class T>
size_t solve_triangular_scratch_bytes(int64_t batch, int64_t n, int64_t columns) noexcept;

/// B becomes Pᵀ B, or P B with `inverse`: the exchanges of `lu_factor`, [batch][count], on rows of [batch][n][columns].
/// Pivots are within 1 ... n.
template <class T>
void exchange_rows(int64_t batch, int64_t count, int64_t n, int64_t columns, const int32_t* pivots, bool inverse,
                   T* b) noexcept;

/// The first pivot outside of 1 ... n, or -1.
int64_t first_wrong_pivot(const int32_t* pivots, int64_t count, int64_t n) noexcept;

/// A = H₀ H₁ ... R of matrices [batch][rows][columns], H = 1 - tau v vᵀ. R lies on and above the diagonal of `out`,
/// the k-th v, but for its leading 1 on the diagonal, below it in column k; tau is [batch][min(rows, columns)]. Blocked
/// (R. Schreiber and C. Van Loan, "A storage-efficient WY representation", SIAM J. Sci. Stat. Comput. 10, 1989);
/// 2n²(m - n/3) operations.
template <class T>
void householder_factor(int64_t batch, int64_t rows, int64_t columns, const T* a, T* out, T* tau,
                        void* scratch) noexcept;
template <class T>
size_t householder_factor_scratch_bytes(int64_t batch, int64_t rows, int64_t columns) noexcept;

/// The first `wanted` columns of H₀ H₁ ... of `count` reflections as `householder_factor` leaves them in
/// [batch][rows][columns], count <= columns, count <= rows, wanted <= rows.
template <class T>
void householder_columns(int64_t batch, int64_t rows, int64_t columns, int64_t count, int64_t wanted, const T* factor,
                         const T* tau, T* out, void* scratch) noexcept;
template <class T>
size_t householder_columns_scratch_bytes(int64_t batch, int64_t rows, int64_t count, int64_t wanted) noexcept;

/// A = V diag(values) Vᵀ of symmetric matrices [batch][n][n], of which the lower triangle is read; values rise. V may
/// be null. To a tridiagonal matrix by reflections, then the implicit QR algorithm with Wilkinson's shifts (G. Golub
/// and C. Van Loan, Matrix Computations, 8.3), at most 30 n steps; about 9 n³ operations with V.
template <class T>
void eigh(int64_t batch, int64_t n, const T* a, T* values, T* vectors, int32_t* info, void* scratch) noexcept;
template <class T>
size_t eigh_scratch_bytes(int64_t batch, int64_t n, bool vectors) noexcept;

/// A = U diag(values) Vh of matrices [batch][rows][columns]; the min(rows, columns) values fall. U and Vh are both null
/// or [batch][rows][k] and [batch][k][columns] with k that minimum, or, with `full`, square. Tall matrices (wide ones
/// are transposed) first become the triangle of their QR, then a bidiagonal matrix by reflections, then the implicit
/// QR algorithm (G. Golub and C. Van Loan, Matrix Computations, 8.6), at most 30 k steps; about 20 n³ operations with
/// vectors.
template <class T>
void svd(int64_t batch, int64_t rows, int64_t columns, bool full, const T* a, T* u, T* values, T* vh, int32_t* info,
         void* scratch) noexcept;
template <class T>
size_t svd_scratch_bytes(int64_t batch, int64_t rows, int64_t columns, bool full, bool vectors) noexcept;

/// out = exp(A) of matrices [batch][n][n]: A / 2ˢ with a norm of at most 1/2 goes through the Taylor polynomial of
/// degree 16 (M. Paterson and L. Stockmeyer, SIAM J. Comput. 2, 1973: six products), which is squared s times.
template <class T>
void matrix_exp(int64_t batch, int64_t n, const T* a, T* out, void* scratch) noexcept;
template <class T>
size_t matrix_exp_scratch_bytes(int64_t batch, int64_t n) noexcept;

}  // namespace cygnet
