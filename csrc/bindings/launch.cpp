#include "launch.h"

#include <algorithm>
#include <string>

namespace cygnet::detail {
namespace {

// "(32, 784)"; streams would take as long as a small kernel.
void append_shape(std::string& text, py::handle array) {
  const auto* proxy = py::detail::array_proxy(array.ptr());
  text += '(';
  for (int i = 0; i < proxy->nd; ++i) text += (i ? ", " : "") + std::to_string(proxy->dimensions[i]);
  text += proxy->nd == 1 ? ",)" : ")";
}

// "(32, 784) (128, 784) -> (32, 128)"; '-' for an absent operand, nothing for what is not one of NumPy's arrays.
std::string shapes_of(const Operand* operands, size_t count) {
  constexpr size_t most = 8;
  std::string text;
  bool writes = false;
  for (size_t i = 0; i < std::min(count, most); ++i) {
    if (i) text += ' ';
    if (operands[i].write && !writes) text += "-> ";
    writes |= operands[i].write;
    if (operands[i].owner)
      append_shape(text, operands[i].owner);
    else
      text += '-';
  }
  if (count > most) text += " ... " + std::to_string(count - most) + " more";
  return text;
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
                    const Locked locked;
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
