#include "reduce.h"

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "simd/lane.h"
#include "simd/loop.h"

namespace cygnet {
namespace {

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
};

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

// The same on plain scalars.
template <class Op>
struct Scalars {
  template <class T>
  static T join(T a, T b) {
    if constexpr (std::is_floating_point_v<T> && std::is_same_v<Op, SumOf>)
      return a + b;
    else if constexpr (std::is_floating_point_v<T>)
      return a != a ? a : b != b ? b : a < b ? b : a;
    else
      return Op::join(Lane<T>(a), Lane<T>(b)).value;
  }
};

constexpr int64_t block = 1024;     // elements of a run summed without a tree
constexpr int64_t block_rows = 16;  // rows of a run of columns summed without a tree
constexpr int64_t chunk = 32768;    // elements of a task

template <class Op, class From, class To>
To reduce_block(const From* from, int64_t count) noexcept {
  using V = Lanes<To>;
  constexpr int lanes = V::lanes;
  const V identity(Op::template identity<To>());
  if (count < 2 * lanes) {
    To total = Op::template identity<To>();
    for (int64_t i = 0; i < count; ++i) total = Scalars<Op>::join(total, static_cast<To>(from[i]));
    return total;
  }
  V sum[8];
  for (V& s : sum) s = identity;
  int64_t i = 0;
  for (; i + 8 * lanes <= count; i += 8 * lanes)
    for (int k = 0; k < 8; ++k) sum[k] = Op::join(sum[k], V::load(from + i + k * lanes));
  for (int k = 0; i + lanes <= count; i += lanes, ++k) sum[k] = Op::join(sum[k], V::load(from + i));
  for (int half = 4; half; half /= 2)
    for (int k = 0; k < half; ++k) sum[k] = Op::join(sum[k], sum[k + half]);
  To total = Op::template across<To>(sum[0]);
  for (; i < count; ++i) total = Scalars<Op>::join(total, static_cast<To>(from[i]));
  return total;
}

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
          sum.v[k] = Op::join(sum.v[k], V::load(from + d * step + k * lanes));
        }
      }
    } else {
      for (int64_t d = begin; d < end; ++d) {
        for (int k = 0; k < vectors - 1; ++k) sum.v[k] = Op::join(sum.v[k], V::load(from + d * step + k * lanes));
        sum.v[vectors - 1] = Op::join(sum.v[vectors - 1], V::load(from + d * step + (vectors - 1) * lanes, last));
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

// The depth that one task takes: whole, or cut where the other axes give too few elements to share.
int64_t depth_of_task(ReduceSizes s) noexcept {
  const int64_t width = std::max<int64_t>(1, std::min<int64_t>(s.inner, 256));
  return std::max<int64_t>(block_rows, chunk / width);
}
int64_t parts_of(ReduceSizes s) noexcept {
  const int64_t depth = depth_of_task(s);
  return std::max<int64_t>(1, (s.depth + depth - 1) / depth);
}
constexpr int64_t column_run = 256;

template <class Op, class From, class To>
void reduce(ReduceSizes s, const From* in, To* out, To* partial) noexcept {
  if (s.outer == 0 || s.inner == 0) return;
  if (s.depth == 0) {
    std::fill(out, out + s.outer * s.inner, Op::template identity<To>());
    return;
  }
  const double work = static_cast<double>(s.outer) * static_cast<double>(s.depth) * static_cast<double>(s.inner);
  const int64_t parts = parts_of(s), part = depth_of_task(s);
  To* const target = parts > 1 ? partial : out;
  // Rows too short for a task of their own go together.
  const int64_t runs = (s.inner + column_run - 1) / column_run;
  const int64_t outer_run = std::max<int64_t>(1, chunk / 2 / std::max<int64_t>(1, s.depth * s.inner));
  const int64_t groups = (s.outer + outer_run - 1) / outer_run;
  parallel_for(groups * parts * runs, work, [=](int64_t task) {
    const int64_t run = task % runs, p = task / runs % parts, group = task / runs / parts;
    const int64_t begin = p * part, depth = std::min(part, s.depth - begin);
    for (int64_t o = group * outer_run; o < std::min(s.outer, (group + 1) * outer_run); ++o) {
      const From* const from = in + (o * s.depth + begin) * s.inner;
      To* const to = target + (o * parts + p) * s.inner;
      if (s.inner == 1)
        *to = reduce_row<Op, From, To>(from, depth);
      else
        reduce_slab<Op, From, To>(from, depth, s.inner, run * column_run, std::min(s.inner, (run + 1) * column_run),
                                  to);
    }
  });
  if (parts == 1) return;
  for (int64_t o = 0; o < s.outer; ++o) {
    if (s.inner == 1)
      out[o] = reduce_row<Op, To, To>(partial + o * parts, parts);
    else
      reduce_slab<Op, To, To>(partial + o * parts * s.inner, parts, s.inner, 0, s.inner, out + o * s.inner);
  }
}

template <class T>
void sum_floats(ReduceSizes s, const void* in, void* out, double divisor, void* scratch) noexcept {
  T* const to = static_cast<T*>(out);
  reduce<SumOf>(s, static_cast<const T*>(in), to, static_cast<T*>(scratch));
  if (divisor != 1)
    for (int64_t i = 0; i < s.outer * s.inner; ++i) to[i] /= static_cast<T>(divisor);
}
template <class From>
void sum_integers(ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  reduce<SumOf>(s, static_cast<const From*>(in), static_cast<int64_t*>(out), static_cast<int64_t*>(scratch));
}
template <class T>
void max_of(ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  reduce<MaxOf>(s, static_cast<const T*>(in), static_cast<T*>(out), static_cast<T*>(scratch));
}

// Whether `value` takes the place of the best so far: larger, or the first NaN.
template <class T>
bool better(T value, T best) {
  return value > best || (value != value && best == best);
}

// The first place of the largest: of the short run that holds it, found by the run's maximum.
template <class T>
int64_t argmax_row(const T* from, int64_t count) noexcept {
  constexpr int64_t run = 256;
  int64_t at = 0;
  T best = reduce_block<MaxOf, T, T>(from, std::min(run, count));
  for (int64_t i = run; i < count; i += run) {
    const T largest = reduce_block<MaxOf, T, T>(from + i, std::min(run, count - i));
    if (!better(largest, best)) continue;
    best = largest;
    at = i;
  }
  while (from[at] != best && from[at] == from[at]) ++at;
  return at;
}

// The largest of some rows in each of a few vectors of columns, and the first row that has it; both as T.
template <class T, int vectors>
void argmax_vectors(const T* from, int64_t rows, int64_t step, int columns, T* value, T* place) noexcept {
  using V = Lanes<T>;
  constexpr int lanes = V::lanes;
  const int last = columns - (vectors - 1) * lanes;  // columns of the last vector
  const auto load = [&](int64_t d, int k) {
    const T* const at = from + d * step + k * lanes;
    return k < vectors - 1 || last == lanes ? V::load(at) : V::load(at, last);
  };
  V largest[vectors], at[vectors];
  for (int k = 0; k < vectors; ++k) {
    largest[k] = load(0, k);
    at[k] = V(T(0));
  }
  for (int64_t d = 1; d < rows; ++d) {
    const V here(static_cast<T>(d));
    for (int k = 0; k < vectors; ++k) {
      if constexpr (lanes > 1) prefetch(from + (d + block_rows) * step + k * lanes);
      const V x = load(d, k);
      const auto stays = x <= largest[k], number = largest[k] == largest[k];
      at[k] = select(stays, at[k], select(number, here, at[k]));
      largest[k] = select(stays, largest[k], select(number, x, largest[k]));
    }
  }
  for (int k = 0; k < vectors; ++k) {
    largest[k].store(value + k * lanes);
    at[k].store(place + k * lanes);
  }
}

// The same for each of up to column_run columns. Places are counted in the type of the elements, over runs of rows so
// short that they fit any.
template <class T>
void argmax_columns(const T* from, int64_t depth, int64_t step, int64_t columns, int64_t* to) noexcept {
  constexpr int64_t rows = 128;
  constexpr int lanes = Lanes<T>::lanes, most = 8;
  alignas(64) T value[column_run], place[column_run], best[column_run];
  for (int64_t begin = 0; begin < depth; begin += rows) {
    const int64_t count = std::min(rows, depth - begin);
    for (int64_t i = 0; i < columns;) {
      const bool many = columns - i >= most * lanes;
      const auto width = static_cast<int>(many ? most * lanes : std::min<int64_t>(columns - i, lanes));
      const auto run = many ? argmax_vectors<T, most> : argmax_vectors<T, 1>;
      run(from + begin * step + i, count, step, width, value + i, place + i);
      i += width;
    }
    for (int64_t i = 0; i < columns; ++i) {
      if (begin > 0 && !better(value[i], best[i])) continue;
      best[i] = value[i];
      to[i] = begin + static_cast<int64_t>(place[i]);
    }
  }
}

// In parts where the other axes give few tasks; the first of them that holds the largest wins.
template <class T>
void argmax(ReduceSizes s, const void* data, int64_t* out, int64_t* partial) noexcept {
  const T* const in = static_cast<const T*>(data);
  const double work = static_cast<double>(s.outer) * static_cast<double>(s.depth) * static_cast<double>(s.inner);
  constexpr int64_t tasks = 32;
  const int64_t runs = (s.inner + column_run - 1) / column_run;
  const int64_t part = std::max(depth_of_task(s), (s.depth * s.outer * runs + tasks - 1) / tasks);
  const int64_t parts = (s.depth + part - 1) / part;
  int64_t* const target = parts > 1 ? partial : out;
  const int64_t outer_run = std::max<int64_t>(1, chunk / 2 / std::max<int64_t>(1, s.depth * s.inner));
  const int64_t groups = (s.outer + outer_run - 1) / outer_run;
  parallel_for(groups * parts * runs, work, [=](int64_t task) {
    const int64_t run = task % runs, p = task / runs % parts, group = task / runs / parts;
    const int64_t begin = p * part, depth = std::min(part, s.depth - begin);
    for (int64_t o = group * outer_run; o < std::min(s.outer, (group + 1) * outer_run); ++o) {
      const T* const from = in + (o * s.depth + begin) * s.inner;
      int64_t* const to = target + (o * parts + p) * s.inner;
      if (s.inner == 1) {
        *to = argmax_row(from, depth);
        continue;
      }
      const int64_t i = run * column_run;
      argmax_columns(from + i, depth, s.inner, std::min(column_run, s.inner - i), to + i);
    }
  });
  if (parts == 1) return;
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t i = 0; i < s.inner; ++i) {
      const auto value_at = [&](int64_t d) { return in[(o * s.depth + d) * s.inner + i]; };
      int64_t best = partial[o * parts * s.inner + i];
      for (int64_t p = 1; p < parts; ++p) {
        const int64_t place = p * part + partial[(o * parts + p) * s.inner + i];
        if (better(value_at(place), value_at(best))) best = place;
      }
      out[o * s.inner + i] = best;
    }
  }
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
  switch (dtype) {
    case DType::Float32:
      return sum_floats<float>(s, in, out, divisor, scratch);
    case DType::Float64:
      return sum_floats<double>(s, in, out, divisor, scratch);
    case DType::Int32:
      return sum_integers<int32_t>(s, in, out, scratch);
    case DType::Int64:
      return sum_integers<int64_t>(s, in, out, scratch);
    case DType::Bool:
    default:
      return sum_integers<uint8_t>(s, in, out, scratch);
  }
}

void reduce_max(DType dtype, ReduceSizes s, const void* in, void* out, void* scratch) noexcept {
  switch (dtype) {
    case DType::Float32:
      return max_of<float>(s, in, out, scratch);
    case DType::Float64:
      return max_of<double>(s, in, out, scratch);
    case DType::Int32:
      return max_of<int32_t>(s, in, out, scratch);
    case DType::Int64:
      return max_of<int64_t>(s, in, out, scratch);
    case DType::Bool:
    default:
      return max_of<uint8_t>(s, in, out, scratch);
  }
}

void reduce_argmax(DType dtype, ReduceSizes s, const void* in, int64_t* out, void* scratch) noexcept {
  switch (dtype) {
    case DType::Float32:
      return argmax<float>(s, in, out, static_cast<int64_t*>(scratch));
    case DType::Float64:
      return argmax<double>(s, in, out, static_cast<int64_t*>(scratch));
    case DType::Int32:
      return argmax<int32_t>(s, in, out, static_cast<int64_t*>(scratch));
    case DType::Int64:
      return argmax<int64_t>(s, in, out, static_cast<int64_t*>(scratch));
    case DType::Bool:
    default:
      return argmax<uint8_t>(s, in, out, static_cast<int64_t*>(scratch));
  }
}

template <class T>
void reduce_max_backward(ReduceSizes s, const T* grad_out, const T* in, const T* maximum, T* grad_in) noexcept {
  const double work = static_cast<double>(s.outer) * static_cast<double>(s.depth) * static_cast<double>(s.inner);
  constexpr int64_t columns = 64;
  const int64_t runs = (s.inner + columns - 1) / columns;
  const auto equal = [](T value, T largest) { return value == largest || (value != value && largest != largest); };
  parallel_for(s.outer * runs, work, [=](int64_t task) {
    const int64_t first = task % runs * columns, width = std::min(columns, s.inner - first), o = task / runs;
    const int64_t offset = o * s.depth * s.inner + first;
    const T* const from = in + offset;
    const T* const largest = maximum + o * s.inner + first;
    T* const to = grad_in + offset;
    int64_t count[columns] = {};
    for (int64_t d = 0; d < s.depth; ++d)
      for (int64_t i = 0; i < width; ++i) count[i] += equal(from[d * s.inner + i], largest[i]);
    T share[columns];
    for (int64_t i = 0; i < width; ++i)
      share[i] = grad_out[o * s.inner + first + i] / static_cast<T>(std::max<int64_t>(1, count[i]));
    for (int64_t d = 0; d < s.depth; ++d)
      for (int64_t i = 0; i < width; ++i)
        to[d * s.inner + i] = equal(from[d * s.inner + i], largest[i]) ? share[i] : T(0);
  });
}

template float sum_of<float>(const float*, int64_t) noexcept;
template double sum_of<double>(const double*, int64_t) noexcept;
template double sum_in_double<float>(const float*, int64_t) noexcept;
template double sum_in_double<double>(const double*, int64_t) noexcept;
template void reduce_max_backward<float>(ReduceSizes, const float*, const float*, const float*, float*) noexcept;
template void reduce_max_backward<double>(ReduceSizes, const double*, const double*, const double*, double*) noexcept;

}  // namespace cygnet
