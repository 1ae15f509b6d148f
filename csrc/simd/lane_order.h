// Lanes filled from elements that are not neighbours, all within two vectors of memory.
#pragma once

#include "taps.h"

namespace cygnet {

/// Lane i is the element at from[i] < 2 lanes; `span` is the largest plus one. The lanes from `valid` on are not used.
template <class T>
struct LaneOrder {
  static constexpr int lanes = Vec<T>::lanes;
  using Number = std::conditional_t<std::is_same_v<T, float>, int32_t, int64_t>;

  alignas(64) Number from[lanes] = {};
  int span = 0, valid = 0;

  void push(int64_t element) {
    from[valid++] = static_cast<Number>(element);
    span = span > element ? span : static_cast<int>(element) + 1;
  }
  /// Reads `span` elements.
  Vec<T> load(const T* elements) const;
  /// The same for bytes, all within the first vector.
  Taps<T> load(const uint8_t* bytes) const;
};

#if defined(EIGEN_VECTORIZE_AVX512)

template <class T>
inline Vec<T> LaneOrder<T>::load(const T* elements) const {
  const Vec<T> low = Vec<T>::load(elements, span < lanes ? span : lanes);
  const Vec<T> high = Vec<T>::load(elements + lanes, span < lanes ? 0 : span - lanes);
  const __m512i order = _mm512_load_si512(from);
  if constexpr (std::is_same_v<T, float>)
    return Vec<T>(_mm512_permutex2var_ps(low.p, order, high.p));
  else
    return Vec<T>(_mm512_permutex2var_pd(low.p, order, high.p));
}
template <class T>
inline Taps<T> LaneOrder<T>::load(const uint8_t* bytes) const {
  const __m512i order = _mm512_load_si512(from);
  const __m128i narrow = std::is_same_v<T, float> ? _mm512_cvtepi32_epi8(order) : _mm512_cvtepi64_epi8(order);
  return Taps<T>(_mm_shuffle_epi8(Taps<T>::load(bytes, span).p, narrow));
}

#else

template <class T>
inline Vec<T> LaneOrder<T>::load(const T* elements) const {
  alignas(64) T lane[lanes] = {};
  for (int i = 0; i < valid; ++i) lane[i] = elements[from[i]];
  return Vec<T>::load(lane);
}
template <class T>
inline Taps<T> LaneOrder<T>::load(const uint8_t* bytes) const {
  alignas(64) uint8_t lane[lanes] = {};
  for (int i = 0; i < valid; ++i) lane[i] = bytes[from[i]];
  return Taps<T>::load(lane, lanes);
}

#endif

}  // namespace cygnet
