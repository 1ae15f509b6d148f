#include "peak.h"

#include "core/parallel.h"
#include "simd/vec.h"

namespace cygnet {

double multiply_add_chains(int threads, int64_t iterations, float* sink) noexcept {
  using V = Vec<float>;
  constexpr int chains = 12;  // more than latency times ports of any current core, and few enough for 16 registers
  const double flops = 2.0 * chains * V::lanes * static_cast<double>(iterations);
  parallel_for(threads, flops, [=](int64_t task) {
    V x[chains];
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) x[c] = V(1.0f + static_cast<float>(c + task));
    const V a(0.999f), b(0.001f);
    for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
      for (int c = 0; c < chains; ++c) x[c] = fma(x[c], a, b);
    }
    V sum(0.0f);
    for (const V& each : x) sum += each;
    sink[task] = horizontal_sum(sum);
  });
  return flops * threads;
}

}  // namespace cygnet
