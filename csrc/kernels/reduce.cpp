#include "reduce.h"

#include <algorithm>

#include "reduce_parts.h"
#include "simd/loop.h"

namespace cygnet {
namespace {

// Joins values that arrive one after another as a balanced tree would: level l holds the result of 2^l of them.
template <class Op, class V>
class Pairwise {
 public:
  void push(V value) noexcept {
    int level = 0;
    for (uint64_t bits = count_++; bits & 1; bits >>= 1) value = Op::join(level_[level++], value);
    level_[level] = value;
  }
  V result(V identity) const noexcept {
    bool any = false;
    V total = identity;
    for (int level = 0; level < 64 && (count_ >> level); ++level) {
      if (!(count_ >> level & 1)) continue;
      total = any ? Op::join(level_[level], total) : level_[level];
      any = true;
    }
    return total;
  }

 private:
  uint64_t count_ = 0;
  V level_[48];
};

template <class Op, class From, class To>
To reduce_row(const From* from, int64_t count) noexcept {
  if (count <= block) return reduce_block<Op, From, To>(from, count);
  Pairwise<Scalars<Op>, To> tree;
  for (int64_t i = 0; i < count; i += block)
    tree.push(reduce_block<Op, From, To>(from + i, std::min(block, count - i)));
  return tree.result(To(0));
}

// Some vectors of neighbouring columns over `depth` rows.
template <class Op, class From, class To, int vectors>
void reduce_columns(const From* from, int64_t depth, int64_t step, int columns, To* to) noexcept {
  using V = Lanes<To>;
  constexpr int lanes = V::lanes;
  struct Group {
    V v[vectors];
  };
  struct Join {
    static Group join(const Group& a, const Group& b) {
      Group c;
      for (int k = 0; k < vectors; ++k) c.v[k] = Op::join(a.v[k], b.v[k]);
      return c;
    }
  };
  const V identity(Op::template identity<To>());
  Group nothing;
  for (V& v : nothing.v) v = identity;
  const int last = columns - (vectors - 1) * lanes;  // columns of the last vector
  const auto run = [&](int64_t begin, int64_t end) {
    Group sum = nothing;
    if (last == lanes) {
      for (int64_t d = begin; d < end; ++d) {
        const From* const ahead = from + std::min(d + block_rows, depth - 1) * step;
        for (int k = 0; k < vectors; ++k) {
          if constexpr (lanes > 1) prefetch(ahead + k * lanes);
          sum.v[k] = Op::join(sum.v[k], Taken<Op>::of(V::load(from + d * step + k * lanes)));
        }
      }
    } else {
      for (int64_t d = begin; d < end; ++d) {
        for (int k = 0; k < vectors - 1; ++k)
          sum.v[k] = Op::join(sum.v[k], Taken<Op>::of(V::load(from + d * step + k * lanes)));
        sum.v[vectors - 1] =
            Op::join(sum.v[vectors - 1], Taken<Op>::of(V::load(from + d * step + (vectors - 1) * lanes, last)));
      }
    }
    return sum;
  };
  Group total;
  if (depth <= block_rows) {
    total = run(0, depth);
  } else {
    Pairwise<Join, Group> tree;
    for (int64_t d = 0; d < depth; d += block_rows) tree.push(run(d, std::min(depth, d + block_rows)));
    total = tree.result(nothing);
  }
  for (int k = 0; k < vectors - 1; ++k) total.v[k].store(to + k * lanes);
  total.v[vectors - 1].store(to + (vectors - 1) * lanes, last);
}

// One outer index, rows [begin, end) of the depth, all columns.
template <class Op, class From, class To>
void reduce_slab(const From* from, int64_t depth, int64_t inner, int64_t first, int64_t last, To* to) noexcept {
  // Long stretches of a row keep the memory busier than short ones.
  constexpr int lanes = Lanes<To>::lanes, most = 16;
  for (int64_t i = first; i < last;) {
    const auto columns =
        static_cast<int>(last - i < most * lanes ? std::min<int64_t>(last - i, 4 * lanes) : most * lanes);
    switch ((columns + lanes - 1) / lanes) {
      case most:
        reduce_columns<Op, From, To, most>(from + i, depth, inner, columns, to + i);
        break;
      case 1:
        reduce_columns<Op, From, To, 1>(from + i, depth, inner, columns, to + i);
        break;
      case 2:
        reduce_columns<Op, From, To, 2>(from + i, depth, inner, columns, to + i);
        break;
      case 3:
        reduce_columns<Op, From, To, 3>(from + i, depth, inner, columns, to + i);
        break;
      default:
        reduce_columns<Op, From, To, 4>(from + i, depth, inner, columns, to + i);
    }
    i += columns;
  }
}

template <class Op, class From, class To>
void reduce(ReduceSizes s, const From* in, To* out, To* partial) noexcept {
  if (s.outer == 0 || s.inner == 0) return;
  if (s.depth == 0) {
    std::fill(out, out + s.outer * s.inner, Op::template identity<To>());
    return;
  }
  const int64_t parts = parts_of(s);
  To* const target = parts > 1 ? partial : out;
  for_parts(s, depth_of_task(s), [=](int64_t o, int64_t p, int64_t begin, int64_t depth, int64_t first, int64_t last) {
    const From* const from = in + (o * s.depth + begin) * s.inner;
    To* const to = target + (o * parts + p) * s.inner;
    if (s.inner == 1)
      *to = reduce_row<Op, From, To>(from, depth);
    else
      reduce_slab<Op, From, To>(from, depth, s.inner, first, last, to);
  });
  if (parts == 1) return;
  for (int64_t o = 0; o < s.outer; ++o) {
    if (s.inner == 1)
      out[o] = reduce_row<typename Taken<Op>::Rest, To, To>(partial + o * parts, parts);
    else
      reduce_slab<typename Taken<Op>::Rest, To, To>(partial + o * parts * s.inner, parts, s.inner, 0, s.inner,
                                                    out + o * s.inner);
  }
}

// Sums and products keep the type of floats and are int64 of the others.
template <class Op>
void accumulate(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) {
    using From = decltype(zero);
    using To = std::conditional_t<std::is_floating_point_v<From>, From, int64_t>;
    reduce<Op>(s, static_cast<const From*>(in), static_cast<To*>(out), static_cast<To*>(scratch));
  });
}
template <class Op>
void extremum(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) {
    using T = decltype(zero);
    reduce<Op>(s, static_cast<const T*>(in), static_cast<T*>(out), static_cast<T*>(scratch));
  });
}

}  // namespace

template <class T>
T sum_of(const T* from, int64_t count) noexcept {
  return reduce_row<SumOf, T, T>(from, count);
}

template <class T>
double sum_in_double(const T* from, int64_t count) noexcept {
  double sum[16] = {};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int k = 0; k < 16; ++k) sum[k] += static_cast<double>(from[i + k]);
  for (int k = 0; i < count; ++i, ++k) sum[k] += static_cast<double>(from[i]);
  for (int half = 8; half; half /= 2)
    for (int k = 0; k < half; ++k) sum[k] += sum[k + half];
  return sum[0];
}

size_t reduce_scratch_bytes(ReduceSizes s) noexcept {
  const int64_t parts = parts_of(s);
  return parts > 1 ? static_cast<size_t>(s.outer * parts * s.inner) * 8 : 0;
}

void reduce_sum(DType dtype, ReduceSizes s, const void* in, void* out, double divisor, void* scratch) noexcept {
  accumulate<SumOf>(dtype, s, in, out, scratch);
  if (divisor == 1) return;
  const auto divide = [=](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    for (int64_t i = 0; i < s.outer * s.inner; ++i) to[i] /= static_cast<T>(divisor);
  };
  if (dtype == DType::Float64)
    divide(static_cast<double*>(out));
  else
    divide(static_cast<float*>(out));
}

void reduce_squares(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  if (dtype == DType::Float64)
    reduce<SumOfSquares>(s, static_cast<const double*>(in), static_cast<double*>(out), static_cast<double*>(scratch));
  else
    reduce<SumOfSquares>(s, static_cast<const float*>(in), static_cast<float*>(out), static_cast<float*>(scratch));
}

void reduce_prod(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  accumulate<ProductOf>(dtype, s, in, out, scratch);
}

void reduce_max(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  extremum<MaxOf>(dtype, s, in, out, scratch);
}

void reduce_min(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  extremum<MinOf>(dtype, s, in, out, scratch);
}

template float sum_of<float>(const float*, int64_t) noexcept;
template double sum_of<double>(const double*, int64_t) noexcept;
template double sum_in_double<float>(const float*, int64_t) noexcept;
template double sum_in_double<double>(const double*, int64_t) noexcept;

}  // namespace cygnet
