#include "random.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "copy.h"
#include "core/parallel.h"
#include "simd/loop.h"
#include "simd/philox.h"
#include "simd/stream.h"

namespace cygnet {
namespace {

// A multiple of every number of elements a block.
constexpr int64_t grain = 4096;
// Multiply-adds that a random element is worth when it is decided whether to share the work.
constexpr double cost = 8;

// An array's elements in logical order, as runs of constant step. Neighbouring axes that one step spans are joined, so
// a contiguous array is one run.
struct LogicalOrder {
  int axes = 0;
  int64_t size[max_rank], step[max_rank];  // steps in elements

  explicit LogicalOrder(const ArrayView& view) {
    const auto item = static_cast<int64_t>(item_size(view.dtype));
    for (int i = 0; i < view.rank(); ++i) {
      if (view.shape[i] == 1) continue;
      const int64_t own = view.strides[i] / item;
      if (axes > 0 && step[axes - 1] == own * view.shape[i]) {
        size[axes - 1] *= view.shape[i];
        step[axes - 1] = own;
      } else {
        size[axes] = view.shape[i];
        step[axes++] = own;
      }
    }
    if (axes == 0) {
      size[0] = step[0] = 1;
      axes = 1;
    }
  }

  // The axis whose elements are neighbours in memory, else -1.
  int dense_axis() const noexcept {
    for (int i = 0; i < axes; ++i)
      if (step[i] == 1 && size[i] > 1) return i;
    return -1;
  }

  // Calls run(first, offset, step, count): `count` elements from logical index `first`, at memory offset `offset`.
  template <class Run>
  void runs(int64_t begin, int64_t end, const Run& run) const {
    const int64_t inner = size[axes - 1], inner_step = step[axes - 1];
    while (begin < end) {
      const int64_t column = begin % inner, count = std::min(inner - column, end - begin);
      int64_t offset = column * inner_step;
      int64_t rest = begin / inner;
      for (int i = axes - 2; i >= 0; rest /= size[i--]) offset += rest % size[i] * step[i];
      run(begin, offset, inner_step, count);
      begin += count;
    }
  }
};

// Fills words[0 .. 4 blocks) with the blocks from `first` on, and what follows up to a multiple of philox_blocks.
void words_of(RandomState state, int64_t first, int64_t blocks, uint32_t* words) noexcept {
  const int64_t groups = (blocks + philox_blocks - 1) / philox_blocks;
  philox_words(state.key, state.draw, static_cast<uint64_t>(first), groups, words);
}

// Stores a value in every element; make(words, values, count) turns the words of blocks into values, `per_block` each.
template <class T, int per_block, class Make>
void fill(RandomState state, const ArrayView& out, const Make& make) noexcept {
  const LogicalOrder order(out);
  T* const data = out.as<T>();
  const bool past_caches = out.count() * static_cast<int64_t>(sizeof(T)) >= stream_bytes;
  parallel_ranges(out.count(), grain, cost, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[grain * 4 / per_block];
    alignas(64) T values[grain];
    words_of(state, begin / per_block, (end - begin + per_block - 1) / per_block, words);
    make(words, values, (end - begin + per_block - 1) / per_block * per_block);
    order.runs(begin, end, [&](int64_t first, int64_t offset, int64_t step, int64_t count) {
      const T* const from = values + (first - begin);
      if (step == 1 && past_caches)
        stream_copy(data + offset, from, count * static_cast<int64_t>(sizeof(T)));
      else if (step == 1)
        std::copy(from, from + count, data + offset);
      else
        for (int64_t i = 0; i < count; ++i) data[offset + i * step] = from[i];
    });
    if (past_caches) stream_fence();
  });
}

// The product is formed whether it is kept or not: a branch on random bits would be mispredicted half the time.
template <class T>
void keep_some(const uint32_t* __restrict__ word, uint64_t threshold, T scale, const T* __restrict__ input,
               T* __restrict__ output, uint8_t* __restrict__ mask, int64_t step, int64_t count) noexcept {
  if (threshold > UINT32_MAX) {
    for (int64_t i = 0; i < count; ++i) {
      mask[i * step] = 0;
      output[i * step] = T(0);
    }
    return;
  }
  const auto lowest = static_cast<uint32_t>(threshold);
  if (step == 1) {
    for (int64_t i = 0; i < count; ++i) mask[i] = word[i] >= lowest;
    for (int64_t i = 0; i < count; ++i) {
      const T value = input[i] * scale;
      output[i] = word[i] >= lowest ? value : T(0);
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T value = input[i * step] * scale;
    mask[i * step] = word[i] >= lowest;
    output[i * step] = word[i] >= lowest ? value : T(0);
  }
}

}  // namespace

template <class T>
void dropout_forward(RandomState state, double p, const ArrayView& layout, const T* input, T* output,
                     uint8_t* mask) noexcept {
  if (layout.count() == 0) return;  // below, the extents of rectangles divide
  const LogicalOrder order(layout);
  const auto threshold = static_cast<uint64_t>(std::ldexp(p, 32));
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
  const bool past_caches = layout.count() * static_cast<int64_t>(sizeof(T)) >= stream_bytes;
  const auto keep = [=](const uint32_t* words, int64_t offset, int64_t step, int64_t count) {
    if (!past_caches || step != 1) {
      keep_some(words, threshold, scale, input + offset, output + offset, mask + offset, step, count);
      return;
    }
    constexpr int64_t piece = 512, ahead = 2048;
    alignas(64) T kept[piece];
    alignas(64) uint8_t which[piece];
    for (int64_t i = 0; i < count; i += piece) {
      const T* const from = input + offset + i;
      const int64_t length = std::min(piece, count - i);
      for (int64_t line = 0; line < length; line += 64 / sizeof(T)) prefetch(from + ahead + line);
      keep_some(words + i, threshold, scale, from, kept, which, 1, length);
      stream_copy(output + offset + i, kept, length * static_cast<int64_t>(sizeof(T)));
      stream_copy(mask + offset + i, which, length);
    }
    stream_fence();
  };
  const int dense = order.dense_axis(), last = order.axes - 1;
  if (dense < 0 || dense == last) {
    parallel_ranges(layout.count(), grain, cost / 4, [&](int64_t begin, int64_t end) {
      alignas(64) uint32_t words[grain];
      words_of(state, begin / 4, (end - begin + 3) / 4, words);
      order.runs(begin, end, [&](int64_t first, int64_t offset, int64_t step, int64_t count) {
        keep(words + (first - begin), offset, step, count);
      });
    });
    return;
  }
  // The last logical axis lies apart in memory, as that of channels-last images does: the words of a rectangle are
  // drawn along it and turned to lie as the memory does.
  constexpr int64_t most_rows = 128, most_columns = 64;
  const int64_t length = order.size[last], width = order.size[dense];
  const int64_t down = (length + most_rows - 1) / most_rows, across = (width + most_columns - 1) / most_columns;
  int64_t logical_step[max_rank];
  logical_step[last] = 1;
  for (int i = last; i > 0; --i) logical_step[i - 1] = logical_step[i] * order.size[i];
  const int64_t others = logical_step[0] * order.size[0] / (length * width);
  parallel_for(others * across * down, cost / 4 * static_cast<double>(layout.count()), [&](int64_t task) {
    const int64_t row = task % down * most_rows, rows = std::min(most_rows, length - row);
    const int64_t column = task / down % across * most_columns, columns = std::min(most_columns, width - column);
    int64_t element = row + column * logical_step[dense], offset = row * order.step[last] + column;
    int64_t rest = task / down / across;
    for (int i = last - 1; i >= 0; --i) {
      if (i == dense) continue;
      element += rest % order.size[i] * logical_step[i];
      offset += rest % order.size[i] * order.step[i];
      rest /= order.size[i];
    }
    alignas(64) uint32_t drawn[most_rows + 4 * philox_blocks], words[most_columns * most_rows],
        turned[most_rows * most_columns];
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t first = element + c * logical_step[dense], before = first % 4;
      words_of(state, first / 4, (before + rows + 3) / 4, drawn);
      std::copy(drawn + before, drawn + before + rows, words + c * most_rows);
    }
    transpose(words, most_rows, turned, columns, rows, columns);
    if (order.step[last] == columns)
      keep(turned, offset, 1, rows * columns);
    else
      for (int64_t r = 0; r < rows; ++r) keep(turned + r * columns, offset + r * order.step[last], 1, columns);
  });
}

template <class T>
void dropout_backward(double p, const T* grad, const uint8_t* mask, T* result, int64_t count) noexcept {
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
  parallel_ranges(count, 16384, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T value = grad[i] * scale;
      result[i] = mask[i] ? value : T(0);
    }
  });
}

template <class T>
void uniform(RandomState state, double low, double high, const ArrayView& out) noexcept {
  constexpr int per_block = sizeof(T) == 4 ? 4 : 2;
  const double width = high - low;
  // Rounding may reach `high`, which does not belong to the interval.
  const T end = static_cast<T>(high), start = static_cast<T>(low), last = std::nextafter(end, start);
  fill<T, per_block>(state, out, [=](const uint32_t* words, T* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const double u = per_block == 4 ? static_cast<double>(uniform_float(words[i]))
                                      : uniform_double(words[2 * i], words[2 * i + 1]);
      const T value = static_cast<T>(low + width * u);
      values[i] = value >= end ? last : value;
    }
  });
}

namespace {

// Functions by series, correctly rounded operations only; their errors are far below those of a float.

// -log((word + 1) / 2^32): the mantissa m of word + 1 in [1/sqrt 2, sqrt 2), log m = 2 artanh((m - 1) / (m + 1)).
inline double minus_log(uint32_t word) noexcept {
  const double x = static_cast<double>(word) + 1.0;
  int64_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  const int64_t root = 0x3FE6A09E667F3BCD;  // 1 / sqrt 2
  const auto exponent = static_cast<int32_t>((bits - root) >> 52);
  bits -= static_cast<int64_t>(exponent) << 52;
  double m;
  std::memcpy(&m, &bits, sizeof(m));
  const double s = (m - 1) / (m + 1), z = s * s;
  double sum = 1.0 / 15;
  for (const int odd : {13, 11, 9, 7, 5, 3, 1}) sum = sum * z + 1.0 / odd;
  return (32 - exponent) * 0.69314718055994530942 - 2 * s * sum;
}

struct Circle {
  double cosine, sine;
};
// Of the angle 2 pi word / 2^32: that from the nearest quarter of the circle, then turned by quarters.
inline Circle circle(uint32_t word) noexcept {
  const uint32_t quarter = (word + (1u << 29)) >> 30;
  const double t = static_cast<double>(static_cast<int32_t>(word - (quarter << 30))) * 0x1.921fb54442d18p-30;
  const double z = t * t;
  double c = 1.0 / 479001600, s = 1.0 / 6227020800;  // 1 / 12!, 1 / 13!
  for (const double factorial : {-3628800.0, 40320.0, -720.0, 24.0, -2.0, 1.0}) c = c * z + 1 / factorial;
  for (const double factorial : {-39916800.0, 362880.0, -5040.0, 120.0, -6.0, 1.0}) s = s * z + 1 / factorial;
  s *= t;
  const double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  return {(quarter + 1) & 2 ? -x : x, quarter & 2 ? -y : y};
}

}  // namespace

template <class T>
void normal(RandomState state, double mean, double deviation, const ArrayView& out) noexcept {
  // The radius takes a number in (0, 1], whose logarithm is finite.
  if constexpr (sizeof(T) == 4) {
    fill<T, 4>(state, out, [=](const uint32_t* words, T* values, int64_t count) {
      for (int64_t i = 0; i < count; i += 2) {
        const double radius = deviation * std::sqrt(2 * minus_log(words[i]));
        const Circle at = circle(words[i + 1]);
        values[i] = static_cast<T>(mean + radius * at.cosine);
        values[i + 1] = static_cast<T>(mean + radius * at.sine);
      }
    });
  } else {
    fill<T, 2>(state, out, [=](const uint32_t* words, T* values, int64_t count) {
      constexpr double two_pi = 6.283185307179586476925;
      for (int64_t i = 0; i < count; i += 2) {
        const uint32_t* const word = words + 2 * i;
        const double radius = deviation * std::sqrt(-2 * std::log(1 - uniform_double(word[0], word[1])));
        const double angle = two_pi * uniform_double(word[2], word[3]);
        values[i] = mean + radius * std::cos(angle);
        values[i + 1] = mean + radius * std::sin(angle);
      }
    });
  }
}

template <class T>
void exponential(RandomState state, double rate, const ArrayView& out) noexcept {
  // A draw that would give 0 gives half of the smallest other number.
  if constexpr (sizeof(T) == 4) {
    fill<T, 4>(state, out, [=](const uint32_t* words, T* values, int64_t count) {
      for (int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(std::max(minus_log(words[i]), 0x1p-33) / rate);
    });
  } else {
    fill<T, 2>(state, out, [=](const uint32_t* words, T* values, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const double u = uniform_double(words[2 * i], words[2 * i + 1]);
        values[i] = std::max(-std::log(1 - u), 0x1p-54) / rate;
      }
    });
  }
}

void integers(RandomState state, int64_t low, uint64_t range, const ArrayView& out) noexcept {
  __extension__ using Product = unsigned __int128;
  fill<int64_t, 2>(state, out, [=](const uint32_t* words, int64_t* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t word = uint64_t{words[2 * i]} << 32 | words[2 * i + 1];
      values[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + static_cast<uint64_t>(Product{word} * range >> 64));
    }
  });
}

void permutation(RandomState state, int64_t n, int64_t* out) noexcept {
  uint64_t block = 0;
  Philox drawn{};
  int half = 2;
  const auto word = [&] {
    if (half == 2) {
      drawn = philox(state.key, state.draw, block++);
      half = 0;
    }
    const uint64_t value = uint64_t{drawn.word[2 * half]} << 32 | drawn.word[2 * half + 1];
    ++half;
    return value;
  };
  __extension__ using Product = unsigned __int128;
  const auto below = [&](uint64_t bound) {
    Product product = Product{word()} * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t uneven = (0 - bound) % bound;
      while (static_cast<uint64_t>(product) < uneven) product = Product{word()} * bound;
    }
    return static_cast<int64_t>(product >> 64);
  };
  for (int64_t i = 0; i < n; ++i) out[i] = i;
  for (int64_t i = n - 1; i > 0; --i) std::swap(out[i], out[below(static_cast<uint64_t>(i) + 1)]);
}

#define CYGNET_INSTANTIATE(T)                                                                            \
  template void dropout_forward(RandomState, double, const ArrayView&, const T*, T*, uint8_t*) noexcept; \
  template void dropout_backward(double, const T*, const uint8_t*, T*, int64_t) noexcept;                \
  template void uniform<T>(RandomState, double, double, const ArrayView&) noexcept;                      \
  template void normal<T>(RandomState, double, double, const ArrayView&) noexcept;                       \
  template void exponential<T>(RandomState, double, const ArrayView&) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
