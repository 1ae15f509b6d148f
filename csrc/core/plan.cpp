#include "plan.h"

#include <algorithm>

#include "check.h"
#include "denormals.h"
#include "join.h"
#include "pool.h"

namespace cygnet {
namespace {

constexpr size_t alignment = 64;
constexpr size_t large = size_t{1} << 20, huge = size_t{64} << 20;
constexpr double between_interrupts = 5e7;  // nanoseconds of a run, estimated

double nanoseconds(const Call& call) { return call.flops / 100 + call.bytes / 20; }

/// The first and last call that use a piece of the arena, and where it lies.
struct Span {
  size_t bytes, first, last;
  size_t offset = 0;
};

/// Gives each span a place that no other one uses while it lives, the largest first: J. Lee et al., "On-device neural
/// net inference with mobile GPUs", 2019, greedy by size. Returns the bytes of the whole.
size_t place(std::vector<Span>& spans) {
  std::vector<Span*> order;
  for (Span& span : spans) order.push_back(&span);
  std::stable_sort(order.begin(), order.end(), [](const Span* a, const Span* b) { return a->bytes > b->bytes; });
  std::vector<const Span*> placed;  // by offset
  size_t total = 0;
  for (Span* const span : order) {
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (const Span* other : placed) {
      if (other->last < span->first || other->first > span->last) continue;
      if (other->offset >= end + span->bytes && other->offset - end < best_gap) {
        best = end;
        best_gap = other->offset - end;
      }
      end = std::max(end, other->offset + other->bytes);
    }
    span->offset = best == SIZE_MAX ? end : best;
    total = std::max(total, span->offset + span->bytes);
    const auto by_offset = [](const Span* a, const Span* b) { return a->offset < b->offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), span, by_offset), span);
  }
  return total;
}

}  // namespace

Plan::Plan(Recording recording, const std::vector<uint32_t>& results, bool fold) : recording_(std::move(recording)) {
  for (const Recording::Buffer& buffer : recording_.buffers) kept_.push_back(buffer.block.lock());
  for (uint32_t result : results) {
    result_sizes_.push_back(recording_.buffers[result].bytes);
    kept_[result] = nullptr;
  }
  std::vector<bool> fixed;
  for (const Recording::Buffer& buffer : recording_.buffers) fixed.push_back(!buffer.block.expired());
  for (uint32_t result : results) fixed[result] = true;
  join(recording_, fixed);
  if (fold) this->fold(fixed);
  lay_out(results);
}

std::vector<void*> Plan::addresses(const Call& call, size_t first, size_t count) {
  std::vector<void*> at(call.places.size());
  for (size_t i = first; i < first + count; ++i) {
    const Place& place = call.places[i];
    if (place.home == Place::Outside) at[i] = reinterpret_cast<void*>(place.offset);
    if (place.home != Place::Buffer) continue;
    if (!kept_[place.index]) kept_[place.index] = std::make_shared<Block>(recording_.buffers[place.index].bytes);
    at[i] = kept_[place.index]->data() + place.offset;
  }
  return at;
}

void Plan::fold(const std::vector<bool>& fixed) {
  std::vector<Call>& calls = recording_.calls;
  // All is constant at first; what is not makes what it touches not constant, until nothing changes.
  std::vector<char> constant(calls.size(), true), constant_buffer;
  for (bool each : fixed) constant_buffer.push_back(!each);  // results are made anew by each run
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t c = 0; c < calls.size(); ++c) {
      if (!constant[c]) continue;
      for (size_t i = 0; i < calls[c].places.size(); ++i) {
        const Place& at = calls[c].places[i];
        if (at.home == Place::Input || (at.home == Place::Buffer && !constant_buffer[at.index]) ||
            (at.home == Place::Outside && calls[c].written[i]))
          constant[c] = false;
      }
      if (constant[c]) continue;
      changed = true;
      for (size_t i = 0; i < calls[c].places.size(); ++i)
        if (calls[c].written[i] && calls[c].places[i].home == Place::Buffer)
          constant_buffer[calls[c].places[i].index] = false;
    }
  }
  std::vector<Call> rest;
  const DenormalMode mode;
  for (size_t c = 0; c < calls.size(); ++c) {
    Call& call = calls[c];
    if (constant[c]) {
      call.body(addresses(call, 0, call.places.size()).data());
      continue;
    }
    for (size_t i = 0; i < call.places.size(); ++i)
      check<ValueError>(call.places[i].home != Place::Outside || !call.written[i], call.op,
                        " writes to memory outside the plan, which its runs would share");
    const Call::Packing& packing = call.packing;
    bool packs = packing.bytes > 0;
    for (size_t i = packing.first; i < packing.first + packing.count; ++i) {
      const Place& at = call.places[i];
      packs = packs && at.home != Place::Input && (at.home != Place::Buffer || constant_buffer[at.index]);
    }
    if (packs) {
      kept_.push_back(std::make_shared<Block>(packing.bytes));
      packing.pack(addresses(call, packing.first, packing.count).data(), kept_.back()->data());
      call.places.back() = {Place::Buffer, static_cast<uint32_t>(recording_.buffers.size()), 0};
      recording_.buffers.push_back({packing.bytes, kept_.back()});
      for (size_t i = packing.first; packing.replaces && i < packing.first + packing.count; ++i) call.places[i] = {};
    }
    rest.push_back(std::move(call));
  }
  calls = std::move(rest);
  std::vector<char> used(kept_.size(), false);
  std::vector<int64_t> outside;
  for (const Call& call : calls)
    for (const Place& place : call.places) {
      if (place.home == Place::Buffer) used[place.index] = true;
      if (place.home == Place::Outside) outside.push_back(place.offset);
    }
  for (size_t b = 0; b < kept_.size(); ++b)
    if (!used[b]) kept_[b] = nullptr;
  std::sort(outside.begin(), outside.end());
  auto& pins = recording_.pins;
  pins.erase(std::remove_if(pins.begin(), pins.end(),
                            [&](const Recording::Pin& pin) {
                              return !std::binary_search(outside.begin(), outside.end(),
                                                         reinterpret_cast<int64_t>(pin.address));
                            }),
             pins.end());
}

void Plan::lay_out(const std::vector<uint32_t>& results) {
  const std::vector<Call>& calls = recording_.calls;
  std::vector<int64_t> result_of(recording_.buffers.size(), -1);
  for (size_t r = 0; r < results.size(); ++r) result_of[results[r]] = static_cast<int64_t>(r);
  const auto in_arena = [&](const Place& at) {
    return at.home == Place::Buffer && !kept_[at.index] && result_of[at.index] < 0;
  };
  std::vector<size_t> last(recording_.buffers.size());
  for (size_t c = 0; c < calls.size(); ++c)
    for (const Place& at : calls[c].places)
      if (at.home == Place::Buffer) last[at.index] = c;
  std::vector<Span> spans;
  std::vector<int64_t> span_of(recording_.buffers.size(), -1);
  for (size_t c = 0; c < calls.size(); ++c)
    for (size_t i = 0; i < calls[c].places.size(); ++i) {
      const Place& at = calls[c].places[i];
      if (!in_arena(at)) continue;
      const size_t bytes = recording_.buffers[at.index].bytes;
      int64_t& span = span_of[at.index];
      for (size_t j = 0; j < i && span < 0 && calls[c].in_place; ++j) {
        const Place& operand = calls[c].places[j];  // its place is free from here on
        if (in_arena(operand) && operand.offset == 0 && at.offset == 0 && last[operand.index] == c &&
            recording_.buffers[operand.index].bytes == bytes && operand.index != at.index)
          span = span_of[operand.index];
      }
      if (span < 0) {
        span = static_cast<int64_t>(spans.size());
        spans.push_back({std::max((bytes + alignment - 1) / alignment * alignment, alignment), c, c});
      }
      spans[static_cast<size_t>(span)].last = c;
    }
  arena_bytes_ = place(spans);
  inputs_.resize(recording_.inputs.size());
  results_.resize(results.size());
  first_lasting_ = calls.size();
  for (size_t c = 0; c < calls.size(); ++c) {
    const Call& call = calls[c];
    steps_.push_back({&call, table_.size()});
    flops_ += call.flops;
    bytes_ += call.bytes;
    for (size_t i = 0; i < call.places.size(); ++i) {
      const Place& at = call.places[i];
      const size_t position = table_.size();
      bool lasts = at.home == Place::Outside || at.home == Place::Input;
      void* address = nullptr;
      if (at.home == Place::Outside) {
        address = reinterpret_cast<void*>(at.offset);
      } else if (at.home == Place::Input) {
        inputs_[at.index].push_back({position, at.offset});
        writes_inputs_ |= call.written[i];
      } else if (at.home == Place::Buffer && result_of[at.index] >= 0) {
        results_[static_cast<size_t>(result_of[at.index])].push_back({position, at.offset});
      } else if (at.home == Place::Buffer && kept_[at.index]) {
        address = kept_[at.index]->data() + at.offset;
        lasts = true;
      } else if (at.home == Place::Buffer) {
        arena_patches_.push_back(
            {position, static_cast<int64_t>(spans[static_cast<size_t>(span_of[at.index])].offset) + at.offset});
      }
      table_.push_back(address);
      if (lasts && call.written[i]) first_lasting_ = std::min(first_lasting_, c);
    }
  }
}

Plan::Instance Plan::instance() const {
  // What the recorded run has left in the pool is of other sizes: without this the process would hold both.
  // Where it is not much, the page faults that follow its return to the system would take longer than the recorded
  // call.
  if (arena_bytes_ > huge)
    pool::empty_cache();
  else if (arena_bytes_ > large)
    pool::release_cached(2 * arena_bytes_);
  Instance instance{nullptr, table_, nullptr};
  lend_arena(instance);
  return instance;
}

void Plan::lend_arena(Instance& instance) const {
  if (instance.arena) return;
  void* const block = arena_bytes_ > large ? pool::allocate_scratch(arena_bytes_) : pool::allocate(arena_bytes_);
  instance.arena.reset(static_cast<char*>(block));
  if (block == instance.base) return;
  instance.base = instance.arena.get();
  set(instance, arena_patches_, instance.base);
}

void Plan::give_arena_back(Instance& instance) const {
  if (arena_bytes_ > large) instance.arena.reset();
}

void Plan::run(const Instance& instance, size_t begin, size_t end, void (*interrupt)()) const {
  const DenormalMode mode;
  double since = 0;
  for (size_t s = begin; s < end; ++s) {
    const Step& step = steps_[s];
    if (interrupt && s < first_lasting_ && (since += nanoseconds(*step.call)) > between_interrupts) {
      interrupt();
      since = 0;
    }
    step.call->body(instance.table.data() + step.first);
  }
}

size_t Plan::constant_bytes() const {
  size_t bytes = 0;
  for (const auto& block : kept_) bytes += block ? block->bytes() : 0;
  return bytes;
}

bool Plan::keeps(const char* low, const char* high) const {
  for (const auto& block : kept_)
    if (block && low < block->data() + block->bytes() && block->data() < high) return true;
  return false;
}

}  // namespace cygnet
