#include "scan.h"

#include <algorithm>
#include <cmath>

#include "reduce_parts.h"

namespace cygnet {
namespace {

// Runs state = step(state, at) along each line, where `at` is the position of an element; the lines of a task go side
// by side. first(at) begins a line.
template <class State, class First, class Step>
void scan(ReduceSizes s, bool reverse, const First& first, const Step& step) noexcept {
  if (s.depth == 0) return;
  for_parts(s, s.depth, [=](int64_t o, int64_t, int64_t, int64_t, int64_t begin, int64_t end) {
    State state[column_run];
    const int64_t top = o * s.depth * s.inner;
    for (int64_t k = 0; k < s.depth; ++k) {
      const int64_t d = reverse ? s.depth - 1 - k : k, row = top + d * s.inner;
      for (int64_t i = begin; i < end; ++i)
        state[i - begin] = k == 0 ? first(row + i) : step(state[i - begin], row + i, d);
    }
  });
}

// A row is taken in chunks of four pieces, whose sums are known before their running sums begin: four chains of
// additions that do not wait for each other. `step` is 1, or -1 from the last element to the first.
template <int step, class T>
void sum_row(const T* from, int64_t count, T* to) noexcept {
  constexpr int64_t piece = 512, pieces = 4;
  if (step < 0) {
    from += count - 1;
    to += count - 1;
  }
  double carry = 0;
  int64_t k = 0;
  for (; k + pieces * piece <= count; k += pieces * piece, from += step * pieces * piece, to += step * pieces * piece) {
    double sum[pieces];
    for (int64_t p = 0; p < pieces; ++p) {
      sum[p] = carry;
      carry += sum_in_double(from + (step < 0 ? -(p + 1) * piece + 1 : p * piece), piece);
    }
    const T *const a = from, *const b = a + step * piece, *const c = b + step * piece, *const d = c + step * piece;
    T *const e = to, *const f = e + step * piece, *const g = f + step * piece, *const h = g + step * piece;
    for (int64_t i = 0; i != step * piece; i += step) {
      e[i] = static_cast<T>(sum[0] += static_cast<double>(a[i]));
      f[i] = static_cast<T>(sum[1] += static_cast<double>(b[i]));
      g[i] = static_cast<T>(sum[2] += static_cast<double>(c[i]));
      h[i] = static_cast<T>(sum[3] += static_cast<double>(d[i]));
    }
  }
  for (; k < count; ++k, from += step, to += step) *to = static_cast<T>(carry += static_cast<double>(*from));
}

// The type in which running sums of T are kept, and that of the result.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
template <class T>
using Accumulated = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;

template <class Op, class From>
void accumulate(ReduceSizes s, bool reverse, const From* in, Accumulated<From>* out) noexcept {
  using State = Accumulator<From>;
  const auto put = [=](State state, int64_t at) {
    out[at] = static_cast<Accumulated<From>>(state);
    return state;
  };
  scan<State>(
      s, reverse, [=](int64_t at) { return put(static_cast<State>(in[at]), at); },
      [=](State state, int64_t at, int64_t) { return put(Scalars<Op>::join(state, static_cast<State>(in[at])), at); });
}

template <class Op>
void accumulate_any(DType dtype, ReduceSizes s, bool reverse, const void* in, void* out) noexcept {
  for_type(dtype, [=](auto zero) {
    using From = decltype(zero);
    accumulate<Op>(s, reverse, static_cast<const From*>(in), static_cast<Accumulated<From>*>(out));
  });
}

template <class Op>
void places(DType dtype, ReduceSizes s, const void* data, int64_t* out) noexcept {
  for_type(dtype, [=](auto zero) {
    using T = decltype(zero);
    struct Best {
      T value;
      int64_t place;
    };
    const T* const in = static_cast<const T*>(data);
    scan<Best>(
        s, false,
        [=](int64_t at) {
          out[at] = 0;
          return Best{in[at], 0};
        },
        [=](Best best, int64_t at, int64_t d) {
          const T x = in[at];
          if (x != x || Op::holds(x, best.value)) best = {x, d};
          out[at] = best.place;
          return best;
        });
  });
}

}  // namespace

void scan_sum(DType dtype, ReduceSizes s, bool reverse, const void* in, void* out) noexcept {
  const bool floats = dtype == DType::Float32 || dtype == DType::Float64;
  if (s.inner != 1 || !floats) return accumulate_any<SumOf>(dtype, s, reverse, in, out);
  for_type(dtype, [=](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>)
      for_parts(s, std::max<int64_t>(1, s.depth), [=](int64_t o, int64_t, int64_t, int64_t, int64_t, int64_t) {
        const auto run = reverse ? sum_row<-1, T> : sum_row<1, T>;
        run(static_cast<const T*>(in) + o * s.depth, s.depth, static_cast<T*>(out) + o * s.depth);
      });
  });
}

void scan_product(DType dtype, ReduceSizes s, bool reverse, const void* in, void* out) noexcept {
  accumulate_any<ProductOf>(dtype, s, reverse, in, out);
}

template <class T>
void scan_linear(ReduceSizes s, bool reverse, const T* in, const T* factor, T* out) noexcept {
  const auto put = [=](double state, int64_t at) {
    out[at] = static_cast<T>(state);
    return state;
  };
  scan<double>(
      s, reverse, [=](int64_t at) { return put(static_cast<double>(in[at]), at); },
      [=](double state, int64_t at, int64_t) {
        return put(static_cast<double>(in[at]) + static_cast<double>(factor[at]) * state, at);
      });
}

template <class T>
void scan_logsumexp(ReduceSizes s, const T* in, T* out) noexcept {
  const auto put = [=](double state, int64_t at) {
    out[at] = static_cast<T>(state);
    return state;
  };
  scan<double>(
      s, false, [=](int64_t at) { return put(static_cast<double>(in[at]), at); },
      [=](double state, int64_t at, int64_t) {
        const double x = static_cast<double>(in[at]), apart = state == x ? 0 : std::fabs(state - x);
        const double larger = state != state || state > x ? state : x;
        return put(larger + std::log1p(std::exp(-apart)), at);
      });
}

void scan_argmax(DType dtype, ReduceSizes s, const void* in, int64_t* out) noexcept {
  places<MaxOf>(dtype, s, in, out);
}

void scan_argmin(DType dtype, ReduceSizes s, const void* in, int64_t* out) noexcept {
  places<MinOf>(dtype, s, in, out);
}

#define CYGNET_INSTANTIATE(T)                                                       \
  template void scan_linear<T>(ReduceSizes, bool, const T*, const T*, T*) noexcept; \
  template void scan_logsumexp<T>(ReduceSizes, const T*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
