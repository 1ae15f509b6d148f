#include "sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "simd/philox.h"

namespace cygnet {
namespace {

constexpr int64_t grain = 4096;
constexpr int64_t most_tasks = 64;

// The index of the first element that `wrong` holds for, else -1. A sum finds whether there is one.
template <class T, class Wrong>
int64_t first(const T* values, int64_t count, const Wrong& wrong) noexcept {
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) found += wrong(values[i]);
  if (found == 0) return -1;
  return std::find_if(values, values + count, wrong) - values;
}

// Uniform numbers in [0, 1) of one element: blocks `element` + 2^40 k.
class Uniforms {
 public:
  Uniforms(RandomState state, int64_t element) noexcept : state_(state), block_(static_cast<uint64_t>(element)) {}

  double next() noexcept {
    if (half_ == 2) {
      drawn_ = philox(state_.key, state_.draw, block_);
      block_ += uint64_t{1} << 40;
      half_ = 0;
    }
    const uint32_t* const word = drawn_.word + 2 * half_++;
    return uniform_double(word[0], word[1]);
  }

 private:
  RandomState state_;
  uint64_t block_;
  Philox drawn_{};
  int half_ = 2;
};

double log_factorial(double k) noexcept {
  int sign;  // unlike lgamma, this one writes to no global
  return lgamma_r(k + 1, &sign);
}

double poisson_by_products(double rate, Uniforms& uniforms) noexcept {
  const double end = std::exp(-rate);
  double k = 0;
  for (double product = uniforms.next(); product > end; product *= uniforms.next()) ++k;
  return k;
}

double poisson_by_rejection(double rate, Uniforms& uniforms) noexcept {
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), inside = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = uniforms.next() - 0.5, v = uniforms.next();
    const double edge = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / edge + b) * u + rate + 0.43);
    if (edge >= 0.07 && v <= inside) return k;
    if (!(k >= 0) || (edge < 0.013 && v > edge)) continue;
    if (std::log(v * inverse_alpha / (a / (edge * edge) + b)) <= k * std::log(rate) - rate - log_factorial(k)) return k;
  }
}

// A class in proportion to the steps of the running sum; never one whose step is 0.
int64_t drawn_from(const double* sums, int64_t classes, double u) noexcept {
  const double* const end = sums + classes;
  const double* const at = std::upper_bound(sums, end, u * end[-1]);
  return (at == end ? std::lower_bound(sums, end, end[-1]) : at) - sums;
}

}  // namespace

template <class T>
int64_t first_no_probability(const T* p, int64_t count) noexcept {
  return first(p, count, [](T value) { return !(value >= 0 && value <= 1); });
}

template <class T>
int64_t first_no_rate(const T* rate, int64_t count) noexcept {
  return first(rate, count, [](T value) { return !(value >= 0 && value <= std::numeric_limits<T>::max()); });
}

template <class T>
void bernoulli(RandomState state, const T* p, T* out, int64_t count) noexcept {
  constexpr int per_block = sizeof(T) == 4 ? 4 : 2;
  parallel_ranges(count, grain, 8, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[grain * 4 / per_block];
    const int64_t blocks = (end - begin + per_block - 1) / per_block;
    philox_words(state.key, state.draw, static_cast<uint64_t>(begin / per_block),
                 (blocks + philox_blocks - 1) / philox_blocks, words);
    for (int64_t i = 0; i < end - begin; ++i) {
      const T u = per_block == 4 ? static_cast<T>(uniform_float(words[i]))
                                 : static_cast<T>(uniform_double(words[2 * i], words[2 * i + 1]));
      out[begin + i] = u < p[begin + i] ? T(1) : T(0);
    }
  });
}

template <class T>
void poisson(RandomState state, const T* rate, T* out, int64_t count) noexcept {
  parallel_ranges(count, 256, 200, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Uniforms uniforms(state, i);
      const double mean = static_cast<double>(rate[i]);
      out[i] = static_cast<T>(mean < 10 ? poisson_by_products(mean, uniforms) : poisson_by_rejection(mean, uniforms));
    }
  });
}

template <class T>
int64_t first_no_distribution(const T* weights, int64_t rows, int64_t classes) noexcept {
  const int64_t wrong = first_no_rate(weights, rows * classes);
  for (int64_t r = 0; r < (wrong < 0 ? rows : wrong / classes); ++r) {
    const T* const row = weights + r * classes;
    if (std::all_of(row, row + classes, [](T weight) { return weight == 0; })) return r;
  }
  return wrong < 0 ? -1 : wrong / classes;
}

size_t multinomial_scratch_bytes(MultinomialSizes s) noexcept {
  return static_cast<size_t>(std::min(s.rows, most_tasks) * s.classes) * (sizeof(double) + sizeof(int64_t));
}

template <class T>
void multinomial(RandomState state, const T* weights, MultinomialSizes s, int64_t* out, void* scratch) noexcept {
  const int64_t tasks = std::min(s.rows, most_tasks);
  const double work = static_cast<double>(s.rows) * (20.0 * static_cast<double>(s.classes + s.samples));
  parallel_for(tasks, work, [&](int64_t task) {
    double* const keys = static_cast<double*>(scratch) + task * s.classes;
    int64_t* const order =
        reinterpret_cast<int64_t*>(static_cast<double*>(scratch) + tasks * s.classes) + task * s.classes;
    for (int64_t r = s.rows * task / tasks; r < s.rows * (task + 1) / tasks; ++r) {
      const T* const row = weights + r * s.classes;
      int64_t* const drawn = out + r * s.samples;
      if (s.replacement || s.samples == 1) {
        double sum = 0;
        for (int64_t c = 0; c < s.classes; ++c) keys[c] = sum += static_cast<double>(row[c]);
        for (int64_t i = 0; i < s.samples; ++i)
          drawn[i] = drawn_from(keys, s.classes, Uniforms(state, r * s.samples + i).next());
        continue;
      }
      for (int64_t c = 0; c < s.classes; ++c) {
        const double e = -std::log(1 - Uniforms(state, r * s.classes + c).next());
        keys[c] = row[c] > 0 ? e / static_cast<double>(row[c]) : std::numeric_limits<double>::infinity();
        order[c] = c;
      }
      std::partial_sort(order, order + s.samples, order + s.classes,
                        [=](int64_t a, int64_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
      std::copy(order, order + s.samples, drawn);
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                  \
  template int64_t first_no_probability(const T*, int64_t) noexcept;           \
  template int64_t first_no_rate(const T*, int64_t) noexcept;                  \
  template int64_t first_no_distribution(const T*, int64_t, int64_t) noexcept; \
  template void bernoulli(RandomState, const T*, T*, int64_t) noexcept;        \
  template void poisson(RandomState, const T*, T*, int64_t) noexcept;          \
  template void multinomial(RandomState, const T*, MultinomialSizes, int64_t*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
