// Philox of core/random.h for many blocks, eight side by side.
#pragma once

#include "core/random.h"
#include "vec.h"

namespace cygnet {

constexpr int philox_blocks = 8;

/// Fills words[0 .. 32 groups) with the blocks from `first` on.
inline void philox_words(uint64_t key, uint64_t draw, uint64_t first, int64_t groups, uint32_t* words) noexcept {
#if defined(EIGEN_VECTORIZE_AVX512)
  // A word lies in the low half of each 64-bit lane; what a product leaves above it, the next product ignores.
  __m512i k0[10], k1[10];
  for (int round = 0; round < 10; ++round) {
    k0[round] = _mm512_set1_epi64(static_cast<uint32_t>(key) + round * 0x9E3779B9u);
    k1[round] = _mm512_set1_epi64(static_cast<uint32_t>(key >> 32) + round * 0xBB67AE85u);
  }
  const __m512i m0 = _mm512_set1_epi64(0xD2511F53), m1 = _mm512_set1_epi64(0xCD9E8D57);
  const __m512i low = _mm512_set1_epi64(0xFFFFFFFF), lane = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i begin = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), end = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  for (; groups > 0; --groups, first += philox_blocks, words += 4 * philox_blocks) {
    __m512i c0 = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>(first)), lane), c1 = _mm512_srli_epi64(c0, 32);
    __m512i c2 = _mm512_set1_epi64(static_cast<int64_t>(draw)), c3 = _mm512_srli_epi64(c2, 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      constexpr int exclusive_or = 0x96;
      const __m512i p0 = _mm512_mul_epu32(c0, m0), p1 = _mm512_mul_epu32(c2, m1);
      c0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), c1, k0[round], exclusive_or);
      c2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), c3, k1[round], exclusive_or);
      c1 = p1;
      c3 = p0;
    }
    const __m512i front = _mm512_or_si512(_mm512_and_si512(c0, low), _mm512_slli_epi64(c1, 32));
    const __m512i back = _mm512_or_si512(_mm512_and_si512(c2, low), _mm512_slli_epi64(c3, 32));
    _mm512_storeu_si512(words, _mm512_permutex2var_epi64(front, begin, back));
    _mm512_storeu_si512(words + 16, _mm512_permutex2var_epi64(front, end, back));
  }
#else
  constexpr int lanes = philox_blocks;
  for (; groups > 0; --groups, first += lanes, words += 4 * lanes) {
    uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
    for (int i = 0; i < lanes; ++i) {
      const uint64_t block = first + static_cast<uint64_t>(i);
      c0[i] = static_cast<uint32_t>(block);
      c1[i] = static_cast<uint32_t>(block >> 32);
      c2[i] = static_cast<uint32_t>(draw);
      c3[i] = static_cast<uint32_t>(draw >> 32);
    }
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
      for (int i = 0; i < lanes; ++i) {
        const uint64_t p0 = uint64_t{0xD2511F53} * c0[i], p1 = uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<uint32_t>(p1);
        c3[i] = static_cast<uint32_t>(p0);
      }
    }
    for (int i = 0; i < lanes; ++i) {
      words[4 * i] = c0[i];
      words[4 * i + 1] = c1[i];
      words[4 * i + 2] = c2[i];
      words[4 * i + 3] = c3[i];
    }
  }
#endif
}

}  // namespace cygnet
