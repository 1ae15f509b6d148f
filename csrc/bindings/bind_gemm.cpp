#include "families.h"
#include "fused_activation.h"
#include "kernels/gemm.h"
#include "launch.h"

namespace cygnet {
namespace {

template <class T>
MatrixView<T> matrix(const void* data, int64_t row_step, int64_t column_step) {
  return {static_cast<const T*>(data), row_step, column_step};
}

// Whether the kernel can read the matrices of the last two axes in place: aligned, and one of their axes contiguous.
bool readable_in_place(const Array& a) {
  if (!a.view.aligned()) return false;
  const int rows = a.rank() - 2, columns = a.rank() - 1;
  const auto item = static_cast<int64_t>(item_size(a.dtype()));
  const auto step = [&](int i) { return a.view.strides[i] / item; };
  return (step(columns) == 1 && step(rows) >= a.shape(columns)) || (step(rows) == 1 && step(columns) >= a.shape(rows));
}

// An operand of a product: the steps of its (transposed) matrices and, for leading axes broadcast to `lead`, where
// each matrix begins.
struct Factor {
  int64_t row_step, column_step;
  std::vector<int64_t> offsets;

  Factor(const Array& a, bool transposed, const Dims& lead) {
    const auto item = static_cast<int64_t>(item_size(a.dtype()));
    const int rank = a.rank();
    row_step = a.view.strides[rank - (transposed ? 1 : 2)] / item;
    column_step = a.view.strides[rank - (transposed ? 2 : 1)] / item;
    offsets.push_back(0);
    for (int axis = 0; axis < lead.rank; ++axis) {
      const int own = axis - lead.rank + rank - 2;
      const int64_t step = own < 0 || a.shape(own) == 1 ? 0 : a.view.strides[own] / item;
      std::vector<int64_t> longer;
      for (const int64_t offset : offsets)
        for (int64_t i = 0; i < lead[axis]; ++i) longer.push_back(offset + i * step);
      offsets = std::move(longer);
    }
  }
};

// The leading axes of both operands, broadcast.
Dims broadcast_lead(const char* op, const Array& a, const Array& b) {
  Dims lead;
  lead.rank = std::max(a.rank(), b.rank()) - 2;
  for (int axis = 0; axis < lead.rank; ++axis) {
    const int at_a = axis - lead.rank + a.rank() - 2, at_b = axis - lead.rank + b.rank() - 2;
    const int64_t of_a = at_a < 0 ? 1 : a.shape(at_a), of_b = at_b < 0 ? 1 : b.shape(at_b);
    check<ShapeError>(of_a == of_b || of_a == 1 || of_b == 1, op, ": a and b have shapes ", a.shape(), " and ",
                      b.shape(), ", expected leading sizes that broadcast");
    lead[axis] = of_a == 1 ? of_b : of_a;
  }
  return lead;
}

py::object gemm_binding(const ArrayArg& a_arg, const ArrayArg& b_arg, const OptionalArray& bias_arg, bool transpose_a,
                        bool transpose_b, double alpha, double beta, const std::string& activation_name,
                        const OptionalArray& out) {
  constexpr const char* op = "gemm";
  Array a = float_array(op, "a", a_arg);
  Array b = array_of(op, "b", b_arg, a.dtype(), "a");
  check<ShapeError>(a.rank() >= 2, op, ": a has shape ", a.shape(), ", expected at least 2 dimensions");
  check<ShapeError>(b.rank() >= 2, op, ": b has shape ", b.shape(), ", expected at least 2 dimensions");
  const int a_rows = a.rank() - 2, b_rows = b.rank() - 2;
  const int64_t rows = a.shape(a_rows + transpose_a), depth = a.shape(a_rows + !transpose_a);
  const int64_t columns = b.shape(b_rows + !transpose_b), b_depth = b.shape(b_rows + transpose_b);
  check<ShapeError>(depth == b_depth, op, ": b has ", b_depth, " rows", transpose_b ? " (transposed)" : "",
                    ", expected ", depth, ", the columns of a", transpose_a ? " (transposed)" : "");
  const Dims lead = broadcast_lead(op, a, b);
  const Activation activation = activation_of(op, activation_name);
  const Array bias = optional_vector(op, "bias", bias_arg, a.dtype(), columns);
  check<ValueError>(beta == 0 || out, op, ": beta is ", beta, ", expected 0 without out");
  Dims shape = lead;
  shape.rank += 2;
  shape[lead.rank] = rows;
  shape[lead.rank + 1] = columns;
  const Array c = output(op, out, a.dtype(), shape, {&a, &b, &bias});
  if (!readable_in_place(a)) a = contiguous(a);
  if (!readable_in_place(b)) b = contiguous(b);
  const Factor of_a(a, transpose_a, lead), of_b(b, transpose_b, lead);
  const auto batch = static_cast<int64_t>(of_a.offsets.size());
  const auto item = static_cast<double>(item_size(a.dtype()));
  const double m = static_cast<double>(rows), n = static_cast<double>(columns), k = static_cast<double>(depth);
  const Work work{2 * m * n * k * static_cast<double>(batch),
                  (static_cast<double>(a.view.count() + b.view.count()) + m * n * static_cast<double>(batch)) * item};
  dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto view = [](const void* data, const Factor& factor) {
      return matrix<T>(data, factor.row_step, factor.column_step);
    };
    const MatrixView<T> left = view(nullptr, of_a), right = view(nullptr, of_b);
    Epilogue<T> epilogue;
    epilogue.activation = activation;
    epilogue.alpha = static_cast<T>(alpha);
    epilogue.beta = static_cast<T>(beta);
    if (lead.rank == 0)
      return launch(op, work, {read(a), read(b), read(bias), write(c)},
                    gemm_scratch_bytes(rows, columns, depth, left, right), [=](void* const* at) {
                      Epilogue<T> ending = epilogue;
                      ending.bias = in<T>(at[2]);
                      gemm(rows, columns, depth, matrix<T>(at[0], left.row_step, left.column_step),
                           matrix<T>(at[1], right.row_step, right.column_step), ending, to<T>(at[3]), columns, at[4]);
                    });
    launch(op, work, {read(a), read(b), read(bias), write(c)},
           gemm_batched_scratch_bytes(batch, rows, columns, depth, left, right),
           [=, a_offset = of_a.offsets, b_offset = of_b.offsets](void* const* at) {
             Epilogue<T> ending = epilogue;
             ending.bias = in<T>(at[2]);
             gemm_batched(batch, a_offset.data(), b_offset.data(), rows, columns, depth,
                          matrix<T>(at[0], left.row_step, left.column_step),
                          matrix<T>(at[1], right.row_step, right.column_step), ending, to<T>(at[3]), at[4]);
           });
  });
  return c.object;
}

// The sizes of a linear layer, checked: input (..., in), weight (out, in).
struct LinearSizes {
  int64_t rows, inputs, outputs;
  Dims result;

  LinearSizes(const char* op, const Array& input, const Array& weight) {
    check<ShapeError>(input.rank() >= 1, op, ": input has shape (), expected at least 1 dimension");
    check_rank(op, "weight", weight, 2);
    inputs = weight.shape(1);
    outputs = weight.shape(0);
    check<ShapeError>(input.shape().back() == inputs, op, ": input has ", input.shape().back(), " features in shape ",
                      input.shape(), ", weight has ", inputs);
    result = input.shape();
    result[result.rank - 1] = outputs;
    rows = 1;
    for (int i = 0; i + 1 < input.rank(); ++i) rows *= input.shape(i);
  }
  double flops() const { return 2.0 * static_cast<double>(rows) * static_cast<double>(inputs * outputs); }
  double bytes(DType dtype) const {
    return static_cast<double>(rows * (inputs + outputs) + inputs * outputs) * static_cast<double>(item_size(dtype));
  }
};

py::object linear_forward(const ArrayArg& input_arg, const ArrayArg& weight_arg, const OptionalArray& bias_arg,
                          const std::string& activation_name, const OptionalArray& out) {
  constexpr const char* op = "linear";
  Array input = float_array(op, "input", input_arg);
  Array weight = array_of(op, "weight", weight_arg, input.dtype(), "input");
  const LinearSizes size(op, input, weight);
  const Activation activation = activation_of(op, activation_name);
  const Array bias = optional_vector(op, "bias", bias_arg, input.dtype(), size.outputs);
  const Array result = output(op, out, input.dtype(), size.result, {&input, &weight, &bias});
  input = contiguous(input);
  weight = contiguous(weight);
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t rows = size.rows, inputs = size.inputs, outputs = size.outputs;
    const MatrixView<T> left{nullptr, inputs, 1}, right{nullptr, 1, inputs};
    const auto body = [=](Activation activation) {
      return [=](void* const* at) {
        gemm<T>(rows, outputs, inputs, matrix<T>(at[0], inputs, 1), matrix<T>(at[1], 1, inputs),
                {in<T>(at[2]), activation}, to<T>(at[3]), outputs, at[4], at[5]);
      };
    };
    launch_activated("linear_forward", {size.flops(), size.bytes(input.dtype())},
                     {read(input), read(weight), read(bias), write(result)},
                     gemm_scratch_bytes(rows, outputs, inputs, left, right), activation, body, SIZE_MAX,
                     Packing{1, 1, gemm_packed_bytes(rows, outputs, inputs, left, right),
                             [=](void* const* at, void* packed) {
                               gemm_pack(rows, outputs, inputs, left, matrix<T>(at[1], 1, inputs), packed);
                             },
                             true});
  });
  return result.object;
}

py::tuple linear_backward(const ArrayArg& grad_arg, const ArrayArg& input_arg, const ArrayArg& weight_arg,
                          const OptionalArray& output_arg, const std::string& activation_name, bool need_input,
                          bool need_weight, bool need_bias) {
  constexpr const char* op = "linear_backward";
  Array input = float_array(op, "input", input_arg);
  Array grad = array_of(op, "grad_output", grad_arg, input.dtype(), "input");
  Array weight = array_of(op, "weight", weight_arg, input.dtype(), "input");
  const LinearSizes size(op, input, weight);
  check_shape(op, "grad_output", grad, size.result);
  const Activation activation = activation_of(op, activation_name);
  Array result = fused_output(op, output_arg, activation, grad);
  input = contiguous(input);
  weight = contiguous(weight);
  grad = contiguous(grad);
  if (result) result = contiguous(result);
  const DType dtype = input.dtype();
  const Array grad_input = need_input ? new_array(op, dtype, input.shape()) : Array{};
  const Array grad_weight = need_weight ? new_array(op, dtype, weight.shape()) : Array{};
  const Array grad_bias = need_bias ? new_array(op, dtype, {size.outputs}) : Array{};
  const double products = (need_input ? 1 : 0) + (need_weight ? 1 : 0);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t rows = size.rows, inputs = size.inputs, outputs = size.outputs;
    const size_t activated = activation == Activation::None ? 0 : static_cast<size_t>(rows * outputs) * sizeof(T);
    const size_t aligned = (activated + 63) / 64 * 64;
    const size_t work = std::max(
        {gemm_scratch_bytes(rows, inputs, outputs, matrix<T>(nullptr, outputs, 1), matrix<T>(nullptr, inputs, 1)),
         gemm_scratch_bytes(outputs, inputs, rows, matrix<T>(nullptr, 1, outputs), matrix<T>(nullptr, inputs, 1)),
         column_sum_scratch_bytes(rows, outputs, sizeof(T))});
    launch(
        op, {products * size.flops(), (1 + products) * size.bytes(dtype)},
        {read(grad), read(input), read(weight), read(result), write(grad_input), write(grad_weight), write(grad_bias)},
        aligned + work, [=](void* const* at) {
          void* scratch = static_cast<char*>(at[7]) + aligned;
          const T* dz = in<T>(at[0]);
          if (activation != Activation::None) {
            T* activated_grad = to<T>(at[7]);
            activation_backward(activation, dz, in<T>(at[3]), activated_grad, rows * outputs);
            dz = activated_grad;
          }
          if (need_input)
            gemm<T>(rows, inputs, outputs, matrix<T>(dz, outputs, 1), matrix<T>(at[2], inputs, 1), {}, to<T>(at[4]),
                    inputs, scratch);
          if (need_weight)
            gemm<T>(outputs, inputs, rows, matrix<T>(dz, 1, outputs), matrix<T>(at[1], inputs, 1), {}, to<T>(at[5]),
                    inputs, scratch);
          if (need_bias) column_sum(dz, rows, outputs, to<T>(at[6]), scratch);
        });
  });
  return py::make_tuple(or_none(grad_input), or_none(grad_weight), or_none(grad_bias));
}

}  // namespace

void bind_gemm(py::module_& m) {
  m.def("gemm", &gemm_binding, py::arg("a"), py::arg("b"), py::arg("bias") = py::none(), py::kw_only(),
        py::arg("transpose_a") = false, py::arg("transpose_b") = false, py::arg("alpha") = 1.0, py::arg("beta") = 0.0,
        py::arg("activation") = "none", py::arg("out") = py::none(),
        R"(Matrix products with fused bias and activation: ``activation(alpha op(a) @ op(b) + beta out + bias)``.

Parameters
----------
a, b : numpy.ndarray
    Matrices (..., M, K) and (..., K, N), or their transposes where ``transpose_a`` or ``transpose_b`` says so, with
    leading sizes that broadcast; float32 or float64, both alike, any strides.
bias : numpy.ndarray, optional
    (N,), added to every row.
transpose_a, transpose_b : bool
    Whether to use the transpose of a or b. Default False.
alpha, beta : float
    Factors of the product and of what `out` holds. Default 1 and 0; with beta 0, out is not read.
activation : str
    'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' or 'silu'.
out : numpy.ndarray, optional
    C-contiguous (..., M, N) array for the result; it must not share memory with an input. Needed with beta.

Returns
-------
numpy.ndarray
    (..., M, N), of the inputs' type.

Raises
------
ShapeError, DTypeError, ValueError

Examples
--------
>>> import numpy as np, cygnet
>>> cygnet.kernels.gemm(np.eye(2, dtype=np.float32), np.array([[1, 2], [3, 4]], np.float32))
array([[1., 2.],
       [3., 4.]], dtype=float32)
)");
  m.def("linear_forward", &linear_forward, py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(),
        py::arg("activation") = "none", py::arg("out") = py::none(),
        R"(Affine map of the last axis with fused activation: ``activation(input @ weight.T + bias)``.

Parameters
----------
input : numpy.ndarray
    (..., in), float32 or float64.
weight : numpy.ndarray
    (out, in).
bias : numpy.ndarray, optional
    (out,).
activation : str
    'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' or 'silu'.
out : numpy.ndarray, optional
    C-contiguous (..., out) array for the result.

Returns
-------
numpy.ndarray
    (..., out).

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("linear_backward", &linear_backward, py::arg("grad_output"), py::arg("input"), py::arg("weight"),
        py::arg("output") = py::none(), py::arg("activation") = "none", py::arg("need_input") = true,
        py::arg("need_weight") = true, py::arg("need_bias") = true,
        R"(Gradients of `linear_forward`.

Parameters
----------
grad_output : numpy.ndarray
    (..., out), the gradient of the result.
input, weight : numpy.ndarray
    As in the forward call.
output : numpy.ndarray, optional
    The forward call's result, with 'gelu' and 'silu' the sum before the activation; needed with an activation.
activation : str
    As in the forward call.
need_input, need_weight, need_bias : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    (grad_input, grad_weight, grad_bias), None for each that is not needed.

Raises
------
ShapeError, DTypeError, ValueError
)");
}

}  // namespace cygnet
