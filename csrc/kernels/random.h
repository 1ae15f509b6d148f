// Random numbers and dropout.
//
// Element i of an array in logical (row-major) order takes its bits from Philox block (key, draw, i / n), n elements a
// block, whatever the array's memory order and the number of threads. Only correctly rounded operations and, in
// double, libm functions are used, so every instruction set gives the same numbers.
#pragma once

#include "core/array_view.h"
#include "core/random.h"

namespace cygnet {

/// What a random call is keyed by.
struct RandomState {
  uint64_t key, draw;
};

/// Reads a cell (key, draw) and counts the draw up.
inline RandomState next_draw(int64_t* cell) noexcept {
  const RandomState state{static_cast<uint64_t>(cell[0]), static_cast<uint64_t>(cell[1])};
  cell[1] = static_cast<int64_t>(state.draw + 1);
  return state;
}

/// mask[i] = word(i) >= p 2^32, output[i] = mask[i] ? input[i] / (1 - p) : 0. Four elements a block. The three arrays
/// have the element strides of `layout`, which may have any, and do not overlap. Exact for p = 0 (a copy) and p = 1
/// (zeros).
template <class T>
void dropout_forward(RandomState state, double p, const ArrayView& layout, const T* input, T* output,
                     uint8_t* mask) noexcept;

/// result[i] = mask[i] ? grad[i] / (1 - p) : 0 over memory.
template <class T>
void dropout_backward(double p, const T* grad, const uint8_t* mask, T* result, int64_t count) noexcept;

/// out[i] uniform in [low, high): 24 random bits, four elements a block, in float; 53 bits, two a block, in double.
/// `low` where low = high.
template <class T>
void uniform(RandomState state, double low, double high, const ArrayView& out) noexcept;

/// out[i] normal with the given mean and deviation, by the Box-Muller transform in double precision; four elements a
/// block in float, two in double.
template <class T>
void normal(RandomState state, double mean, double deviation, const ArrayView& out) noexcept;

/// out[i] exponential with the given rate, above 0; four elements a block in float, two in double.
template <class T>
void exponential(RandomState state, double rate, const ArrayView& out) noexcept;

/// out[i], int64, uniform in [low, low + range), two elements a block; range > 0. Of the 2^64 numbers of a draw, each
/// result stands for as many as any other or one more.
void integers(RandomState state, int64_t low, uint64_t range, const ArrayView& out) noexcept;

/// A uniformly drawn permutation of 0, ..., n - 1: Fisher and Yates's shuffle with D. Lemire's unbiased bounded draws
/// ("Fast random integer generation in an interval", 2019).
void permutation(RandomState state, int64_t n, int64_t* out) noexcept;

}  // namespace cygnet
