// The micro-kernel of linear layers, convolutions and recurrent nets: a small block of C kept in registers while
//
//   C[m][n] = alpha sum over segments s and 0 <= k < depth of A[a_row[m] + a_segment[s] + k a_step] B[s][k][n]
//             (+ beta C[m][n]),
//
// with bias and activation applied before the one store. The rows of A are addressed by offsets, so that they may be
// rows of a matrix, pixels of an image or taps of a filter; the segments are the taps of a convolution or the rows of
// an image (a "batch-reduce" product: E. Georganas et al., arXiv 1906.06440).
#pragma once

#include <cstdint>

#include "activation_functions.h"

namespace cygnet {

/// Registers decide the block: `vectors` vectors of C side by side, at most max_rows(vectors) rows of them. With 32
/// registers 12x2, 8x3 and 6x4 leave room for a row of B and a broadcast of A, and 24 sums hide the latency of the
/// multiply-add; with 16 registers 10x1, 6x2, 4x3.
#if defined(EIGEN_VECTORIZE_AVX512) || defined(EIGEN_VECTORIZE_NEON)
constexpr int max_vectors = 4;
constexpr int max_rows(int vectors) { return vectors <= 2 ? 12 : vectors == 3 ? 8 : 6; }
#else
constexpr int max_vectors = 3;
constexpr int max_rows(int vectors) { return vectors == 1 ? 10 : vectors == 2 ? 6 : 4; }
#endif
constexpr int most_rows = max_rows(1);
/// One vector has a multiply-add for each row, so that the rows' offsets should be in registers, too.
constexpr int best_rows(int vectors) { return vectors == 1 ? 10 : max_rows(vectors); }

template <class T>
struct Tile {
  const T* a = nullptr;
  const int64_t* a_row = nullptr;      // offset of each row, in elements
  const int64_t* a_segment = nullptr;  // offset of each segment, in elements; null for none
  int64_t a_step = 1;                  // from one k to the next
  const T* b = nullptr;
  int64_t b_step = 0;     // from one k to the next
  int64_t b_segment = 0;  // from one segment to the next
  int64_t segments = 1;
  int64_t depth = 0;  // k of one segment
  T* c = nullptr;
  const int64_t* c_row = nullptr;  // offset of each row, in elements
  const T* bias = nullptr;         // one for each column, or null
  int rows = 0;                    // 1 ... max_rows(vectors)
  int vectors = 0;                 // 1 ... max_vectors
  int columns = 0;                 // (vectors - 1) lanes < columns <= vectors lanes
  bool b_padded = false;           // whether B holds readable elements up to vectors * lanes
  T alpha = 1, beta = 1;
  bool accumulate = false;  // adds to beta C instead of overwriting it
  Activation activation = Activation::None;
};

template <class T>
void run_tile(const Tile<T>& tile) noexcept;

/// How `columns` columns are cut into panels for the micro-kernel: `panels` of them, each of `vectors` vectors but
/// the last, which may have fewer.
struct Panels {
  int vectors;
  int64_t panels;
  int64_t columns;
  int lanes;

  int64_t width() const { return int64_t{vectors} * lanes; }
  int64_t begin(int64_t panel) const { return panel * width(); }
  int columns_of(int64_t panel) const {
    const int64_t rest = columns - begin(panel);
    return static_cast<int>(rest < width() ? rest : width());
  }
  int vectors_of(int64_t panel) const { return (columns_of(panel) + lanes - 1) / lanes; }
  /// Columns with the padding of the last panel to whole vectors.
  int64_t padded_columns() const { return (columns + lanes - 1) / lanes * lanes; }
};

/// Panels at most `most_vectors` wide, of nearly equal width.
template <class T>
Panels panels_for(int64_t columns, int most_vectors = max_vectors) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t vectors = (columns + lanes - 1) / lanes;
  const int64_t panels = (vectors + most_vectors - 1) / most_vectors;
  return {panels ? static_cast<int>((vectors + panels - 1) / panels) : 1, panels, columns, lanes};
}

/// How `rows` rows are cut into tiles of nearly equal height: 64 rows at most 10 high are 9, 9, 9, 9, 9, 9, 10. Half
/// the strips have half the rows.
struct Strips {
  int64_t rows;
  int64_t strips;

  int64_t begin(int64_t strip) const { return rows * strip / strips; }
};

inline Strips strips_for(int64_t rows, int vectors) noexcept {
  const int64_t highest = best_rows(vectors);
  return {rows, (rows + highest - 1) / highest};
}

}  // namespace cygnet
