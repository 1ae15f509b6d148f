// How tests run out of memory.
#pragma once

#include <cstdint>

namespace cygnet::pool {

/// The `nth` allocation from now on throws std::bad_alloc, and only that one; 0 forgets about it. Returns how many
/// were still to come before the last one that was asked for.
int64_t fail_allocation(int64_t nth) noexcept;

}  // namespace cygnet::pool
