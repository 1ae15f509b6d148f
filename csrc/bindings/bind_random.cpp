#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "families.h"
#include "kernels/random.h"
#include "launch.h"
#include "random_cell.h"

namespace cygnet {
namespace {

void check_probability(const char* op, double p) {
  check<ValueError>(p >= 0 && p <= 1, op, ": p is ", p, ", expected 0 <= p <= 1");
}

double bytes_of(const Array& array) {
  return static_cast<double>(array.count()) * static_cast<double>(item_size(array.dtype()));
}

// The strides in bytes of an array of `item` bytes an element with the same memory order.
Dims strides_like(const Array& array, size_t item) {
  Dims strides = array.view.strides;
  const auto own = static_cast<int64_t>(item_size(array.dtype()));
  for (int i = 0; i < strides.rank; ++i) strides[i] = strides[i] / own * static_cast<int64_t>(item);
  return strides;
}

py::tuple dropout_forward_binding(const ArrayArg& input_arg, const ArrayArg& cell_arg, double p) {
  constexpr const char* op = "dropout";
  const Array input = dense(float_array(op, "input", input_arg));
  const Array cell = cell_array(op, cell_arg);
  check_probability(op, p);
  check_no_overlap(op, "cell", cell, "input", input);
  const DType dtype = input.dtype();
  // A dimension of size 0 or 1 may have any stride in the input.
  const bool plain = input.view.contiguous();
  const Array result = plain ? new_array(op, dtype, input.shape())
                             : new_array_strided(op, dtype, input.shape(), strides_like(input, item_size(dtype)));
  const Array mask = plain ? new_array(op, DType::Bool, input.shape())
                           : new_array_strided(op, DType::Bool, input.shape(), strides_like(input, 1));
  const ArrayView layout = result.view;
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch("dropout_forward", {8.0 * static_cast<double>(input.count()), 2 * bytes_of(input) + bytes_of(mask)},
           {read(input), write(cell), write(result), write(mask)}, 0, [=](void* const* at) {
             dropout_forward(next_draw(to<int64_t>(at[1])), p, layout, in<T>(at[0]), to<T>(at[2]), to<uint8_t>(at[3]));
           });
  });
  return py::make_tuple(result.object, mask.object);
}

py::object dropout_backward_binding(const ArrayArg& grad_arg, const ArrayArg& mask_arg, double p) {
  constexpr const char* op = "dropout_backward";
  Array grad = float_array(op, "grad_output", grad_arg);
  Array mask = array_of(op, "mask", mask_arg, DType::Bool);
  check_shape(op, "mask", mask, grad.shape());
  check_probability(op, p);
  const Layout layout = layout_of(mask);
  if (layout == Layout::ChannelsLast) {
    grad = channels_last(grad);
  } else {
    grad = contiguous(grad);
    mask = contiguous(mask);
  }
  const Array result = new_array(op, grad.dtype(), grad.shape(), layout);
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t count = grad.count();
    launch(op, {static_cast<double>(count), 2 * bytes_of(grad) + bytes_of(mask)},
           {read(grad), read(mask), write(result)}, 0,
           [=](void* const* at) { dropout_backward(p, in<T>(at[0]), in<uint8_t>(at[1]), to<T>(at[2]), count); });
  });
  return result.object;
}

// A writeable array whose elements lie apart, in any order.
Array fillable(const char* op, const Array& out) {
  check_writeable(op, "out", out);
  check<ValueError>(out.view.aligned(), op, ": out must be aligned to its elements");
  const auto item = static_cast<int64_t>(item_size(out.dtype()));
  int order[max_rank];
  int n = 0;
  for (int i = 0; i < out.rank(); ++i)
    if (out.shape(i) > 1) order[n++] = i;
  const Dims& strides = out.view.strides;
  std::sort(order, order + n, [&](int a, int b) { return std::abs(strides[a]) < std::abs(strides[b]); });
  int64_t reach = item;
  bool apart = true;
  for (int i = 0; i < n; ++i) {
    apart &= std::abs(strides[order[i]]) >= reach;
    reach += std::abs(strides[order[i]]) * (out.shape(order[i]) - 1);
  }
  check<ValueError>(apart || out.count() == 0, op, ": out has elements that share memory");
  return out;
}

// Fills an array of floats by kernel(zero, state, view).
template <class Kernel>
py::object fill(const char* op, const ArrayArg& out_arg, const ArrayArg& cell_arg, const Kernel& kernel) {
  const Array out = fillable(op, float_array(op, "out", out_arg));
  const Array cell = cell_array(op, cell_arg);
  check_no_overlap(op, "cell", cell, "out", out);
  const ArrayView view = out.view;
  dispatch(out.dtype(), [&](auto zero) {
    launch(op, {32.0 * static_cast<double>(out.count()), bytes_of(out)}, {write(out), write(cell)}, 0,
           [=](void* const* at) {
             ArrayView target = view;
             target.data = static_cast<char*>(at[0]);
             kernel(zero, next_draw(to<int64_t>(at[1])), target);
           });
  });
  return out.object;
}

py::object uniform_binding(const ArrayArg& out, const ArrayArg& cell, double low, double high) {
  constexpr const char* op = "uniform";
  check<ValueError>(std::isfinite(low) && std::isfinite(high) && low <= high && std::isfinite(high - low), op,
                    ": low is ", low, " and high is ", high, ", expected finite numbers, low <= high");
  return fill(op, out, cell, [=](auto zero, RandomState state, const ArrayView& target) {
    uniform<decltype(zero)>(state, low, high, target);
  });
}

py::object normal_binding(const ArrayArg& out, const ArrayArg& cell, double mean, double std) {
  constexpr const char* op = "normal";
  check<ValueError>(std::isfinite(mean), op, ": mean is ", mean, ", expected a finite number");
  check<ValueError>(std::isfinite(std) && std >= 0, op, ": std is ", std, ", expected a finite number of at least 0");
  return fill(op, out, cell, [=](auto zero, RandomState state, const ArrayView& target) {
    normal<decltype(zero)>(state, mean, std, target);
  });
}

py::object exponential_binding(const ArrayArg& out, const ArrayArg& cell, double rate) {
  constexpr const char* op = "exponential";
  check<ValueError>(std::isfinite(rate) && rate > 0, op, ": rate is ", rate, ", expected a finite number above 0");
  return fill(op, out, cell, [=](auto zero, RandomState state, const ArrayView& target) {
    exponential<decltype(zero)>(state, rate, target);
  });
}

py::object integers_binding(const ArrayArg& out_arg, const ArrayArg& cell_arg, int64_t low, int64_t high) {
  constexpr const char* op = "integers";
  check<ValueError>(low < high, op, ": low is ", low, " and high is ", high, ", expected low < high");
  const Array out = fillable(op, array_of(op, "out", out_arg, DType::Int64));
  const Array cell = cell_array(op, cell_arg);
  check_no_overlap(op, "cell", cell, "out", out);
  const ArrayView view = out.view;
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  launch(op, {16.0 * static_cast<double>(out.count()), bytes_of(out)}, {write(out), write(cell)}, 0,
         [=](void* const* at) {
           ArrayView target = view;
           target.data = static_cast<char*>(at[0]);
           integers(next_draw(to<int64_t>(at[1])), low, range, target);
         });
  return out.object;
}

py::object permutation_binding(const ArrayArg& cell_arg, int64_t n) {
  constexpr const char* op = "permutation";
  const Array cell = cell_array(op, cell_arg);
  check<ValueError>(n >= 0, op, ": n is ", n, ", expected at least 0");
  const Array result = new_array(op, DType::Int64, {n});
  launch(op, {32.0 * static_cast<double>(n), 8.0 * static_cast<double>(n)}, {write(cell), write(result)}, 0,
         [=](void* const* at) { permutation(next_draw(to<int64_t>(at[0])), n, to<int64_t>(at[1])); });
  return result.object;
}

}  // namespace

void bind_random(py::module_& m) {
  m.def("dropout_forward", &dropout_forward_binding, py::arg("input"), py::arg("cell"), py::arg("p") = 0.5,
        R"(Sets elements to zero with probability p and divides the others by 1 - p.

Parameters
----------
input : numpy.ndarray
    Any shape, float32 or float64.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw). Element i in logical order is decided by word i % 4 of the Philox block
    (key, draw, i // 4), whatever the memory order; every run counts draw up by one.
p : float
    Probability of zero, 0 to 1 (both exact). Default 0.5.

Returns
-------
tuple
    (output, mask), both of the input's shape and memory order (that of a dense input); mask is bool, True where kept.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("dropout_backward", &dropout_backward_binding, py::arg("grad_output"), py::arg("mask"), py::arg("p") = 0.5,
        R"(Gradient of `dropout_forward`: ``grad_output / (1 - p)`` where mask is True, else zero.

Parameters
----------
grad_output : numpy.ndarray
    Any shape, float32 or float64.
mask : numpy.ndarray
    The mask that the forward call returned; the result has its memory order.
p : float
    As in the forward call.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("uniform", &uniform_binding, py::arg("out"), py::arg("cell"), py::arg("low") = 0.0, py::arg("high") = 1.0,
        R"(Fills an array with numbers drawn uniformly from [low, high), in place.

Parameters
----------
out : numpy.ndarray
    float32 or float64, writeable, any strides; elements are drawn in logical order. float32 elements have 24 random
    bits, four elements a Philox block; float64 ones 53 bits, two a block.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
low, high : float
    Finite, low <= high. Default 0 and 1.

Returns
-------
numpy.ndarray
    out.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("normal", &normal_binding, py::arg("out"), py::arg("cell"), py::arg("mean") = 0.0, py::arg("std") = 1.0,
        R"(Fills an array with normally distributed numbers, in place (Box-Muller transform in double precision).

Parameters
----------
out : numpy.ndarray
    float32 or float64, writeable, any strides; elements are drawn in logical order.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
mean, std : float
    Finite, std >= 0. Default 0 and 1.

Returns
-------
numpy.ndarray
    out.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("exponential", &exponential_binding, py::arg("out"), py::arg("cell"), py::arg("rate") = 1.0,
        R"(Fills an array with exponentially distributed numbers above 0, in place.

Parameters
----------
out : numpy.ndarray
    float32 or float64, writeable, any strides; elements are drawn in logical order.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
rate : float
    Finite, above 0: one over the mean. Default 1.

Returns
-------
numpy.ndarray
    out.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("integers", &integers_binding, py::arg("out"), py::arg("cell"), py::arg("low"), py::arg("high"),
        R"(Fills an array with integers drawn uniformly from [low, high), in place.

Parameters
----------
out : numpy.ndarray
    int64, writeable, any strides; elements are drawn in logical order, 64 random bits each.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
low, high : int
    low < high.

Returns
-------
numpy.ndarray
    out.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("permutation", &permutation_binding, py::arg("cell"), py::arg("n"),
        R"(The numbers 0 to n - 1 in an order drawn uniformly from all (Fisher and Yates's shuffle).

Parameters
----------
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
n : int
    At least 0.

Returns
-------
numpy.ndarray
    int64 (n,).

Raises
------
ShapeError, DTypeError, ValueError, MemoryError
)");
}

}  // namespace cygnet
