#include "gemm_dot.h"

#include <algorithm>
#include <array>
#include <utility>

#include "carver.h"
#include "core/parallel.h"
#include "tile.h"

namespace cygnet {
namespace {

// A block of dot products whose sums, with the vectors of A and one of B, fill the registers; one row has enough of
// them to hide the latency of the multiply-add.
constexpr int block_rows = max_vectors == 4 ? 4 : 3, most_columns = 8;
constexpr int block_columns(int64_t rows) { return rows == 1 ? most_columns : max_vectors == 4 ? 6 : 4; }
// Rows that are always worth it, and the depth for each row from which more of them are.
constexpr int64_t few_rows = 3, depth_per_row = 32;
// Blocks of columns of a task.
constexpr int64_t task_blocks = 2;
// Bytes of a row that are worked off at a time: a block's rows of A and columns of B stay in the first-level cache.
constexpr int64_t run_bytes = 4096;

// B as a block reads it: from one column to the next, and from one vector of k to the next.
template <class T>
struct Columns {
  const T* data;
  int64_t step, advance;
};

// result[m][j] = the dot product of row m of A with column j of B, k contiguous in both; of the columns beyond `count`
// the last is taken again.
template <class T, int Rows>
void dot_block(int64_t depth, const T* a, int64_t a_step, Columns<T> b, int count, T* result) noexcept {
  using V = Vec<T>;
  constexpr int columns = block_columns(Rows);
  V sum[Rows][columns];
  for (auto& row : sum)
    for (V& s : row) s = V(T(0));
  const T* line[columns];
  for (int j = 0; j < columns; ++j) line[j] = b.data + std::min(j, count - 1) * b.step;
  int64_t k = 0, at = 0;
  const auto step = [&](auto... rest) {
    V x[Rows];
#pragma GCC unroll 4
    for (int m = 0; m < Rows; ++m) x[m] = V::load(a + m * a_step + k, rest...);
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) {
      const V y = V::load(line[j] + at, rest...);
#pragma GCC unroll 4
      for (int m = 0; m < Rows; ++m) sum[m][j] = fma(x[m], y, sum[m][j]);
    }
  };
  for (; k + V::lanes <= depth; k += V::lanes, at += b.advance) step();
  if (k < depth) step(static_cast<int>(depth - k));
  for (int m = 0; m < Rows; ++m)
    for (int j = 0; j < columns; ++j) result[m * columns + j] = horizontal_sum(sum[m][j]);
}

template <class T>
using Function = void (*)(int64_t, const T*, int64_t, Columns<T>, int, T*) noexcept;

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
  parallel_ranges(columns, task_blocks * block, static_cast<double>(rows * depth), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += block) {
      const int count = static_cast<int>(std::min(block, end - n));
      for (int64_t k = 0; k < depth; k += run) {
        const Columns<T> part = packed ? Columns<T>{packed + n * packed_depth + k * block, lanes, block * lanes}
                                       : Columns<T>{b.data + n * b.column_step + k, b.column_step, lanes};
        for (int64_t s = 0; s < strips.strips; ++s) {
          const int64_t first = strips.begin(s), last = strips.begin(s + 1);
          T result[block_rows * most_columns];
          functions[static_cast<size_t>(last - first - 1)](std::min(run, depth - k), a.data + first * a.row_step + k,
                                                           a.row_step, part, count, result);
          for (int64_t m = first; m < last; ++m)
            for (int j = 0; j < count; ++j) {
              T& target = c[m * c_step + n + j];
              const T kept = k > 0 ? target : epilogue.beta == T(0) ? T(0) : epilogue.beta * target;
              target = epilogue.alpha * result[(m - first) * block + j] + kept;
            }
        }
      }
      if (epilogue.bias)
        for (int64_t m = 0; m < rows; ++m)
          for (int j = 0; j < count; ++j) c[m * c_step + n + j] += epilogue.bias[n + j];
    }
    if (epilogue.activation != Activation::None)
      for (int64_t m = 0; m < rows; ++m) activate_in_place(epilogue.activation, c + m * c_step + begin, end - begin);
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
