// From which size on results are stored past the caches.
#pragma once

#include <cstdint>

namespace cygnet {

/// Results of at least this many bytes are streamed. Measured: with 16 MB plain stores win by half, with 64 MB they
/// lose a fifth, because each line is first read that is then overwritten.
constexpr int64_t stream_bytes = int64_t{32} << 20;

}  // namespace cygnet
