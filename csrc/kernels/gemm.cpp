#include "gemm.h"

#include <algorithm>

#include "carver.h"
#include "core/parallel.h"
#include "gemm_dot.h"
#include "simd/loop.h"
#include "tile.h"

namespace cygnet {
namespace {

// Depth that is worked off at a time, so that a strip of A stays in the first-level cache, and bytes of the panels of
// B that a strip meets there, which stay in the second-level cache.
constexpr int64_t depth_block = 256;
constexpr int64_t group_bytes = 512 << 10;
// Rows of a task, and rows up to which one task has them all and packs the panels that it alone uses.
constexpr int64_t block_rows = 96, most_rows_of_one_block = 128;
// Tasks that keep the threads of a usual machine busy, and the multiply-adds each should have: a few microseconds.
constexpr int64_t enough_tasks = 16;
constexpr double task_work = 1 << 17;
// Strips of A that a row-major B is read in place for, and the depth up to which it always is.
constexpr int64_t strips_in_place = 8, depth_in_place = 64;

struct GemmPlan {
  Panels panels;
  Strips strips;
  int64_t group, groups;  // panels of a task
  int64_t blocks;         // of strips
  bool pack_a, pack_b;
  bool by_rows;  // whether neighbouring tasks have the same strips, else the same panels

  /// Whether the panels are packed before by all threads; else each task packs its own.
  bool shared_panels() const { return pack_b && blocks > 1; }
  int64_t tasks() const { return groups * blocks; }
  int64_t first_strip(int64_t block) const { return strips.strips * block / blocks; }
};

// Where a packed strip begins: a line apart from the multiples of 4 KB that would share their sets of the cache.
constexpr int64_t strip_gap = 16;
int64_t strip_offset(int64_t strip, int64_t row, int64_t depth) { return row * depth + strip * strip_gap; }

template <class T>
struct Packed {
  T *a, *b;

  Packed(const GemmPlan& plan, int64_t rows, int64_t depth, Carver& carver)
      : a(carver.take<T>(plan.pack_a ? strip_offset(plan.strips.strips, rows, depth) : 0)),
        b(carver.take<T>(plan.pack_b ? plan.panels.padded_columns() * depth : 0)) {}
};

template <class T>
GemmPlan gemm_plan(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                   const MatrixView<T>& b) noexcept {
  const double total = static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth);
  const double most_tasks = total / task_work;
  // A small B of few rows, as in the gradient of a weight, stays in every core's cache. Then the rows of C are shared
  // out, and an optimizer that goes through them in the same order meets them in its own core's cache.
  const bool by_rows =
      b.column_step == 1 && depth <= depth_in_place && columns * depth * static_cast<int64_t>(sizeof(T)) <= group_bytes;
  GemmPlan plan{};
  plan.panels = panels_for<T>(columns);
  plan.blocks = rows <= most_rows_of_one_block ? 1 : ceil_div(rows, block_rows);
  if (plan.blocks == 1)  // narrower panels where there are too few to share
    while (plan.panels.vectors > 2 && plan.panels.panels < 4 && most_tasks > static_cast<double>(plan.panels.panels))
      plan.panels = panels_for<T>(columns, plan.panels.vectors - 1);
  const int64_t panel_bytes = plan.panels.width() * depth_block * static_cast<int64_t>(sizeof(T));
  plan.group = std::clamp<int64_t>(group_bytes / panel_bytes, 1, plan.panels.panels);
  const auto set_group = [&](int64_t group) {
    plan.group = group;
    plan.groups = ceil_div(plan.panels.panels, group);
  };
  set_group(plan.group);
  const auto more_tasks = [&] {
    return plan.tasks() < enough_tasks && 2 * static_cast<double>(plan.tasks()) <= most_tasks;
  };
  plan.strips = strips_for(rows, plan.panels.vectors);
  if (by_rows) {
    set_group(plan.panels.panels);
    const auto most_blocks = static_cast<int64_t>(std::clamp<double>(most_tasks, 1, 2 * enough_tasks));
    plan.blocks = ceil_div(plan.strips.strips, ceil_div(plan.strips.strips, most_blocks));
  }
  while (plan.group > 1 && more_tasks()) set_group((plan.group + 1) / 2);
  while (plan.blocks > 1 && plan.strips.strips > 4 * plan.blocks && more_tasks()) plan.blocks *= 2;
  // A strip has its elements in as many lines as it is deep. They stay in the first-level cache for the neighbouring
  // strips unless their distance makes them share few of its sets.
  const int64_t distance = a.column_step * static_cast<int64_t>(sizeof(T));
  const int64_t most_depth = distance % 1024 == 0 ? 32 : distance % 128 == 0 ? 256 : INT64_MAX;
  plan.pack_a = a.row_step == 1 && a.column_step != 1 && depth > most_depth;
  plan.by_rows = by_rows;
  plan.pack_b = b.column_step != 1 || (plan.strips.strips > strips_in_place && depth > depth_in_place);
  return plan;
}

// Strips [first, last) of A for k from `k` to `k_end`, rows neighbouring in memory: of strip s, rows from m on,
// target[strip_offset + k rows_of(s) + i] = A[m + i][k].
template <class T>
void pack_strips(MatrixView<T> a, const Strips& strips, int64_t first, int64_t last, int64_t depth, int64_t k,
                 int64_t k_end, T* target) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  constexpr int64_t run = 32;  // of k, whose lines of A stay in the first-level cache for all strips
  for (; k < k_end; k += run)
    for (int64_t s = first; s < last; ++s) {
      const int64_t m = strips.begin(s), end = std::min(k + run, k_end);
      const int rows = static_cast<int>(strips.begin(s + 1) - m);
      T* to = target + strip_offset(s, m, depth) + k * rows;
      const T* const stop = to + (k_end - k) * rows;
      for (int64_t j = k; j < end; ++j, to += rows)
        for (int i = 0; i < rows; i += lanes) {
          // Stored as a whole, which is faster: the next j overwrites what is beyond the strip's rows.
          const int count = std::min(lanes, rows - i);
          const Vec<T> values = Vec<T>::load(a.data + j * a.column_step + m + i, count);
          to + i + lanes <= stop ? values.store(to + i) : values.store(to + i, count);
        }
    }
}

// Packs panel p of B to its place among all.
template <class T>
void pack_panel_of(MatrixView<T> b, const Panels& panels, int64_t p, int64_t depth, T* packed) noexcept {
  b.data += panels.begin(p) * b.column_step;
  pack_panel(b, depth, panels.columns_of(p), panels.vectors_of(p), packed + panels.begin(p) * depth);
}

}  // namespace

template <class T>
void pack_panel(MatrixView<T> b, int64_t depth, int columns, int vectors, T* target, int64_t step) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t width = int64_t{vectors} * lanes;
  if (step == 0) step = width;
  if (b.column_step == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      const T* from = b.data + k * b.row_step;
      std::copy(from, from + columns, target + k * step);
      std::fill(target + k * step + columns, target + k * step + width, T(0));
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
        for (int i = 0; i < lanes; ++i) Vec<T>(block.packet[i]).store(target + (k + i) * step + n);
      }
    }
    for (; k < depth; ++k)
      for (int i = 0; i < lanes; ++i)
        target[k * step + n + i] = i < valid ? b.data[(n + i) * b.column_step + k * b.row_step] : T(0);
  }
}

template <class T>
size_t gemm_scratch_bytes(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                          const MatrixView<T>& b) noexcept {
  if (rows == 0 || columns == 0 || gemm_dot_is_faster(rows, depth, a, b)) return 0;
  const GemmPlan plan = gemm_plan(rows, columns, depth, a, b);
  Carver carver(nullptr);
  const Packed<T> packed(plan, rows, depth, carver);
  return carver.used();
}

template <class T>
size_t gemm_packed_bytes(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                         const MatrixView<T>& b) noexcept {
  if (rows == 0 || columns == 0) return 0;
  if (gemm_dot_is_faster(rows, depth, a, b)) return rows == 1 ? gemm_dot_packed_bytes<T>(rows, columns, depth) : 0;
  const GemmPlan plan = gemm_plan(rows, columns, depth, a, b);
  return plan.pack_b ? static_cast<size_t>(plan.panels.padded_columns() * depth) * sizeof(T) : 0;
}

template <class T>
void gemm_pack(int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a, const MatrixView<T>& b,
               void* packed) noexcept {
  T* const to = static_cast<T*>(packed);
  if (gemm_dot_is_faster(rows, depth, a, b)) return gemm_dot_pack(rows, columns, depth, b, to);
  const Panels panels = gemm_plan(rows, columns, depth, a, b).panels;
  parallel_for(panels.panels, static_cast<double>(columns * depth),
               [=](int64_t p) { pack_panel_of(b, panels, p, depth, to); });
}

template <class T>
void gemm(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, Epilogue<T> epilogue, T* c,
          int64_t c_step, void* scratch, const void* packed_before) noexcept {
  if (rows == 0 || columns == 0) return;
  if (gemm_dot_is_faster(rows, depth, a, b))
    return gemm_dot(rows, columns, depth, a, b, static_cast<const T*>(packed_before), epilogue, c, c_step);

  const GemmPlan plan = gemm_plan(rows, columns, depth, a, b);
  const Panels panels = plan.panels;
  Carver carver(scratch);
  const Packed<T> packed(plan, rows, depth, carver);
  const T* const packed_b = packed_before ? static_cast<const T*>(packed_before) : packed.b;
  const auto pack_one = [=](int64_t p) { pack_panel_of(b, panels, p, depth, packed.b); };
  const bool packs = plan.pack_b && !packed_before;
  if (packs && plan.shared_panels()) parallel_for(panels.panels, static_cast<double>(columns * depth), pack_one);
  if (plan.pack_a) {
    constexpr int64_t run = 128;  // of k in a task
    parallel_for(plan.blocks * ceil_div(depth, run), static_cast<double>(rows * depth), [=](int64_t task) {
      const int64_t block = task % plan.blocks, k = task / plan.blocks * run;
      pack_strips(a, plan.strips, plan.first_strip(block), plan.first_strip(block + 1), depth, k,
                  std::min(depth, k + run), packed.a);
    });
  }

  const double total = static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth);
  parallel_for(plan.tasks(), total, [=](int64_t task) {
    const int64_t block = plan.by_rows ? task / plan.groups : task % plan.blocks;
    const int64_t first_panel = (plan.by_rows ? task % plan.groups : task / plan.blocks) * plan.group;
    const int64_t last_panel = std::min(panels.panels, first_panel + plan.group);
    const int64_t first = plan.first_strip(block), last = plan.first_strip(block + 1);
    if (packs && !plan.shared_panels())
      for (int64_t p = first_panel; p < last_panel; ++p) pack_one(p);
    int64_t a_row[most_rows], c_row[most_rows];
    for (int i = 0; i < most_rows; ++i) {
      a_row[i] = plan.pack_a ? i : i * a.row_step;
      c_row[i] = i * c_step;
    }
    Tile<T> tile;
    tile.a_row = a_row;
    tile.c_row = c_row;
    tile.b_padded = plan.pack_b;
    tile.alpha = epilogue.alpha;
    // A strip of a transposed A has a line for each k, which no processor foresees.
    const bool prefetches = !plan.pack_a && a.row_step == 1 && a.column_step != 1;
    // At least one pass, so that a product of depth 0 stores bias and activation.
    for (int64_t k = 0; k == 0 || k < depth; k += depth_block) {
      tile.depth = std::min(depth_block, depth - k);
      tile.accumulate = k > 0 || epilogue.beta != T(0);
      tile.beta = k > 0 ? T(1) : epilogue.beta;
      const bool finished = k + depth_block >= depth;
      tile.activation = finished ? epilogue.activation : Activation::None;
      for (int64_t s = first; s < last; ++s) {
        const int64_t m = plan.strips.begin(s);
        tile.rows = static_cast<int>(plan.strips.begin(s + 1) - m);
        tile.a_step = plan.pack_a ? tile.rows : a.column_step;
        tile.a = plan.pack_a ? packed.a + strip_offset(s, m, depth) + k * tile.rows
                             : a.data + m * a.row_step + k * a.column_step;
        if (prefetches && s + 1 < last)
          for (int64_t j = 0; j < tile.depth; ++j) prefetch(tile.a + tile.rows + j * a.column_step);
        for (int64_t p = first_panel; p < last_panel; ++p) {
          const int64_t n = panels.begin(p);
          tile.vectors = panels.vectors_of(p);
          tile.columns = panels.columns_of(p);
          tile.b_step = plan.pack_b ? int64_t{tile.vectors} * panels.lanes : b.row_step;
          tile.b = plan.pack_b ? packed_b + n * depth + k * tile.b_step : b.data + n + k * b.row_step;
          tile.bias = finished && epilogue.bias ? epilogue.bias + n : nullptr;
          tile.c = c + m * c_step + n;
          run_tile(tile);
        }
      }
    }
  });
}

namespace {

// Many matrices, or small ones, are shared out whole; few large ones are worked off one after the other by all threads.
constexpr int64_t many_matrices = 16;
constexpr int64_t most_slots = 32;

bool whole_matrices(int64_t batch, int64_t rows, int64_t columns, int64_t depth) {
  return batch >= many_matrices ||
         static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth) < 4 * task_work;
}

}  // namespace

template <class T>
size_t gemm_batched_scratch_bytes(int64_t batch, int64_t rows, int64_t columns, int64_t depth, const MatrixView<T>& a,
                                  const MatrixView<T>& b) noexcept {
  const size_t one = gemm_scratch_bytes(rows, columns, depth, a, b);
  return whole_matrices(batch, rows, columns, depth) ? one * static_cast<size_t>(std::min(batch, most_slots)) : one;
}

template <class T>
void gemm_batched(int64_t batch, const int64_t* a_offset, const int64_t* b_offset, int64_t rows, int64_t columns,
                  int64_t depth, MatrixView<T> a, MatrixView<T> b, Epilogue<T> epilogue, T* c, void* scratch) noexcept {
  const auto run = [=](int64_t first, int64_t last, void* room) {
    for (int64_t i = first; i < last; ++i)
      gemm(rows, columns, depth, MatrixView<T>{a.data + a_offset[i], a.row_step, a.column_step},
           MatrixView<T>{b.data + b_offset[i], b.row_step, b.column_step}, epilogue, c + i * rows * columns, columns,
           room);
  };
  if (!whole_matrices(batch, rows, columns, depth)) return run(0, batch, scratch);
  const size_t one = gemm_scratch_bytes(rows, columns, depth, a, b);
  const int64_t slots = std::min(batch, most_slots);
  const double total = static_cast<double>(batch * rows) * static_cast<double>(columns) * static_cast<double>(depth);
  parallel_for(slots, total, [=](int64_t slot) {
    run(batch * slot / slots, batch * (slot + 1) / slots,
        static_cast<char*>(scratch) + static_cast<size_t>(slot) * one);
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

#define CYGNET_INSTANTIATE(T)                                                                                        \
  template size_t gemm_scratch_bytes<T>(int64_t, int64_t, int64_t, const MatrixView<T>&,                             \
                                        const MatrixView<T>&) noexcept;                                              \
  template void pack_panel<T>(MatrixView<T>, int64_t, int, int, T*, int64_t) noexcept;                               \
  template size_t gemm_packed_bytes<T>(int64_t, int64_t, int64_t, const MatrixView<T>&,                              \
                                       const MatrixView<T>&) noexcept;                                               \
  template void gemm_pack<T>(int64_t, int64_t, int64_t, const MatrixView<T>&, const MatrixView<T>&, void*) noexcept; \
  template void gemm<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, Epilogue<T>, T*, int64_t, void*,    \
                        const void*) noexcept;                                                                       \
  template size_t gemm_batched_scratch_bytes<T>(int64_t, int64_t, int64_t, int64_t, const MatrixView<T>&,            \
                                                const MatrixView<T>&) noexcept;                                      \
  template void gemm_batched<T>(int64_t, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, MatrixView<T>,   \
                                MatrixView<T>, Epilogue<T>, T*, void*) noexcept;                                     \
  template void column_sum<T>(const T*, int64_t, int64_t, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
