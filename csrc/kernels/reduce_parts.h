// What the reductions share: how two values are joined, runs of a row, and the cut into tasks.
#pragma once

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "reduce.h"
#include "simd/lane.h"

namespace cygnet {

struct SumOf {
  template <class V>
  static V join(V a, V b) {
    return a + b;
  }
  template <class T>
  static T across(Lanes<T> a) {
    return horizontal_sum(a);
  }
  template <class T>
  static constexpr T identity() {
    return T(0);
  }
};

/// What a reduction makes of an element before it joins it, and how it joins the results of parts.
template <class Op>
struct Taken {
  using Rest = Op;
  template <class V>
  static V of(V a) {
    return a;
  }
};

struct SumOfSquares : SumOf {};
template <>
struct Taken<SumOfSquares> {
  using Rest = SumOf;
  template <class V>
  static V of(V a) {
    return a * a;
  }
};

struct ProductOf {
  template <class V>
  static V join(V a, V b) {
    return a * b;
  }
  template <class T>
  static T across(Lanes<T> a) {
    return horizontal_product(a);
  }
  template <class T>
  static constexpr T identity() {
    return T(1);
  }
};

struct MaxOf {
  template <class V>
  static V join(V a, V b) {
    return max(a, b);
  }
  template <class T>
  static T across(Lanes<T> a) {
    return horizontal_max(a);
  }
  template <class T>
  static constexpr T identity() {
    if constexpr (std::is_floating_point_v<T>)
      return -std::numeric_limits<T>::infinity();
    else
      return std::numeric_limits<T>::lowest();
  }
  /// Whether a does not lose its place to b; false if one is NaN.
  template <class V>
  static auto holds(V a, V b) {
    return a >= b;
  }
};

struct MinOf {
  template <class V>
  static V join(V a, V b) {
    return min(a, b);
  }
  template <class T>
  static T across(Lanes<T> a) {
    return horizontal_min(a);
  }
  template <class T>
  static constexpr T identity() {
    if constexpr (std::is_floating_point_v<T>)
      return std::numeric_limits<T>::infinity();
    else
      return std::numeric_limits<T>::max();
  }
  template <class V>
  static auto holds(V a, V b) {
    return a <= b;
  }
};

/// The same on plain scalars.
template <class Op>
struct Scalars {
  template <class T>
  static T join(T a, T b) {
    if constexpr (!std::is_floating_point_v<T>)
      return Op::join(Lane<T>(a), Lane<T>(b)).value;
    else if constexpr (std::is_base_of_v<SumOf, Op> || std::is_same_v<Op, ProductOf>)
      return Op::join(a, b);
    else
      return a != a ? a : b != b ? b : Op::holds(a, b) ? a : b;
  }
};

constexpr int64_t block = 1024;      // elements of a run summed without a tree
constexpr int64_t block_rows = 16;   // rows of a run of columns summed without a tree
constexpr int64_t chunk = 32768;     // elements of a task
constexpr int64_t column_run = 256;  // columns of a task

/// A run of a row without a tree.
template <class Op, class From, class To>
To reduce_block(const From* from, int64_t count) noexcept {
  using V = Lanes<To>;
  constexpr int lanes = V::lanes;
  const V identity(Op::template identity<To>());
  if (count < 2 * lanes) {
    To total = Op::template identity<To>();
    for (int64_t i = 0; i < count; ++i) total = Scalars<Op>::join(total, Taken<Op>::of(static_cast<To>(from[i])));
    return total;
  }
  V sum[8];
  for (V& s : sum) s = identity;
  int64_t i = 0;
  for (; i + 8 * lanes <= count; i += 8 * lanes)
    for (int k = 0; k < 8; ++k) sum[k] = Op::join(sum[k], Taken<Op>::of(V::load(from + i + k * lanes)));
  for (int k = 0; i + lanes <= count; i += lanes, ++k) sum[k] = Op::join(sum[k], Taken<Op>::of(V::load(from + i)));
  for (int half = 4; half; half /= 2)
    for (int k = 0; k < half; ++k) sum[k] = Op::join(sum[k], sum[k + half]);
  To total = Op::template across<To>(sum[0]);
  for (; i < count; ++i) total = Scalars<Op>::join(total, Taken<Op>::of(static_cast<To>(from[i])));
  return total;
}

/// The depth that one task takes: whole, or cut where the other axes give too few elements to share.
inline int64_t depth_of_task(ReduceSizes s) noexcept {
  const int64_t width = std::max<int64_t>(1, std::min<int64_t>(s.inner, 256));
  return std::max<int64_t>(block_rows, chunk / width);
}
inline int64_t parts_of(ReduceSizes s) noexcept {
  const int64_t depth = depth_of_task(s);
  return std::max<int64_t>(1, (s.depth + depth - 1) / depth);
}

/// Calls body(o, p, begin, depth, first, last) for each outer index o, part p of `part` elements of the depth, which
/// are [begin, begin + depth), and run of columns [first, last). Rows too short for a task of their own go together.
template <class Body>
void for_parts(ReduceSizes s, int64_t part, const Body& body) noexcept {
  const double work = static_cast<double>(s.outer) * static_cast<double>(s.depth) * static_cast<double>(s.inner);
  const int64_t parts = (s.depth + part - 1) / part, runs = (s.inner + column_run - 1) / column_run;
  const int64_t outer_run = std::max<int64_t>(1, chunk / 2 / std::max<int64_t>(1, s.depth * s.inner));
  const int64_t groups = (s.outer + outer_run - 1) / outer_run;
  parallel_for(groups * parts * runs, work, [=](int64_t task) {
    const int64_t first = task % runs * column_run, p = task / runs % parts, group = task / runs / parts;
    const int64_t begin = p * part, depth = std::min(part, s.depth - begin);
    for (int64_t o = group * outer_run; o < std::min(s.outer, (group + 1) * outer_run); ++o)
      body(o, p, begin, depth, first, std::min(s.inner, first + column_run));
  });
}

/// Calls f(T{}) with the element type; bool and uint8 are both uint8_t.
template <class F>
void for_type(DType dtype, const F& f) noexcept {
  switch (dtype) {
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::Int32:
      return f(int32_t{});
    case DType::Int64:
      return f(int64_t{});
    default:
      return f(uint8_t{});
  }
}

}  // namespace cygnet
