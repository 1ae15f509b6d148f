#include "join.h"

#include <algorithm>

namespace cygnet {
namespace {

/// The calls that use a buffer: how many operands, the first and the last write.
struct Uses {
  size_t count = 0, first = 0, written = 0;
};

std::vector<Uses> uses_of(const Recording& recording) {
  std::vector<Uses> uses(recording.buffers.size());
  for (size_t c = 0; c < recording.calls.size(); ++c) {
    const Call& call = recording.calls[c];
    for (size_t i = 0; i < call.places.size(); ++i) {
      if (call.places[i].home != Place::Buffer) continue;
      Uses& of = uses[call.places[i].index];
      if (of.count++ == 0) of.first = c;
      if (call.written[i]) of.written = c;
    }
  }
  return uses;
}

}  // namespace

void join(Recording& recording, const std::vector<bool>& fixed) {
  std::vector<Uses> uses = uses_of(recording);
  std::vector<Call>& calls = recording.calls;
  std::vector<bool> dropped(calls.size(), false);

  // Tries to do call `c`, whose operand number `i` the earlier call has made, in that one.
  const auto tried = [&](size_t c, size_t i) {
    const Call& after = calls[c];
    // One or two operands, then the result, for one operand perhaps a second one, and no scratch.
    const size_t operands = after.written[1] ? 1 : 2;
    const bool more = after.places.size() == 4;
    const Place from = after.places[i], to = after.places[operands];
    const Place other = after.places[operands == 1 ? 2 : 1 - i];
    if (from.home != Place::Buffer || from.offset != 0 || fixed[from.index] || uses[from.index].count != 2)
      return false;
    const size_t earlier = uses[from.index].first;
    Call& before = calls[earlier];
    // The backward is run later, and perhaps not at all; what is not flat may read the elements in another order, if
    // it does not say in which.
    const bool flat = after.in_place && recording.buffers[to.index].bytes == recording.buffers[from.index].bytes;
    if ((earlier < recording.forward) != (c < recording.forward) || !(flat || after.details.has_value())) return false;
    if (!before.joined || to.home != Place::Buffer || to.offset != 0 || uses[to.index].first != c) return false;
    Joined joined = before.joined(after);
    if (!joined.body || (joined.operand != SIZE_MAX) != more) return false;
    const Place scratch = before.places[before.places.size() - (before.packing.pack ? 2 : 1)];
    if (joined.scratch_bytes > 0) {
      if (scratch.home != Place::Buffer) return false;
      recording.buffers[scratch.index].bytes = std::max(recording.buffers[scratch.index].bytes, joined.scratch_bytes);
    }
    if (more && operands == 1) {
      if (other.home != Place::Buffer || other.offset != 0 || uses[other.index].first != c) return false;
      const auto at = static_cast<std::ptrdiff_t>(joined.operand);
      before.places.insert(before.places.begin() + at, other);
      before.written.insert(before.written.begin() + at, true);
      uses[other.index].first = earlier;
    } else if (more) {
      Place& free = before.places[joined.operand];
      if (free.home != Place::Nowhere || other.home != Place::Buffer || other.offset != 0 ||
          uses[other.index].written >= earlier ||
          recording.buffers[other.index].bytes != recording.buffers[from.index].bytes)
        return false;
      free = other;
    }
    if (operands == 1) before.joined = std::move(joined.joined);
    for (size_t k = 0; k < before.places.size(); ++k)
      if (before.places[k] == from && before.written[k]) before.places[k] = to;
    before.body = std::move(joined.body);
    before.flops += after.flops;
    before.shapes += std::string(" + ") + after.op;
    uses[to.index].first = earlier;
    dropped[c] = true;
    return true;
  };
  for (size_t c = 0; c < calls.size(); ++c) {
    const Call& call = calls[c];
    const size_t places = call.places.size();
    if (places < 3 || places > 4 || call.places.back().home != Place::Nowhere || !call.written[places - 2]) continue;
    if (!tried(c, 0) && !call.written[1]) tried(c, 1);
  }
  size_t kept = 0, forward = recording.forward;
  for (size_t c = 0; c < calls.size(); ++c) {
    if (dropped[c] && c < recording.forward) --forward;
    if (dropped[c]) continue;
    if (kept != c) calls[kept] = std::move(calls[c]);
    ++kept;
  }
  calls.resize(kept);
  recording.forward = forward;
}

}  // namespace cygnet
