// A recording: the list of kernel calls that ran in a thread while it was on, with the memory they used. `Plan` makes
// of it a list that can be run again without the code that made it.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cygnet {

/// Memory from the pool that lives as long as anyone holds it.
class Block {
 public:
  /// `shortly`: see `pool::allocate_scratch`.
  explicit Block(size_t bytes, bool shortly = false);
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  char* data_;
  size_t bytes_;
};

/// Where an operand lies: nowhere (it is absent), at an address outside the recording, or so many bytes into a buffer
/// that was made in it or into one of its inputs.
struct Place {
  enum Home : uint8_t { Nowhere, Outside, Buffer, Input } home = Nowhere;
  uint32_t index = 0;
  int64_t offset = 0;  // of Outside: the address

  friend bool operator==(const Place& a, const Place& b) {
    return a.home == b.home && a.index == b.index && a.offset == b.offset;
  }
};

struct Call;

/// A call that does another one as well.
struct Joined {
  std::function<void(void* const* at)> body;
  size_t operand = SIZE_MAX;  // the place that takes the other operand of that call, or its second result, if any
  size_t scratch_bytes = 0;   // that it needs, if it needs more
  std::function<Joined(const Call& after)> joined = nullptr;  // as that of a call
};

/// A kernel call with its arguments bound; the body takes the addresses of the operands, then of the scratch, from a
/// table.
struct Call {
  const char* op;
  double flops, bytes;
  std::string shapes;         // of the operands, for people
  std::vector<Place> places;  // operands, then scratch, then what the packing has made
  std::vector<bool> written;  // which of them the call writes
  std::function<void(void* const* at)> body;
  /// What the body can be given that depends on `count` operands from `first` on alone, and whether it then does not
  /// read these; 0 bytes: nothing.
  struct Packing {
    size_t first, count, bytes;
    std::function<void(void* const* at, void* to)> pack;
    bool replaces;
  } packing;
  /// Whether the result may take the place of an operand of the same size, which is read nowhere else afterwards.
  bool in_place = false;
  /// What a call that does this one as well has to know beside its name.
  std::any details;
  /// How it also does what another call does with its result; an empty body if it cannot.
  std::function<Joined(const Call& after)> joined;
};

class Recording {
 public:
  /// The recording that is on in this thread, else null.
  static Recording* current() noexcept;
  /// Turns it on in this thread; throws ValueError if another one is on.
  void start();
  void stop() noexcept;

  /// Memory for an array or for scratch. It goes back to the pool when nobody holds it, as without a recording: what
  /// comes later may get the same address, but is another buffer.
  std::shared_ptr<Block> allocate(size_t bytes, bool scratch = false);
  /// Makes the memory from `low` to before `high` the next input; returns its number.
  uint32_t add_input(const char* low, const char* high);
  Place place_of(const void* address) const;

  void append(Call call) { calls.push_back(std::move(call)); }
  /// Keeps the memory that `address` points to alive.
  void pin(const void* address, std::shared_ptr<void> owner) { pins.push_back({address, std::move(owner)}); }

  struct Buffer {
    size_t bytes;
    std::weak_ptr<Block> block;
  };
  struct Input {
    const char *low, *high;
  };
  struct Pin {
    const void* address;
    std::shared_ptr<void> owner;
  };
  std::vector<Call> calls;
  std::vector<Buffer> buffers;
  std::vector<Input> inputs;
  std::vector<Pin> pins;
  size_t forward = SIZE_MAX;  // the number of calls before those of a backward that is run later

 private:
  std::map<const char*, uint32_t> buffer_at_;  // the last one that began there
};

}  // namespace cygnet
