// The machine's limit, for per cents of it: multiply-adds that never leave the registers.
#pragma once

#include <cstdint>

namespace cygnet {

/// Runs `iterations` steps of independent float chains x = x * a + b on each of `threads` tasks and returns the
/// floating-point operations done; `sink` takes one number a task, so that nothing is optimised away.
double multiply_add_chains(int threads, int64_t iterations, float* sink) noexcept;

}  // namespace cygnet
