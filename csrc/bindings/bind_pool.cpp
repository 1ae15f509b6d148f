#include "families.h"
#include "kernels/pooling.h"
#include "spatial.h"

namespace cygnet {
namespace {

using OptionalPair = std::optional<PairArg>;

// The windows of a pooling, checked; `padding` at most half a window, so that each starts or ends inside.
struct Windows {
  Window h, w;
  bool ceil_mode;

  Windows(const char* op, const PairArg& kernel_arg, const OptionalPair& stride_arg, const PairArg& padding_arg,
          const PairArg& dilation_arg, bool ceil)
      : ceil_mode(ceil) {
    const Pair kernel = pair(op, "kernel_size", kernel_arg, 1);
    const Pair stride = stride_arg ? pair(op, "stride", *stride_arg, 1) : kernel;
    const Pair padding = pair(op, "padding", padding_arg, 0), dilation = pair(op, "dilation", dilation_arg, 1);
    h = {kernel.h, stride.h, padding.h, dilation.h};
    w = {kernel.w, stride.w, padding.w, dilation.w};
    check<ValueError>(padding.h <= h.extent() / 2 && padding.w <= w.extent() / 2, op, ": padding is ",
                      Dims{padding.h, padding.w}, ", expected at most half of kernel_size ", Dims{kernel.h, kernel.w});
  }

  Planes planes(const char* op, const Dims& input) const {
    element_count(op, input, sizeof(double));
    const int64_t out_h = positions(h, input[2]), out_w = positions(w, input[3]);
    if (input[2] == 0 || input[3] == 0 || out_h < 1 || out_w < 1) {
      const Dims padded{input[2] + 2 * h.padding, input[3] + 2 * w.padding};
      throw ShapeError(message(op, ": kernel ", Dims{h.kernel, w.kernel}, " with dilation ",
                               Dims{h.dilation, w.dilation}, " is larger than the padded input ", padded));
    }
    const Planes planes{input[0], input[1], input[2], input[3], out_h, out_w};
    element_count(op, {input[0], input[1], out_h, out_w}, sizeof(double));
    return planes;
  }

 private:
  // With ceil_mode a last window that begins inside the input or its left padding counts too.
  int64_t positions(const Window& window, int64_t size) const {
    const int64_t room = size + 2 * window.padding - window.extent() + (ceil_mode ? window.stride - 1 : 0);
    if (room < 0) return 0;
    const int64_t count = room / window.stride + 1;
    return ceil_mode && (count - 1) * window.stride >= size + window.padding ? count - 1 : count;
  }
};

Dims output_shape(const Planes& s) { return {s.batch, s.channels, s.out_h, s.out_w}; }

Work work_of(const Planes& s, int64_t window, size_t output_item, DType dtype) {
  const double planes = static_cast<double>(s.batch * s.channels);
  const double inputs = planes * static_cast<double>(s.in_h * s.in_w);
  const double outputs = planes * static_cast<double>(s.out_h * s.out_w);
  return {outputs * static_cast<double>(window),
          inputs * static_cast<double>(item_size(dtype)) + outputs * static_cast<double>(output_item)};
}

MaxAxis max_axis(const Window& window) { return {window.kernel, window.stride, window.padding, window.dilation}; }

py::tuple max_forward(const ArrayArg& input_arg, const PairArg& kernel_size, const OptionalPair& stride,
                      const PairArg& padding, const PairArg& dilation, bool ceil_mode, const OptionalArray& out) {
  constexpr const char* op = "max_pool2d";
  Array input = float_array(op, "input", input_arg);
  check_rank(op, "input", input, 4);
  const Windows windows(op, kernel_size, stride, padding, dilation, ceil_mode);
  check<ValueError>(static_cast<double>(windows.h.kernel) * static_cast<double>(windows.w.kernel) <= 0x1p24, op,
                    ": kernel_size ", Dims{windows.h.kernel, windows.w.kernel}, " has more than 2**24 positions");
  const Planes planes = windows.planes(op, input.shape());
  const DType dtype = input.dtype();
  const ChannelsLastOutput result(op, out, dtype, output_shape(planes), {&input});
  input = channels_last(input);
  const Array indices = new_array(op, DType::Int64, output_shape(planes), Layout::ChannelsLast);
  const MaxAxis h = max_axis(windows.h), w = max_axis(windows.w);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch("max_pool2d_forward", work_of(planes, h.kernel * w.kernel, sizeof(T) + sizeof(int64_t), dtype),
           {read(input), write(result.written), write(indices)}, max_pool2d_scratch_bytes(h, w), [=](void* const* at) {
             max_pool2d_forward<T>(planes, h, w, in<T>(at[0]), to<T>(at[1]), to<int64_t>(at[2]), at[3]);
           });
  });
  return py::make_tuple(result.finish(), indices.object);
}

py::object max_backward(const ArrayArg& grad_arg, const ArrayArg& indices_arg, const py::object& input_shape) {
  constexpr const char* op = "max_pool2d_backward";
  Array grad = float_array(op, "grad_output", grad_arg);
  Array indices = array_of(op, "indices", indices_arg, DType::Int64);
  check_rank(op, "grad_output", grad, 4);
  check_shape(op, "indices", indices, grad.shape());
  const Dims shape = image_shape(op, "input_shape", input_shape);
  check<ShapeError>(shape[0] == grad.shape(0) && shape[1] == grad.shape(1), op, ": grad_output has shape ",
                    grad.shape(), ", expected ", shape[0], " by ", shape[1], " planes as in input_shape ", shape);
  element_count(op, shape, sizeof(double));
  grad = channels_last(grad);
  indices = channels_last(indices);
  const Planes planes{shape[0], shape[1], shape[2], shape[3], grad.shape(2), grad.shape(3)};
  const DType dtype = grad.dtype();
  const Array result = new_array(op, dtype, shape, Layout::ChannelsLast);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(planes, 1, sizeof(T) + sizeof(int64_t), dtype), {read(grad), read(indices), write(result)}, 0,
           [=](void* const* at) {
             const bool in_range = max_pool2d_backward<T>(planes, in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
             check<IndexError>(in_range, op, ": indices has an index outside a plane of ", planes.in_h, " by ",
                               planes.in_w);
           });
  });
  return result.object;
}

struct AverageWindows {
  Planes planes;
  AverageAxis h, w;

  AverageWindows(const char* op, const Dims& input, const PairArg& kernel_size, const OptionalPair& stride,
                 const PairArg& padding, bool ceil_mode, bool count_padding) {
    const Windows windows(op, kernel_size, stride, padding, PairArg{py::int_(1)}, ceil_mode);
    planes = windows.planes(op, input);
    h = {planes.in_h, planes.out_h, windows.h.kernel, windows.h.stride, windows.h.padding, false, count_padding};
    w = {planes.in_w, planes.out_w, windows.w.kernel, windows.w.stride, windows.w.padding, false, count_padding};
  }
  AverageWindows(const char* op, const Dims& input, Pair output_size) {
    element_count(op, input, sizeof(double));
    check<ShapeError>(input[2] > 0 && input[3] > 0, op, ": input has shape ", input,
                      ", expected a height and width of at least 1");
    planes = {input[0], input[1], input[2], input[3], output_size.h, output_size.w};
    element_count(op, output_shape(planes), sizeof(double));
    h = AverageAxis::adaptive_axis(planes.in_h, planes.out_h);
    w = AverageAxis::adaptive_axis(planes.in_w, planes.out_w);
  }
  int64_t window() const {
    return h.adaptive ? (planes.in_h / planes.out_h + 1) * (planes.in_w / planes.out_w + 1)
                      : std::min(h.kernel, planes.in_h) * std::min(w.kernel, planes.in_w);
  }
};

py::object average(const char* op, const char* call, Array input, const AverageWindows& windows,
                   const OptionalArray& out) {
  const DType dtype = input.dtype();
  const ChannelsLastOutput result(op, out, dtype, output_shape(windows.planes), {&input});
  input = channels_last(input);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, work_of(windows.planes, windows.window(), sizeof(T), dtype), {read(input), write(result.written)}, 0,
           [=](void* const* at) {
             avg_pool2d_forward<T>(windows.planes, windows.h, windows.w, in<T>(at[0]), to<T>(at[1]));
           });
  });
  return result.finish();
}

py::object average_gradient(const char* op, Array grad, const Dims& shape, const AverageWindows& windows) {
  check_shape(op, "grad_output", grad, output_shape(windows.planes));
  grad = channels_last(grad);
  const DType dtype = grad.dtype();
  const Array result = new_array(op, dtype, shape, Layout::ChannelsLast);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(windows.planes, windows.window(), sizeof(T), dtype), {read(grad), write(result)}, 0,
           [=](void* const* at) {
             avg_pool2d_backward<T>(windows.planes, windows.h, windows.w, in<T>(at[0]), to<T>(at[1]));
           });
  });
  return result.object;
}

py::object avg_forward(const ArrayArg& input_arg, const PairArg& kernel_size, const OptionalPair& stride,
                       const PairArg& padding, bool ceil_mode, bool count_include_pad, const OptionalArray& out) {
  constexpr const char* op = "avg_pool2d";
  const Array input = float_array(op, "input", input_arg);
  check_rank(op, "input", input, 4);
  const AverageWindows windows(op, input.shape(), kernel_size, stride, padding, ceil_mode, count_include_pad);
  return average(op, "avg_pool2d_forward", input, windows, out);
}

py::object avg_backward(const ArrayArg& grad_arg, const py::object& input_shape, const PairArg& kernel_size,
                        const OptionalPair& stride, const PairArg& padding, bool ceil_mode, bool count_include_pad) {
  constexpr const char* op = "avg_pool2d_backward";
  const Array grad = float_array(op, "grad_output", grad_arg);
  const Dims shape = image_shape(op, "input_shape", input_shape);
  const AverageWindows windows(op, shape, kernel_size, stride, padding, ceil_mode, count_include_pad);
  return average_gradient(op, grad, shape, windows);
}

py::object adaptive_forward(const ArrayArg& input_arg, const PairArg& output_size, const OptionalArray& out) {
  constexpr const char* op = "adaptive_avg_pool2d";
  const Array input = float_array(op, "input", input_arg);
  check_rank(op, "input", input, 4);
  const AverageWindows windows(op, input.shape(), pair(op, "output_size", output_size, 1));
  return average(op, "adaptive_avg_pool2d_forward", input, windows, out);
}

py::object adaptive_backward(const ArrayArg& grad_arg, const py::object& input_shape) {
  constexpr const char* op = "adaptive_avg_pool2d_backward";
  const Array grad = float_array(op, "grad_output", grad_arg);
  check_rank(op, "grad_output", grad, 4);
  const Dims shape = image_shape(op, "input_shape", input_shape);
  check<ShapeError>(grad.shape(2) > 0 && grad.shape(3) > 0, op, ": grad_output has shape ", grad.shape(),
                    ", expected a height and width of at least 1");
  return average_gradient(op, grad, shape, AverageWindows(op, shape, Pair{grad.shape(2), grad.shape(3)}));
}

}  // namespace

void bind_pool(py::module_& m) {
  const PairArg one{py::int_(1)}, none{py::int_(0)};
  m.def("max_pool2d_forward", &max_forward, py::arg("input"), py::arg("kernel_size"), py::kw_only(),
        py::arg("stride") = py::none(), py::arg("padding") = none, py::arg("dilation") = one,
        py::arg("ceil_mode") = false, py::arg("out") = py::none(),
        R"(Largest input of each window, as `torch.nn.functional.max_pool2d`. NaN propagates.

Parameters
----------
input : numpy.ndarray
    (N, C, H, W), float32 or float64, any strides; channels-last memory is fastest.
kernel_size : int or (int, int)
    Height and width of a window.
stride : int or (int, int), optional
    Step of the window; kernel_size by default.
padding : int or (int, int)
    Positions added on each side, of minus infinity; at most half a window. Default 0.
dilation : int or (int, int)
    Distance of a window's positions. Default 1.
ceil_mode : bool
    Whether a last window may reach beyond the padded input. It must begin inside the input or the padding before it.
    Default False.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with the input.

Returns
-------
tuple
    (output, indices), both (N, C, H', W') with channels-last memory. indices is int64: h * W + w of the largest input
    in its plane, the first of equals; -1 for a window without any input.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("max_pool2d_backward", &max_backward, py::arg("grad_output"), py::arg("indices"), py::arg("input_shape"),
        R"(Gradient of `max_pool2d_forward` with respect to its input.

Parameters
----------
grad_output : numpy.ndarray
    (N, C, H', W'), float32 or float64.
indices : numpy.ndarray
    int64, as returned by the forward call.
input_shape : tuple of int
    (N, C, H, W).

Returns
-------
numpy.ndarray
    (N, C, H, W), channels last in memory.

Raises
------
ShapeError, DTypeError, TypeError
IndexError
    If an index lies outside a plane.
)");
  m.def("avg_pool2d_forward", &avg_forward, py::arg("input"), py::arg("kernel_size"), py::kw_only(),
        py::arg("stride") = py::none(), py::arg("padding") = none, py::arg("ceil_mode") = false,
        py::arg("count_include_pad") = true, py::arg("out") = py::none(),
        R"(Average of each window, as `torch.nn.functional.avg_pool2d`.

Parameters
----------
input : numpy.ndarray
    (N, C, H, W), float32 or float64, any strides; channels-last memory is fastest.
kernel_size, stride, padding, ceil_mode
    As in `max_pool2d_forward`, with zeros as padding.
count_include_pad : bool
    Whether padding counts in the divisor. Default True.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with the input.

Returns
-------
numpy.ndarray
    (N, C, H', W'), channels last in memory.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("avg_pool2d_backward", &avg_backward, py::arg("grad_output"), py::arg("input_shape"), py::arg("kernel_size"),
        py::kw_only(), py::arg("stride") = py::none(), py::arg("padding") = none, py::arg("ceil_mode") = false,
        py::arg("count_include_pad") = true,
        R"(Gradient of `avg_pool2d_forward` with respect to its input.

Parameters
----------
grad_output : numpy.ndarray
    (N, C, H', W'), float32 or float64.
input_shape : tuple of int
    (N, C, H, W).
kernel_size, stride, padding, ceil_mode, count_include_pad
    As in the forward call.

Returns
-------
numpy.ndarray
    (N, C, H, W), channels last in memory.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("adaptive_avg_pool2d_forward", &adaptive_forward, py::arg("input"), py::arg("output_size"), py::kw_only(),
        py::arg("out") = py::none(),
        R"(Average over windows that split the input evenly, as `torch.nn.functional.adaptive_avg_pool2d`.

Output position i averages input positions floor(i H / H') to ceil((i + 1) H / H').

Parameters
----------
input : numpy.ndarray
    (N, C, H, W), float32 or float64, any strides; channels-last memory is fastest.
output_size : int or (int, int)
    Height and width of the result.
out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with the input.

Returns
-------
numpy.ndarray
    (N, C, *output_size), channels last in memory.

Raises
------
ShapeError, DTypeError, ValueError, TypeError
)");
  m.def("adaptive_avg_pool2d_backward", &adaptive_backward, py::arg("grad_output"), py::arg("input_shape"),
        R"(Gradient of `adaptive_avg_pool2d_forward` with respect to its input.

Parameters
----------
grad_output : numpy.ndarray
    (N, C, H', W'), float32 or float64.
input_shape : tuple of int
    (N, C, H, W).

Returns
-------
numpy.ndarray
    (N, C, H, W), channels last in memory.

Raises
------
ShapeError, DTypeError, TypeError
)");
}

}  // namespace cygnet
