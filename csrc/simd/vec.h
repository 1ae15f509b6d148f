// One vector type for every instruction set: the widest packet that Eigen offers under the compiler's flags.
//
// Sums of products are fused only where `fma` is written (the build sets -ffp-contract=off), so a fused and an
// unfused kernel that write the same expression give the same bits. On x86-64-v2, which has no such instruction,
// `fma` rounds twice.
#pragma once

#ifdef CYGNET_ANY_LEVEL
#error "bindings serve every instruction-set level: nothing in them may depend on the width of a vector"
#endif

#include <Eigen/Core>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace cygnet {

template <class T>
struct Vec {
  using Packet = typename Eigen::internal::packet_traits<T>::type;
  static constexpr int lanes = Eigen::internal::unpacket_traits<Packet>::size;

  Packet p;

  Vec() = default;
  Vec(Packet packet) : p(packet) {}
  Vec(T scalar) : p(Eigen::internal::pset1<Packet>(scalar)) {}

  static Vec load(const T* from) { return Eigen::internal::ploadu<Packet>(from); }
  void store(T* to) const { Eigen::internal::pstoreu(to, p); }

  /// The first `count` elements (0 <= count <= lanes), zero in the other lanes; nothing beyond them is read.
  static Vec load(const T* from, int count);
  /// Stores the first `count` lanes and nothing else.
  void store(T* to, int count) const;
  /// Stores past the caches, for results too large to be read from there again; `to` is aligned to the vector.
  /// `stream_fence` has to follow before another thread reads them.
  void stream(T* to) const;

  friend Vec operator+(Vec a, Vec b) { return Eigen::internal::padd(a.p, b.p); }
  friend Vec operator-(Vec a, Vec b) { return Eigen::internal::psub(a.p, b.p); }
  friend Vec operator*(Vec a, Vec b) { return Eigen::internal::pmul(a.p, b.p); }
  friend Vec operator/(Vec a, Vec b) { return Eigen::internal::pdiv(a.p, b.p); }
  friend Vec operator-(Vec a) { return Eigen::internal::pnegate(a.p); }
  Vec& operator+=(Vec b) { return *this = *this + b; }

  // Comparisons give a mask for `select`: all bits of a lane set or none.
  friend Vec operator<(Vec a, Vec b) { return Eigen::internal::pcmp_lt(a.p, b.p); }
  friend Vec operator<=(Vec a, Vec b) { return Eigen::internal::pcmp_le(a.p, b.p); }
  friend Vec operator>(Vec a, Vec b) { return Eigen::internal::pcmp_lt(b.p, a.p); }
  friend Vec operator>=(Vec a, Vec b) { return Eigen::internal::pcmp_le(b.p, a.p); }
  friend Vec operator==(Vec a, Vec b) { return Eigen::internal::pcmp_eq(a.p, b.p); }
};

#if defined(EIGEN_VECTORIZE_AVX) && !defined(EIGEN_VECTORIZE_AVX512)
namespace detail {
/// A mask with the first `count` of eight 32-bit lanes set.
inline __m256i first_lanes(int count) {
  static constexpr int table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table + 8 - count));
}
}  // namespace detail
#endif

template <class T>
inline Vec<T> Vec<T>::load(const T* from, int count) {
#if defined(EIGEN_VECTORIZE_AVX512)
  if constexpr (std::is_same_v<T, float>)
    return Packet(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from));
  else
    return Packet(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from));
#elif defined(EIGEN_VECTORIZE_AVX)
  const __m256i mask = detail::first_lanes(count * static_cast<int>(sizeof(T) / sizeof(int)));
  if constexpr (std::is_same_v<T, float>)
    return Packet(_mm256_maskload_ps(from, mask));
  else
    return Packet(_mm256_maskload_pd(from, mask));
#else
  alignas(64) T buffer[lanes] = {};
  std::memcpy(buffer, from, static_cast<size_t>(count) * sizeof(T));
  return Eigen::internal::pload<Packet>(buffer);
#endif
}

template <class T>
inline void Vec<T>::store(T* to, int count) const {
#if defined(EIGEN_VECTORIZE_AVX512)
  if constexpr (std::is_same_v<T, float>)
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), p);
  else
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), p);
#elif defined(EIGEN_VECTORIZE_AVX)
  const __m256i mask = detail::first_lanes(count * static_cast<int>(sizeof(T) / sizeof(int)));
  if constexpr (std::is_same_v<T, float>)
    _mm256_maskstore_ps(to, mask, p);
  else
    _mm256_maskstore_pd(to, mask, p);
#else
  alignas(64) T buffer[lanes];
  Eigen::internal::pstore(buffer, p);
  std::memcpy(to, buffer, static_cast<size_t>(count) * sizeof(T));
#endif
}

template <class T>
inline void Vec<T>::stream(T* to) const {
#if defined(EIGEN_VECTORIZE_AVX512)
  if constexpr (std::is_same_v<T, float>)
    _mm512_stream_ps(to, p);
  else
    _mm512_stream_pd(to, p);
#elif defined(EIGEN_VECTORIZE_AVX)
  if constexpr (std::is_same_v<T, float>)
    _mm256_stream_ps(to, p);
  else
    _mm256_stream_pd(to, p);
#elif defined(EIGEN_VECTORIZE_SSE)
  if constexpr (std::is_same_v<T, float>)
    _mm_stream_ps(to, p);
  else
    _mm_stream_pd(to, p);
#else
  Eigen::internal::pstore(to, p);
#endif
}

inline void stream_fence() {
#if defined(EIGEN_VECTORIZE_SSE)
  _mm_sfence();
#endif
}

/// a * b + c, rounded once where the instruction set can.
template <class T>
inline Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return Eigen::internal::pmadd(a.p, b.p, c.p);
}

/// The lanes of `yes` where `mask` is set, else those of `no`.
template <class T>
inline Vec<T> select(Vec<T> mask, Vec<T> yes, Vec<T> no) {
  return Eigen::internal::pselect(mask.p, yes.p, no.p);
}

/// `a` with zeros where `mask` is set. Unlike a `select`, it never makes the load of `a` wait for the mask.
template <class T>
inline Vec<T> zero_where(Vec<T> mask, Vec<T> a) {
  return Eigen::internal::pandnot(a.p, mask.p);
}

/// The larger and the smaller; NaN if either is NaN.
template <class T>
inline Vec<T> max(Vec<T> a, Vec<T> b) {
  return Eigen::internal::pmax<Eigen::PropagateNaN>(a.p, b.p);
}
template <class T>
inline Vec<T> min(Vec<T> a, Vec<T> b) {
  return Eigen::internal::pmin<Eigen::PropagateNaN>(a.p, b.p);
}

/// The larger of two numbers, either one if one is NaN: faster than `max`.
template <class T>
inline Vec<T> larger_number(Vec<T> a, Vec<T> b) {
  return Eigen::internal::pmax(a.p, b.p);
}

/// min(max(a, low), high) for finite ends; a NaN of `a` stays.
template <class T>
inline Vec<T> clamp(Vec<T> a, Vec<T> low, Vec<T> high) {
#if defined(EIGEN_VECTORIZE_AVX512)
  // The instructions return their second argument if one is NaN.
  if constexpr (std::is_same_v<T, float>)
    return typename Vec<T>::Packet(_mm512_min_ps(high.p, _mm512_max_ps(low.p, a.p)));
  else
    return typename Vec<T>::Packet(_mm512_min_pd(high.p, _mm512_max_pd(low.p, a.p)));
#else
  return min(max(a, low), high);
#endif
}

template <class T>
inline Vec<T> abs(Vec<T> a) {
  return Eigen::internal::pabs(a.p);
}
/// Correctly rounded; Eigen's packet of AVX-512 is an approximation by Newton's method.
template <class T>
inline Vec<T> sqrt(Vec<T> a) {
#if defined(EIGEN_VECTORIZE_AVX512)
  if constexpr (std::is_same_v<T, float>)
    return typename Vec<T>::Packet(_mm512_sqrt_ps(a.p));
  else
    return typename Vec<T>::Packet(_mm512_sqrt_pd(a.p));
#else
  return Eigen::internal::psqrt(a.p);
#endif
}
template <class T>
inline Vec<T> floor(Vec<T> a) {
  return Eigen::internal::pfloor(a.p);
}
template <class T>
inline Vec<T> ceil(Vec<T> a) {
  return Eigen::internal::pceil(a.p);
}
/// The nearest integer, the even one of two.
template <class T>
inline Vec<T> round(Vec<T> a) {
  return Eigen::internal::print(a.p);
}
/// The integer part.
template <class T>
inline Vec<T> trunc(Vec<T> a) {
  return Eigen::internal::ptrunc(a.p);
}
/// The magnitude of `a` with the sign of `b`.
template <class T>
inline Vec<T> copysign(Vec<T> a, Vec<T> b) {
  const auto sign = Eigen::internal::pset1<typename Vec<T>::Packet>(T(-0.0));
  return Eigen::internal::por(Eigen::internal::pandnot(a.p, sign), Eigen::internal::pand(b.p, sign));
}

/// Sum, product, largest and smallest of the lanes, in an order that depends on the width alone.
template <class T>
inline T horizontal_sum(Vec<T> a) {
  return Eigen::internal::predux(a.p);
}
/// The largest lane if none is NaN: faster than `horizontal_max`.
template <class T>
inline T largest_number(Vec<T> a) {
  return Eigen::internal::predux_max(a.p);
}
template <class T>
inline T horizontal_max(Vec<T> a) {
  return Eigen::internal::predux_max<Eigen::PropagateNaN>(a.p);
}

template <class T>
inline T horizontal_min(Vec<T> a) {
  return Eigen::internal::predux_min<Eigen::PropagateNaN>(a.p);
}
template <class T>
inline T horizontal_product(Vec<T> a) {
  return Eigen::internal::predux_mul(a.p);
}

/// Exchanges rows and columns of a square of elements.
template <class T>
inline void transpose(Vec<T> (&rows)[Vec<T>::lanes]) {
  Eigen::internal::PacketBlock<typename Vec<T>::Packet, Vec<T>::lanes> block;
  for (int i = 0; i < Vec<T>::lanes; ++i) block.packet[i] = rows[i].p;
  Eigen::internal::ptranspose(block);
  for (int i = 0; i < Vec<T>::lanes; ++i) rows[i] = block.packet[i];
}

}  // namespace cygnet
