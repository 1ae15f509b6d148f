#include "gemm_dot.h"

#include <algorithm>
#include <array>
#include <utility>

#include "carver.h"
#include "core/parallel.h"
#include "simd/loop.h"
#include "simd/sums.h"
#include "tile.h"

namespace cygnet {
namespace {

// A block of dot products whose sums, with the vectors of A and one of B, fit the registers and hide the latency of the
// multiply-add.
constexpr int block_rows = max_vectors == 4 ? 4 : 3, most_columns = 8;
constexpr int block_columns(int64_t rows) { return rows == 1 ? most_columns : 4; }
// Rows that are always worth it, and the depth for each row from which more of them are.
constexpr int64_t few_rows = 3, depth_per_row = 16;
// Blocks of columns of a task at least, and the multiply-adds it should have: with few tasks a thread finds its part of
// B in its own core's cache again.
constexpr int64_t task_blocks = 2;
constexpr double task_work = 50000;
// Vectors of k that a single row asks ahead for.
constexpr int64_t ahead = 8;
// Bytes of a row that are worked off at a time: a block's rows of A and columns of B stay in the first-level cache.
constexpr int64_t run_bytes = 4096;

// B as a block reads it: from one column to the next, and from one vector of k to the next.
template <class T>
struct Columns {
  const T* data;
  int64_t step, advance;
};

// Elements of a block's result, in whole vectors.
constexpr int most_results = 16;

// What becomes of the sums of a block, and where they go.
template <class T>
struct Ending {
  T alpha;
  Activation activation;
  alignas(64) T added[most_results];
  T* c;
  int64_t c_step;
};

// c[m][j] = f(alpha times the dot product of row m of A with column j of B + added[m][j]) for j < `count`, k contiguous
// in both.
template <class T, int Rows>
void dot_block(int64_t depth, const T* a, int64_t a_step, Columns<T> b, int count, const Ending<T>& ending) noexcept {
  using V = Vec<T>;
  constexpr int columns = block_columns(Rows), sums = Rows * columns, lanes = V::lanes;
  V sum[(sums + lanes - 1) / lanes * lanes];
#pragma GCC unroll 32
  for (V& s : sum) s = V(T(0));
  const T* line[columns];
  for (int j = 0; j < columns; ++j) line[j] = j == 0 ? b.data : j < count ? line[j - 1] + b.step : line[j - 1];
  int64_t k = 0, at = 0;
  const auto step = [&](auto... rest) {
    V x[Rows];
#pragma GCC unroll 4
    for (int m = 0; m < Rows; ++m) x[m] = V::load(a + m * a_step + k, rest...);
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) {
      const V y = V::load(line[j] + at, rest...);
      if (Rows == 1) prefetch(line[j] + at + ahead * b.advance);
#pragma GCC unroll 4
      for (int m = 0; m < Rows; ++m) sum[m * columns + j] = fma(x[m], y, sum[m * columns + j]);
    }
  };
  for (; k + lanes <= depth; k += lanes, at += b.advance) step();
  if (k < depth) step(static_cast<int>(depth - k));
  alignas(64) T result[most_results];
#pragma GCC unroll 8
  for (int i = 0; i < sums; i += lanes) {
    V part[lanes];
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) part[j] = sum[i + j];
    const V value = V(ending.alpha) * horizontal_sums(part) + V::load(ending.added + i);
    (ending.activation == Activation::Relu ? relu(value) : value).store(result + i);
  }
  if (ending.activation > Activation::Relu) activate_in_place(ending.activation, result, sums);
  for (int m = 0; m < Rows; ++m) {
    const T* const from = result + m * columns;
    T* const to = ending.c + m * ending.c_step;
    if (count == columns)
      std::copy(from, from + columns, to);
    else
      for (int j = 0; j < count; ++j) to[j] = from[j];
  }
}

template <class T>
using Function = void (*)(int64_t, const T*, int64_t, Columns<T>, int, const Ending<T>&) noexcept;

template <class T, int... Rows>
constexpr auto functions_of(std::integer_sequence<int, Rows...>) {
  return std::array<Function<T>, sizeof...(Rows)>{dot_block<T, Rows + 1>...};
}

}  // namespace

template <class T>
bool gemm_dot_is_faster(int64_t rows, int64_t depth, const MatrixView<T>& a, const MatrixView<T>& b) noexcept {
  return a.column_step == 1 && b.row_step == 1 && b.column_step != 1 && depth > 0 &&
         (rows <= few_rows || depth >= depth_per_row * rows);
}

template <class T>
size_t gemm_dot_packed_bytes(int64_t rows, int64_t columns, int64_t depth) noexcept {
  const int64_t block = block_columns(rows);
  return static_cast<size_t>(ceil_div(columns, block) * block * ceil_div(depth, Vec<T>::lanes)) * sizeof(Vec<T>);
}

template <class T>
void gemm_dot_pack(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& b, T* packed) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t block = block_columns(rows);
  for (int64_t n = 0; n < columns; n += block)
    for (int64_t k = 0; k < depth; k += lanes)
      for (int64_t j = 0; j < block; ++j, packed += lanes)
        Vec<T>::load(b.data + std::min(n + j, columns - 1) * b.column_step + k,
                     static_cast<int>(std::min<int64_t>(lanes, depth - k)))
            .store(packed);
}

template <class T>
void gemm_dot(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, const T* packed,
              Epilogue<T> epilogue, T* c, int64_t c_step) noexcept {
  static constexpr auto functions = functions_of<T>(std::make_integer_sequence<int, block_rows>{});
  constexpr int64_t lanes = Vec<T>::lanes, run = run_bytes / static_cast<int64_t>(sizeof(T));
  const Strips strips{rows, (rows + block_rows - 1) / block_rows};
  const int64_t block = block_columns(rows), packed_depth = ceil_div(depth, lanes) * lanes;
  const int64_t blocks = ceil_div(columns, block);
  const double total = static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth);
  const auto pairs = static_cast<int64_t>(std::min(total / task_work, static_cast<double>(blocks)) / 2);
  const int64_t tasks = std::min(ceil_div(blocks, task_blocks), 2 * std::max<int64_t>(1, pairs));
  parallel_for(tasks, total, [=](int64_t task) {
    const int64_t begin = blocks * task / tasks * block, end = std::min(columns, blocks * (task + 1) / tasks * block);
    Ending<T> ending{epilogue.alpha, Activation::None, {}, nullptr, c_step};
    for (int64_t n = begin; n < end; n += block) {
      const int count = static_cast<int>(std::min(block, end - n));
      for (int64_t k = 0; k < depth; k += run) {
        const bool finished = k + run >= depth, adds = k > 0 || epilogue.beta != T(0);
        const T beta = k > 0 ? T(1) : epilogue.beta;
        const Columns<T> part = packed ? Columns<T>{packed + n * packed_depth + k * block, lanes, block * lanes}
                                       : Columns<T>{b.data + n * b.column_step + k, b.column_step, lanes};
        ending.activation = finished ? epilogue.activation : Activation::None;
        for (int64_t s = 0; s < strips.strips; ++s) {
          const int64_t first = strips.begin(s), height = strips.begin(s + 1) - first;
          ending.c = c + first * c_step + n;
          if (adds || s == 0)
            for (int64_t m = 0; m < (adds ? height : most_results / block); ++m)
              for (int64_t j = 0; j < block; ++j)
                ending.added[m * block + j] = (finished && epilogue.bias && j < count ? epilogue.bias[n + j] : T(0)) +
                                              (adds && j < count ? beta * ending.c[m * c_step + j] : T(0));
          functions[static_cast<size_t>(height - 1)](std::min(run, depth - k), a.data + first * a.row_step + k,
                                                     a.row_step, part, count, ending);
        }
      }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                   \
  template bool gemm_dot_is_faster<T>(int64_t, int64_t, const MatrixView<T>&, const MatrixView<T>&) noexcept;   \
  template size_t gemm_dot_packed_bytes<T>(int64_t, int64_t, int64_t) noexcept;                                 \
  template void gemm_dot_pack<T>(int64_t, int64_t, int64_t, const MatrixView<T>&, T*) noexcept;                 \
  template void gemm_dot<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, const T*, Epilogue<T>, T*, \
                            int64_t) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
