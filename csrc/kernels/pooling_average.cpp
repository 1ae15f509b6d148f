#include "pooling_strips.h"
#include "pooling_tiles.h"

namespace cygnet {
namespace {

// target = (sum of what it meets of `source`) / divisor(z, y, x).
template <class T, Direction direction, class F>
void average(const Pooling& pooling, const T* source, T* target, const F& divisor) noexcept {
  using V = Vec<T>;
  for_strips<T, direction>(pooling, false, [=](const Strip<T>& strip, int64_t z, int64_t y, int64_t x) {
    const V by(static_cast<T>(divisor(z, y, x)));
    for_blocks(strip,
               [&](int64_t begin, int64_t at, auto piece, auto block, auto lanes) __attribute__((always_inline)) {
                 constexpr int count = decltype(block)::value;
                 const int64_t step = strip.source_step, target_step = strip.target_step;
                 const T* const from = source + begin;
                 V sum[count];
                 for (V& total : sum) total = V(T(0));
                 do {
                   // Long sums are made of sums of pieces, which rounds less.
                   V part[count];
                   for (V& total : part) total = V(T(0));
                   for (const Met& met : piece)
                     for (int u = 0; u < count; ++u) {
                       const T* const at = from + met.offset + u * step;
                       prefetch(at + pooling_ahead);
                       part[u] += lanes.meeting(lanes.load(at), met);
                     }
                   for (int u = 0; u < count; ++u) sum[u] += part[u];
                 } while (piece.refill());
                 for (int u = 0; u < count; ++u) lanes.store(sum[u] / by, target + at + u * target_step);
               });
  });
}

// The gradients of windows, divided.
template <class T>
struct Shared {
  const T* grad;
  Vec<T> divisor;

  Vec<T> load(int64_t at) const { return Vec<T>::load(grad + at) / divisor; }
  Vec<T> load(int64_t at, const LaneOrder<T>& order) const { return order.load(grad + at) / divisor; }
  static Vec<T> of(Vec<T> share, Taps<T> tap) { return blend(tap < Taps<T>(no_window), share, Vec<T>(T(0))); }
};

int64_t divisor_at(const Pooling& pooling, const Divisor& divisor, int64_t z, int64_t y, int64_t x) {
  if (divisor.fixed) return divisor.fixed;
  return divisor.of(pooling.d, z) * divisor.of(pooling.h, y) * divisor.of(pooling.w, x);
}

}  // namespace

template <class T>
void avg_pool_forward(const Pooling& pooling, const Divisor& divisor, const T* input, T* output) noexcept {
  average<T, Direction::Forward>(
      pooling, input, output, [&](int64_t z, int64_t y, int64_t x) { return divisor_at(pooling, divisor, z, y, x); });
}

size_t avg_pool_backward_scratch_bytes(const Pooling& pooling, const Divisor& divisor, size_t item) noexcept {
  if (divisor.uniform(pooling)) return 0;
  return static_cast<size_t>(pooling.batch * pooling.channels * pooling.outputs()) * item;
}

template <class T>
void avg_pool_backward(const Pooling& pooling, const Divisor& divisor, const T* grad_output, T* grad_input,
                       void* scratch) noexcept {
  using V = Vec<T>;
  if (divisor.uniform(pooling)) {
    const int64_t by = divisor_at(pooling, divisor, 0, 0, 0);
    const Shared<T> shares{grad_output, V(static_cast<T>(by))};
    if (tiled(pooling) && spread_over_tiles(pooling, shares, grad_input)) return;
    average<T, Direction::Backward>(pooling, grad_output, grad_input, [=](int64_t, int64_t, int64_t) { return by; });
    return;
  }
  // Windows of several divisors: the quotients are made first.
  T* const quotient = static_cast<T*>(scratch);
  const int64_t channels = pooling.channels, row = pooling.w.out * channels, h = pooling.h.out, d = pooling.d.out;
  parallel_ranges(pooling.batch * d * h, 1 + 8192 / std::max<int64_t>(1, row), static_cast<double>(row),
                  [&](int64_t first, int64_t last) {
                    for (int64_t i = first; i < last; ++i)
                      for (int64_t x = 0; x < pooling.w.out; ++x) {
                        const V by(static_cast<T>(divisor_at(pooling, divisor, i / h % d, i % h, x)));
                        const int64_t at = i * row + x * channels;
                        for (int64_t c = 0; c < channels; c += V::lanes) {
                          const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
                          (V::load(grad_output + at + c, valid) / by).store(quotient + at + c, valid);
                        }
                      }
                  });
  average<T, Direction::Backward>(pooling, quotient, grad_input, [](int64_t, int64_t, int64_t) { return 1; });
}

#define CYGNET_INSTANTIATE(T)                                                               \
  template void avg_pool_forward<T>(const Pooling&, const Divisor&, const T*, T*) noexcept; \
  template void avg_pool_backward<T>(const Pooling&, const Divisor&, const T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
