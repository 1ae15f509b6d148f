// Loops over elements in vectors, and what their short last vector needs.
#pragma once

#include <cstdint>

#include "vec.h"

namespace cygnet {

/// f(i, n) over [begin, end) in vectors from i on; n is the vector's lanes, fewer in the last one.
template <class T, class F>
inline void for_vectors(int64_t begin, int64_t end, const F& f) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) f(i, lanes);
  if (i < end) f(i, static_cast<int>(end - i));
}

/// The first `count` lanes of v, and zero in the others.
template <class T>
inline Vec<T> first_lanes(Vec<T> v, int count) {
  if (count == Vec<T>::lanes) return v;
  alignas(64) T buffer[Vec<T>::lanes];
  v.store(buffer);
  return Vec<T>::load(buffer, count);
}

/// Asks for the cache line of `address`, which need not be inside an array: loads that are too few to keep the memory
/// busy by themselves run ahead so.
inline void prefetch(const void* address) { __builtin_prefetch(address); }

}  // namespace cygnet
