// Draws whose distribution depends on an array. Bits are those of Philox as random.h says, so they depend neither on
// the number of threads nor on the memory order.
#pragma once

#include "random.h"

namespace cygnet {

/// The first element outside [0, 1] (or NaN), -1 if there is none.
template <class T>
int64_t first_no_probability(const T* p, int64_t count) noexcept;

/// out[i] = 1 with probability p[i], else 0.
template <class T>
void bernoulli(RandomState state, const T* p, T* out, int64_t count) noexcept;

/// The first element below 0, infinite or NaN, -1 if there is none.
template <class T>
int64_t first_no_rate(const T* rate, int64_t count) noexcept;

/// out[i] from the Poisson distribution of mean rate[i]: products of uniform numbers below 10 (D. Knuth, "Seminumerical
/// algorithms", 3.4.1), else by transformed rejection (W. Hormann, "The transformed rejection method for generating
/// Poisson random variables", 1993, algorithm PTRS). Count < 2^40.
template <class T>
void poisson(RandomState state, const T* rate, T* out, int64_t count) noexcept;

/// `rows` distributions over `classes`, and how many are drawn from each.
struct MultinomialSizes {
  int64_t rows, classes, samples;
  bool replacement;
};

/// The first row with a weight below 0, infinite or NaN, or with none above 0; -1 if there is none.
template <class T>
int64_t first_no_distribution(const T* weights, int64_t rows, int64_t classes) noexcept;

size_t multinomial_scratch_bytes(MultinomialSizes sizes) noexcept;

/// out[r][s]: classes of row r drawn in proportion to weights[r]. With replacement, and where there is one draw, it
/// inverts the running sum; without, the classes of the smallest e / weight win, e exponential (P. Efraimidis and P.
/// Spirakis, "Weighted random sampling with a reservoir", 2006), those of weight 0 last. samples <= classes without
/// replacement.
template <class T>
void multinomial(RandomState state, const T* weights, MultinomialSizes sizes, int64_t* out, void* scratch) noexcept;

}  // namespace cygnet
