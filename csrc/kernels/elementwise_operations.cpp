// The table of element-wise operations: their loops over contiguous memory, by element type.
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include "elementwise.h"
#include "elementwise_functions.h"

namespace cygnet {
namespace {

template <class F, class... V>
auto apply(const F& f, ElementwiseParameters parameters, V... inputs) {
  if constexpr (std::is_invocable_v<F, V..., ElementwiseParameters>)
    return f(inputs..., parameters);
  else
    return f(inputs...);
}

template <class T, class F, size_t... I>
void vector_loop(const F& f, const void* const* in, void* out, int64_t count, ElementwiseParameters parameters,
                 std::index_sequence<I...>) noexcept {
  using V = Lanes<T>;
  const T* const from[] = {static_cast<const T*>(in[I])...};
  T* const to = static_cast<T*>(out);
  int64_t i = 0;
  for (; i + V::lanes <= count; i += V::lanes) apply(f, parameters, V::load(from[I] + i)...).store(to + i);
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    apply(f, parameters, V::load(from[I] + i, rest)...).store(to + i, rest);
  }
}
template <const auto& f, int inputs, class T>
void loop(const void* const* in, void* out, int64_t count, ElementwiseParameters parameters) noexcept {
  vector_loop<T>(f, in, out, count, parameters, std::make_index_sequence<inputs>());
}

template <class T, class F, size_t... I>
void scalar_loop(const F& f, const void* const* in, void* out, int64_t count, std::index_sequence<I...>) noexcept {
  const T* const from[] = {static_cast<const T*>(in[I])...};
  uint8_t* const to = static_cast<uint8_t*>(out);
  for (int64_t i = 0; i < count; ++i) to[i] = f(from[I][i]...);
}
template <const auto& f, int inputs, class T>
void truth_loop(const void* const* in, void* out, int64_t count, ElementwiseParameters) noexcept {
  scalar_loop<T>(f, in, out, count, std::make_index_sequence<inputs>());
}

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

template <const auto& f, int inputs>
constexpr ElementwiseOp floats(const char* name, double cost) {
  return {name, inputs, cost, false, {loop<f, inputs, float>, loop<f, inputs, double>}};
}
template <const auto& f, int inputs>
constexpr ElementwiseOp numbers(const char* name) {
  return {name,
          inputs,
          1,
          false,
          {loop<f, inputs, float>, loop<f, inputs, double>, loop<f, inputs, int32_t>, loop<f, inputs, int64_t>}};
}
template <const auto& f>
constexpr ElementwiseOp comparison(const char* name) {
  return {name,
          2,
          1,
          true,
          {truth_loop<f, 2, float>, truth_loop<f, 2, double>, truth_loop<f, 2, int32_t>, truth_loop<f, 2, int64_t>,
           truth_loop<f, 2, uint8_t>, truth_loop<f, 2, uint8_t>}};
}
template <const auto& f, int inputs>
constexpr ElementwiseOp truth(const char* name) {
  return {name, inputs, 1, true, {nullptr, nullptr, nullptr, nullptr, truth_loop<f, inputs, uint8_t>}};
}

namespace f = functions;

// Names, inputs, and the cost of an element in additions.
constexpr ElementwiseOp operations[] = {
    numbers<f::add, 2>("add"),
    numbers<f::sub, 2>("sub"),
    numbers<f::mul, 2>("mul"),
    floats<f::div, 2>("div", 1),
    numbers<f::maximum, 2>("maximum"),
    numbers<f::minimum, 2>("minimum"),
    floats<f::pow, 2>("pow", 32),
    floats<f::one, 1>("one", 1),
    floats<f::identity, 1>("identity", 1),
    floats<f::square, 1>("square", 1),
    floats<f::cube, 1>("cube", 1),
    floats<f::reciprocal, 1>("reciprocal", 1),
    numbers<f::neg, 1>("neg"),
    numbers<f::abs, 1>("abs"),
    numbers<f::sign, 1>("sign"),
    floats<f::exp, 1>("exp", 4),
    floats<f::expm1, 1>("expm1", 8),
    floats<f::log, 1>("log", 4),
    floats<f::log1p, 1>("log1p", 8),
    floats<f::sqrt, 1>("sqrt", 2),
    floats<f::rsqrt, 1>("rsqrt", 3),
    floats<f::sin, 1>("sin", 8),
    floats<f::cos, 1>("cos", 8),
    floats<f::erf, 1>("erf", 8),
    floats<f::floor, 1>("floor", 1),
    floats<f::ceil, 1>("ceil", 1),
    floats<f::round, 1>("round", 1),
    floats<f::clamp, 1>("clamp", 1),
    floats<f::relu, 1>("relu", 1),
    floats<f::relu_backward, 2>("relu_backward", 1),
    floats<f::leaky_relu, 1>("leaky_relu", 1),
    floats<f::leaky_relu_backward, 2>("leaky_relu_backward", 1),
    floats<f::prelu, 2>("prelu", 1),
    floats<f::sigmoid, 1>("sigmoid", 6),
    floats<f::sigmoid_backward, 2>("sigmoid_backward", 1),
    floats<f::tanh, 1>("tanh", 8),
    floats<f::tanh_backward, 2>("tanh_backward", 1),
    floats<f::gelu, 1>("gelu", 8),
    floats<f::gelu_backward, 2>("gelu_backward", 12),
    floats<f::gelu_tanh, 1>("gelu_tanh", 8),
    floats<f::gelu_tanh_backward, 2>("gelu_tanh_backward", 8),
    floats<f::silu, 1>("silu", 6),
    floats<f::silu_backward, 2>("silu_backward", 6),
    floats<f::elu, 1>("elu", 8),
    floats<f::elu_backward, 2>("elu_backward", 4),
    floats<f::softplus, 1>("softplus", 16),
    floats<f::softplus_backward, 2>("softplus_backward", 6),
    floats<f::log_sigmoid, 1>("log_sigmoid", 16),
    floats<f::log_sigmoid_backward, 2>("log_sigmoid_backward", 6),
    floats<f::mish, 1>("mish", 8),
    floats<f::mish_backward, 2>("mish_backward", 12),
    floats<f::hardtanh_backward, 2>("hardtanh_backward", 1),
    floats<f::hardsigmoid, 1>("hardsigmoid", 1),
    floats<f::hardsigmoid_backward, 2>("hardsigmoid_backward", 1),
    floats<f::hardswish, 1>("hardswish", 1),
    floats<f::hardswish_backward, 2>("hardswish_backward", 1),
    comparison<f::eq>("eq"),
    comparison<f::ne>("ne"),
    comparison<f::lt>("lt"),
    comparison<f::le>("le"),
    comparison<f::gt>("gt"),
    comparison<f::ge>("ge"),
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

const ElementwiseOp& elementwise_op(const char* name) noexcept {
  for (const ElementwiseOp& op : operations)
    if (std::strcmp(op.name, name) == 0) return op;
  std::abort();
}

}  // namespace cygnet
