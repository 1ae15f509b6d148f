#include "norm_rows.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/parallel.h"
#include "reduce.h"
#include "simd/loop.h"
#include "simd/stream.h"

namespace cygnet {
namespace {

constexpr int64_t block = 1024;           // elements of a row that are summed without a tree
constexpr int64_t task_elements = 16384;  // of a task, at least
constexpr int64_t part_rows = 64;         // rows that share a private copy of the gradients of weight and bias

constexpr int64_t ahead = 1024;  // elements that the first pass over a row fetches ahead

template <class T, int sums>
struct Terms {
  Vec<T> v[sums];
};

// total[k] = sum of terms(i, lanes).v[k] over a row; lanes beyond the row give zero.
template <class T, int sums, class F>
inline void sum_row(int64_t width, double (&total)[sums], const F& terms) noexcept {
  constexpr int lanes = Vec<T>::lanes, together = 8 / sums;
  for (double& t : total) t = 0;
  for (int64_t begin = 0; begin < width; begin += block) {
    const int64_t end = std::min(width, begin + block);
    Terms<T, sums> sum[together];
    for (auto& s : sum)
      for (Vec<T>& v : s.v) v = Vec<T>(T(0));
    const auto add = [&](Terms<T, sums>& to, const Terms<T, sums>& more) {
      for (int k = 0; k < sums; ++k) to.v[k] += more.v[k];
    };
    int64_t i = begin;
    for (; i + together * lanes <= end; i += together * lanes)
      for (int q = 0; q < together; ++q) add(sum[q], terms(i + q * lanes, lanes));
    for_vectors<T>(i, end, [&](int64_t at, int n) { add(sum[0], terms(at, n)); });
    for (int half = together / 2; half; half /= 2)
      for (int q = 0; q < half; ++q) add(sum[q], sum[q + half]);
    for (int k = 0; k < sums; ++k) total[k] += static_cast<double>(horizontal_sum(sum[0].v[k]));
  }
}

template <class T>
Vec<T> load_or(const T* from, int64_t i, int n, T absent) noexcept {
  return from ? Vec<T>::load(from + i, n) : Vec<T>(absent);
}

template <bool centered, class T>
void row_norm_forward(RowSizes s, const T* x, const T* weight, const T* bias, double eps, T* out, T* mean,
                      T* rstd) noexcept {
  const bool past_caches = streams(out, s.rows * s.width, s.width);
  const int64_t grain = std::max<int64_t>(1, task_elements / std::max<int64_t>(1, s.width));
  parallel_ranges(s.rows, grain, 4.0 * static_cast<double>(s.width), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* const from = x + row * s.width;
      T* const to = out + row * s.width;
      const double width = static_cast<double>(s.width);
      double total[1];
      Vec<T> center(T(0));
      if constexpr (centered) {
        sum_row<T>(s.width, total, [=](int64_t i, int n) {
          prefetch(from + i + ahead);
          return Terms<T, 1>{{Vec<T>::load(from + i, n)}};
        });
        mean[row] = static_cast<T>(total[0] / width);
        center = Vec<T>(mean[row]);
      }
      sum_row<T>(s.width, total, [=](int64_t i, int n) {
        if constexpr (!centered) prefetch(from + i + ahead);
        const Vec<T> distance = first_lanes(Vec<T>::load(from + i, n) - center, n);
        return Terms<T, 1>{{distance * distance}};
      });
      rstd[row] = static_cast<T>(1 / std::sqrt(total[0] / width + eps));
      const Vec<T> scale(rstd[row]);
      for_vectors<T>(0, s.width, [=](int64_t i, int n) {
        Vec<T> y = (Vec<T>::load(from + i, n) - center) * scale;
        if (weight) y = y * Vec<T>::load(weight + i, n);
        if (bias) y += Vec<T>::load(bias + i, n);
        put(y, to + i, n, past_caches);
      });
    }
    if (past_caches) stream_fence();
  });
}

// Rows are dealt in parts, and each part sums the gradients of weight and bias in a copy of its own.
struct Parts {
  int64_t rows, count;

  explicit Parts(RowSizes s) noexcept {
    const bool serial = static_cast<double>(s.rows) * static_cast<double>(s.width) < serial_work;
    rows = serial ? s.rows : std::min(part_rows, (s.rows + 7) / 8);
    rows = std::max({rows, task_elements / std::max<int64_t>(1, s.width), int64_t{1}});
    count = (s.rows + rows - 1) / rows;
  }
};

template <bool centered, class T>
void row_norm_backward(RowSizes s, const T* grad, const T* x, const T* weight, const T* mean, const T* rstd, T* grad_x,
                       T* grad_weight, T* grad_bias, void* scratch) noexcept {
  const Parts parts(s);
  const bool past_caches = grad_x && streams(grad_x, s.rows * s.width, s.width);
  T *const weights = static_cast<T*>(scratch), *const biases = weights + parts.count * s.width;
  parallel_for(parts.count, 8.0 * static_cast<double>(s.rows) * static_cast<double>(s.width), [=](int64_t part) {
    T *const by_weight = weights + part * s.width, *const by_bias = biases + part * s.width;
    if (grad_weight) std::fill_n(by_weight, s.width, T(0));
    if (grad_bias) std::fill_n(by_bias, s.width, T(0));
    for (int64_t row = part * parts.rows; row < std::min(s.rows, (part + 1) * parts.rows); ++row) {
      const T *const g = grad + row * s.width, *const from = x + row * s.width;
      const Vec<T> center(centered ? mean[row] : T(0)), scale(rstd[row]);
      double total[2];
      sum_row<T>(s.width, total, [=](int64_t i, int n) {
        prefetch(g + i + ahead);
        prefetch(from + i + ahead);
        const Vec<T> gradient = Vec<T>::load(g + i, n);
        const Vec<T> product = gradient * ((Vec<T>::load(from + i, n) - center) * scale);
        if (grad_weight) (Vec<T>::load(by_weight + i, n) + product).store(by_weight + i, n);
        if (grad_bias) (Vec<T>::load(by_bias + i, n) + gradient).store(by_bias + i, n);
        const Vec<T> factor = load_or(weight, i, n, T(1));
        return Terms<T, 2>{{gradient * factor, product * factor}};
      });
      if (!grad_x) continue;
      const double width = static_cast<double>(s.width), factor = static_cast<double>(rstd[row]);
      const Vec<T> offset(static_cast<T>(centered ? total[0] / width * factor : 0));
      const Vec<T> slope(static_cast<T>(total[1] / width * factor * factor));
      T* const to = grad_x + row * s.width;
      for_vectors<T>(0, s.width, [=](int64_t i, int n) {
        const Vec<T> scaled = Vec<T>::load(g + i, n) * load_or(weight, i, n, T(1)) * scale;
        put(scaled - fma(Vec<T>::load(from + i, n) - center, slope, offset), to + i, n, past_caches);
      });
    }
    if (past_caches) stream_fence();
  });
  const auto join = [&](const T* copies, T* gradient) {
    if (!gradient) return;
    const ReduceSizes sizes{1, parts.count, s.width};
    reduce_sum(std::is_same_v<T, double> ? DType::Float64 : DType::Float32, sizes, copies, gradient, 1,
               biases + parts.count * s.width);
  };
  join(weights, grad_weight);
  join(biases, grad_bias);
}

}  // namespace

template <class T>
size_t row_norm_scratch_bytes(RowSizes s) noexcept {
  const int64_t copies = Parts(s).count;
  return static_cast<size_t>(2 * copies * s.width) * sizeof(T) + reduce_scratch_bytes({1, copies, s.width});
}

template <class T>
void layer_norm_forward(RowSizes s, const T* x, const T* weight, const T* bias, double eps, T* out, T* mean,
                        T* rstd) noexcept {
  row_norm_forward<true>(s, x, weight, bias, eps, out, mean, rstd);
}

template <class T>
void rms_norm_forward(RowSizes s, const T* x, const T* weight, double eps, T* out, T* rstd) noexcept {
  row_norm_forward<false, T>(s, x, weight, nullptr, eps, out, nullptr, rstd);
}

template <class T>
void layer_norm_backward(RowSizes s, const T* grad, const T* x, const T* weight, const T* mean, const T* rstd,
                         T* grad_x, T* grad_weight, T* grad_bias, void* scratch) noexcept {
  row_norm_backward<true>(s, grad, x, weight, mean, rstd, grad_x, grad_weight, grad_bias, scratch);
}

template <class T>
void rms_norm_backward(RowSizes s, const T* grad, const T* x, const T* weight, const T* rstd, T* grad_x, T* grad_weight,
                       void* scratch) noexcept {
  row_norm_backward<false, T>(s, grad, x, weight, nullptr, rstd, grad_x, grad_weight, nullptr, scratch);
}

#define CYGNET_INSTANTIATE(T)                                                                                  \
  template void layer_norm_forward<T>(RowSizes, const T*, const T*, const T*, double, T*, T*, T*) noexcept;    \
  template void rms_norm_forward<T>(RowSizes, const T*, const T*, double, T*, T*) noexcept;                    \
  template size_t row_norm_scratch_bytes<T>(RowSizes) noexcept;                                                \
  template void layer_norm_backward<T>(RowSizes, const T*, const T*, const T*, const T*, const T*, T*, T*, T*, \
                                       void*) noexcept;                                                        \
  template void rms_norm_backward<T>(RowSizes, const T*, const T*, const T*, const T*, T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
