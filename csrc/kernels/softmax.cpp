#include "softmax.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "reduce.h"
#include "simd/math.h"

namespace cygnet {
namespace {

constexpr int64_t block = 1024;
constexpr int64_t run = 4096;  // elements of a task, at least

// f(i, n) over [0, count) in vectors; n is short in the last one.
template <class T, class F>
inline void for_vectors(int64_t count, const F& f) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) f(i, lanes);
  if (i < count) f(i, static_cast<int>(count - i));
}

// The vectors of a column sum: every 128 rows go into a second sum, so that long columns lose no digits.
template <class T>
struct ColumnSum {
  Vec<T> total{T(0)}, part{T(0)};
  int rows = 0;

  void add(Vec<T> value) noexcept {
    part += value;
    if (++rows == 128) fold();
  }
  Vec<T> result() noexcept {
    fold();
    return total;
  }

 private:
  void fold() noexcept {
    total += part;
    part = Vec<T>(T(0));
    rows = 0;
  }
};

// row(o) for each row of contiguous classes, or column(offset, width) for each vector of neighbouring columns, where
// offset is that of class 0.
template <class T, class Row, class Column>
void for_lines(SoftmaxSizes s, const Row& row, const Column& column) noexcept {
  const double work = 8.0 * static_cast<double>(s.outer) * static_cast<double>(s.classes * s.inner);
  if (s.classes == 0) return;
  if (s.inner == 1) {
    parallel_ranges(s.outer, std::max<int64_t>(1, run / s.classes),
                    work / static_cast<double>(std::max<int64_t>(1, s.outer)), [&](int64_t begin, int64_t end) {
                      for (int64_t o = begin; o < end; ++o) row(o * s.classes);
                    });
    return;
  }
  constexpr int64_t lanes = Vec<T>::lanes;
  const int64_t groups = (s.inner + lanes - 1) / lanes;
  parallel_ranges(s.outer * groups, std::max<int64_t>(1, run / (s.classes * lanes)),
                  work / static_cast<double>(std::max<int64_t>(1, s.outer * groups)), [&](int64_t begin, int64_t end) {
                    for (int64_t g = begin; g < end; ++g) {
                      const int64_t first = g % groups * lanes;
                      column(g / groups * s.classes * s.inner + first,
                             static_cast<int>(std::min(lanes, s.inner - first)));
                    }
                  });
}

// Maximum and sum of exp(x - maximum) of a vector of columns.
template <class T>
struct Columns {
  Vec<T> maximum, sum;
  Columns(const T* x, int64_t classes, int64_t step, int width) noexcept : maximum(Vec<T>::load(x, width)) {
    for (int64_t c = 1; c < classes; ++c) maximum = max(maximum, Vec<T>::load(x + c * step, width));
    ColumnSum<T> total;
    for (int64_t c = 0; c < classes; ++c) total.add(exp(Vec<T>::load(x + c * step, width) - maximum));
    sum = total.result();
  }
};

// sum_k a(k) over a row, where a writes up to 1,024 terms into a buffer.
template <class T, class Terms>
T sum_of_terms(int64_t count, const Terms& terms) noexcept {
  alignas(64) T buffer[block];
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t length = std::min(block, count - begin);
    for_vectors<T>(length, [&](int64_t i, int n) { terms(begin + i, n).store(buffer + i, n); });
    const T part = sum_of(buffer, length);
    if (length == count) return part;
    total += static_cast<double>(part);
  }
  return static_cast<T>(total);
}

}  // namespace

template <class T>
RowSum<T> row_sum(const T* x, int64_t count, T* exponentials) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  T maximum;
  if (count < lanes) {
    maximum = x[0];
    for (int64_t i = 1; i < count; ++i)
      if (x[i] > maximum || x[i] != x[i]) maximum = x[i];
  } else {
    Vec<T> largest = Vec<T>::load(x + count - lanes);
    for (int64_t i = 0; i + lanes < count; i += lanes) largest = max(largest, Vec<T>::load(x + i));
    maximum = horizontal_max(largest);
  }
  const Vec<T> shift(maximum);
  const T sum = sum_of_terms<T>(count, [&](int64_t i, int n) {
    const Vec<T> e = exp(Vec<T>::load(x + i, n) - shift);
    if (exponentials) e.store(exponentials + i, n);
    return e;
  });
  return {maximum, sum};
}

template <class T>
void softmax_forward(SoftmaxSizes s, const T* x, T* out) noexcept {
  for_lines<T>(
      s,
      [=](int64_t offset) {
        T* const to = out + offset;
        const Vec<T> sum(row_sum(x + offset, s.classes, to).sum);
        for_vectors<T>(s.classes, [=](int64_t i, int n) { (Vec<T>::load(to + i, n) / sum).store(to + i, n); });
      },
      [=](int64_t offset, int width) {
        const Columns<T> of(x + offset, s.classes, s.inner, width);
        for (int64_t c = 0; c < s.classes; ++c)
          (exp(Vec<T>::load(x + offset + c * s.inner, width) - of.maximum) / of.sum)
              .store(out + offset + c * s.inner, width);
      });
}

template <class T>
void log_softmax_forward(SoftmaxSizes s, const T* x, T* out) noexcept {
  for_lines<T>(
      s,
      [=](int64_t offset) {
        const RowSum<T> of = row_sum<T>(x + offset, s.classes, nullptr);
        const Vec<T> maximum(of.maximum), log_sum(std::log(of.sum));
        for_vectors<T>(s.classes, [=](int64_t i, int n) {
          (Vec<T>::load(x + offset + i, n) - maximum - log_sum).store(out + offset + i, n);
        });
      },
      [=](int64_t offset, int width) {
        const Columns<T> of(x + offset, s.classes, s.inner, width);
        const Vec<T> log_sum = log(of.sum);
        for (int64_t c = 0; c < s.classes; ++c)
          (Vec<T>::load(x + offset + c * s.inner, width) - of.maximum - log_sum)
              .store(out + offset + c * s.inner, width);
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
        for_vectors<T>(s.classes, [=](int64_t i, int n) {
          (Vec<T>::load(p + i, n) * (Vec<T>::load(g + i, n) - dot)).store(grad_in + offset + i, n);
        });
      },
      [=](int64_t offset, int width) {
        ColumnSum<T> dot;
        for (int64_t c = 0, i = offset; c < s.classes; ++c, i += s.inner)
          dot.add(Vec<T>::load(grad + i, width) * Vec<T>::load(y + i, width));
        const Vec<T> total = dot.result();
        for (int64_t c = 0, i = offset; c < s.classes; ++c, i += s.inner)
          (Vec<T>::load(y + i, width) * (Vec<T>::load(grad + i, width) - total)).store(grad_in + i, width);
      });
}

template <class T>
void log_softmax_backward(SoftmaxSizes s, const T* grad, const T* y, T* grad_in) noexcept {
  for_lines<T>(
      s,
      [=](int64_t offset) {
        const Vec<T> total(sum_of(grad + offset, s.classes));
        for_vectors<T>(s.classes, [=](int64_t i, int n) {
          (Vec<T>::load(grad + offset + i, n) - exp(Vec<T>::load(y + offset + i, n)) * total)
              .store(grad_in + offset + i, n);
        });
      },
      [=](int64_t offset, int width) {
        ColumnSum<T> sum;
        for (int64_t c = 0, i = offset; c < s.classes; ++c, i += s.inner) sum.add(Vec<T>::load(grad + i, width));
        const Vec<T> total = sum.result();
        for (int64_t c = 0, i = offset; c < s.classes; ++c, i += s.inner)
          (Vec<T>::load(grad + i, width) - exp(Vec<T>::load(y + i, width)) * total).store(grad_in + i, width);
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
