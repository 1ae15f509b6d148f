#include "launch.h"

#include <sstream>

namespace cygnet::detail {
namespace {

Dims dims_of(py::handle array) {
  const auto* proxy = py::detail::array_proxy(array.ptr());
  Dims dims;
  for (int i = 0; i < proxy->nd; ++i) dims.push(proxy->dimensions[i]);
  return dims;
}

// "(32, 784) (128, 784) -> (32, 128)"; '-' for an absent operand, nothing for what is not one of NumPy's arrays.
std::string shapes_of(const Operand* operands, size_t count) {
  constexpr size_t most = 8;
  std::ostringstream text;
  bool writes = false;
  for (size_t i = 0; i < std::min(count, most); ++i) {
    if (i) text << ' ';
    if (operands[i].write && !writes) text << "-> ";
    writes |= operands[i].write;
    if (operands[i].owner)
      text << dims_of(operands[i].owner);
    else
      text << '-';
  }
  if (count > most) text << " ... " << count - most << " more";
  return text.str();
}

}  // namespace

void record(Recording& recording, const char* op, Work work, const Operand* operands, size_t count, void* scratch,
            std::function<void(void* const*)> body, Call::Packing packing) {
  Call call{op,    work.flops, work.bytes, shapes_of(operands, count), {}, {}, std::move(body), std::move(packing),
            false, {},         {}};
  for (size_t i = 0; i < count; ++i) {
    const Operand& operand = operands[i];
    call.places.push_back(recording.place_of(operand.data));
    call.written.push_back(operand.write);
    if (!operand.owner || call.places.back().home != Place::Outside) continue;
    auto* owner = new py::object(py::reinterpret_borrow<py::object>(operand.owner));
    recording.pin(operand.data, std::shared_ptr<void>(owner, [](py::object* object) {
                    const py::gil_scoped_acquire locked;
                    delete object;
                  }));
  }
  call.places.push_back(recording.place_of(scratch));
  call.written.push_back(true);
  if (call.packing.pack) {
    call.places.emplace_back();
    call.written.push_back(false);
  }
  recording.append(std::move(call));
}

}  // namespace cygnet::detail
