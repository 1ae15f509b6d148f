/* Counts the calls of the C library's allocator in a process that loads this first (LD_PRELOAD). */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* block, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

static atomic_long calls;

long benchmark_allocations(void) { return calls; }

void* malloc(size_t bytes) {
  ++calls;
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  ++calls;
  return __libc_calloc(count, bytes);
}

void* realloc(void* block, size_t bytes) {
  ++calls;
  return __libc_realloc(block, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  ++calls;
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** block, size_t alignment, size_t bytes) {
  void* found = memalign(alignment, bytes);
  if (!found) return ENOMEM;
  *block = found;
  return 0;
}
