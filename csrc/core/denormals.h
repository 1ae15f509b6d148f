// Numbers too small for full precision: kept, as IEEE 754 has it, or taken for zero, which is faster where there are
// many.
#pragma once

#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cygnet {

/// Whether kernels take denormal numbers for zero. Default false.
inline std::atomic<bool> flush_denormals{false};

/// While it lives, this thread computes as `flush_denormals` says; then as it did before.
class DenormalMode {
 public:
  DenormalMode() noexcept : flush_(flush_denormals.load(std::memory_order_relaxed)) {
    if (flush_) set((before_ = get()) | zero_bits);
  }
  ~DenormalMode() {
    if (flush_) set(before_);
  }
  DenormalMode(const DenormalMode&) = delete;
  DenormalMode& operator=(const DenormalMode&) = delete;

 private:
#if defined(__x86_64__)
  using Register = unsigned;
  static constexpr Register zero_bits = 0x8040;  // results (FTZ) and operands (DAZ)
  static Register get() noexcept { return _mm_getcsr(); }
  static void set(Register value) noexcept { _mm_setcsr(value); }
#else
  using Register = uint64_t;
  static constexpr Register zero_bits = uint64_t{1} << 24;  // FZ
  static Register get() noexcept {
    Register value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set(Register value) noexcept { asm volatile("msr fpcr, %0" : : "r"(value)); }
#endif

  bool flush_;
  Register before_ = 0;
};

}  // namespace cygnet
