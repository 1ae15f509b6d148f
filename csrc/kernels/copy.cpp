#include "copy.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/parallel.h"

namespace cygnet {
namespace {

template <class To, class From>
To convert(From value) noexcept {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr From limit = static_cast<From>(std::numeric_limits<To>::max());
    constexpr From lowest = static_cast<From>(std::numeric_limits<To>::lowest());
    if (!(value > lowest - 1 || value == lowest) || !(value < limit + 1)) return std::numeric_limits<To>::lowest();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

// One line: `count` elements, source and target stepping by their own strides; memcpy because a source may be
// misaligned.
template <class From, class To>
void copy_line(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t count) noexcept {
  if (std::is_same_v<From, To> && from_step == sizeof(From) && to_step == sizeof(To)) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * from_step, sizeof(From));
    const To result = convert<To>(value);
    std::memcpy(to + i * to_step, &result, sizeof(To));
  }
}

using Line = void (*)(const char*, int64_t, char*, int64_t, int64_t) noexcept;

template <class From>
Line line_from(DType to) noexcept {
  switch (to) {
    case DType::Float32:
      return copy_line<From, float>;
    case DType::Float64:
      return copy_line<From, double>;
    case DType::Int32:
      return copy_line<From, int32_t>;
    case DType::Int64:
      return copy_line<From, int64_t>;
    case DType::Bool:
      return copy_line<From, bool>;
    default:
      return copy_line<From, uint8_t>;
  }
}

Line line_for(DType from, DType to) noexcept {
  switch (from) {
    case DType::Float32:
      return line_from<float>(to);
    case DType::Float64:
      return line_from<double>(to);
    case DType::Int32:
      return line_from<int32_t>(to);
    case DType::Int64:
      return line_from<int64_t>(to);
    case DType::Bool:
    default:
      return line_from<uint8_t>(to);  // a bool is read as its byte: memory of a user may hold more than 0 and 1
  }
}

}  // namespace

void copy(const ArrayView& from, const ArrayView& to) noexcept {
  const int64_t count = to.count();
  if (count == 0) return;
  // Axes from the outermost of the target in memory to the innermost, neighbours joined where both sides allow it.
  int order[max_rank];
  int n = 0;
  for (int i = 0; i < to.rank(); ++i)
    if (to.shape[i] > 1) order[n++] = i;
  std::stable_sort(order, order + n, [&](int a, int b) { return std::abs(to.strides[a]) > std::abs(to.strides[b]); });
  int64_t size[max_rank], from_step[max_rank], to_step[max_rank];
  int axes = 0;
  for (int i = 0; i < n; ++i) {
    const int axis = order[i];
    if (axes > 0 && from_step[axes - 1] == from.strides[axis] * to.shape[axis] &&
        to_step[axes - 1] == to.strides[axis] * to.shape[axis]) {
      size[axes - 1] *= to.shape[axis];
    } else {
      size[axes++] = to.shape[axis];
    }
    from_step[axes - 1] = from.strides[axis];
    to_step[axes - 1] = to.strides[axis];
  }
  if (axes == 0) {
    size[0] = 1;
    from_step[0] = static_cast<int64_t>(item_size(from.dtype));
    to_step[0] = static_cast<int64_t>(item_size(to.dtype));
    axes = 1;
  }
  const Line line = line_for(from.dtype, to.dtype);
  const int inner = axes - 1;
  // A task is a run of about 16,384 elements: some lines, or a piece of a long one.
  const int64_t lines = count / size[inner];
  constexpr int64_t run = 16384;
  const int64_t pieces = (size[inner] + run - 1) / run, piece = (size[inner] + pieces - 1) / pieces;
  const int64_t lines_per_task = std::max<int64_t>(1, run / size[inner]);
  const int64_t groups = (lines + lines_per_task - 1) / lines_per_task;
  parallel_for(groups * pieces, static_cast<double>(count), [&](int64_t task) {
    const int64_t begin = task % pieces * piece, length = std::min(piece, size[inner] - begin);
    if (length <= 0) return;
    const int64_t first = task / pieces * lines_per_task, last = std::min(lines, first + lines_per_task);
    for (int64_t l = first; l < last; ++l) {
      const char* source = from.data + begin * from_step[inner];
      char* target = to.data + begin * to_step[inner];
      for (int64_t rest = l, i = inner - 1; i >= 0; rest /= size[i--]) {
        source += rest % size[i] * from_step[i];
        target += rest % size[i] * to_step[i];
      }
      line(source, from_step[inner], target, to_step[inner], length);
    }
  });
}

}  // namespace cygnet
