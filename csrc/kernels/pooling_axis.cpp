#include <algorithm>

#include "pooling.h"

namespace cygnet {

PoolAxis PoolAxis::split(int64_t in, int64_t out) {
  if (in % out == 0) return {in, out, in / out, in / out, 0, 1, false};
  return {in, out, std::min(in, in / out + 2), 1, 0, 1, true};
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
