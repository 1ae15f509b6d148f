#include "gemm.h"

#include <algorithm>

#include "core/parallel.h"
#include "tile.h"

namespace cygnet {
namespace {

// Depth that is worked off at a time, so that a panel of B and a strip of A stay in the second-level cache.
constexpr int64_t depth_block = 1024;
// Multiply-adds that a task should have: a few microseconds.
constexpr int64_t task_work = 1 << 17;
// Rows up to which y = x W' with W row-major is a set of dot products; more rows pay for packing W.
constexpr int64_t dot_rows = 3;

// Sums of the dot products of `rows` rows of A with four rows of W, k contiguous in both.
template <class T, int Rows>
void dot_block(int64_t depth, const T* a, int64_t a_step, const T* w, int64_t w_step, int outputs, T* result) noexcept {
  using V = Vec<T>;
  V sum[Rows][4];
  for (auto& row : sum)
    for (V& s : row) s = V(T(0));
  const T* line[4];
  for (int j = 0; j < 4; ++j) line[j] = w + std::min(j, outputs - 1) * w_step;
  int64_t k = 0;
  for (; k + V::lanes <= depth; k += V::lanes)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const V y = V::load(line[j] + k);
#pragma GCC unroll 3
      for (int m = 0; m < Rows; ++m) sum[m][j] = fma(V::load(a + m * a_step + k), y, sum[m][j]);
    }
  if (const int rest = static_cast<int>(depth - k))
    for (int j = 0; j < 4; ++j) {
      const V y = V::load(line[j] + k, rest);
      for (int m = 0; m < Rows; ++m) sum[m][j] = fma(V::load(a + m * a_step + k, rest), y, sum[m][j]);
    }
  for (int m = 0; m < Rows; ++m)
    for (int j = 0; j < 4; ++j) result[m * 4 + j] = horizontal_sum(sum[m][j]);
}

// Few rows times the transpose of a row-major matrix: every element of W is read once and nothing is packed.
template <class T>
void gemm_dot(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, const T* bias,
              Activation activation, T* c, int64_t c_step) noexcept {
  constexpr int64_t grain = 16;
  parallel_ranges(columns, grain, static_cast<double>(rows * depth), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += 4) {
      const int outputs = static_cast<int>(std::min<int64_t>(4, end - n));
      const T* w = b.data + n * b.column_step;
      T result[dot_rows * 4];
      if (rows == 1)
        dot_block<T, 1>(depth, a.data, a.row_step, w, b.column_step, outputs, result);
      else if (rows == 2)
        dot_block<T, 2>(depth, a.data, a.row_step, w, b.column_step, outputs, result);
      else
        dot_block<T, 3>(depth, a.data, a.row_step, w, b.column_step, outputs, result);
      for (int64_t m = 0; m < rows; ++m)
        for (int j = 0; j < outputs; ++j) c[m * c_step + n + j] = result[m * 4 + j] + (bias ? bias[n + j] : T(0));
    }
    if (activation != Activation::None)
      for (int64_t m = 0; m < rows; ++m) activate_in_place(activation, c + m * c_step + begin, end - begin);
  });
}

}  // namespace

template <class T>
void pack_panel(MatrixView<T> b, int64_t depth, int columns, int vectors, T* target) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t width = int64_t{vectors} * lanes;
  if (b.column_step == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      const T* from = b.data + k * b.row_step;
      std::copy(from, from + columns, target + k * width);
      std::fill(target + k * width + columns, target + (k + 1) * width, T(0));
    }
    return;
  }
  // Columns of B are rows in memory: transposed a vector by a vector at a time.
  for (int n = 0; n < width; n += lanes) {
    const int valid = std::clamp(columns - n, 0, lanes);
    int64_t k = 0;
    if (b.row_step == 1) {
      for (; k + lanes <= depth; k += lanes) {
        Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
        for (int i = 0; i < lanes; ++i)
          block.packet[i] = i < valid ? Vec<T>::load(b.data + (n + i) * b.column_step + k).p : Vec<T>(T(0)).p;
        Eigen::internal::ptranspose(block);
        for (int i = 0; i < lanes; ++i) Vec<T>(block.packet[i]).store(target + (k + i) * width + n);
      }
    }
    for (; k < depth; ++k)
      for (int i = 0; i < lanes; ++i)
        target[k * width + n + i] = i < valid ? b.data[(n + i) * b.column_step + k * b.row_step] : T(0);
  }
}

size_t gemm_scratch_bytes(int64_t columns, int64_t depth, size_t item) noexcept {
  constexpr int64_t most_lanes = 64 / 4;
  return static_cast<size_t>((columns + most_lanes) * std::max<int64_t>(depth, 1)) * item;
}

template <class T>
void gemm(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, const T* bias,
          Activation activation, T* c, int64_t c_step, void* scratch) noexcept {
  if (rows == 0 || columns == 0) return;
  if (rows <= dot_rows && b.row_step == 1 && b.column_step != 1 && a.column_step == 1 && depth > 0)
    return gemm_dot(rows, columns, depth, a, b, bias, activation, c, c_step);

  const Panels panels = panels_for<T>(columns);
  const double total = static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth);
  // A row-major B that only a few strips of A visit is used in place.
  const bool packed = b.column_step != 1 || rows > 8 * max_rows(panels.vectors);
  T* const pack = static_cast<T*>(scratch);
  if (packed) {
    parallel_for(panels.panels, static_cast<double>(columns * depth), [=](int64_t p) {
      const MatrixView<T> part{b.data + panels.begin(p) * b.column_step, b.row_step, b.column_step};
      pack_panel(part, depth, panels.columns_of(p), panels.vectors_of(p), pack + panels.begin(p) * depth);
    });
  }

  const Strips strips = strips_for(rows, panels.vectors);
  const int64_t strip_work = std::max<int64_t>(1, max_rows(panels.vectors) * panels.width() * depth);
  const int64_t strips_per_task =
      std::clamp<int64_t>(task_work / strip_work, 1, std::max<int64_t>(1, strips.strips / 2));
  const int64_t groups = (strips.strips + strips_per_task - 1) / strips_per_task;
  parallel_for(groups * panels.panels, total, [=](int64_t task) {
    const int64_t panel = task / groups;
    const int64_t first = task % groups * strips_per_task, last = std::min(strips.strips, first + strips_per_task);
    const int vectors = panels.vectors_of(panel);
    const int64_t width = int64_t{vectors} * panels.lanes;
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = i * a.row_step;
      c_row[i] = i * c_step;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.a_step = a.column_step;
    tile.b_step = packed ? width : b.row_step;
    tile.b_padded = packed;
    tile.vectors = vectors;
    tile.columns = panels.columns_of(panel);
    // At least one pass, so that a product of depth 0 stores bias and activation.
    for (int64_t k = 0; k == 0 || k < depth; k += depth_block) {
      tile.depth = std::min(depth_block, depth - k);
      tile.accumulate = k > 0;
      const bool finished = k + depth_block >= depth;
      tile.bias = finished && bias ? bias + panels.begin(panel) : nullptr;
      tile.activation = finished ? activation : Activation::None;
      tile.b = packed ? pack + panels.begin(panel) * depth + k * width : b.data + panels.begin(panel) + k * b.row_step;
      for (int64_t s = first; s < last; ++s) {
        const int64_t m = strips.begin(s);
        tile.rows = static_cast<int>(strips.begin(s + 1) - m);
        tile.a = a.data + m * a.row_step + k * a.column_step;
        tile.c = c + m * c_step + panels.begin(panel);
        run_tile(tile);
      }
    }
  });
}

namespace {
constexpr int64_t sum_run = 64;        // rows added up one after the other
constexpr int64_t sum_columns = 1024;  // columns of a task
}  // namespace

size_t column_sum_scratch_bytes(int64_t rows, int64_t columns, size_t item) noexcept {
  return static_cast<size_t>((rows + sum_run - 1) / sum_run * columns) * item;
}

template <class T>
void column_sum(const T* a, int64_t rows, int64_t columns, T* sums, void* scratch) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  const int64_t runs = (rows + sum_run - 1) / sum_run;
  const int64_t blocks = (columns + sum_columns - 1) / sum_columns;
  T* const partial = runs > 1 ? static_cast<T*>(scratch) : sums;
  if (rows == 0) std::fill(sums, sums + columns, T(0));
  parallel_for(runs * blocks, static_cast<double>(rows * columns), [=](int64_t task) {
    const int64_t run = task % runs, from = task / runs * sum_columns, end = std::min(columns, from + sum_columns);
    const int64_t last = std::min(rows, (run + 1) * sum_run);
    for (int64_t n = from; n < end; n += lanes) {
      const int count = static_cast<int>(std::min<int64_t>(lanes, end - n));
      V sum(T(0));
      for (int64_t m = run * sum_run; m < last; ++m) sum += V::load(a + m * columns + n, count);
      sum.store(partial + run * columns + n, count);
    }
  });
  for (int64_t gap = 1; gap < runs; gap *= 2)
    for (int64_t run = 0; run + gap < runs; run += 2 * gap)
      for (int64_t n = 0; n < columns; ++n) partial[run * columns + n] += partial[(run + gap) * columns + n];
  if (runs > 1) std::copy(partial, partial + columns, sums);
}

#define CYGNET_INSTANTIATE(T)                                                                                       \
  template void pack_panel<T>(MatrixView<T>, int64_t, int, int, T*) noexcept;                                       \
  template void gemm<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, const T*, Activation, T*, int64_t, \
                        void*) noexcept;                                                                            \
  template void column_sum<T>(const T*, int64_t, int64_t, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
