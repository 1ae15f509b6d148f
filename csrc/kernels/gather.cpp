#include "gather.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/parallel.h"

namespace cygnet {
namespace {

template <class Item>
void take(const AlongAxis& shape, const Item* input, const int64_t* indices, Item* result) noexcept {
  const int64_t inner = shape.inner;
  // Lines of one element each are taken as one line: an outer block where the axis is the last one.
  const int64_t lines = inner == 1 ? shape.outer : shape.outer * shape.count;
  const int64_t length = inner == 1 ? shape.count : inner;
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, length));
  parallel_ranges(lines, grain, static_cast<double>(length), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t* const index = indices + line * length;
      Item* const to = result + line * length;
      if (inner == 1) {
        const Item* const from = input + line * shape.size;
        for (int64_t i = 0; i < length; ++i) to[i] = from[index[i]];
      } else {
        const Item* const from = input + line / shape.count * shape.size * inner;
        for (int64_t i = 0; i < length; ++i) to[i] = from[index[i] * inner + i];
      }
    }
  });
}

template <class T>
void fill_zeros(T* target, int64_t count) noexcept {
  parallel_ranges(count, 65536, 0.5,
                  [&](int64_t begin, int64_t end) { std::fill(target + begin, target + end, T(0)); });
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

// Calls f with the function (element, value) that `put` names.
template <class F>
void with_operation(Put put, const F& f) noexcept {
  switch (put) {
    case Put::Assign:
      return f([](auto& element, auto value) { element = value; });
    case Put::Add:
      return f([](auto& element, auto value) { element = static_cast<decltype(value)>(element + value); });
    case Put::Multiply:
      return f([](auto& element, auto value) { element = static_cast<decltype(value)>(element * value); });
    case Put::Largest:
      return f([](auto& element, auto value) { element = value > element || value != value ? value : element; });
    case Put::Smallest:
      return f([](auto& element, auto value) { element = value < element || value != value ? value : element; });
  }
}

}  // namespace

int64_t first_out_of_range(const int64_t* indices, int64_t count, int64_t low, int64_t size) noexcept {
  // Modulo 2^64, in which every index has a distance from low.
  const uint64_t start = static_cast<uint64_t>(low), range = static_cast<uint64_t>(size) - start;
  std::atomic<bool> outside = false;
  parallel_ranges(count, 65536, 0.5, [&](int64_t begin, int64_t end) {
    bool found = false;
    for (int64_t i = begin; i < end; ++i) found |= static_cast<uint64_t>(indices[i]) - start >= range;
    if (found) outside.store(true, std::memory_order_relaxed);
  });
  if (!outside) return -1;
  return std::find_if(indices, indices + count, [&](int64_t index) { return index < low || index >= size; }) - indices;
}

void gather_rows(const AlongAxis& shape, size_t item, const char* source, const int64_t* indices,
                 char* result) noexcept {
  const size_t row_bytes = item * static_cast<size_t>(shape.inner);
  const int64_t rows = shape.outer * shape.count;
  const int64_t grain = std::max<int64_t>(1, 65536 / static_cast<int64_t>(std::max<size_t>(1, row_bytes)));
  const double work = std::max(1.0, static_cast<double>(row_bytes) / 16);
  const auto run = [&](auto copy_row) {
    parallel_ranges(rows, grain, work, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end;) {  // the rows of an outer block at a time
        const int64_t outer = row / shape.count, stop = std::min(end, (outer + 1) * shape.count);
        const char* const block = source + static_cast<size_t>(outer * shape.size) * row_bytes;
        const int64_t* const index = indices - outer * shape.count;
        for (; row < stop; ++row)
          copy_row(result + static_cast<size_t>(row) * row_bytes, block + static_cast<size_t>(index[row]) * row_bytes);
      }
    });
  };
  if (row_bytes == 4)
    run([](char* to, const char* from) { std::memcpy(to, from, 4); });
  else if (row_bytes == 8)
    run([](char* to, const char* from) { std::memcpy(to, from, 8); });
  else
    run([row_bytes](char* to, const char* from) { std::memcpy(to, from, row_bytes); });
}

template <class T>
void put_rows(const AlongAxis& shape, Put put, bool zeroed, const T* values, const int64_t* indices,
              T* target) noexcept {
  // A task owns a block of the target and scans all indices, so that no two tasks meet in one element; short rows are
  // not worth several scans.
  constexpr int64_t columns = 256, enough_tasks = 8, short_row = 8;
  const int64_t column_tasks = (shape.inner + columns - 1) / columns;
  const bool few = shape.outer * column_tasks < enough_tasks && shape.inner > short_row;
  const int64_t row_tasks = std::min(shape.size, few ? enough_tasks : 1);
  const double work = static_cast<double>(shape.outer * shape.count * shape.inner);
  if (zeroed) fill_zeros(target, shape.outer * shape.size * shape.inner);
  with_operation(put, [&](auto operation) {
    parallel_for(shape.outer * row_tasks * column_tasks, work, [&](int64_t task) {
      const int64_t column = task % column_tasks * columns, part = task / column_tasks % row_tasks;
      const int64_t first = shape.size * part / row_tasks, last = shape.size * (part + 1) / row_tasks;
      const int64_t outer = task / column_tasks / row_tasks, length = std::min(columns, shape.inner - column);
      T* const block = target + outer * shape.size * shape.inner + column;
      const T* const from = values + outer * shape.count * shape.inner + column;
      if (shape.inner == 1) {
        for (int64_t j = 0; j < shape.count; ++j) operation(block[indices[j]], from[j]);
        return;
      }
      for (int64_t j = 0; j < shape.count; ++j) {
        if (indices[j] < first || indices[j] >= last) continue;
        T* const row = block + indices[j] * shape.inner;
        for (int64_t k = 0; k < length; ++k) operation(row[k], from[j * shape.inner + k]);
      }
    });
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
void put_along_axis(const AlongAxis& shape, Put put, bool zeroed, const T* values, const int64_t* indices,
                    T* target) noexcept {
  constexpr int64_t columns = 256;
  const int64_t column_tasks = (shape.inner + columns - 1) / columns;
  const double work = static_cast<double>(shape.outer * shape.count * shape.inner);
  if (zeroed) fill_zeros(target, shape.outer * shape.size * shape.inner);
  with_operation(put, [&](auto operation) {
    parallel_for(shape.outer * column_tasks, work, [&](int64_t task) {
      const int64_t outer = task / column_tasks, begin = task % column_tasks * columns;
      const int64_t end = std::min(begin + columns, shape.inner);
      T* const block = target + outer * shape.size * shape.inner;
      const int64_t* const index = indices + outer * shape.count * shape.inner;
      const T* const from = values + outer * shape.count * shape.inner;
      if (shape.inner == 1) {
        for (int64_t j = 0; j < shape.count; ++j) operation(block[index[j]], from[j]);
        return;
      }
      for (int64_t j = 0; j < shape.count; ++j) {
        const int64_t row = j * shape.inner;
        for (int64_t i = begin; i < end; ++i) operation(block[index[row + i] * shape.inner + i], from[row + i]);
      }
    });
  });
}

void append_positions(const int64_t* indices, int64_t count, int64_t size, bool first, int64_t* result) noexcept {
  parallel_ranges(count, 65536, 0.5, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      result[i] = (first ? 0 : result[i] * size) + indices[i] + (indices[i] < 0 ? size : 0);
  });
}

void unravel(const int64_t* positions, int64_t count, const int64_t* sizes, int rank, int64_t* result) noexcept {
  parallel_ranges(count, 4096, rank, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t rest = positions[i];
      for (int axis = rank - 1; axis > 0; rest /= sizes[axis--]) result[axis * count + i] = rest % sizes[axis];
      if (rank > 0) result[i] = rest;
    }
  });
}

void number_segments(const int64_t* first, int64_t segments, int64_t count, int64_t* result) noexcept {
  if (segments == 0) std::fill(result, result + count, int64_t(0));
  for (int64_t k = 0; k < segments; ++k)
    std::fill(result + first[k], result + (k + 1 < segments ? first[k + 1] : count), k);
}

void count_nonzero(const char* input, int64_t size, int64_t* counts) noexcept {
  parallel_ranges(size, nonzero_piece, 0.25, [&](int64_t begin, int64_t end) {
    counts[begin / nonzero_piece] = end - begin - std::count(input + begin, input + end, 0);
  });
}

void nonzero(const char* input, int64_t size, const int64_t* offsets, int64_t* result) noexcept {
  parallel_ranges(size, nonzero_piece, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = offsets[begin / nonzero_piece], stop = offsets[begin / nonzero_piece + 1];
    // Without a branch; past the piece's last one nothing may be written.
    int64_t at = first;
    for (int64_t i = begin; i < end && at < stop; ++i) {
      result[at] = i;
      at += input[i] != 0;
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                 \
  template void put_rows(const AlongAxis&, Put, bool, const T*, const int64_t*, T*) noexcept; \
  template void put_along_axis(const AlongAxis&, Put, bool, const T*, const int64_t*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
CYGNET_INSTANTIATE(int32_t)
CYGNET_INSTANTIATE(int64_t)
CYGNET_INSTANTIATE(uint8_t)
#undef CYGNET_INSTANTIATE
template void renormalize_rows(float*, const int64_t*, int64_t, int64_t, int64_t, double, double) noexcept;
template void renormalize_rows(double*, const int64_t*, int64_t, int64_t, int64_t, double, double) noexcept;

}  // namespace cygnet
