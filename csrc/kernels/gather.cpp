#include "gather.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"

namespace cygnet {
namespace {

template <class Item>
void take(const AlongAxis& shape, const Item* input, const int64_t* indices, Item* result) noexcept {
  const int64_t rows = shape.outer * shape.count, inner = shape.inner;
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, inner));
  parallel_ranges(rows, grain, static_cast<double>(inner), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Item* const from = input + row / shape.count * shape.size * inner;
      const int64_t* const index = indices + row * inner;
      for (int64_t i = 0; i < inner; ++i) result[row * inner + i] = from[index[i] * inner + i];
    }
  });
}

template <class T>
double norm_of(const T* row, int64_t width, double p) noexcept {
  double total = 0;
  for (int64_t i = 0; i < width; ++i) {
    const double size = std::fabs(static_cast<double>(row[i]));
    if (std::isinf(p))
      total = size > total || size != size ? size : total;
    else
      total += p == 2 ? size * size : p == 1 ? size : std::pow(size, p);
  }
  return std::isinf(p) ? total : p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
}

}  // namespace

int64_t first_out_of_range(const int64_t* indices, int64_t count, int64_t size) noexcept {
  bool outside = false;
  for (int64_t i = 0; i < count; ++i) outside |= static_cast<uint64_t>(indices[i]) >= static_cast<uint64_t>(size);
  if (!outside) return -1;
  return std::find_if(indices, indices + count, [&](int64_t index) { return index < 0 || index >= size; }) - indices;
}

void gather_rows(const char* source, const int64_t* indices, int64_t count, size_t row_bytes, char* result) noexcept {
  const int64_t grain = std::max<int64_t>(1, 65536 / static_cast<int64_t>(std::max<size_t>(1, row_bytes)));
  parallel_ranges(count, grain, static_cast<double>(row_bytes) / 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(result + static_cast<size_t>(i) * row_bytes, source + static_cast<size_t>(indices[i]) * row_bytes,
                  row_bytes);
  });
}

template <class T>
void scatter_add_rows(const T* grad, const int64_t* indices, int64_t count, int64_t rows, int64_t width,
                      T* result) noexcept {
  // A task owns a block of the result and scans all indices, so that no two tasks add to one element.
  constexpr int64_t columns = 256, enough_tasks = 8;
  const int64_t column_tasks = (width + columns - 1) / columns;
  const int64_t row_tasks = std::min(rows, column_tasks >= enough_tasks ? 1 : enough_tasks);
  parallel_for(row_tasks * column_tasks, static_cast<double>((count + rows) * width), [&](int64_t task) {
    const int64_t part = task / column_tasks, column = task % column_tasks * columns;
    const int64_t first = rows * part / row_tasks, last = rows * (part + 1) / row_tasks;
    const int64_t length = std::min(columns, width - column);
    for (int64_t row = first; row < last; ++row) std::fill_n(result + row * width + column, length, T(0));
    for (int64_t i = 0; i < count; ++i) {
      if (indices[i] < first || indices[i] >= last) continue;
      const T* const from = grad + i * width + column;
      T* const sum = result + indices[i] * width + column;
      for (int64_t k = 0; k < length; ++k) sum[k] += from[k];
    }
  });
}

template <class T>
void renormalize_rows(T* table, const int64_t* indices, int64_t count, int64_t rows, int64_t width, double max_norm,
                      double p) noexcept {
  // As above: a task owns rows. A row that was scaled is not too long a second time.
  const int64_t tasks = std::min<int64_t>(rows, 8);
  parallel_for(tasks, static_cast<double>(count * width), [&](int64_t task) {
    const int64_t first = rows * task / tasks, last = rows * (task + 1) / tasks;
    for (int64_t i = 0; i < count; ++i) {
      if (indices[i] < first || indices[i] >= last) continue;
      T* const row = table + indices[i] * width;
      const double norm = norm_of(row, width, p);
      if (!(norm > max_norm)) continue;
      const T scale = static_cast<T>(max_norm / (norm + 1e-7));
      for (int64_t k = 0; k < width; ++k) row[k] *= scale;
    }
  });
}

void take_along_axis(const AlongAxis& shape, size_t item, const char* input, const int64_t* indices,
                     char* result) noexcept {
  const auto run = [&](auto zero) {
    using Item = decltype(zero);
    take(shape, reinterpret_cast<const Item*>(input), indices, reinterpret_cast<Item*>(result));
  };
  if (item == 8)
    run(uint64_t{});
  else if (item == 4)
    run(uint32_t{});
  else
    run(uint8_t{});
}

template <class T>
void scatter_add_along_axis(const AlongAxis& shape, const T* grad, const int64_t* indices, T* result) noexcept {
  constexpr int64_t columns = 256;
  const int64_t column_tasks = (shape.inner + columns - 1) / columns;
  const double work = static_cast<double>(shape.outer * (shape.size + shape.count) * shape.inner);
  parallel_for(shape.outer * column_tasks, work, [&](int64_t task) {
    const int64_t outer = task / column_tasks, begin = task % column_tasks * columns;
    const int64_t end = std::min(begin + columns, shape.inner);
    T* const sum = result + outer * shape.size * shape.inner;
    for (int64_t s = 0; s < shape.size; ++s)
      std::fill(sum + s * shape.inner + begin, sum + s * shape.inner + end, T(0));
    for (int64_t j = 0; j < shape.count; ++j) {
      const int64_t row = (outer * shape.count + j) * shape.inner;
      for (int64_t i = begin; i < end; ++i) sum[indices[row + i] * shape.inner + i] += grad[row + i];
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                             \
  template void renormalize_rows(T*, const int64_t*, int64_t, int64_t, int64_t, double, double) noexcept; \
  template void scatter_add_rows(const T*, const int64_t*, int64_t, int64_t, int64_t, T*) noexcept;       \
  template void scatter_add_along_axis(const AlongAxis&, const T*, const int64_t*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
