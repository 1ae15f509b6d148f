// Counter-based random numbers: Philox 4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A number is a function of (key, draw, element): nothing is drawn in sequence, so neither the number of
// threads nor the layout of an array changes it.
#pragma once

#include <cmath>
#include <cstdint>

namespace cygnet {

struct Philox {
  uint32_t word[4];
};

/// The four words of block `block` of draw `draw` under `key`.
inline Philox philox(uint64_t key, uint64_t draw, uint64_t block) noexcept {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = static_cast<uint32_t>(draw), c3 = static_cast<uint32_t>(draw >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c0, p1 = uint64_t{0xCD9E8D57} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

/// The top 24 bits as a number in [0, 1).
inline float uniform_float(uint32_t word) noexcept { return static_cast<float>(word >> 8) * 0x1p-24f; }
/// 53 bits of two words as a number in [0, 1).
inline double uniform_double(uint32_t high, uint32_t low) noexcept {
  return static_cast<double>(((uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

}  // namespace cygnet
