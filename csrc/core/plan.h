// A recorded list of calls, laid out to be run again: every address that a call uses stands in a table, and what was
// made and forgotten within the recording shares one arena.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "pool.h"
#include "recording.h"

namespace cygnet {

struct PoolDelete {
  void operator()(char* block) const noexcept { pool::release(block); }
};

class Plan {
 public:
  /// The memory of one run after another: an arena and the table of addresses. Several threads run a plan at once,
  /// each with its own.
  struct Instance {
    std::unique_ptr<char, PoolDelete> arena;  // null where it was given back
    std::vector<void*> table;
    const char* base;  // where the arena lay last
  };
  /// One call as it is run.
  struct Step {
    const Call* call;
    size_t first;  // where its addresses begin in the table
  };

  /// `results` are the numbers of buffers for which each run brings its own memory; other buffers that are still held
  /// stay where they are. With `fold`, calls that depend on nothing but what lies outside are run now and never again.
  /// Throws ValueError if the plan would then write to memory that its runs share.
  Plan(Recording recording, const std::vector<uint32_t>& results, bool fold);

  Instance instance() const;
  /// Between runs a large arena serves others, so that the plans of a program do not add up: gives an instance one for
  /// a run, and back.
  void lend_arena(Instance& instance) const;
  void give_arena_back(Instance& instance) const;
  /// Tells an instance where an input or a result begins.
  void set_input(Instance& instance, size_t input, const char* data) const { set(instance, inputs_[input], data); }
  void set_result(Instance& instance, size_t result, const char* data) const { set(instance, results_[result], data); }
  /// Runs the steps `begin` to `end`. In a long run `interrupt` is called from time to time until the first step that
  /// writes what outlives the run; it may throw. Throws what a check among the calls throws, before the calls that come
  /// after it.
  void run(const Instance& instance, size_t begin, size_t end, void (*interrupt)()) const;

  /// The number of steps before those of the backward; all if there is none.
  size_t forward() const { return std::min(recording_.forward, steps_.size()); }
  const std::vector<Step>& steps() const { return steps_; }
  size_t arena_bytes() const { return arena_bytes_; }
  /// The bytes of what was made in the recording and stays where it is.
  size_t constant_bytes() const;
  size_t result_bytes(size_t result) const { return result_sizes_[result]; }
  /// Whether memory that stays where it is lies between the two: as an input it would change while it is read.
  bool keeps(const char* low, const char* high) const;
  /// Whether a call writes to an input.
  bool writes_inputs() const { return writes_inputs_; }
  double flops() const { return flops_; }
  double bytes() const { return bytes_; }

 private:
  struct Patch {
    size_t position;
    int64_t offset;
  };
  static void set(Instance& instance, const std::vector<Patch>& patches, const char* data) {
    for (const Patch& patch : patches) instance.table[patch.position] = const_cast<char*>(data) + patch.offset;
  }

  void fold(const std::vector<bool>& fixed);
  /// Where some of a constant call's operands lie; what it makes gets memory.
  std::vector<void*> addresses(const Call& call, size_t first, size_t count);
  void lay_out(const std::vector<uint32_t>& results);

  Recording recording_;
  std::vector<Step> steps_;
  std::vector<std::shared_ptr<Block>> kept_;  // by buffer; null for those in the arena and results
  std::vector<void*> table_;                  // the addresses that all instances share
  std::vector<Patch> arena_patches_;
  std::vector<std::vector<Patch>> inputs_, results_;
  std::vector<size_t> result_sizes_;
  size_t arena_bytes_ = 0, first_lasting_ = 0;
  bool writes_inputs_ = false;
  double flops_ = 0, bytes_ = 0;
};

}  // namespace cygnet
