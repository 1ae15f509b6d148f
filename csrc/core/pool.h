// A caching allocator. Blocks come in size classes, 64-byte aligned, and go back to a free list instead of the
// system, so that a training step takes no page fault once it has run a few times.
#pragma once

#include <cstddef>

namespace cygnet::pool {

/// At least `bytes` bytes. Throws std::bad_alloc when the system has no more even after the cache was emptied.
void* allocate(size_t bytes);
/// The same for memory that is released soon, before anything else is asked for: any block that waits may serve, so
/// that the scratch of many sizes does not add up.
void* allocate_scratch(size_t bytes);
void release(void* block) noexcept;
/// Gives cached blocks of so many bytes, the largest first, back to the allocator of the C library; returns their
/// bytes.
size_t release_cached(size_t bytes) noexcept;
/// Gives all cached blocks back to the system; returns their bytes.
size_t empty_cache() noexcept;

struct Stats {
  size_t live_bytes;    // in blocks that are in use
  size_t cached_bytes;  // in blocks that wait for reuse
};
Stats stats() noexcept;

}  // namespace cygnet::pool
