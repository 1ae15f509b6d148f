#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "pooling.h"

namespace cygnet {
namespace {

// Calls body(n, channel, width) for all images in blocks of channels; it returns whether all its indices were good.
template <class Body>
bool for_channels(const IndexedPlanes& s, const Body& body) noexcept {
  // Indices may repeat, so one task does all of a plane. Blocks of 16 channels are a cache line wide.
  const int64_t block = s.batch >= 16 ? s.channels : 16;
  const int64_t blocks = s.channels ? (s.channels + block - 1) / block : 0, work = s.size + 4 * s.count;
  std::atomic<bool> good{true};
  parallel_ranges(s.batch * blocks, 1 + 8192 / (1 + work * std::min(block, s.channels)),
                  static_cast<double>(work * std::min(block, s.channels)), [&](int64_t first, int64_t last) {
                    for (int64_t i = first; i < last; ++i) {
                      const int64_t channel = i % blocks * block;
                      if (!body(i / blocks, channel, std::min(block, s.channels - channel)))
                        good.store(false, std::memory_order_relaxed);
                    }
                  });
  return good.load(std::memory_order_relaxed);
}

template <class T, class Put>
bool scatter(const IndexedPlanes& s, const T* from, const int64_t* indices, T* to, bool allow_none,
             const Put& put) noexcept {
  return for_channels(s, [&](int64_t n, int64_t channel, int64_t width) {
    T* const target = to + n * s.size * s.channels + channel;
    for (int64_t i = 0; i < s.size; ++i) std::fill_n(target + i * s.channels, width, T(0));
    bool good = true;
    for (int64_t k = 0; k < s.count; ++k) {
      const int64_t at = (n * s.count + k) * s.channels + channel;
      for (int64_t c = 0; c < width; ++c) {
        const int64_t index = indices[at + c];
        if (index >= 0 && index < s.size)
          put(target[index * s.channels + c], from[at + c]);
        else
          good &= allow_none && index == -1;
      }
    }
    return good;
  });
}

}  // namespace

template <class T>
bool scatter_add_planes(const IndexedPlanes& planes, const T* from, const int64_t* indices, T* to) noexcept {
  return scatter(planes, from, indices, to, true, [](T& element, T value) { element += value; });
}

template <class T>
bool scatter_planes(const IndexedPlanes& planes, const T* from, const int64_t* indices, T* to) noexcept {
  return scatter(planes, from, indices, to, false, [](T& element, T value) { element = value; });
}

template <class T>
bool gather_planes(const IndexedPlanes& s, const T* from, const int64_t* indices, T* to) noexcept {
  return for_channels(s, [&](int64_t n, int64_t channel, int64_t width) {
    const T* const source = from + n * s.size * s.channels + channel;
    bool good = true;
    for (int64_t k = 0; k < s.count; ++k) {
      const int64_t at = (n * s.count + k) * s.channels + channel;
      for (int64_t c = 0; c < width; ++c) {
        const int64_t index = indices[at + c];
        const bool inside = index >= 0 && index < s.size;
        to[at + c] = inside ? source[index * s.channels + c] : T(0);
        good &= inside || index == -1;
      }
    }
    return good;
  });
}

#define CYGNET_INSTANTIATE(T)                                                                       \
  template bool scatter_add_planes<T>(const IndexedPlanes&, const T*, const int64_t*, T*) noexcept; \
  template bool scatter_planes<T>(const IndexedPlanes&, const T*, const int64_t*, T*) noexcept;     \
  template bool gather_planes<T>(const IndexedPlanes&, const T*, const int64_t*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
