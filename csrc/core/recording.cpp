#include "recording.h"

#include "check.h"
#include "pool.h"

namespace cygnet {
namespace {
thread_local Recording* active = nullptr;
}

Block::Block(size_t bytes, bool scratch)
    : data_(static_cast<char*>(scratch ? pool::allocate_scratch(bytes) : pool::allocate(bytes))), bytes_(bytes) {}

Block::~Block() { pool::release(data_); }

Recording* Recording::current() noexcept { return active; }

void Recording::start() {
  check<ValueError>(active == nullptr, "Recording: a recording is already on in this thread");
  active = this;
}

void Recording::stop() noexcept {
  if (active == this) active = nullptr;
}

std::shared_ptr<Block> Recording::allocate(size_t bytes, bool scratch) {
  auto block = std::make_shared<Block>(bytes, scratch);
  // What began here before is gone; the system may have given its memory out in other pieces.
  buffer_at_.erase(buffer_at_.lower_bound(block->data()), buffer_at_.lower_bound(block->data() + bytes));
  buffer_at_[block->data()] = static_cast<uint32_t>(buffers.size());
  buffers.push_back({bytes, block});
  return block;
}

uint32_t Recording::add_input(const char* low, const char* high) {
  inputs.push_back({low, high});
  return static_cast<uint32_t>(inputs.size() - 1);
}

Place Recording::place_of(const void* address) const {
  if (!address) return {};
  const auto* const at = static_cast<const char*>(address);
  auto next = buffer_at_.upper_bound(at);
  if (next != buffer_at_.begin()) {
    const auto& [begin, index] = *--next;
    const Buffer& buffer = buffers[index];
    if ((at == begin || at < begin + buffer.bytes) && !buffer.block.expired())
      return {Place::Buffer, index, at - begin};
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (at >= inputs[i].low && at < inputs[i].high) return {Place::Input, static_cast<uint32_t>(i), at - inputs[i].low};
  return {Place::Outside, 0, reinterpret_cast<int64_t>(address)};
}

}  // namespace cygnet
