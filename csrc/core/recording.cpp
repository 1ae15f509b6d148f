#include "recording.h"

#include "check.h"
#include "denormals.h"
#include "pool.h"

namespace cygnet {
namespace {
thread_local Recording* active = nullptr;
}

Arena::~Arena() {
  for (void* block : blocks_) pool::release(block);
}

void* Arena::allocate(size_t bytes) {
  void* block = pool::allocate(bytes);
  blocks_.insert(block);
  return block;
}

Recording* Recording::current() noexcept { return active; }

void Recording::start() {
  check<ValueError>(active == nullptr, "Recording: a recording is already on in this thread");
  active = this;
}

void Recording::stop() noexcept {
  if (active == this) active = nullptr;
}

void Recording::replay() const {
  const DenormalMode mode;
  for (const Call& call : calls_) call.body(call.addresses.data());
}

}  // namespace cygnet
