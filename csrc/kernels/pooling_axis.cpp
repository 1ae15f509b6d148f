#include <algorithm>
#include <numeric>

#include "pooling.h"

namespace cygnet {

PoolAxis PoolAxis::split(int64_t in, int64_t out) {
  if (in % out == 0) return {in, out, in / out, in / out, 0, 1, false};
  return {in, out, std::min(in, in / out + 2), 1, 0, 1, true};
}

Meeting PoolAxis::inputs(int64_t o) const {
  const int64_t at = start(o);
  if (adaptive) return {at, 1, 0, 1, ((o + 1) * in + out - 1) / out - at};
  int64_t first = 0, last = kernel;
  if (at < 0) first = std::min(kernel, (-at + dilation - 1) / dilation);
  if (at + (kernel - 1) * dilation >= in) last = at < in ? (in - at + dilation - 1) / dilation : 0;
  return {at + first * dilation, dilation, first, 1, std::max<int64_t>(0, last - first)};
}

Meeting PoolAxis::windows(int64_t i) const {
  if (adaptive) {
    const int64_t first = i * out / in;
    return {first, 1, 0, 0, ((i + 1) * out + in - 1) / in - first};
  }
  const int64_t at = i + padding, low = at - (kernel - 1) * dilation, last = std::min(out - 1, at / stride);
  int64_t first = low > 0 ? (low + stride - 1) / stride : 0, step = 1;
  if (dilation > 1) {
    step = dilation / std::gcd(stride, dilation);  // only every step-th window has a tap here
    while (first <= last && (at - first * stride) % dilation) ++first;
  }
  return {first, step, (at - first * stride) / dilation, -step * stride / dilation,
          first > last ? 0 : (last - first) / step + 1};
}

int64_t Divisor::of(const PoolAxis& axis, int64_t o) const {
  const int64_t at = axis.start(o), stop = at + axis.kernel;
  if (!count_padding || axis.adaptive) return axis.inputs(o).count;
  return std::min(stop, axis.in + axis.padding) - at;
}

bool Divisor::uniform(const Pooling& pooling) const {
  if (fixed) return true;
  for (const PoolAxis* axis : {&pooling.d, &pooling.h, &pooling.w})
    if (axis->adaptive || of(*axis, 0) != axis->kernel || of(*axis, axis->out - 1) != axis->kernel) return false;
  return true;
}

}  // namespace cygnet
