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

// Rounding errors grow with the number of products that are added up one after the other. Up to the first number they
// are one chain, more are two at least, of at most the second number.
constexpr int64_t single_chain = 192, longest_chain = 256;

template <class T, int Rows, int Vectors, bool Masked>
void tile_of(const Tile<T>& t) noexcept {
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
  for (int64_t s = 0; s < t.segments; ++s) {
    const T* a = t.a + (t.a_segment ? t.a_segment[s] : 0);
    const T* b = t.b + s * t.b_segment;
    for (int64_t k = t.depth; k > 0; --k) {
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
using Function = void (*)(const Tile<T>&) noexcept;

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
  switch (tile.vectors) {
    case 1:
      return function_of<T, 1, Masked>(tile.rows)(tile);
    case 2:
      return function_of<T, 2, Masked>(tile.rows)(tile);
    case 3:
      return function_of<T, 3, Masked>(tile.rows)(tile);
    default:
      if constexpr (max_vectors >= 4) return function_of<T, 4, Masked>(tile.rows)(tile);
  }
}

template <class T>
void run_chain(const Tile<T>& tile) noexcept {
  if constexpr (masked_loads_are_free) {
    run<T, true>(tile);
  } else {
    if (tile.b_padded || tile.columns == tile.vectors * Vec<T>::lanes)
      run<T, false>(tile);
    else
      run<T, true>(tile);
  }
}

}  // namespace

template <class T>
void run_tile(const Tile<T>& tile) noexcept {
  const int64_t products = tile.segments * tile.depth;
  if (products <= single_chain) return run_chain(tile);
  // A chain is a part of a segment or some whole ones.
  const int64_t longest = std::min(longest_chain, ceil_div(products, 2));
  const int64_t segments = std::max<int64_t>(1, longest / tile.depth);
  const int64_t depth = ceil_div(tile.depth, ceil_div(tile.depth, longest));
  Tile<T> chain = tile;
  for (int64_t s = 0; s < tile.segments; s += segments)
    for (int64_t k = 0; k < tile.depth; k += depth) {
      const bool last = s + segments >= tile.segments && k + depth >= tile.depth;
      chain.segments = std::min(segments, tile.segments - s);
      chain.depth = std::min(depth, tile.depth - k);
      chain.a = tile.a + k * tile.a_step;
      chain.a_segment = tile.a_segment ? tile.a_segment + s : nullptr;
      chain.b = tile.b + s * tile.b_segment + k * tile.b_step;
      chain.bias = last ? tile.bias : nullptr;
      chain.activation = last ? tile.activation : Activation::None;
      run_chain(chain);
      chain.accumulate = true;
      chain.beta = 1;
    }
}

template void run_tile<float>(const Tile<float>&) noexcept;
template void run_tile<double>(const Tile<double>&) noexcept;

}  // namespace cygnet
