#include "pool.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "failing_pool.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) (static_cast<void>(0))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) (static_cast<void>(0))
#endif

namespace cygnet::pool {
namespace {

// Four classes to each power of two, from 64 bytes up: at most a quarter of a block is unused.
constexpr int class_count = 4 * 42;
constexpr size_t huge_page = size_t{2} << 20;

struct Header {
  Header* next;
  size_t class_index;
  void* memory;                                                        // where the system's block begins
  char unused[64 - sizeof(Header*) - sizeof(size_t) - sizeof(void*)];  // keeps what follows aligned to a cache line
};
static_assert(sizeof(Header) == 64, "a header is one cache line");

struct Pool {
  std::mutex mutex;
  Header* free_list[class_count] = {};
  size_t live_bytes = 0, cached_bytes = 0;
  int64_t until_failure = 0;
};

// Never destroyed: arrays may outlive every static of the extension.
Pool& pool() {
  static Pool* const instance = [] {
    // A fork while another thread holds the lock would leave it locked in the child.
    pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { pool().mutex.unlock(); });
    return new Pool;
  }();
  return *instance;
}

size_t class_bytes(size_t index) { return (size_t{64} << (index / 4)) / 4 * (4 + index % 4); }

size_t class_of(size_t bytes) {
  if (bytes <= 64) return 0;
  const int power = 63 - __builtin_clzll(bytes - 1);  // 2^power < bytes <= 2^(power + 1)
  const size_t quarter = size_t{1} << (power - 2);
  return static_cast<size_t>(power - 6) * 4 + (bytes - 1 - (size_t{1} << power)) / quarter + 1;
}

// Large blocks begin at huge pages, each by another odd number of cache lines later: loads and stores at one place of
// several arrays would else have the same low twelve bits of their addresses, which the processor takes for one place.
Header* from_system(size_t index) {
  constexpr size_t step = 4096 + 64, places = 16;
  static std::atomic<size_t> turn{0};
  size_t bytes = class_bytes(index) + sizeof(Header), offset = 0;
  void* memory = nullptr;
  if (bytes >= 2 * huge_page) {
    offset = turn++ % places * step;
    bytes += offset;
    if (posix_memalign(&memory, huge_page, bytes) == 0) madvise(memory, bytes, MADV_HUGEPAGE);
  } else if (posix_memalign(&memory, 64, bytes) != 0) {
    memory = nullptr;
  }
  if (!memory) return nullptr;
  auto* const header = reinterpret_cast<Header*>(static_cast<char*>(memory) + offset);
  header->memory = memory;
  header->class_index = index;
  return header;
}

// What a block holds beyond the bytes that were asked for, and all of it while it waits, is out of bounds to the
// address sanitizer; other builds do nothing here.
void* lend(Header* header, [[maybe_unused]] size_t bytes) noexcept {
  ASAN_POISON_MEMORY_REGION(header + 1, class_bytes(header->class_index));
  ASAN_UNPOISON_MEMORY_REGION(header + 1, bytes);
  ASAN_POISON_MEMORY_REGION(header, sizeof(Header));
  return header + 1;
}

Header* taken_back(void* block) noexcept {
  Header* const header = static_cast<Header*>(block) - 1;
  ASAN_UNPOISON_MEMORY_REGION(header, sizeof(Header));
  ASAN_POISON_MEMORY_REGION(block, class_bytes(header->class_index));
  return header;
}

void to_system(Header* header) noexcept {
  ASAN_UNPOISON_MEMORY_REGION(header + 1, class_bytes(header->class_index));
  std::free(header->memory);
}

// A block of the class of `bytes`, or one that waits in any of the `wider` next classes.
void* take(size_t bytes, size_t wider) {
  if (bytes > size_t{1} << 46) throw std::bad_alloc();
  const size_t index = class_of(bytes), size = class_bytes(index);
  Pool& p = pool();
  {
    const std::lock_guard<std::mutex> lock(p.mutex);
    if (p.until_failure > 0 && --p.until_failure == 0) throw std::bad_alloc();
    for (size_t i = index; i <= std::min<size_t>(index + wider, class_count - 1); ++i) {
      Header* const header = p.free_list[i];
      if (!header) continue;
      p.free_list[i] = header->next;
      p.live_bytes += class_bytes(i);
      p.cached_bytes -= class_bytes(i);
      return lend(header, bytes);
    }
    p.live_bytes += size;
  }
  Header* header = from_system(index);
  if (!header && empty_cache() > 0) header = from_system(index);
  if (!header) {
    const std::lock_guard<std::mutex> lock(p.mutex);
    p.live_bytes -= size;
    throw std::bad_alloc();
  }
  return lend(header, bytes);
}

}  // namespace

void* allocate(size_t bytes) { return take(bytes, 0); }

void* allocate_scratch(size_t bytes) { return take(bytes, class_count); }

void release(void* block) noexcept {
  if (!block) return;
  Header* const header = taken_back(block);
  const size_t index = header->class_index, size = class_bytes(index);
  Pool& p = pool();
  const std::lock_guard<std::mutex> lock(p.mutex);
  header->next = p.free_list[index];
  p.free_list[index] = header;
  p.live_bytes -= size;
  p.cached_bytes += size;
}

size_t release_cached(size_t bytes) noexcept {
  Pool& p = pool();
  const std::lock_guard<std::mutex> lock(p.mutex);
  size_t freed = 0;
  for (int i = class_count - 1; i >= 0 && freed < bytes; --i)
    while (Header* const header = freed < bytes ? p.free_list[i] : nullptr) {
      p.free_list[i] = header->next;
      freed += class_bytes(static_cast<size_t>(i));
      to_system(header);
    }
  p.cached_bytes -= freed;
  return freed;
}

size_t empty_cache() noexcept {
  const size_t freed = release_cached(SIZE_MAX);
#ifdef __GLIBC__
  if (freed >= huge_page) malloc_trim(0);  // blocks below its threshold stay in the heap otherwise
#endif
  return freed;
}

int64_t fail_allocation(int64_t nth) noexcept {
  Pool& p = pool();
  const std::lock_guard<std::mutex> lock(p.mutex);
  return std::exchange(p.until_failure, nth);
}

Stats stats() noexcept {
  Pool& p = pool();
  const std::lock_guard<std::mutex> lock(p.mutex);
  return {p.live_bytes, p.cached_bytes};
}

}  // namespace cygnet::pool
