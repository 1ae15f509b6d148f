// Where an extremum is, and its gradient.
#include <algorithm>

#include "reduce.h"
#include "reduce_parts.h"
#include "simd/loop.h"

namespace cygnet {
namespace {

// Whether `value` takes the place of the best so far, which it does if it is better or the first NaN.
template <class Op, class T>
bool better(T value, T best) {
  return value != value ? best == best : !Op::holds(best, value) && best == best;
}

// The first place of the extremum: of the short run that holds it, found by the run's extremum.
template <class Op, class T>
int64_t place_in_row(const T* from, int64_t count) noexcept {
  constexpr int64_t run = 256;
  int64_t at = 0;
  T best = reduce_block<Op, T, T>(from, std::min(run, count));
  for (int64_t i = run; i < count; i += run) {
    const T extreme = reduce_block<Op, T, T>(from + i, std::min(run, count - i));
    if (!better<Op>(extreme, best)) continue;
    best = extreme;
    at = i;
  }
  while (from[at] != best && from[at] == from[at]) ++at;
  return at;
}

// The extreme of some rows in each of a few vectors of columns, and the first row that has it; both as T.
template <class Op, class T, int vectors>
void places_in_vectors(const T* from, int64_t rows, int64_t step, int columns, T* value, T* place) noexcept {
  using V = Lanes<T>;
  constexpr int lanes = V::lanes;
  const int last = columns - (vectors - 1) * lanes;  // columns of the last vector
  const auto load = [&](int64_t d, int k) {
    const T* const at = from + d * step + k * lanes;
    return k < vectors - 1 || last == lanes ? V::load(at) : V::load(at, last);
  };
  V extreme[vectors], at[vectors];
  for (int k = 0; k < vectors; ++k) {
    extreme[k] = load(0, k);
    at[k] = V(T(0));
  }
  for (int64_t d = 1; d < rows; ++d) {
    const V here(static_cast<T>(d));
    for (int k = 0; k < vectors; ++k) {
      if constexpr (lanes > 1) prefetch(from + (d + block_rows) * step + k * lanes);
      const V x = load(d, k);
      const auto stays = Op::holds(extreme[k], x), number = extreme[k] == extreme[k];
      at[k] = select(stays, at[k], select(number, here, at[k]));
      extreme[k] = select(stays, extreme[k], select(number, x, extreme[k]));
    }
  }
  for (int k = 0; k < vectors; ++k) {
    extreme[k].store(value + k * lanes);
    at[k].store(place + k * lanes);
  }
}

// The same for each of up to column_run columns. Places are counted in the type of the elements, over runs of rows so
// short that they fit any.
template <class Op, class T>
void places_in_columns(const T* from, int64_t depth, int64_t step, int64_t columns, int64_t* to) noexcept {
  constexpr int64_t rows = 128;
  constexpr int lanes = Lanes<T>::lanes, most = 8;
  alignas(64) T value[column_run], place[column_run], best[column_run];
  for (int64_t begin = 0; begin < depth; begin += rows) {
    const int64_t count = std::min(rows, depth - begin);
    for (int64_t i = 0; i < columns;) {
      const bool many = columns - i >= most * lanes;
      const auto width = static_cast<int>(many ? most * lanes : std::min<int64_t>(columns - i, lanes));
      const auto run = many ? places_in_vectors<Op, T, most> : places_in_vectors<Op, T, 1>;
      run(from + begin * step + i, count, step, width, value + i, place + i);
      i += width;
    }
    for (int64_t i = 0; i < columns; ++i) {
      if (begin > 0 && !better<Op>(value[i], best[i])) continue;
      best[i] = value[i];
      to[i] = begin + static_cast<int64_t>(place[i]);
    }
  }
}

// In parts where the other axes give few tasks; the first of them that holds the extremum wins.
template <class Op, class T>
void places(ReduceSizes s, const T* in, int64_t* out, int64_t* partial) noexcept {
  constexpr int64_t tasks = 32;
  const int64_t runs = (s.inner + column_run - 1) / column_run;
  const int64_t part = std::max(depth_of_task(s), (s.depth * s.outer * runs + tasks - 1) / tasks);
  const int64_t parts = (s.depth + part - 1) / part;
  int64_t* const target = parts > 1 ? partial : out;
  for_parts(s, part, [=](int64_t o, int64_t p, int64_t begin, int64_t depth, int64_t first, int64_t last) {
    const T* const from = in + (o * s.depth + begin) * s.inner;
    int64_t* const to = target + (o * parts + p) * s.inner;
    if (s.inner == 1)
      *to = place_in_row<Op>(from, depth);
    else
      places_in_columns<Op>(from + first, depth, s.inner, last - first, to + first);
  });
  if (parts == 1) return;
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t i = 0; i < s.inner; ++i) {
      const auto value_at = [&](int64_t d) { return in[(o * s.depth + d) * s.inner + i]; };
      int64_t best = partial[o * parts * s.inner + i];
      for (int64_t p = 1; p < parts; ++p) {
        const int64_t place = p * part + partial[(o * parts + p) * s.inner + i];
        if (better<Op>(value_at(place), value_at(best))) best = place;
      }
      out[o * s.inner + i] = best;
    }
  }
}

template <class Op>
void places_of(DType dtype, ReduceSizes s, const void* in, int64_t* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) {
    places<Op>(s, static_cast<const decltype(zero)*>(in), out, static_cast<int64_t*>(scratch));
  });
}

}  // namespace

void reduce_argmax(DType dtype, ReduceSizes s, const void* in, int64_t* out, void* scratch) noexcept {
  places_of<MaxOf>(dtype, s, in, out, scratch);
}

void reduce_argmin(DType dtype, ReduceSizes s, const void* in, int64_t* out, void* scratch) noexcept {
  places_of<MinOf>(dtype, s, in, out, scratch);
}

template <class T>
void reduce_extremum_backward(ReduceSizes s, const T* grad_out, const T* in, const T* extremum, T* grad_in) noexcept {
  const double work = static_cast<double>(s.outer) * static_cast<double>(s.depth) * static_cast<double>(s.inner);
  constexpr int64_t columns = 64;
  const int64_t runs = (s.inner + columns - 1) / columns;
  const auto equal = [](T value, T extreme) { return value == extreme || (value != value && extreme != extreme); };
  parallel_for(s.outer * runs, work, [=](int64_t task) {
    const int64_t first = task % runs * columns, width = std::min(columns, s.inner - first), o = task / runs;
    const int64_t offset = o * s.depth * s.inner + first;
    const T* const from = in + offset;
    const T* const extreme = extremum + o * s.inner + first;
    T* const to = grad_in + offset;
    int64_t count[columns] = {};
    for (int64_t d = 0; d < s.depth; ++d)
      for (int64_t i = 0; i < width; ++i) count[i] += equal(from[d * s.inner + i], extreme[i]);
    T share[columns];
    for (int64_t i = 0; i < width; ++i)
      share[i] = grad_out[o * s.inner + first + i] / static_cast<T>(std::max<int64_t>(1, count[i]));
    for (int64_t d = 0; d < s.depth; ++d)
      for (int64_t i = 0; i < width; ++i)
        to[d * s.inner + i] = equal(from[d * s.inner + i], extreme[i]) ? share[i] : T(0);
  });
}

template void reduce_extremum_backward<float>(ReduceSizes, const float*, const float*, const float*, float*) noexcept;
template void reduce_extremum_backward<double>(ReduceSizes, const double*, const double*, const double*,
                                               double*) noexcept;

}  // namespace cygnet
