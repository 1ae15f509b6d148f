#include "launch.h"

namespace cygnet::detail {

void record(Recording& recording, const char* op, Work work, const Operand* operands, size_t count, void* scratch,
            std::function<void(void* const*)> body) {
  Call call{op, work.flops, work.bytes, {}, {}, std::move(body)};
  for (size_t i = 0; i < count; ++i) {
    call.addresses.push_back(operands[i].data);
    call.written.push_back(operands[i].write);
    if (!operands[i].owner || recording.arena()->owns(operands[i].data)) continue;
    auto* owner = new py::object(py::reinterpret_borrow<py::object>(operands[i].owner));
    recording.pin(std::shared_ptr<void>(owner, [](py::object* object) {
      const py::gil_scoped_acquire locked;
      delete object;
    }));
  }
  call.addresses.push_back(scratch);
  recording.append(std::move(call));
}

}  // namespace cygnet::detail
