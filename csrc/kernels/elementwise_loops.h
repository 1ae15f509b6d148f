// The loops of element-wise operations over contiguous memory, and the forms of their entries in the tables.
#pragma once

#include <type_traits>
#include <utility>

#include "elementwise.h"
#include "simd/lane.h"

namespace cygnet {

/// A part of the list of operations; each source file of operations holds one.
struct ElementwiseTable {
  const ElementwiseOp* first;
  size_t count;
};
extern const ElementwiseTable arithmetic_operations, logic_operations, special_operations;

template <size_t count>
constexpr ElementwiseTable table_of(const ElementwiseOp (&operations)[count]) {
  return {operations, count};
}

namespace loops {

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

/// An operation on float32 and float64; `cost` of an element in additions.
template <const auto& f, int inputs>
constexpr ElementwiseOp floats(const char* name, double cost) {
  return {name, inputs, cost, false, {loop<f, inputs, float>, loop<f, inputs, double>}};
}
/// On integers, uint8 too.
template <const auto& f, int inputs>
constexpr ElementwiseOp integers(const char* name, double cost = 1) {
  return {name,
          inputs,
          cost,
          false,
          {nullptr, nullptr, loop<f, inputs, int32_t>, loop<f, inputs, int64_t>, nullptr, loop<f, inputs, uint8_t>}};
}
/// On all numbers.
template <const auto& f, int inputs>
constexpr ElementwiseOp numbers(const char* name, double cost = 1) {
  ElementwiseOp op = integers<f, inputs>(name, cost);
  op.loop[0] = loop<f, inputs, float>;
  op.loop[1] = loop<f, inputs, double>;
  return op;
}
/// On all numbers, and on bool by a function of its own.
template <const auto& f, const auto& of_bools>
constexpr ElementwiseOp numbers_and_bools(const char* name) {
  ElementwiseOp op = numbers<f, 2>(name);
  op.loop[4] = truth_loop<of_bools, 2, uint8_t>;
  return op;
}
/// On integers and bool.
template <const auto& f, int inputs, const auto& of_bools>
constexpr ElementwiseOp bits(const char* name) {
  ElementwiseOp op = integers<f, inputs>(name);
  op.loop[4] = truth_loop<of_bools, inputs, uint8_t>;
  return op;
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

}  // namespace loops
}  // namespace cygnet
