// Pairs of recorded calls that one kernel does in one go.
#pragma once

#include "recording.h"

namespace cygnet {

/// Where a call works on the result of an earlier one alone, which nobody else reads, and the earlier one can do both
/// (`Call::joined`), its result goes where the later one's went, and the later one is dropped. The bits stay the same.
/// Buffers that are `fixed` are read by others after the calls.
void join(Recording& recording, const std::vector<bool>& fixed);

}  // namespace cygnet
