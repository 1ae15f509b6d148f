// The table of arithmetic and activations, and the search for an operation in all tables.
#include <cstdlib>
#include <cstring>

#include "elementwise_functions.h"
#include "elementwise_loops.h"

namespace cygnet {
namespace {

using namespace loops;
namespace f = functions;

// Names, inputs, and the cost of an element in additions.
constexpr ElementwiseOp operations[] = {
    numbers_and_bools<f::add, f::logical_or>("add"),
    floats<f::add_relu, 2>("add_relu", 2),
    numbers<f::sub, 2>("sub"),
    numbers_and_bools<f::mul, f::logical_and>("mul"),
    floats<f::div, 2>("div", 1),
    numbers_and_bools<f::maximum, f::logical_or>("maximum"),
    numbers_and_bools<f::minimum, f::logical_and>("minimum"),
    floats<f::fmax, 2>("fmax", 1),
    floats<f::fmin, 2>("fmin", 1),
    numbers<f::pow, 2>("pow", 32),
    floats<f::copysign, 2>("copysign", 1),
    numbers<f::fmod, 2>("fmod", 4),
    numbers<f::remainder, 2>("remainder", 4),
    numbers<f::floor_divide, 2>("floor_divide", 16),
    numbers<f::trunc_divide, 2>("trunc_divide", 8),
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
    floats<f::logaddexp, 2>("logaddexp", 16),
    floats<f::floor, 1>("floor", 1),
    floats<f::ceil, 1>("ceil", 1),
    floats<f::round, 1>("round", 1),
    floats<f::trunc, 1>("trunc", 1),
    floats<f::clamp, 1>("clamp", 1),
    floats<f::clamp_backward, 2>("clamp_backward", 1),
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
};

}  // namespace

const ElementwiseTable arithmetic_operations = table_of(operations);

const ElementwiseOp& elementwise_op(const char* name) noexcept {
  for (const ElementwiseTable* table : {&arithmetic_operations, &logic_operations, &special_operations})
    for (size_t i = 0; i < table->count; ++i)
      if (std::strcmp(table->first[i].name, name) == 0) return table->first[i];
  std::abort();
}

}  // namespace cygnet
