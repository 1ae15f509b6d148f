// Means and variances in one pass over memory: a block that fits the caches is read twice, and blocks are joined
// (T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
#include <algorithm>
#include <cmath>
#include <limits>

#include "reduce.h"
#include "reduce_parts.h"
#include "simd/loop.h"

namespace cygnet {
namespace {

// Of some elements: their mean, and the sum of the squares of their distances to it.
struct Moments {
  double mean = 0, squares = 0;
};

Moments joined(Moments a, double a_count, Moments b, double b_count) noexcept {
  const double count = a_count + b_count, apart = b.mean - a.mean;
  const double mean = std::isfinite(apart) ? a.mean + apart * (b_count / count) : a.mean + b.mean;
  return {mean, a.squares + b.squares + apart * apart * (a_count * b_count / count)};
}

// What a rounded mean leaves: `rest`, the sum of the distances to it, corrects both moments.
Moments corrected(double mean, double rest, double squares, double count) noexcept {
  const double left = squares - rest * rest / count;
  return {std::isfinite(mean) ? mean + rest / count : mean, left < 0 ? 0 : left};
}

template <class T>
Moments block_of_row(const T* from, int64_t count) noexcept {
  constexpr int lanes = Vec<T>::lanes, chains = 4;
  const T mean = reduce_block<SumOf, T, T>(from, count) / static_cast<T>(count);
  const Vec<T> center(mean), zero(T(0));
  Vec<T> rest[chains] = {zero, zero, zero, zero}, squares[chains] = {zero, zero, zero, zero};
  const auto add = [&](int k, Vec<T> x, int n) {
    const Vec<T> d = first_lanes(x - center, n);
    rest[k] = rest[k] + d;
    squares[k] = fma(d, d, squares[k]);
  };
  int64_t i = 0;
  for (; i + chains * lanes <= count; i += chains * lanes)
    for (int k = 0; k < chains; ++k) add(k, Vec<T>::load(from + i + k * lanes), lanes);
  for (; i + lanes <= count; i += lanes) add(0, Vec<T>::load(from + i), lanes);
  if (i < count) add(1, Vec<T>::load(from + i, static_cast<int>(count - i)), static_cast<int>(count - i));
  const auto total = [](const Vec<T>* v) { return static_cast<double>(horizontal_sum((v[0] + v[1]) + (v[2] + v[3]))); };
  const double n = static_cast<double>(count);
  return corrected(static_cast<double>(mean), total(rest), total(squares), n);
}

template <class T>
Moments moments_of_row(const T* from, int64_t count) noexcept {
  Moments all;
  for (int64_t i = 0; i < count; i += block) {
    const int64_t more = std::min(block, count - i);
    all = joined(all, static_cast<double>(i), block_of_row(from + i, more), static_cast<double>(more));
  }
  return all;
}

// The same for up to column_run columns, in blocks of rows.
template <class T>
void moments_of_columns(const T* from, int64_t depth, int64_t step, int64_t columns, Moments* all) noexcept {
  constexpr int64_t rows = 32;
  std::fill(all, all + columns, Moments());
  T mean[column_run], rest[column_run], squares[column_run];
  for (int64_t d = 0; d < depth; d += rows) {
    const int64_t count = std::min(rows, depth - d);
    const T* const data = from + d * step;
    std::fill(mean, mean + columns, T(0));
    std::fill(rest, rest + columns, T(0));
    std::fill(squares, squares + columns, T(0));
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < columns; ++i) mean[i] += data[r * step + i];
    for (int64_t i = 0; i < columns; ++i) mean[i] /= static_cast<T>(count);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < columns; ++i) {
        const T away = data[r * step + i] - mean[i];
        rest[i] += away;
        squares[i] += away * away;
      }
    }
    const double n = static_cast<double>(count), before = static_cast<double>(d);
    for (int64_t i = 0; i < columns; ++i) {
      const auto as_double = [&](const T* values) { return static_cast<double>(values[i]); };
      all[i] = joined(all[i], before, corrected(as_double(mean), as_double(rest), as_double(squares), n), n);
    }
  }
}

}  // namespace

size_t reduce_variance_scratch_bytes(ReduceSizes s) noexcept {
  const int64_t parts = parts_of(s);
  return parts > 1 ? static_cast<size_t>(s.outer * parts * s.inner) * sizeof(Moments) : 0;
}

template <class T>
void reduce_variance(ReduceSizes s, const T* in, double divisor, T* variance, T* mean, double* scratch) noexcept {
  const int64_t parts = parts_of(s), part = depth_of_task(s);
  const auto put = [=](int64_t at, Moments m) {
    mean[at] = static_cast<T>(m.mean);
    variance[at] = static_cast<T>(m.squares / divisor);
  };
  if (s.depth == 0) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (int64_t i = 0; i < s.outer * s.inner; ++i) put(i, {nan, nan});
    return;
  }
  Moments* const partial = reinterpret_cast<Moments*>(scratch);
  for_parts(s, part, [=](int64_t o, int64_t p, int64_t begin, int64_t depth, int64_t first, int64_t last) {
    const T* const from = in + (o * s.depth + begin) * s.inner + first;
    Moments found[column_run];
    if (s.inner == 1)
      found[0] = moments_of_row(from, depth);
    else
      moments_of_columns(from, depth, s.inner, last - first, found);
    for (int64_t i = first; i < last; ++i) {
      if (parts == 1)
        put(o * s.inner + i, found[i - first]);
      else
        partial[(o * parts + p) * s.inner + i] = found[i - first];
    }
  });
  if (parts == 1) return;
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t i = 0; i < s.inner; ++i) {
      Moments all;
      for (int64_t p = 0; p < parts; ++p) {
        const int64_t begin = p * part, depth = std::min(part, s.depth - begin);
        all =
            joined(all, static_cast<double>(begin), partial[(o * parts + p) * s.inner + i], static_cast<double>(depth));
      }
      put(o * s.inner + i, all);
    }
  }
}

template void reduce_variance<float>(ReduceSizes, const float*, double, float*, float*, double*) noexcept;
template void reduce_variance<double>(ReduceSizes, const double*, double, double*, double*, double*) noexcept;

}  // namespace cygnet
