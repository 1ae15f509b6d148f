#include "resample.h"

#include <algorithm>

#include "core/parallel.h"
#include "simd/loop.h"

namespace cygnet {
namespace {

// A task mixes the rows of a run of result rows in a line of its own.
constexpr int64_t most_tasks = 64;
int64_t tasks_for(const Images& input, int64_t result_rows) noexcept {
  return std::min(most_tasks, input.planes * result_rows);
}

// result[i] = sum over the terms of weight * line of terms[k], elements of one line; not fused, so that the bits are
// those of `mix_elements`, whose sums are of single elements.
template <class T, class Line>
void mix(const T* weights, int64_t terms, const Line& line, int64_t length, T* result) noexcept {
  if (terms == 0) return void(std::fill_n(result, length, T(0)));
  for_vectors<T>(0, length, [&](int64_t i, int n) {
    Vec<T> sum = Vec<T>(weights[0]) * Vec<T>::load(line(0) + i, n);
    for (int64_t k = 1; k < terms; ++k) sum += Vec<T>(weights[k]) * Vec<T>::load(line(k) + i, n);
    sum.store(result + i, n);
  });
}

// A line of single elements, each a sum of `terms` elements, or of as many as its offsets say where that is 0.
template <int terms, class T>
void mix_elements(const Taps<T>& by, const T* line, T* result) noexcept {
  for (int64_t c = 0; c < by.count; ++c) {
    const int64_t begin = terms ? c * terms : by.offsets[c], end = terms ? begin + terms : by.offsets[c + 1];
    T sum = 0;
    if (begin < end) sum = by.weights[begin] * line[by.sources[begin]];
    for (int64_t k = begin + 1; k < end; ++k) sum += by.weights[k] * line[by.sources[k]];
    result[c] = sum;
  }
}

template <class T>
void mix_columns(const Taps<T>& by, int64_t inner, const T* line, T* result) noexcept {
  if (inner == 1) {
    switch (by.taps) {
      case 1:
        return mix_elements<1>(by, line, result);
      case 2:
        return mix_elements<2>(by, line, result);
      case 4:
        return mix_elements<4>(by, line, result);
      default:
        return mix_elements<0>(by, line, result);
    }
  }
  for (int64_t c = 0; c < by.count; ++c) {
    const int64_t begin = by.offsets[c];
    const auto pixel = [&](int64_t k) { return line + by.sources[begin + k] * inner; };
    mix(by.weights + begin, by.offsets[c + 1] - begin, pixel, inner, result + c * inner);
  }
}

}  // namespace

size_t resample_scratch_bytes(const Images& input, int64_t result_rows, size_t item) noexcept {
  return static_cast<size_t>(tasks_for(input, result_rows) * input.columns * input.inner) * item;
}

template <class T>
void resample(const Images& input, const Taps<T>& by_row, const Taps<T>& by_column, const T* from, T* result,
              T* scratch) noexcept {
  const int64_t length = input.columns * input.inner, width = by_column.count * input.inner;
  const int64_t lines = input.planes * by_row.count, tasks = tasks_for(input, by_row.count);
  parallel_for(tasks, static_cast<double>(lines * (length + width)), [&](int64_t task) {
    T* const mixed = scratch + task * length;
    for (int64_t line = lines * task / tasks; line < lines * (task + 1) / tasks; ++line) {
      const int64_t row = line % by_row.count, begin = by_row.offsets[row], terms = by_row.offsets[row + 1] - begin;
      const T* const plane = from + line / by_row.count * input.rows * length;
      const auto source = [&](int64_t k) { return plane + by_row.sources[begin + k] * length; };
      const bool whole = terms == 1 && by_row.weights[begin] == T(1);
      if (!whole) mix(by_row.weights + begin, terms, source, length, mixed);
      mix_columns(by_column, input.inner, whole ? source(0) : mixed, result + line * width);
    }
  });
}

#define CYGNET_INSTANTIATE(T) \
  template void resample(const Images&, const Taps<T>&, const Taps<T>&, const T*, T*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
