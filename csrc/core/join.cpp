#include "join.h"

namespace cygnet {
namespace {

/// The calls that use a buffer: how many operands, the first and the last call.
struct Uses {
  size_t count = 0, first = 0, last = 0;
};

std::vector<Uses> uses_of(const Recording& recording) {
  std::vector<Uses> uses(recording.buffers.size());
  for (size_t c = 0; c < recording.calls.size(); ++c)
    for (const Place& at : recording.calls[c].places)
      if (at.home == Place::Buffer) {
        Uses& of = uses[at.index];
        if (of.count++ == 0) of.first = c;
        of.last = c;
      }
  return uses;
}

}  // namespace

void join(Recording& recording, const std::vector<bool>& fixed) {
  std::vector<Uses> uses = uses_of(recording);
  std::vector<Call>& calls = recording.calls;
  std::vector<bool> dropped(calls.size(), false);
  for (size_t c = 0; c < calls.size(); ++c) {
    const Call& after = calls[c];
    // One operand, its result, and no scratch.
    if (after.places.size() != 3 || after.written[0] || after.places[2].home != Place::Nowhere) continue;
    const Place from = after.places[0], to = after.places[1];
    if (from.home != Place::Buffer || from.offset != 0 || fixed[from.index] || uses[from.index].count != 2) continue;
    if (to.home != Place::Buffer || to.offset != 0 || uses[to.index].first != c ||
        recording.buffers[to.index].bytes != recording.buffers[from.index].bytes)
      continue;
    Call& before = calls[uses[from.index].first];
    if (!before.joined || dropped[uses[from.index].first]) continue;
    auto body = before.joined(after.op);
    if (!body) continue;
    for (size_t i = 0; i < before.places.size(); ++i)
      if (before.places[i] == from && before.written[i]) before.places[i] = to;
    before.body = std::move(body);
    before.joined = nullptr;
    before.flops += after.flops;
    before.shapes += std::string(" + ") + after.op;
    uses[to.index].first = uses[from.index].first;
    dropped[c] = true;
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
