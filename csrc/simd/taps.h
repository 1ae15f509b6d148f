// Small numbers beside the lanes of a vector, one byte each: which tap of a window a maximum came from.
#pragma once

#include <cstdint>

#include "vec.h"

namespace cygnet {

#if defined(EIGEN_VECTORIZE_AVX512)

/// Which lanes a comparison holds for.
template <class T>
using Mask = std::conditional_t<std::is_same_v<T, float>, __mmask16, __mmask8>;

/// value > best, or value is NaN.
inline Mask<float> beats(Vec<float> value, Vec<float> best) {
  return _mm512_cmp_ps_mask(value.p, best.p, _CMP_GT_OQ) | _mm512_cmp_ps_mask(value.p, value.p, _CMP_UNORD_Q);
}
inline Mask<double> beats(Vec<double> value, Vec<double> best) {
  return _mm512_cmp_pd_mask(value.p, best.p, _CMP_GT_OQ) | _mm512_cmp_pd_mask(value.p, value.p, _CMP_UNORD_Q);
}
/// The larger, NaN if one is; `best` if they are equal.
inline Vec<float> larger(Vec<float> value, Vec<float> best) {
  // Of two operands of which one is NaN the instruction gives the second.
  const Mask<float> nan = _mm512_cmp_ps_mask(value.p, value.p, _CMP_UNORD_Q);
  return Vec<float>(_mm512_mask_mov_ps(_mm512_max_ps(value.p, best.p), nan, value.p));
}
inline Vec<double> larger(Vec<double> value, Vec<double> best) {
  const Mask<double> nan = _mm512_cmp_pd_mask(value.p, value.p, _CMP_UNORD_Q);
  return Vec<double>(_mm512_mask_mov_pd(_mm512_max_pd(value.p, best.p), nan, value.p));
}
inline Vec<float> blend(Mask<float> mask, Vec<float> yes, Vec<float> no) {
  return Vec<float>(_mm512_mask_mov_ps(no.p, mask, yes.p));
}
inline Vec<double> blend(Mask<double> mask, Vec<double> yes, Vec<double> no) {
  return Vec<double>(_mm512_mask_mov_pd(no.p, mask, yes.p));
}

inline Mask<float> both(Mask<float> a, Mask<float> b) { return a & b; }
inline Mask<double> both(Mask<double> a, Mask<double> b) { return a & b; }

template <class T>
struct Taps {
  __m128i p;

  Taps() = default;
  explicit Taps(int64_t tap) : p(_mm_set1_epi8(static_cast<char>(tap))) {}
  explicit Taps(__m128i bytes) : p(bytes) {}

  static Taps load(const uint8_t* from, int count) { return Taps(_mm_maskz_loadu_epi8(first(count), from)); }
  void store(uint8_t* to, int count) const { _mm_mask_storeu_epi8(to, first(count), p); }
  void replace(Mask<T> mask, Taps by) { p = _mm_mask_mov_epi8(p, mask, by.p); }
  friend Mask<T> operator==(Taps a, Taps b) { return static_cast<Mask<T>>(_mm_cmpeq_epi8_mask(a.p, b.p)); }
  friend Mask<T> operator<(Taps a, Taps b) { return static_cast<Mask<T>>(_mm_cmplt_epu8_mask(a.p, b.p)); }
  /// At most 255.
  friend Taps operator+(Taps a, Taps b) { return Taps(_mm_adds_epu8(a.p, b.p)); }

 private:
  static __mmask16 first(int count) { return static_cast<__mmask16>((1u << count) - 1); }
};

#else

template <class T>
using Mask = Vec<T>;

template <class T>
inline Mask<T> beats(Vec<T> value, Vec<T> best) {
  namespace packet = Eigen::internal;
  const auto number = packet::pcmp_eq(value.p, value.p);
  return packet::por(packet::pcmp_lt(best.p, value.p), packet::pandnot(packet::ptrue(value.p), number));
}
template <class T>
inline Vec<T> larger(Vec<T> value, Vec<T> best) {
  return select(beats(value, best), value, best);
}
template <class T>
inline Vec<T> blend(Mask<T> mask, Vec<T> yes, Vec<T> no) {
  return select(mask, yes, no);
}

template <class T>
inline Vec<T> both(Vec<T> a, Vec<T> b) {
  return Eigen::internal::pand(a.p, b.p);
}

// The numbers are kept as T, which holds them exactly.
template <class T>
struct Taps {
  Vec<T> p;

  Taps() = default;
  explicit Taps(int64_t tap) : p(static_cast<T>(tap)) {}
  explicit Taps(Vec<T> numbers) : p(numbers) {}

  static Taps load(const uint8_t* from, int count) {
    alignas(64) T numbers[Vec<T>::lanes] = {};
    for (int lane = 0; lane < count; ++lane) numbers[lane] = static_cast<T>(from[lane]);
    return Taps(Vec<T>::load(numbers));
  }
  void store(uint8_t* to, int count) const {
    alignas(64) T numbers[Vec<T>::lanes];
    p.store(numbers);
    for (int lane = 0; lane < count; ++lane) to[lane] = static_cast<uint8_t>(numbers[lane]);
  }
  void replace(Mask<T> mask, Taps by) { p = select(mask, by.p, p); }
  friend Mask<T> operator==(Taps a, Taps b) { return a.p == b.p; }
  friend Mask<T> operator<(Taps a, Taps b) { return a.p < b.p; }
  friend Taps operator+(Taps a, Taps b) { return Taps(min(a.p + b.p, Vec<T>(T(255)))); }
};

#endif

}  // namespace cygnet
