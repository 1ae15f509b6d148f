#include <limits>

#include "families.h"
#include "fused_activation.h"
#include "kernels/grid_sample.h"
#include "launch.h"

namespace cygnet {
namespace {

Interpolation interpolation_of(const char* op, const char* argument, const std::string& name) {
  if (name == "nearest") return Interpolation::Nearest;
  if (name == "bilinear") return Interpolation::Bilinear;
  if (name == "bicubic") return Interpolation::Bicubic;
  throw ValueError(message(op, ": ", argument, " is '", name, "', expected 'nearest', 'bilinear' or 'bicubic'"));
}

Outside padding_of(const char* op, const std::string& name) {
  if (name == "zeros") return Outside::Constant;
  if (name == "border") return Outside::Border;
  if (name == "reflection") return Outside::Mirror;
  throw ValueError(message(op, ": padding_mode is '", name, "', expected 'zeros', 'border' or 'reflection'"));
}

Outside fill_of(const char* op, const std::string& name) {
  if (name == "constant") return Outside::Constant;
  if (name == "nearest") return Outside::Border;
  if (name == "reflect") return Outside::Mirror;
  if (name == "wrap") return Outside::Wrap;
  throw ValueError(message(op, ": fill_mode is '", name, "', expected 'constant', 'nearest', 'reflect' or 'wrap'"));
}

// Images as the kernels take them, with their layout.
struct Source {
  Array array;
  Layout layout;

  Source(const char* op, const char* name, const ArrayArg& arg) : array(float_array(op, name, arg)) {
    check_rank(op, name, array, 4);
    check<ShapeError>(array.shape(2) > 0 && array.shape(3) > 0, op, ": ", name, " has shape ", array.shape(),
                      ", expected at least one row and column");
    check<ShapeError>(array.shape(2) <= std::numeric_limits<int32_t>::max() / array.shape(3), op, ": ", name,
                      " has shape ", array.shape(), ", expected fewer than 2**31 pixels");
    layout = layout_of(array);
    array = in_layout(array);
  }
  Array in_layout(const Array& other) const {
    return layout == Layout::ChannelsLast ? channels_last(other) : contiguous(other);
  }
  SampledImages with_results(int64_t rows, int64_t columns) const {
    return {
        array.shape(0), array.shape(1), array.shape(2), array.shape(3), rows, columns, layout == Layout::ChannelsLast};
  }
};

Array grid_of(const char* op, const ArrayArg& arg, const Array& input) {
  const Array grid = array_of(op, "grid", arg, input.dtype(), "input");
  check<ShapeError>(grid.rank() == 4 && grid.shape(3) == 2 && grid.shape(0) == input.shape(0), op, ": grid has shape ",
                    grid.shape(), ", expected (", input.shape(0), ", rows, columns, 2) for input of shape ",
                    input.shape());
  return contiguous(grid);
}

Array transforms_of(const char* op, const ArrayArg& arg, const char* like, const Array& images) {
  const Array transforms = array_of(op, "transforms", arg, images.dtype(), like);
  check_shape(op, "transforms", transforms, {images.shape(0), 8});
  return contiguous(transforms);
}

Work work_of(const SampledImages& s, Interpolation interpolation, size_t item) {
  const double pixels = static_cast<double>(s.count * s.rows * s.columns), channels = static_cast<double>(s.channels);
  const double terms = interpolation == Interpolation::Nearest ? 1 : interpolation == Interpolation::Bilinear ? 4 : 16;
  const double read = static_cast<double>(s.count * s.height * s.width) * channels;
  return {pixels * (2 * terms * channels + 64), (read + pixels * (channels + 2)) * static_cast<double>(item)};
}

py::object forward(const char* op, const Source& source, const Array& places, bool by_grid, Sampling how, int64_t rows,
                   int64_t columns) {
  const Array& input = source.array;
  const SampledImages images = source.with_results(rows, columns);
  const Array result = new_array(op, input.dtype(), {images.count, images.channels, rows, columns}, source.layout);
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(images, how.interpolation, sizeof(T)), {read(input), read(places), write(result)}, 0,
           [=](void* const* at) {
             const T* const given = in<T>(at[1]);
             grid_sample_forward<T>(images, how, in<T>(at[0]), {by_grid ? given : nullptr, by_grid ? nullptr : given},
                                    to<T>(at[2]));
           });
  });
  return result.object;
}

py::object grid_sample_forward_binding(const ArrayArg& input_arg, const ArrayArg& grid_arg, const std::string& mode,
                                       const std::string& padding_mode, bool align_corners) {
  constexpr const char* op = "grid_sample";
  const Sampling how{interpolation_of(op, "mode", mode), padding_of(op, padding_mode), align_corners, 0};
  const Source source(op, "input", input_arg);
  const Array grid = grid_of(op, grid_arg, source.array);
  return forward(op, source, grid, true, how, grid.shape(1), grid.shape(2));
}

py::tuple grid_sample_backward_binding(const ArrayArg& grad_arg, const ArrayArg& input_arg, const ArrayArg& grid_arg,
                                       const std::string& mode, const std::string& padding_mode, bool align_corners,
                                       bool need_input, bool need_grid) {
  constexpr const char* op = "grid_sample_backward";
  const Sampling how{interpolation_of(op, "mode", mode), padding_of(op, padding_mode), align_corners, 0};
  const Source source(op, "input", input_arg);
  const Array& input = source.array;
  const Array grid = grid_of(op, grid_arg, input);
  const SampledImages images = source.with_results(grid.shape(1), grid.shape(2));
  Array grad = array_of(op, "grad_output", grad_arg, input.dtype(), "input");
  check_shape(op, "grad_output", grad, {images.count, images.channels, images.rows, images.columns});
  grad = source.in_layout(grad);
  const Array grad_input = need_input ? new_array(op, input.dtype(), input.shape(), source.layout) : Array{};
  const Array grad_grid = need_grid ? new_array(op, input.dtype(), grid.shape()) : Array{};
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(images, how.interpolation, sizeof(T)),
           {read(grad), read(input), read(grid), write(grad_input), write(grad_grid)}, 0, [=](void* const* at) {
             if (at[3]) grid_sample_backward_input<T>(images, how, in<T>(at[0]), {in<T>(at[2]), nullptr}, to<T>(at[3]));
             if (at[4])
               grid_sample_backward_grid<T>(images, how, in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), to<T>(at[4]));
           });
  });
  return py::make_tuple(or_none(grad_input), or_none(grad_grid));
}

py::object projective_transform_forward_binding(const ArrayArg& input_arg, const ArrayArg& transforms_arg,
                                                const std::string& interpolation, const std::string& fill_mode,
                                                double fill_value) {
  constexpr const char* op = "projective_transform";
  const Sampling how{interpolation_of(op, "interpolation", interpolation), fill_of(op, fill_mode), false, fill_value};
  const Source source(op, "input", input_arg);
  const Array transforms = transforms_of(op, transforms_arg, "input", source.array);
  return forward(op, source, transforms, false, how, source.array.shape(2), source.array.shape(3));
}

py::object projective_transform_backward_binding(const ArrayArg& grad_arg, const ArrayArg& transforms_arg,
                                                 const std::string& interpolation, const std::string& fill_mode) {
  constexpr const char* op = "projective_transform_backward";
  const Sampling how{interpolation_of(op, "interpolation", interpolation), fill_of(op, fill_mode), false, 0};
  const Source source(op, "grad_output", grad_arg);
  const Array& grad = source.array;
  const Array transforms = transforms_of(op, transforms_arg, "grad_output", grad);
  const SampledImages images = source.with_results(grad.shape(2), grad.shape(3));
  const Array grad_input = new_array(op, grad.dtype(), grad.shape(), source.layout);
  dispatch(grad.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, work_of(images, how.interpolation, sizeof(T)), {read(grad), read(transforms), write(grad_input)}, 0,
           [=](void* const* at) {
             grid_sample_backward_input<T>(images, how, in<T>(at[0]), {nullptr, in<T>(at[1])}, to<T>(at[2]));
           });
  });
  return grad_input.object;
}

}  // namespace

void bind_grid_sample(py::module_& m) {
  m.def("grid_sample_forward", &grid_sample_forward_binding, py::arg("input"), py::arg("grid"),
        py::arg("mode") = "bilinear", py::arg("padding_mode") = "zeros", py::arg("align_corners") = false,
        R"(Images read at the places of a grid.

Parameters
----------
input : numpy.ndarray
    (N, C, H, W), float32 or float64, H and W at least 1; a channels-last one gives such a result.
grid : numpy.ndarray
    (N, rows, columns, 2), of the input's type: x and y, from -1 to 1 across the image. NaN is -1.
mode : str
    'bilinear' (default), 'nearest' or 'bicubic'.
padding_mode : str
    What lies outside: 'zeros' (default), 'border' or 'reflection'.
align_corners : bool
    Whether -1 and 1, and the mirrors, are the centres of the border pixels, not their outer edges. Default False.

Returns
-------
numpy.ndarray
    (N, C, rows, columns).

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("grid_sample_backward", &grid_sample_backward_binding, py::arg("grad_output"), py::arg("input"),
        py::arg("grid"), py::arg("mode"), py::arg("padding_mode"), py::arg("align_corners"),
        py::arg("need_input") = true, py::arg("need_grid") = true,
        R"(Gradients of `grid_sample_forward`: of the input and of the grid, None where it is not needed.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("projective_transform_forward", &projective_transform_forward_binding, py::arg("input"), py::arg("transforms"),
        py::arg("interpolation") = "bilinear", py::arg("fill_mode") = "constant", py::arg("fill_value") = 0.0,
        R"(Images of the same size, each pixel of which reads its image where a transform says.

Parameters
----------
input : numpy.ndarray
    (N, C, H, W), float32 or float64, H and W at least 1; a channels-last one gives such a result.
transforms : numpy.ndarray
    (N, 8), of the input's type: a0, a1, a2, b0, b1, b2, c0, c1. The pixel in column x and row y reads at column
    (a0 x + a1 y + a2) / k and row (b0 x + b1 y + b2) / k, where k = c0 x + c1 y + 1.
interpolation : str
    'bilinear' (default), 'nearest' or 'bicubic'.
fill_mode : str
    What lies outside: 'constant' (default: `fill_value`), 'nearest' (the border pixels), 'reflect' (the mirror image,
    border pixels twice) or 'wrap' (the image again).
fill_value : float
    Default 0.

Raises
------
ShapeError, DTypeError, ValueError
)");
  m.def("projective_transform_backward", &projective_transform_backward_binding, py::arg("grad_output"),
        py::arg("transforms"), py::arg("interpolation"), py::arg("fill_mode"),
        R"(The gradient of the input of `projective_transform_forward`.

Raises
------
ShapeError, DTypeError, ValueError
)");
}

}  // namespace cygnet
