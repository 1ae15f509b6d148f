#include "tile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "carver.h"

namespace cygnet {
namespace {

#if defined(EIGEN_VECTORIZE_AVX512)
constexpr bool masked_loads_are_free = true;
#else
constexpr bool masked_loads_are_free = false;
#endif

// Most products that are added up in one chain, since rounding errors grow with its length.
constexpr int64_t longest_chain = 128;
// Vectors of sums of any tile.
constexpr int most_sums = 24;

// `totals` has room for the sums of the chains that are finished.
template <class T, int Rows, int Vectors, bool Masked>
void tile_of(const Tile<T>& t, T* totals) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  const int last = t.columns - (Vectors - 1) * lanes;  // columns of the last vector
  const int b_last = t.b_padded ? lanes : last;
  V sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[m][v] = V(T(0));
  const int64_t* const row = t.a_row;
  // A chain is a part of a segment or some whole ones.
  const bool split = t.segments * t.depth > longest_chain;
  const int64_t group = split ? std::max<int64_t>(1, longest_chain / t.depth) : t.segments;
  const int64_t part = split ? ceil_div(t.depth, ceil_div(t.depth, longest_chain)) : t.depth;
  int64_t finished = 0;  // chains
  for (int64_t first = 0; first < t.segments; first += group)
    for (int64_t begin = 0; begin < t.depth; begin += part) {
      if (first > 0 || begin > 0) {
#pragma GCC unroll 16
        for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
          for (int v = 0; v < Vectors; ++v) {
            T* const total = totals + (m * Vectors + v) * lanes;
            (finished > 0 ? V::load(total) + sum[m][v] : sum[m][v]).store(total);
            sum[m][v] = V(T(0));
          }
        ++finished;
      }
      const int64_t last = std::min(t.segments, first + group), run = std::min(part, t.depth - begin);
      for (int64_t s = first; s < last; ++s) {
        const T* a = t.a + (t.a_segment ? t.a_segment[s] : 0) + begin * t.a_step;
        const T* b = t.b + s * t.b_segment + begin * t.b_step;
        for (int64_t k = run; k > 0; --k) {
          V x[Vectors];
#pragma GCC unroll 4
          for (int v = 0; v < Vectors; ++v)
            x[v] = Masked && v == Vectors - 1 ? V::load(b + v * lanes, b_last) : V::load(b + v * lanes);
#pragma GCC unroll 16
          for (int m = 0; m < Rows; ++m) {
            const V y(a[row[m]]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sum[m][v] = fma(y, x[v], sum[m][v]);
          }
          a += t.a_step;
          b += t.b_step;
        }
      }
    }
  const auto load = [&](const T* from, int v) {
    return v < Vectors - 1 || last == lanes ? V::load(from + v * lanes) : V::load(from + v * lanes, last);
  };
  // One step after the other for all sums: a choice for each sum would cost more than the steps themselves.
  const auto each = [&](const auto& step) {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[m][v] = step(sum[m][v], m, v);
  };
  if (finished > 0) each([&](V value, int m, int v) { return value + V::load(totals + (m * Vectors + v) * lanes); });
  if (t.alpha != T(1)) each([&](V value, int, int) { return value * V(t.alpha); });
  if (t.accumulate) each([&](V value, int m, int v) { return fma(load(t.c + t.c_row[m], v), V(t.beta), value); });
  if (t.bias) {
    V bias[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bias[v] = load(t.bias, v);
    each([&](V value, int, int v) { return value + bias[v]; });
  }
  if (t.activation == Activation::Relu) each([](V value, int, int) { return relu(value); });
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m) {
    T* const c = t.c + t.c_row[m];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors - 1; ++v) sum[m][v].store(c + v * lanes);
    if (last == lanes)
      sum[m][Vectors - 1].store(c + (Vectors - 1) * lanes);
    else
      sum[m][Vectors - 1].store(c + (Vectors - 1) * lanes, last);
  }
  if (t.activation != Activation::None && t.activation != Activation::Relu)
    for (int m = 0; m < Rows; ++m) activate_in_place(t.activation, t.c + t.c_row[m], t.columns);
}

template <class T>
using Function = void (*)(const Tile<T>&, T*) noexcept;

template <class T, int Vectors, bool Masked, int... Rows>
constexpr auto functions_of(std::integer_sequence<int, Rows...>) {
  return std::array<Function<T>, sizeof...(Rows)>{tile_of<T, Rows + 1, Vectors, Masked>...};
}

template <class T, int Vectors, bool Masked>
Function<T> function_of(int rows) noexcept {
  static constexpr auto functions =
      functions_of<T, Vectors, Masked>(std::make_integer_sequence<int, max_rows(Vectors)>{});
  return functions[static_cast<size_t>(rows - 1)];
}

template <class T, bool Masked>
void run(const Tile<T>& tile) noexcept {
  alignas(64) T totals[most_sums * Vec<T>::lanes];
  switch (tile.vectors) {
    case 1:
      return function_of<T, 1, Masked>(tile.rows)(tile, totals);
    case 2:
      return function_of<T, 2, Masked>(tile.rows)(tile, totals);
    case 3:
      return function_of<T, 3, Masked>(tile.rows)(tile, totals);
    default:
      if constexpr (max_vectors >= 4) return function_of<T, 4, Masked>(tile.rows)(tile, totals);
  }
}

}  // namespace

template <class T>
void run_tile(const Tile<T>& tile) noexcept {
  if constexpr (masked_loads_are_free) {
    run<T, true>(tile);
  } else {
    if (tile.b_padded || tile.columns == tile.vectors * Vec<T>::lanes)
      run<T, false>(tile);
    else
      run<T, true>(tile);
  }
}

template void run_tile<float>(const Tile<float>&) noexcept;
template void run_tile<double>(const Tile<double>&) noexcept;

}  // namespace cygnet
