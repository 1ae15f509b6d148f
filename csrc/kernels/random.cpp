#include "random.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

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

// Fills words[0 .. 4 blocks) with the blocks from `first` on, and what follows up to a multiple of 16 blocks. The same
// as philox(), for 16 counters side by side, which the compiler turns into vectors.
void words_of(RandomState state, int64_t first, int64_t blocks, uint32_t* words) noexcept {
  constexpr int lanes = 16;
  for (int64_t b = 0; b < blocks; b += lanes) {
    uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
    for (int i = 0; i < lanes; ++i) {
      const auto block = static_cast<uint64_t>(first + b + i);
      c0[i] = static_cast<uint32_t>(block);
      c1[i] = static_cast<uint32_t>(block >> 32);
      c2[i] = static_cast<uint32_t>(state.draw);
      c3[i] = static_cast<uint32_t>(state.draw >> 32);
    }
    uint32_t k0 = static_cast<uint32_t>(state.key), k1 = static_cast<uint32_t>(state.key >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < lanes; ++i) {
        const uint64_t p0 = uint64_t{0xD2511F53} * c0[i], p1 = uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<uint32_t>(p1);
        c3[i] = static_cast<uint32_t>(p0);
      }
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    for (int i = 0; i < lanes; ++i) {
      uint32_t* const to = words + 4 * (b + i);
      to[0] = c0[i];
      to[1] = c1[i];
      to[2] = c2[i];
      to[3] = c3[i];
    }
  }
}

// Stores a value in every element; `make` turns a block's four words into `per_block`
// values.
template <class T, int per_block, class Make>
void fill(RandomState state, const ArrayView& out, const Make& make) noexcept {
  const LogicalOrder order(out);
  T* const data = out.as<T>();
  parallel_ranges(out.count(), grain, cost, [&](int64_t begin, int64_t end) {
    T values[per_block];
    order.runs(begin, end, [&](int64_t first, int64_t offset, int64_t step, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t element = first + i, lane = element % per_block;
        if (lane == 0 || i == 0)
          make(philox(state.key, state.draw, static_cast<uint64_t>(element / per_block)), values);
        data[offset + i * step] = values[lane];
      }
    });
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
  const LogicalOrder order(layout);
  const auto threshold = static_cast<uint64_t>(std::ldexp(p, 32));
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
  parallel_ranges(layout.count(), grain, cost / 4, [&](int64_t begin, int64_t end) {
    uint32_t words[grain];
    words_of(state, begin / 4, (end - begin + 3) / 4, words);
    order.runs(begin, end, [&](int64_t first, int64_t offset, int64_t step, int64_t count) {
      keep_some(words + (first - begin), threshold, scale, input + offset, output + offset, mask + offset, step, count);
    });
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
  fill<T, per_block>(state, out, [=](const Philox& drawn, T* values) {
    for (int i = 0; i < per_block; ++i) {
      const double u = per_block == 4 ? static_cast<double>(uniform_float(drawn.word[i]))
                                      : uniform_double(drawn.word[2 * i], drawn.word[2 * i + 1]);
      const T value = static_cast<T>(low + width * u);
      values[i] = value >= end ? last : value;
    }
  });
}

template <class T>
void normal(RandomState state, double mean, double deviation, const ArrayView& out) noexcept {
  constexpr double two_pi = 6.283185307179586476925;
  const auto pair = [=](double u, double v, T* values) {
    const double radius = deviation * std::sqrt(-2 * std::log(u)), angle = two_pi * v;
    values[0] = static_cast<T>(mean + radius * std::cos(angle));
    values[1] = static_cast<T>(mean + radius * std::sin(angle));
  };
  // The radius takes a number in (0, 1], whose logarithm is finite.
  if constexpr (sizeof(T) == 4) {
    fill<T, 4>(state, out, [=](const Philox& drawn, T* values) {
      for (int i = 0; i < 4; i += 2) pair((drawn.word[i] + 1.0) * 0x1p-32, drawn.word[i + 1] * 0x1p-32, values + i);
    });
  } else {
    fill<T, 2>(state, out, [=](const Philox& drawn, T* values) {
      pair(1 - uniform_double(drawn.word[0], drawn.word[1]), uniform_double(drawn.word[2], drawn.word[3]), values);
    });
  }
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
  template void normal<T>(RandomState, double, double, const ArrayView&) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
