// Stores past the caches, for results so large that nothing of them would be read from there again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/stream_bytes.h"
#include "vec.h"

namespace cygnet {

/// Whether `count` elements are streamed: many, and all vectors aligned that begin at multiples of `step` elements.
template <class T>
inline bool streams(const T* to, int64_t count, int64_t step) noexcept {
  return count * static_cast<int64_t>(sizeof(T)) >= stream_bytes && step % Vec<T>::lanes == 0 &&
         reinterpret_cast<uintptr_t>(to) % sizeof(Vec<T>) == 0;
}

/// Stores the first `count` lanes, a whole vector past the caches where `past_caches`.
template <class T>
inline void put(Vec<T> v, T* to, int count, bool past_caches) noexcept {
  if (past_caches && count == Vec<T>::lanes)
    v.stream(to);
  else
    v.store(to, count);
}

/// Copies bytes past the caches, but for the ends that fill no vector. `stream_fence` has to follow before another
/// thread reads them.
inline void stream_copy(void* to, const void* from, int64_t bytes) noexcept {
  constexpr int64_t width = Vec<float>::lanes * static_cast<int64_t>(sizeof(float));
  char* target = static_cast<char*>(to);
  const char* source = static_cast<const char*>(from);
  const int64_t head = std::min(bytes, static_cast<int64_t>(-reinterpret_cast<uintptr_t>(target) % width));
  std::memcpy(target, source, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + width <= bytes; i += width)
    Vec<float>::load(reinterpret_cast<const float*>(source + i)).stream(reinterpret_cast<float*>(target + i));
  std::memcpy(target + i, source + i, static_cast<size_t>(bytes - i));
}

}  // namespace cygnet
