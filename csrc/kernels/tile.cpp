#include "tile.h"

#include <array>
#include <utility>

namespace cygnet {
namespace {

#if defined(EIGEN_VECTORIZE_AVX512)
constexpr bool masked_loads_are_free = true;
#else
constexpr bool masked_loads_are_free = false;
#endif

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
  int64_t row[Rows];
  for (int m = 0; m < Rows; ++m) row[m] = t.a_row[m];
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
  const bool in_registers = t.activation == Activation::None || t.activation == Activation::Relu;
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m) {
    T* c = t.c + t.c_row[m];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      const bool whole = v < Vectors - 1 || last == lanes;
      V value = sum[m][v] * V(t.alpha);
      if (t.accumulate) value = fma(whole ? V::load(c + v * lanes) : V::load(c + v * lanes, last), V(t.beta), value);
      if (t.bias) value += whole ? V::load(t.bias + v * lanes) : V::load(t.bias + v * lanes, last);
      if (t.activation == Activation::Relu) value = relu(value);
      if (whole)
        value.store(c + v * lanes);
      else
        value.store(c + v * lanes, last);
    }
    if (!in_registers) activate_in_place(t.activation, c, t.columns);
  }
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
