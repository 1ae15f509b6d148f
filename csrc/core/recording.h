// A recording: the list of kernel calls that ran in a thread while it was on, with the memory they used, so that the
// list can be run again without the code that made it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

namespace cygnet {

/// Memory that lives as long as anyone holds the arena: a recording, or an array that was made in it.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();
  void* allocate(size_t bytes);
  bool owns(const void* block) const { return blocks_.count(const_cast<void*>(block)) != 0; }

 private:
  std::unordered_set<void*> blocks_;
};

/// A kernel call with its arguments bound; it takes the addresses of its operands, then of its scratch, from a table.
struct Call {
  const char* op;
  double flops, bytes;
  std::vector<void*> addresses;
  std::vector<bool> written;  // which operands the call writes
  std::function<void(void* const* at)> body;
};

class Recording {
 public:
  /// The recording that is on in this thread, else null.
  static Recording* current() noexcept;
  /// Turns it on in this thread; throws ValueError if another one is on.
  void start();
  void stop() noexcept;

  void append(Call call) { calls_.push_back(std::move(call)); }
  /// Keeps memory alive that a call uses and the arena does not own.
  void pin(std::shared_ptr<void> owner) { pins_.push_back(std::move(owner)); }

  /// Runs all calls in order. Throws what a check among them throws, before the calls that come after it.
  void replay() const;

  const std::vector<Call>& calls() const { return calls_; }
  const std::shared_ptr<Arena>& arena() const { return arena_; }

 private:
  std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  std::vector<Call> calls_;
  std::vector<std::shared_ptr<void>> pins_;
};

}  // namespace cygnet
