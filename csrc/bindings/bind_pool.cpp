#include <string>

#include "families.h"
#include "windows.h"

namespace cygnet {
namespace {

using OptionalAxes = std::optional<AxesArg>;

// What an operation over one, two and three axes is called, in messages and in recordings.
struct Names {
  const char *op, *forward, *backward;
};
constexpr Names max_names[] = {{"max_pool1d", "max_pool1d_forward", "max_pool1d_backward"},
                               {"max_pool2d", "max_pool2d_forward", "max_pool2d_backward"},
                               {"max_pool3d", "max_pool3d_forward", "max_pool3d_backward"}};
constexpr Names avg_names[] = {{"avg_pool1d", "avg_pool1d_forward", "avg_pool1d_backward"},
                               {"avg_pool2d", "avg_pool2d_forward", "avg_pool2d_backward"},
                               {"avg_pool3d", "avg_pool3d_forward", "avg_pool3d_backward"}};
constexpr Names adaptive_max_names[] = {
    {"adaptive_max_pool1d", "adaptive_max_pool1d_forward", "adaptive_max_pool1d_backward"},
    {"adaptive_max_pool2d", "adaptive_max_pool2d_forward", "adaptive_max_pool2d_backward"},
    {"adaptive_max_pool3d", "adaptive_max_pool3d_forward", "adaptive_max_pool3d_backward"}};
constexpr Names adaptive_avg_names[] = {
    {"adaptive_avg_pool1d", "adaptive_avg_pool1d_forward", "adaptive_avg_pool1d_backward"},
    {"adaptive_avg_pool2d", "adaptive_avg_pool2d_forward", "adaptive_avg_pool2d_backward"},
    {"adaptive_avg_pool3d", "adaptive_avg_pool3d_forward", "adaptive_avg_pool3d_backward"}};
constexpr Names unpool_names[] = {{"max_unpool1d", "max_unpool1d_forward", "max_unpool1d_backward"},
                                  {"max_unpool2d", "max_unpool2d_forward", "max_unpool2d_backward"},
                                  {"max_unpool3d", "max_unpool3d_forward", "max_unpool3d_backward"}};

// `saved` counts the bytes beside each output.
Work work_of(const Pooling& p, DType dtype, size_t saved) {
  const double planes = static_cast<double>(p.batch * p.channels), inputs = static_cast<double>(p.inputs());
  const double outputs = static_cast<double>(p.outputs()), item = static_cast<double>(item_size(dtype));
  return {planes * outputs * std::min(static_cast<double>(p.taps()), inputs),
          planes * (inputs * item + outputs * (item + static_cast<double>(saved)))};
}

Images images(const char* op, const char* name, const ArrayArg& arg, int axes) {
  return Images(op, name, float_array(op, name, arg), axes);
}

Images new_images(const char* op, DType dtype, const Dims& shape, const Images& like) {
  return Images(op, std::nullopt, dtype, shape, like);
}

py::tuple max_forward(const Names& names, Images input, const Pooling& windows, const std::string& keep,
                      const std::string& activation, const OptionalArray& out) {
  const char* const op = names.op;
  const bool relu = activation == "relu";
  check<ValueError>(relu || activation == "none", op, ": activation is '", activation, "', expected 'none' or 'relu'");
  const bool nothing = keep == "nothing", taps = keep == "taps" && windows.taps() <= no_tap && !windows.adaptive();
  check<ValueError>(nothing || keep == "indices" || keep == "taps", op, ": keep is '", keep,
                    "', expected 'indices', 'taps' or 'nothing'");
  check<ShapeError>(nothing || taps || windows.inputs() <= INT32_MAX, op, ": input has shape ", input.shape(),
                    ", whose planes have more than 2**31 - 1 elements");
  const DType dtype = input.dtype();
  const Dims shape = output_shape(windows, input.axes());
  const Images result(op, out, dtype, shape, input);
  input.put_in_order(result.layout);
  const Images kept = nothing ? Images(input) : new_images(op, taps ? DType::UInt8 : DType::Int64, shape, result);
  const Pooling pooling = in_memory(windows, result.layout);
  const Work work = work_of(pooling, dtype, nothing ? 0 : item_size(kept.dtype()));
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto run = [&](auto body) {
      if (nothing)
        launch(names.forward, work, {read(input.array), write(result.array)}, 0, body);
      else
        launch(names.forward, work, {read(input.array), write(result.array), write(kept.array)}, 0, body);
    };
    if (nothing)
      run([=](void* const* at) { max_pool_forward<T>(pooling, relu, in<T>(at[0]), to<T>(at[1])); });
    else if (taps)
      run([=](void* const* at) { max_pool_forward<T>(pooling, relu, in<T>(at[0]), to<T>(at[1]), to<uint8_t>(at[2])); });
    else
      run([=](void* const* at) { max_pool_forward<T>(pooling, relu, in<T>(at[0]), to<T>(at[1]), to<int64_t>(at[2])); });
    Recording* const recording = Recording::current();
    if (recording && (nothing || taps)) recording->calls.back().details = MaxPooling{pooling, relu, taps};
  });
  return py::make_tuple(result.array.object, nothing ? py::object(py::none()) : kept.array.object);
}

// The spatial sizes of (N, C, ...), written only in messages.
struct Plane {
  const Dims& shape;
  friend std::ostream& operator<<(std::ostream& out, const Plane& plane) {
    for (int i = 2; i < plane.shape.rank; ++i) out << (i > 2 ? " by " : "") << plane.shape[i];
    return out;
  }
};

// A new array of `shape` from images and indices into planes of `plane_shape`, by one of the kernels for indexed
// planes.
template <class F>
py::object indexed(const char* op, Images from, Images indices, const Dims& shape, const Dims& plane_shape, F kernel) {
  const DType dtype = from.dtype();
  element_count(op, shape, sizeof(double));
  const Images result = new_images(op, dtype, shape, indices);
  from.put_in_order(result.layout);
  indices.put_in_order(result.layout);
  IndexedPlanes planes{plane_shape[0], plane_shape[1], 1, 1};
  for (int i = 2; i < plane_shape.rank; ++i) {
    planes.size *= plane_shape[i];
    planes.count *= indices.shape()[i];
  }
  if (result.layout == Layout::Contiguous) planes = {planes.batch * planes.channels, 1, planes.size, planes.count};
  const double count = static_cast<double>(indices.array.count()),
               all = static_cast<double>(planes.batch * planes.channels);
  const double item = static_cast<double>(item_size(dtype));
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, {count, all * static_cast<double>(planes.size) * item + count * (item + sizeof(int64_t))},
           {read(from.array), read(indices.array), write(result.array)}, 0, [=](void* const* at) {
             // Part of the body: a replay meets other indices than the call that was recorded.
             const bool in_range = kernel(planes, in<T>(at[0]), in<int64_t>(at[1]), to<T>(at[2]));
             check<IndexError>(in_range, op, ": indices has an index outside a plane of ", Plane{plane_shape});
           });
  });
  return result.array.object;
}

Images index_images(const char* op, const Array& indices, const Dims& shape, int axes) {
  check<DTypeError>(indices.dtype() == DType::Int64, op, ": indices has dtype ", name_of(indices.dtype()),
                    ", expected int64");
  Images result(op, "indices", indices, axes);
  check_shape(op, "indices", result.array, shape);
  return result;
}

void check_planes(const char* op, const Images& grad, const Dims& shape) {
  check<ShapeError>(shape[0] == grad.shape()[0] && shape[1] == grad.shape()[1], op, ": grad_output has shape ",
                    grad.shape(), ", expected ", shape[0], " by ", shape[1], " planes as in input_shape ", shape);
}

// `windows` gives the pooling; only the numbers of taps need it.
template <class F>
py::object max_backward(const char* op, Images grad, const ArrayArg& kept_arg, const Dims& shape, F windows) {
  const Array kept = any_array(op, "indices", kept_arg);
  check_planes(op, grad, shape);
  if (kept.dtype() != DType::UInt8)
    return indexed(op, grad, index_images(op, kept, grad.shape(), grad.axes()), shape, shape,
                   [](const IndexedPlanes& planes, auto* from, const int64_t* indices, auto* to) {
                     return scatter_add_planes(planes, from, indices, to);
                   });
  const Pooling pooling = windows();
  Images taps(op, "indices", kept, grad.axes());
  check_shape(op, "grad_output", grad.array, output_shape(pooling, grad.axes()));
  check_shape(op, "indices", taps.array, grad.shape());
  check<ValueError>(pooling.taps() <= no_tap && !pooling.adaptive(), op,
                    ": indices has dtype uint8, expected int64 for ", "windows of more than ", int64_t{no_tap},
                    " or of unequal numbers of positions");
  const DType dtype = grad.dtype();
  const Images result = new_images(op, dtype, shape, taps);
  grad.put_in_order(result.layout);
  taps.put_in_order(result.layout);
  dispatch(dtype, [&, pooling = in_memory(pooling, result.layout)](auto zero) {
    using T = decltype(zero);
    launch(
        op, work_of(pooling, dtype, 1), {read(grad.array), read(taps.array), write(result.array)}, 0,
        [pooling](void* const* at) { max_pool_backward<T>(pooling, in<T>(at[0]), in<uint8_t>(at[1]), to<T>(at[2])); });
  });
  return result.array.object;
}

py::object avg_forward(const Names& names, Images input, const Pooling& windows, const Divisor& divisor,
                       const OptionalArray& out) {
  const DType dtype = input.dtype();
  const Images result(names.op, out, dtype, output_shape(windows, input.axes()), input);
  input.put_in_order(result.layout);
  const Pooling pooling = in_memory(windows, result.layout);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(names.forward, work_of(pooling, dtype, 0), {read(input.array), write(result.array)}, 0,
           [=](void* const* at) { avg_pool_forward<T>(pooling, divisor, in<T>(at[0]), to<T>(at[1])); });
  });
  return result.array.object;
}

py::object avg_backward(const char* op, Images grad, const Pooling& windows, const Divisor& divisor,
                        const Dims& shape) {
  check_planes(op, grad, shape);
  check_shape(op, "grad_output", grad.array, output_shape(windows, grad.axes()));
  const DType dtype = grad.dtype();
  grad.put_in_order(grad.layout);
  const Images result = new_images(op, dtype, shape, grad);
  const Pooling pooling = in_memory(windows, result.layout);
  const size_t scratch = avg_pool_backward_scratch_bytes(pooling, divisor, item_size(dtype));
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(pooling, dtype, 0), {read(grad.array), write(result.array)}, scratch,
           [=](void* const* at) { avg_pool_backward<T>(pooling, divisor, in<T>(at[0]), to<T>(at[1]), at[2]); });
  });
  return result.array.object;
}

Dims spatial_of(const char* op, const Images& grad) {
  Dims sizes;
  for (int i = 2; i < grad.shape().rank; ++i) {
    check<ShapeError>(grad.shape()[i] > 0, op, ": grad_output has shape ", grad.shape(),
                      ", expected spatial sizes of at least 1");
    sizes.push(grad.shape()[i]);
  }
  return sizes;
}

// What the docstrings of all poolings share; `shape` is (N, C, H, W) and the like.
struct Docs {
  std::string shape, small, axes;

  explicit Docs(int count)
      : shape(count == 1   ? "(N, C, L)"
              : count == 2 ? "(N, C, H, W)"
                           : "(N, C, D, H, W)"),
        small(count == 1   ? "(N, C, L')"
              : count == 2 ? "(N, C, H', W')"
                           : "(N, C, D', H', W')"),
        axes(std::to_string(count) + (count == 1 ? " axis" : " axes")) {}

  std::string input() const {
    return "input : numpy.ndarray\n    " + shape +
           " or the same without N, float32 or float64, any strides. Its memory" +
           "\n    order, plain or channels last, is that of the result.\n";
  }
  std::string windows(const char* padding) const {
    return std::string("kernel_size, stride, padding") + R"( : int or tuple of int
    For all axes or one each. The stride is kernel_size by default; padding, of )" +
           padding + R"(, is at most half a window.
)";
  }
  static std::string ceil_mode() {
    return R"(ceil_mode : bool
    Whether a last window may reach beyond the padded input. It must begin inside the input or the padding before it.
    Default False.
)";
  }
  static std::string out() {
    return R"(out : numpy.ndarray, optional
    C-contiguous or channels-last array for the result; it must not share memory with the input.
)";
  }
  std::string gradient() const { return "grad_output : numpy.ndarray\n    " + small + ", float32 or float64.\n"; }
  std::string input_shape() const { return "input_shape : tuple of int\n    " + shape + " or the same without N.\n"; }
  static std::string raises(bool index = false) {
    return std::string("\nRaises\n------\nShapeError, DTypeError, ValueError, TypeError\n") +
           (index ? "IndexError\n    If an index lies outside a plane.\n" : "");
  }
};

const std::string parameters = "\n\nParameters\n----------\n";

void bind_max(py::module_& m, int axes) {
  const AxesArg one{py::int_(1)}, none{py::int_(0)};
  const Names& names = max_names[axes - 1];
  const Names& adaptive = adaptive_max_names[axes - 1];
  const Docs docs(axes);
  const std::string keep = R"(keep : str
    What is returned beside the maxima: 'indices' (default), the position of each in its plane, int64, the first of
    equals, -1 for a window without any input; 'taps', the least that the backward call needs: a uint8 number inside
    the window where windows have at most 255 positions, else indices; or 'nothing'.
)";
  const std::string returns = "\nReturns\n-------\ntuple\n    (output, what is kept or None), " + docs.small + ".\n";
  m.def(
      names.forward,
      [=](const ArrayArg& input_arg, const AxesArg& kernel_size, const OptionalAxes& stride, const AxesArg& padding,
          const AxesArg& dilation, bool ceil_mode, const std::string& keep, const std::string& activation,
          const OptionalArray& out) {
        const Images input = images(names.op, "input", input_arg, axes);
        const Windows windows(names.op, axes, kernel_size, stride, padding, dilation, ceil_mode);
        return max_forward(names, input, windows.over(names.op, input.shape()), keep, activation, out);
      },
      py::arg("input"), py::arg("kernel_size"), py::arg("stride") = py::none(), py::arg("padding") = none,
      py::arg("dilation") = one, py::arg("ceil_mode") = false, py::arg("keep") = "indices",
      py::arg("activation") = "none", py::arg("out") = py::none(),
      ("Largest input of each window over " + docs.axes + ". NaN propagates." + parameters + docs.input() +
       docs.windows("minus infinity") +
       "dilation : int or tuple of int\n    Distance of a window's positions. Default 1.\n" + docs.ceil_mode() + keep +
       "activation : str\n    'none' (default) or 'relu', fused; a maximum below zero then has no tap, and index "
       "-1.\n" +
       docs.out() + returns + docs.raises())
          .c_str());
  m.def(
      names.backward,
      [=](const ArrayArg& grad_arg, const ArrayArg& indices, const py::object& input_shape,
          const OptionalAxes& kernel_size, const OptionalAxes& stride, const AxesArg& padding, const AxesArg& dilation,
          bool ceil_mode) {
        const char* const op = names.backward;
        const Dims shape = images_shape(op, "input_shape", input_shape, axes);
        return max_backward(op, images(op, "grad_output", grad_arg, axes), indices, shape, [&] {
          check<ValueError>(kernel_size.has_value(), op, ": kernel_size is None, expected that of the forward call");
          return Windows(op, axes, *kernel_size, stride, padding, dilation, ceil_mode).over(op, shape);
        });
      },
      py::arg("grad_output"), py::arg("indices"), py::arg("input_shape"), py::arg("kernel_size") = py::none(),
      py::arg("stride") = py::none(), py::arg("padding") = none, py::arg("dilation") = one,
      py::arg("ceil_mode") = false,
      (std::string("Gradient of `") + names.forward + "` with respect to its input, in the order of `indices`." +
       parameters + docs.gradient() + "indices : numpy.ndarray\n    What the forward call kept.\n" +
       docs.input_shape() +
       "kernel_size, stride, padding, dilation, ceil_mode\n    As in the forward call; not needed for indices.\n" +
       docs.raises(true))
          .c_str());
  m.def(
      adaptive.forward,
      [=](const ArrayArg& input_arg, const AxesArg& output_size, const std::string& keep, const OptionalArray& out) {
        const Images input = images(adaptive.op, "input", input_arg, axes);
        const Dims sizes = per_axis(adaptive.op, "output_size", output_size, axes, 1);
        return max_forward(adaptive, input, split_evenly(adaptive.op, input.shape(), sizes), keep, "none", out);
      },
      py::arg("input"), py::arg("output_size"), py::kw_only(), py::arg("keep") = "indices", py::arg("out") = py::none(),
      ("Largest input of windows that split " + docs.axes + " evenly into output_size parts. NaN propagates." +
       parameters + docs.input() + "output_size : int or tuple of int\n    For all axes or one each.\n" + keep +
       docs.out() + returns + docs.raises())
          .c_str());
  m.def(
      adaptive.backward,
      [=](const ArrayArg& grad_arg, const ArrayArg& indices, const py::object& input_shape) {
        const char* const op = adaptive.backward;
        const Dims shape = images_shape(op, "input_shape", input_shape, axes);
        const Images grad = images(op, "grad_output", grad_arg, axes);
        return max_backward(op, grad, indices, shape, [&] { return split_evenly(op, shape, spatial_of(op, grad)); });
      },
      py::arg("grad_output"), py::arg("indices"), py::arg("input_shape"),
      (std::string("Gradient of `") + adaptive.forward + "` with respect to its input, in the order of `indices`." +
       parameters + docs.gradient() + "indices : numpy.ndarray\n    What the forward call kept.\n" +
       docs.input_shape() + docs.raises(true))
          .c_str());
}

void bind_average(py::module_& m, int axes) {
  const AxesArg one{py::int_(1)}, none{py::int_(0)};
  const Names& names = avg_names[axes - 1];
  const Names& adaptive = adaptive_avg_names[axes - 1];
  const Docs docs(axes);
  const std::string divisors = R"(count_include_pad : bool
    Whether padding counts in the divisor. Default True.
divisor_override : int, optional
    Divides every sum instead.
)";
  const auto divisor_of = [](const char* op, bool count_include_pad, std::optional<int64_t> divisor) {
    check<ValueError>(!divisor || *divisor != 0, op, ": divisor_override is 0, expected another number");
    return Divisor{count_include_pad, divisor.value_or(0)};
  };
  m.def(
      names.forward,
      [=](const ArrayArg& input_arg, const AxesArg& kernel_size, const OptionalAxes& stride, const AxesArg& padding,
          bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor, const OptionalArray& out) {
        const Images input = images(names.op, "input", input_arg, axes);
        const Windows windows(names.op, axes, kernel_size, stride, padding, one, ceil_mode);
        return avg_forward(names, input, windows.over(names.op, input.shape()),
                           divisor_of(names.op, count_include_pad, divisor), out);
      },
      py::arg("input"), py::arg("kernel_size"), py::arg("stride") = py::none(), py::arg("padding") = none,
      py::arg("ceil_mode") = false, py::arg("count_include_pad") = true, py::arg("divisor_override") = py::none(),
      py::arg("out") = py::none(),
      ("Average of each window over " + docs.axes + "." + parameters + docs.input() + docs.windows("zeros") +
       docs.ceil_mode() + divisors + docs.out() + "\nReturns\n-------\nnumpy.ndarray\n    " + docs.small + ".\n" +
       docs.raises())
          .c_str());
  m.def(
      names.backward,
      [=](const ArrayArg& grad_arg, const py::object& input_shape, const AxesArg& kernel_size,
          const OptionalAxes& stride, const AxesArg& padding, bool ceil_mode, bool count_include_pad,
          std::optional<int64_t> divisor) {
        const char* const op = names.backward;
        const Images grad = images(op, "grad_output", grad_arg, axes);
        const Dims shape = images_shape(op, "input_shape", input_shape, axes);
        const Windows windows(op, axes, kernel_size, stride, padding, one, ceil_mode);
        return avg_backward(op, grad, windows.over(op, shape), divisor_of(op, count_include_pad, divisor), shape);
      },
      py::arg("grad_output"), py::arg("input_shape"), py::arg("kernel_size"), py::arg("stride") = py::none(),
      py::arg("padding") = none, py::arg("ceil_mode") = false, py::arg("count_include_pad") = true,
      py::arg("divisor_override") = py::none(),
      (std::string("Gradient of `") + names.forward + "` with respect to its input, in the order of `grad_output`." +
       parameters + docs.gradient() + docs.input_shape() +
       "kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override\n    As in the forward call.\n" +
       docs.raises())
          .c_str());
  const Divisor inputs{false, 0};
  m.def(
      adaptive.forward,
      [=](const ArrayArg& input_arg, const AxesArg& output_size, const OptionalArray& out) {
        const Images input = images(adaptive.op, "input", input_arg, axes);
        const Dims sizes = per_axis(adaptive.op, "output_size", output_size, axes, 1);
        return avg_forward(adaptive, input, split_evenly(adaptive.op, input.shape(), sizes), inputs, out);
      },
      py::arg("input"), py::arg("output_size"), py::kw_only(), py::arg("out") = py::none(),
      ("Average over windows that split " + docs.axes +
       " evenly: position i of n averages the inputs floor(i L / n) to ceil((i + 1) L / n)." + parameters +
       docs.input() + "output_size : int or tuple of int\n    For all axes or one each.\n" + docs.out() +
       "\nReturns\n-------\nnumpy.ndarray\n    " + docs.small + ".\n" + docs.raises())
          .c_str());
  m.def(
      adaptive.backward,
      [=](const ArrayArg& grad_arg, const py::object& input_shape) {
        const char* const op = adaptive.backward;
        const Images grad = images(op, "grad_output", grad_arg, axes);
        const Dims shape = images_shape(op, "input_shape", input_shape, axes);
        return avg_backward(op, grad, split_evenly(op, shape, spatial_of(op, grad)), inputs, shape);
      },
      py::arg("grad_output"), py::arg("input_shape"),
      (std::string("Gradient of `") + adaptive.forward + "` with respect to its input, in the order of `grad_output`." +
       parameters + docs.gradient() + docs.input_shape() + docs.raises())
          .c_str());
}

void bind_unpool(py::module_& m, int axes) {
  const Names& names = unpool_names[axes - 1];
  const Docs docs(axes);
  m.def(
      names.forward,
      [=](const ArrayArg& input_arg, const ArrayArg& indices_arg, const AxesArg& output_size) {
        const char* const op = names.op;
        const Images input = images(op, "input", input_arg, axes);
        const Array indices = any_array(op, "indices", indices_arg);
        Dims shape{input.shape()[0], input.shape()[1]};
        for (int64_t size : per_axis(op, "output_size", output_size, axes, 1)) shape.push(size);
        return indexed(op, input, index_images(op, indices, input.shape(), axes), shape, shape,
                       [](const IndexedPlanes& planes, auto* from, const int64_t* at, auto* to) {
                         return scatter_planes(planes, from, at, to);
                       });
      },
      py::arg("input"), py::arg("indices"), py::arg("output_size"),
      ("Zeros, and each input at its index in its plane; of equal indices the last wins." + parameters +
       "input : numpy.ndarray\n    " + docs.small + " or the same without N, float32 or float64.\n" +
       "indices : numpy.ndarray\n    Positions in a plane of the result, int64, as max pooling keeps them.\n" +
       "output_size : int or tuple of int\n    Spatial sizes of the result.\n\nReturns\n-------\nnumpy.ndarray\n    " +
       docs.shape + ", in the memory order of `indices`.\n" + docs.raises(true))
          .c_str());
  m.def(
      names.backward,
      [=](const ArrayArg& grad_arg, const ArrayArg& indices_arg) {
        const char* const op = names.backward;
        const Images grad = images(op, "grad_output", grad_arg, axes);
        const Array indices = any_array(op, "indices", indices_arg);
        const Images at(op, "indices", indices, axes);
        check_planes(op, grad, at.shape());
        return indexed(op, grad, index_images(op, indices, at.shape(), axes), at.shape(), grad.shape(),
                       [](const IndexedPlanes& planes, auto* from, const int64_t* index, auto* to) {
                         return gather_planes(planes, from, index, to);
                       });
      },
      py::arg("grad_output"), py::arg("indices"),
      (std::string("Gradient of `") + names.forward +
       "` with respect to its input: the elements at the indices, 0 for\n-1." + parameters +
       "grad_output : numpy.ndarray\n    " + docs.shape + ", float32 or float64.\n" +
       "indices : numpy.ndarray\n    As in the forward call.\n" + docs.raises(true))
          .c_str());
}

}  // namespace

void bind_pool(py::module_& m) {
  for (int axes = 1; axes <= 3; ++axes) {
    bind_max(m, axes);
    bind_average(m, axes);
    bind_unpool(m, axes);
  }
}

}  // namespace cygnet
