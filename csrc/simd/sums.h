// The sums of several vectors at once.
#pragma once

#include "vec.h"

namespace cygnet {

/// The sums of as many vectors as one has lanes, in an order that depends on the width alone: lane i is that of v[i].
template <class T>
inline Vec<T> horizontal_sums(Vec<T> (&v)[Vec<T>::lanes]) {
#if defined(EIGEN_VECTORIZE_AVX512)
  // Halves as many vectors at a time, with two shuffles where a transpose has four.
  if constexpr (std::is_same_v<T, float>) {
    __m512 four[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const auto pair = [&](int j) {
        const __m512 a = v[4 * i + j].p, b = v[4 * i + j + 1].p;
        return _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
      };
      const __m512d a = pair(0), b = pair(2);
      four[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    const auto quarters = [](__m512 a, __m512 b) {
      return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    };
    return Vec<T>(quarters(quarters(four[0], four[1]), quarters(four[2], four[3])));
  }
#endif
  transpose(v);
  for (int gap = 1; gap < Vec<T>::lanes; gap *= 2)
    for (int i = 0; i + gap < Vec<T>::lanes; i += 2 * gap) v[i] += v[i + gap];
  return v[0];
}

}  // namespace cygnet
