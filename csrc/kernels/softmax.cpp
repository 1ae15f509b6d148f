#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "reduce.h"
#include "simd/loop.h"
#include "simd/math.h"
#include "simd/stream.h"

namespace cygnet {
namespace {

constexpr int64_t block = 1024;  // elements of a row that are added without a tree
constexpr int64_t run = 4096;    // elements of a task, at least
constexpr int strip = 256;       // most columns that are read together, so that memory is read in runs
constexpr int64_t strip_rows = 32;
constexpr int64_t ahead = 1024;  // elements of a row that are fetched ahead
constexpr int64_t rows_ahead = 8;

// row(offset) for each row of contiguous classes, or columns(offset, width) for each strip of neighbouring columns,
// where offset is that of class 0.
template <class T, class Row, class Columns>
void for_lines(SoftmaxSizes s, const Row& row, const Columns& columns) noexcept {
  if (s.classes == 0) return;
  const double work = 8.0 * static_cast<double>(s.classes);
  if (s.inner == 1) {
    parallel_ranges(s.outer, std::max<int64_t>(1, run / s.classes), work, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) row(o * s.classes);
    });
    return;
  }
  // Whole vectors, and at least eight tasks where there are as many.
  constexpr int64_t lanes = Vec<T>::lanes;
  const int64_t wanted = std::min<int64_t>(s.outer * s.inner / 8 / lanes * lanes, strip);
  const int64_t width = std::max(wanted, lanes), strips = (s.inner + width - 1) / width;
  parallel_ranges(s.outer * strips, std::max<int64_t>(1, run / (s.classes * width)), work * static_cast<double>(width),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t first = i % strips * width;
                      columns(i / strips * s.classes * s.inner + first,
                              static_cast<int>(std::min(width, s.inner - first)));
                    }
                  });
}

template <class T>
bool streams(SoftmaxSizes s, const T* out) noexcept {
  return cygnet::streams(out, s.outer * s.classes * s.inner, s.inner == 1 ? s.classes : s.inner);
}

// One number a column of a strip.
template <class T>
struct StripOf {
  alignas(64) T value[strip];

  Vec<T> operator[](int64_t i) const { return Vec<T>::load(value + i); }
  void set(int64_t i, Vec<T> v) { v.store(value + i); }
};

// sum[i] += sum over rows r of terms(r, i, n), which gives the vector at column i.
template <class T, class Terms>
void add_rows(int64_t rows, int width, StripOf<T>& sum, const Terms& terms) noexcept {
  for (int64_t begin = 0; begin < rows; begin += strip_rows) {
    StripOf<T> part;
    for_vectors<T>(0, width, [&](int64_t i, int) { part.set(i, Vec<T>(T(0))); });
    for (int64_t r = begin; r < std::min(rows, begin + strip_rows); ++r)
      for_vectors<T>(0, width, [&](int64_t i, int n) { part.set(i, part[i] + terms(r, i, n)); });
    for_vectors<T>(0, width, [&](int64_t i, int) { sum.set(i, sum[i] + part[i]); });
  }
}

// The maximum m of each column of a strip and the sum of exp(x - m), in one pass over memory: where some rows raise the
// maximum, the sum of those before shrinks by exp(old - new).
template <class T>
struct ColumnSums {
  StripOf<T> maximum, sum;

  ColumnSums(const T* x, int64_t classes, int64_t step, int width) noexcept {
    const Vec<T> zero(T(0)), lowest(-std::numeric_limits<T>::infinity());
    for_vectors<T>(0, width, [&](int64_t i, int) {
      maximum.set(i, lowest);
      sum.set(i, zero);
    });
    StripOf<T> shift;
    for (int64_t begin = 0; begin < classes; begin += strip_rows) {
      const T* const from = x + begin * step;
      const int64_t rows = std::min(strip_rows, classes - begin);
      const StripOf<T> old = maximum;
      for (int64_t r = 0; r < rows; ++r)
        for_vectors<T>(0, width, [&](int64_t i, int n) {
          prefetch(from + (r + strip_rows) * step + i);
          maximum.set(i, max(maximum[i], Vec<T>::load(from + r * step + i, n)));
        });
      for_vectors<T>(0, width, [&](int64_t i, int) {
        shift.set(i, select(maximum[i] == lowest, zero, maximum[i]));  // -infinity minus itself is NaN
        sum.set(i, sum[i] * exp(old[i] - shift[i]));
      });
      add_rows(rows, width, sum,
               [&](int64_t r, int64_t i, int n) { return exp(Vec<T>::load(from + r * step + i, n) - shift[i]); });
    }
  }
};

// The sum of terms(i, n), vectors of a row, in eight sums and blocks.
template <class T, class Terms>
T sum_of_terms(int64_t count, const Terms& terms) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t end = std::min(count, begin + block);
    Vec<T> sum[8];
    for (Vec<T>& s : sum) s = Vec<T>(T(0));
    int64_t i = begin;
    for (; i + 8 * lanes <= end; i += 8 * lanes)
      for (int k = 0; k < 8; ++k) sum[k] += terms(i + k * lanes, lanes);
    for (int k = 0; i + lanes <= end; i += lanes, ++k) sum[k] += terms(i, lanes);
    if (i < end) sum[7] += first_lanes(terms(i, static_cast<int>(end - i)), static_cast<int>(end - i));
    for (int half = 4; half; half /= 2)
      for (int k = 0; k < half; ++k) sum[k] += sum[k + half];
    const T part = horizontal_sum(sum[0]);
    if (end - begin == count) return part;
    total += static_cast<double>(part);
  }
  return static_cast<T>(total);
}

// The maximum of a row of numbers. NaN needs no care: it is in the row's sum of exponentials whatever the maximum.
template <class T>
T maximum_of(const T* x, int64_t count) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  if (count < lanes) {
    T maximum = x[0];
    for (int64_t i = 1; i < count; ++i) maximum = std::max(maximum, x[i]);
    return maximum;
  }
  const Vec<T> last = Vec<T>::load(x + count - lanes);
  Vec<T> largest[4] = {last, last, last, last};
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes)
    for (int k = 0; k < 4; ++k) {
      prefetch(x + i + k * lanes + ahead);
      largest[k] = larger_number(largest[k], Vec<T>::load(x + i + k * lanes));
    }
  for (; i + lanes <= count; i += lanes) largest[0] = larger_number(largest[0], Vec<T>::load(x + i));
  return horizontal_max(max(max(largest[0], largest[1]), max(largest[2], largest[3])));
}

}  // namespace

template <class T>
RowSum<T> row_sum(const T* x, int64_t count, T* exponentials) noexcept {
  const T maximum = maximum_of(x, count);
  const Vec<T> shift(maximum);
  const T sum = sum_of_terms<T>(count, [&](int64_t i, int n) {
    prefetch(x + count + i);  // the next row
    const Vec<T> e = exp(Vec<T>::load(x + i, n) - shift);
    if (exponentials) e.store(exponentials + i, n);
    return e;
  });
  return {maximum, sum};
}

template <class T>
void softmax_forward(SoftmaxSizes s, const T* x, T* out) noexcept {
  const bool past_caches = streams(s, out);
  for_lines<T>(
      s,
      [=](int64_t offset) {
        T* const to = out + offset;
        const Vec<T> sum(row_sum(x + offset, s.classes, to).sum);
        for_vectors<T>(0, s.classes, [=](int64_t i, int n) { (Vec<T>::load(to + i, n) / sum).store(to + i, n); });
      },
      [=](int64_t offset, int width) {
        ColumnSums<T> of(x + offset, s.classes, s.inner, width);
        for_vectors<T>(0, width, [&](int64_t i, int) { of.sum.set(i, Vec<T>(T(1)) / of.sum[i]); });
        for (int64_t c = 0; c < s.classes; ++c, offset += s.inner)
          for_vectors<T>(0, width, [&](int64_t i, int n) {
            prefetch(x + offset + rows_ahead * s.inner + i);
            put(exp(Vec<T>::load(x + offset + i, n) - of.maximum[i]) * of.sum[i], out + offset + i, n, past_caches);
          });
        if (past_caches) stream_fence();
      });
}

template <class T>
void log_softmax_forward(SoftmaxSizes s, const T* x, T* out) noexcept {
  const bool past_caches = streams(s, out);
  for_lines<T>(
      s,
      [=](int64_t offset) {
        const RowSum<T> of = row_sum<T>(x + offset, s.classes, nullptr);
        const Vec<T> maximum(of.maximum), log_sum(std::log(of.sum));
        for_vectors<T>(0, s.classes, [=](int64_t i, int n) {
          put(Vec<T>::load(x + offset + i, n) - maximum - log_sum, out + offset + i, n, past_caches);
        });
        if (past_caches) stream_fence();
      },
      [=](int64_t offset, int width) {
        ColumnSums<T> of(x + offset, s.classes, s.inner, width);
        for_vectors<T>(0, width, [&](int64_t i, int) { of.sum.set(i, log(of.sum[i])); });
        for (int64_t c = 0; c < s.classes; ++c, offset += s.inner)
          for_vectors<T>(0, width, [&](int64_t i, int n) {
            prefetch(x + offset + rows_ahead * s.inner + i);
            put(Vec<T>::load(x + offset + i, n) - of.maximum[i] - of.sum[i], out + offset + i, n, past_caches);
          });
        if (past_caches) stream_fence();
      });
}

template <class T>
void softmax_backward(SoftmaxSizes s, const T* grad, const T* y, T* grad_in) noexcept {
  for_lines<T>(
      s,
      [=](int64_t offset) {
        const T *const g = grad + offset, *const p = y + offset;
        const Vec<T> dot(sum_of_terms<T>(
            s.classes, [=](int64_t i, int n) { return Vec<T>::load(g + i, n) * Vec<T>::load(p + i, n); }));
        for_vectors<T>(0, s.classes, [=](int64_t i, int n) {
          (Vec<T>::load(p + i, n) * (Vec<T>::load(g + i, n) - dot)).store(grad_in + offset + i, n);
        });
      },
      [=](int64_t offset, int width) {
        StripOf<T> dot{};
        add_rows(s.classes, width, dot, [=](int64_t c, int64_t i, int n) {
          const int64_t at = offset + c * s.inner + i;
          return Vec<T>::load(grad + at, n) * Vec<T>::load(y + at, n);
        });
        for (int64_t c = 0; c < s.classes; ++c, offset += s.inner)
          for_vectors<T>(0, width, [&](int64_t i, int n) {
            const int64_t at = offset + i;
            (Vec<T>::load(y + at, n) * (Vec<T>::load(grad + at, n) - dot[i])).store(grad_in + at, n);
          });
      });
}

template <class T>
void log_softmax_backward(SoftmaxSizes s, const T* grad, const T* y, T* grad_in) noexcept {
  for_lines<T>(
      s,
      [=](int64_t offset) {
        const Vec<T> total(sum_of(grad + offset, s.classes));
        for_vectors<T>(0, s.classes, [=](int64_t i, int n) {
          (Vec<T>::load(grad + offset + i, n) - exp(Vec<T>::load(y + offset + i, n)) * total)
              .store(grad_in + offset + i, n);
        });
      },
      [=](int64_t offset, int width) {
        StripOf<T> sum{};
        add_rows(s.classes, width, sum,
                 [=](int64_t c, int64_t i, int n) { return Vec<T>::load(grad + offset + c * s.inner + i, n); });
        for (int64_t c = 0; c < s.classes; ++c, offset += s.inner)
          for_vectors<T>(0, width, [&](int64_t i, int n) {
            const int64_t at = offset + i;
            (Vec<T>::load(grad + at, n) - exp(Vec<T>::load(y + at, n)) * sum[i]).store(grad_in + at, n);
          });
      });
}

#define CYGNET_INSTANTIATE(T)                                                       \
  template RowSum<T> row_sum<T>(const T*, int64_t, T*) noexcept;                    \
  template void softmax_forward<T>(SoftmaxSizes, const T*, T*) noexcept;            \
  template void log_softmax_forward<T>(SoftmaxSizes, const T*, T*) noexcept;        \
  template void softmax_backward<T>(SoftmaxSizes, const T*, const T*, T*) noexcept; \
  template void log_softmax_backward<T>(SoftmaxSizes, const T*, const T*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
