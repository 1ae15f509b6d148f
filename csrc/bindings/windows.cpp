#include "windows.h"

namespace cygnet {
namespace {

Dims with_batch(const Dims& shape, int64_t batch) {
  Dims all;
  all.push(batch);
  for (int64_t size : shape) all.push(size);
  return all;
}

Dims without_batch(const Dims& shape) {
  Dims rest;
  for (int i = 1; i < shape.rank; ++i) rest.push(shape[i]);
  return rest;
}

// The axes of a pooling over (N, C, ...) images: as many as they have, the last of three.
template <class F>
Pooling pooling_of(const Dims& input, F axis) {
  Pooling pooling{input[0], input[1], {}, {}, {}};
  PoolAxis* const all[] = {&pooling.d, &pooling.h, &pooling.w};
  const int axes = input.rank - 2;
  for (int i = 0; i < axes; ++i) *all[3 - axes + i] = axis(i);
  return pooling;
}

// With ceil_mode a last window that begins inside the input or its left padding counts too.
int64_t positions(const Window& window, int64_t size, bool ceil_mode) {
  const int64_t room = size + 2 * window.padding - window.extent() + (ceil_mode ? window.stride - 1 : 0);
  if (room < 0) return 0;
  const int64_t count = room / window.stride + 1;
  return ceil_mode && (count - 1) * window.stride >= size + window.padding ? count - 1 : count;
}

}  // namespace

Windows::Windows(const char* op, int axes, const AxesArg& kernel_size, const std::optional<AxesArg>& stride_arg,
                 const AxesArg& padding_arg, const AxesArg& dilation_arg, bool ceil)
    : kernel(per_axis(op, "kernel_size", kernel_size, axes, 1)),
      stride(stride_arg ? per_axis(op, "stride", *stride_arg, axes, 1) : kernel),
      padding(per_axis(op, "padding", padding_arg, axes, 0)),
      dilation(per_axis(op, "dilation", dilation_arg, axes, 1)),
      ceil_mode(ceil) {
  double taps = 1;
  for (int i = 0; i < axes; ++i) {
    const Window window{kernel[i], stride[i], padding[i], dilation[i]};
    check<ValueError>(window.padding <= window.extent() / 2, op, ": padding is ", padding,
                      ", expected at most half of kernel_size ", kernel);
    taps *= static_cast<double>(window.kernel);
  }
  check<ValueError>(taps <= 0x1p53, op, ": kernel_size ", kernel, " has more than 2**53 positions");
}

Pooling Windows::over(const char* op, const Dims& input) const {
  element_count(op, input, sizeof(double));
  const Pooling pooling = pooling_of(input, [&](int i) {
    const Window window{kernel[i], stride[i], padding[i], dilation[i]};
    const int64_t size = input[i + 2], out = size ? positions(window, size, ceil_mode) : 0;
    if (out < 1) {
      Dims padded = without_batch(without_batch(input));
      for (int k = 0; k < padded.rank; ++k) padded[k] += 2 * padding[k];
      throw ShapeError(
          message(op, ": kernel ", kernel, " with dilation ", dilation, " is larger than the padded input ", padded));
    }
    return PoolAxis{size, out, window.kernel, window.stride, window.padding, window.kernel > 1 ? window.dilation : 1};
  });
  element_count(op, output_shape(pooling, input.rank - 2), sizeof(double));
  return pooling;
}

Pooling split_evenly(const char* op, const Dims& input, const Dims& sizes) {
  element_count(op, input, sizeof(double));
  const Pooling pooling = pooling_of(input, [&](int i) {
    check<ShapeError>(input[i + 2] > 0, op, ": input has shape ", input, ", expected spatial sizes of at least 1");
    return PoolAxis::split(input[i + 2], sizes[i]);
  });
  element_count(op, output_shape(pooling, input.rank - 2), sizeof(double));
  return pooling;
}

Dims output_shape(const Pooling& pooling, int axes) {
  const int64_t sizes[] = {pooling.d.out, pooling.h.out, pooling.w.out};
  Dims shape{pooling.batch, pooling.channels};
  for (int i = 3 - axes; i < 3; ++i) shape.push(sizes[i]);
  return shape;
}

Images::Images(const char* op, const char* name, Array argument, int axes)
    : array(std::move(argument)), alone(array.rank() == axes + 1) {
  check<ShapeError>(alone || array.rank() == axes + 2, op, ": ", name, " has shape ", array.shape(), ", expected ",
                    axes + 2, " dimensions, or ", axes + 1, " without a batch");
  if (alone) {
    array.view.shape = with_batch(array.shape(), 1);
    array.view.strides = with_batch(array.view.strides, 0);
  }
  const auto ordered = [&](Layout order) {
    return array.view.has_strides(strides_for(array.shape(), item_size(array.dtype()), order));
  };
  layout = ordered(Layout::Contiguous) && !ordered(Layout::ChannelsLast) ? Layout::Contiguous : Layout::ChannelsLast;
}

Images::Images(const char* op, const OptionalArray& out, DType dtype, const Dims& shape, const Images& like)
    : alone(like.alone), layout(like.layout) {
  const Dims own = alone ? without_batch(shape) : shape;
  if (!out) {
    const Dims strides = strides_for(shape, item_size(dtype), layout);
    array = new_array_strided(op, dtype, own, alone ? without_batch(strides) : strides);
    return;
  }
  array = output(op, out, dtype, own, {&like.array}, alone ? Layout::Contiguous : Layout::ChannelsLast);
  if (!(layout == Layout::ChannelsLast ? array.view.channels_last() : array.view.contiguous()))
    layout = layout == Layout::ChannelsLast ? Layout::Contiguous : Layout::ChannelsLast;
}

void Images::put_in_order(Layout wanted) {
  layout = wanted;
  array = layout == Layout::ChannelsLast ? channels_last(array) : contiguous(array);
}

Pooling in_memory(Pooling pooling, Layout layout) {
  if (layout == Layout::Contiguous) {
    pooling.batch *= pooling.channels;
    pooling.channels = 1;
  }
  return pooling;
}

Dims images_shape(const char* op, const char* name, const py::object& arg, int axes) {
  const bool alone = (py::isinstance<py::tuple>(arg) || py::isinstance<py::list>(arg)) &&
                     py::len(arg) == static_cast<size_t>(axes + 1);
  const Dims shape = image_shape(op, name, arg, axes + (alone ? 1 : 2));
  return alone ? with_batch(shape, 1) : shape;
}

}  // namespace cygnet
