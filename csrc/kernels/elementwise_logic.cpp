// The table of comparisons, logic and choice.
#include "elementwise_functions.h"
#include "elementwise_loops.h"

namespace cygnet {
namespace {

using namespace loops;

template <class T>
void where_loop(const void* const* in, void* out, int64_t count, ElementwiseParameters) noexcept {
  const uint8_t* const condition = static_cast<const uint8_t*>(in[0]);
  const T *const a = static_cast<const T*>(in[1]), *const b = static_cast<const T*>(in[2]);
  T* const to = static_cast<T*>(out);
  for (int64_t i = 0; i < count; ++i) {
    const T yes = a[i], no = b[i];
    to[i] = condition[i] ? yes : no;
  }
}

namespace f = functions;

constexpr ElementwiseOp operations[] = {
    comparison<f::eq>("eq"),
    comparison<f::ne>("ne"),
    comparison<f::lt>("lt"),
    comparison<f::le>("le"),
    comparison<f::gt>("gt"),
    comparison<f::ge>("ge"),
    bits<f::bitwise_not, 1, f::logical_not>("bitwise_not"),
    bits<f::bitwise_and, 2, f::logical_and>("bitwise_and"),
    bits<f::bitwise_or, 2, f::logical_or>("bitwise_or"),
    bits<f::bitwise_xor, 2, f::ne>("bitwise_xor"),
    integers<f::left_shift, 2>("left_shift", 4),
    integers<f::right_shift, 2>("right_shift", 4),
    integers<f::gcd, 2>("gcd", 64),
    integers<f::lcm, 2>("lcm", 64),
    truth<f::logical_not, 1>("logical_not"),
    truth<f::logical_and, 2>("logical_and"),
    truth<f::logical_or, 2>("logical_or"),
    {"where",
     3,
     1,
     false,
     {where_loop<uint32_t>, where_loop<uint64_t>, where_loop<uint32_t>, where_loop<uint64_t>, where_loop<uint8_t>,
      where_loop<uint8_t>}},
};

}  // namespace

const ElementwiseTable logic_operations = table_of(operations);

}  // namespace cygnet
