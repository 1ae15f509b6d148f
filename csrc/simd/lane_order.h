// Lanes filled from elements that are not neighbours, all within two vectors of memory.
#pragma once

#include "taps.h"

namespace cygnet {

/// Lane i is the element at from[i] < 2 lanes. The lanes from `valid` on are not used.
template <class T>
struct LaneOrder {
  static constexpr int lanes = Vec<T>::lanes;

  alignas(16) uint8_t from[16] = {};
  uint32_t read = 0;  // a bit for each element up to the largest
  int valid = 0;

  void push(int64_t element) {
    from[valid++] = static_cast<uint8_t>(element);
    read |= (uint32_t{2} << element) - 1;
  }
  /// Reads the elements up to the largest.
  Vec<T> load(const T* elements) const;
  /// The same for bytes, all within the first vector.
  Taps<T> load(const uint8_t* bytes) const;
};

#if defined(EIGEN_VECTORIZE_AVX512)

template <class T>
inline Vec<T> LaneOrder<T>::load(const T* elements) const {
  const __m128i order = _mm_load_si128(reinterpret_cast<const __m128i*>(from));
  const auto low = static_cast<Mask<T>>(read), high = static_cast<Mask<T>>(read >> lanes);
  if constexpr (std::is_same_v<T, float>)
    return Vec<T>(_mm512_permutex2var_ps(_mm512_maskz_loadu_ps(low, elements), _mm512_cvtepu8_epi32(order),
                                         _mm512_maskz_loadu_ps(high, elements + lanes)));
  else
    return Vec<T>(_mm512_permutex2var_pd(_mm512_maskz_loadu_pd(low, elements), _mm512_cvtepu8_epi64(order),
                                         _mm512_maskz_loadu_pd(high, elements + lanes)));
}
template <class T>
inline Taps<T> LaneOrder<T>::load(const uint8_t* bytes) const {
  const __m128i order = _mm_load_si128(reinterpret_cast<const __m128i*>(from));
  return Taps<T>(_mm_shuffle_epi8(_mm_maskz_loadu_epi8(static_cast<__mmask16>(read), bytes), order));
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
