#include <cstring>
#include <limits>

#include "pooling_strips.h"
#include "pooling_tiles.h"
#include "simd/taps.h"

namespace cygnet {
namespace {

// What is kept beside a maximum: nothing,
template <class T>
struct Nothing {
  Nothing() = default;
  explicit Nothing(int64_t) {}
  void replace(Mask<T>, Nothing) {}
};

// or its position in the plane, as a bit pattern in the lanes of a vector, or the number of its tap.
template <class T>
struct Positions {
  using Number = std::conditional_t<std::is_same_v<T, float>, int32_t, int64_t>;
  Vec<T> p;

  Positions() = default;
  explicit Positions(int64_t position) {
    const auto number = static_cast<Number>(position);
    T bits;
    std::memcpy(&bits, &number, sizeof bits);
    p = Vec<T>(bits);
  }
  void replace(Mask<T> mask, Positions by) { p = blend(mask, by.p, p); }
  void store(int64_t* to, int count) const {
    alignas(64) Number number[Vec<T>::lanes];
    p.store(reinterpret_cast<T*>(number));
    for (int lane = 0; lane < count; ++lane) to[lane] = number[lane];
  }
};

template <class T, class Saved>
void forward(const Pooling& pooling, bool relu, const T* input, T* output, Saved* saved) noexcept {
  using V = Vec<T>;
  constexpr bool positions = std::is_same_v<Saved, int64_t>, nothing = std::is_same_v<Saved, void>;
  using Kept = std::conditional_t<positions, Positions<T>, std::conditional_t<nothing, Nothing<T>, Taps<T>>>;
  const int64_t channels = pooling.channels;
  const auto body = [=](const Strip<T>& strip, int64_t, int64_t, int64_t) {
    // A strip whose positions are wanted is of one pixel: all its lanes have the same.
    const int64_t before = strip.position;
    const auto number = [=](const Met& met) { return positions ? before + met.offset / channels : met.tap; };
    const T least = relu ? T(0) : -std::numeric_limits<T>::infinity();
    const int64_t first = strip.count && !relu ? number(strip.met[0]) : positions ? -1 : no_tap;
    for_blocks(strip,
               [&](int64_t source, int64_t target, auto piece, auto block, auto lanes) __attribute__((always_inline)) {
                 constexpr int count = decltype(block)::value;
                 const int64_t step = strip.source_step, target_step = strip.target_step;
                 const T* const from = input + source;
                 V best[count];
                 Kept kept[count];
                 for (int u = 0; u < count; ++u) {
                   best[u] = V(least);
                   kept[u] = Kept(first);
                 }
                 do {
                   for (const Met& met : piece) {
                     const Kept here(number(met));
                     for (int u = 0; u < count; ++u) {
                       const T* const at = from + met.offset + u * step;
                       prefetch(at + pooling_ahead);
                       const V value = lanes.load(at);
                       kept[u].replace(beats(value, best[u]), here);
                       best[u] = larger(value, best[u]);
                     }
                   }
                 } while (piece.refill());
                 for (int u = 0; u < count; ++u) {
                   const int64_t at = target + u * target_step;
                   lanes.store(best[u], output + at);
                   if constexpr (!nothing) kept[u].store(saved + at, lanes.valid());
                 }
               });
  };
  for_strips<T, Direction::Forward>(pooling, positions, body);
}

// The gradients of windows and the taps that they go to.
template <class T>
struct Chosen {
  const T* grad;
  const uint8_t* taps;
  struct Numbers {
    Vec<T> grad;
    Taps<T> tap;
  };

  Numbers load(int64_t at) const { return {Vec<T>::load(grad + at), Taps<T>::load(taps + at, Vec<T>::lanes)}; }
  Numbers load(int64_t at, const LaneOrder<T>& order) const { return {order.load(grad + at), order.load(taps + at)}; }
  static Vec<T> of(const Numbers& numbers, Taps<T> tap) {
    return blend(numbers.tap == tap, numbers.grad, Vec<T>(T(0)));
  }
};

}  // namespace

template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output) noexcept {
  forward<T, void>(pooling, relu, input, output, nullptr);
}
template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output, uint8_t* taps) noexcept {
  forward(pooling, relu, input, output, taps);
}
template <class T>
void max_pool_forward(const Pooling& pooling, bool relu, const T* input, T* output, int64_t* indices) noexcept {
  forward(pooling, relu, input, output, indices);
}

template <class T>
void max_pool_backward(const Pooling& pooling, const T* grad_output, const uint8_t* taps, T* grad_input) noexcept {
  using V = Vec<T>;
  if (tiled(pooling) && spread_over_tiles(pooling, Chosen<T>{grad_output, taps}, grad_input)) return;
  for_strips<T, Direction::Backward>(pooling, false, [=](const Strip<T>& strip, int64_t, int64_t, int64_t) {
    for_blocks(strip,
               [&](int64_t source, int64_t target, auto piece, auto block, auto lanes) __attribute__((always_inline)) {
                 constexpr int count = decltype(block)::value;
                 const int64_t step = strip.source_step, target_step = strip.target_step;
                 const T* const from = grad_output + source;
                 const uint8_t* const chosen = taps + source;
                 V sum[count];
                 for (V& part : sum) part = V(T(0));
                 do {
                   for (const Met& met : piece)
                     for (int u = 0; u < count; ++u) {
                       const int64_t at = met.offset + u * step;
                       sum[u] = blend(lanes.chosen(chosen + at, met), sum[u] + lanes.load(from + at), sum[u]);
                     }
                 } while (piece.refill());
                 for (int u = 0; u < count; ++u) lanes.store(sum[u], grad_input + target + u * target_step);
               });
  });
}

#define CYGNET_INSTANTIATE(T)                                                               \
  template void max_pool_forward<T>(const Pooling&, bool, const T*, T*) noexcept;           \
  template void max_pool_forward<T>(const Pooling&, bool, const T*, T*, uint8_t*) noexcept; \
  template void max_pool_forward<T>(const Pooling&, bool, const T*, T*, int64_t*) noexcept; \
  template void max_pool_backward<T>(const Pooling&, const T*, const uint8_t*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
