#include "copy.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/parallel.h"
#include "simd/stream.h"

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

// Lines of `count` elements, one above the other: the steps of source and target from line to line and from element
// to element, in bytes.
struct Steps {
  int64_t from_line, from, to_line, to;
};

// memcpy because a source may be misaligned.
template <class From, class To>
void copy_lines(const char* __restrict__ from, char* __restrict__ to, Steps steps, int64_t lines,
                int64_t count) noexcept {
  constexpr auto from_size = static_cast<int64_t>(sizeof(From)), to_size = static_cast<int64_t>(sizeof(To));
  const auto run = [&](int64_t from_step, int64_t to_step) {
    for (int64_t i = 0; i < count; ++i) {
      From value;
      std::memcpy(&value, from + i * from_step, sizeof(From));
      const To result = convert<To>(value);
      std::memcpy(to + i * to_step, &result, sizeof(To));
    }
  };
  constexpr int64_t short_line = 64;  // not worth a call of memcpy
  for (; lines > 0; --lines, from += steps.from_line, to += steps.to_line) {
    // Constant steps let the compiler vectorise.
    if (steps.to != to_size)
      run(steps.from, steps.to);
    else if (std::is_same_v<From, To> && steps.from == from_size && count > short_line)
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
    else if (steps.from == from_size)
      run(from_size, to_size);
    else if (steps.from == 0)
      run(0, to_size);
    else
      run(steps.from, to_size);
  }
}

using Lines = void (*)(const char*, char*, Steps, int64_t, int64_t) noexcept;

template <class From>
Lines lines_from(DType to) noexcept {
  switch (to) {
    case DType::Float32:
      return copy_lines<From, float>;
    case DType::Float64:
      return copy_lines<From, double>;
    case DType::Int32:
      return copy_lines<From, int32_t>;
    case DType::Int64:
      return copy_lines<From, int64_t>;
    case DType::Bool:
      return copy_lines<From, bool>;
    default:
      return copy_lines<From, uint8_t>;
  }
}

Lines lines_for(DType from, DType to) noexcept {
  switch (from) {
    case DType::Float32:
      return lines_from<float>(to);
    case DType::Float64:
      return lines_from<double>(to);
    case DType::Int32:
      return lines_from<int32_t>(to);
    case DType::Int64:
      return lines_from<int64_t>(to);
    case DType::Bool:
    default:
      return lines_from<uint8_t>(to);  // a bool is read as its byte: memory of a user may hold more than 0 and 1
  }
}

// The same past the caches, for lines whose elements are neighbours in the target.
void stream_lines(Lines copy_lines, const char* from, char* to, Steps steps, int64_t lines, int64_t count) noexcept {
  constexpr int64_t run = 512;
  alignas(64) char buffer[run * 8];
  for (; lines > 0; --lines, from += steps.from_line, to += steps.to_line) {
    for (int64_t i = 0; i < count; i += run) {
      const int64_t length = std::min(run, count - i);
      copy_lines(from + i * steps.from, buffer, steps, 1, length);
      stream_copy(to + i * steps.to, buffer, length * steps.to);
    }
  }
}

// to[r][c] = from[c][r]: rows of the target are columns of the source; steps in elements.
template <class T>
void transpose(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t rows, int64_t columns,
               bool streamed) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  streamed &= reinterpret_cast<uintptr_t>(to) % sizeof(Vec<T>) == 0 && to_step % lanes == 0;
  for (int64_t c = 0; c < columns; c += lanes) {
    const int width = static_cast<int>(std::min<int64_t>(lanes, columns - c));
    for (int64_t r = 0; r < rows; r += lanes) {
      const int height = static_cast<int>(std::min<int64_t>(lanes, rows - r));
      Vec<T> square[lanes];
      if (height == lanes && width == lanes) {
        for (int i = 0; i < lanes; ++i) square[i] = Vec<T>::load(from + (c + i) * from_step + r);
        transpose(square);
        for (int i = 0; i < lanes; ++i) {
          T* const line = to + (r + i) * to_step + c;
          streamed ? square[i].stream(line) : square[i].store(line);
        }
      } else {
        for (int i = 0; i < width; ++i) square[i] = Vec<T>::load(from + (c + i) * from_step + r, height);
        for (int i = width; i < lanes; ++i) square[i] = Vec<T>(T(0));
        transpose(square);
        for (int i = 0; i < height; ++i) square[i].store(to + (r + i) * to_step + c, width);
      }
    }
  }
}

// The axes of a copy, from the outermost of the target in memory to the innermost, neighbours joined where both sides
// allow it; steps in bytes.
struct Axes {
  int count = 0;
  int64_t size[max_rank], from_step[max_rank], to_step[max_rank];

  Axes(const ArrayView& from, const ArrayView& to) noexcept {
    int order[max_rank];
    int n = 0;
    for (int i = 0; i < to.rank(); ++i)
      if (to.shape[i] > 1) order[n++] = i;
    sort_axes(order, n, [&](int a, int b) { return std::abs(to.strides[a]) > std::abs(to.strides[b]); });
    for (int i = 0; i < n; ++i) {
      const int axis = order[i];
      if (count > 0 && from_step[count - 1] == from.strides[axis] * to.shape[axis] &&
          to_step[count - 1] == to.strides[axis] * to.shape[axis]) {
        size[count - 1] *= to.shape[axis];
      } else {
        size[count++] = to.shape[axis];
      }
      from_step[count - 1] = from.strides[axis];
      to_step[count - 1] = to.strides[axis];
    }
    if (count == 0) add(1, static_cast<int64_t>(item_size(from.dtype)), static_cast<int64_t>(item_size(to.dtype)));
  }

  void add(int64_t length, int64_t from_stride, int64_t to_stride) noexcept {
    size[count] = length;
    from_step[count] = from_stride;
    to_step[count++] = to_stride;
  }
  void remove(int axis) noexcept {
    --count;
    for (int i = axis; i < count; ++i) {
      size[i] = size[i + 1];
      from_step[i] = from_step[i + 1];
      to_step[i] = to_step[i + 1];
    }
  }
  // Moves two addresses to where index `i` of the axes before `end` begins.
  void seek(int64_t i, int end, const char*& from, char*& to) const noexcept {
    for (int a = end - 1; a >= 0; i /= size[a--]) {
      from += i % size[a] * from_step[a];
      to += i % size[a] * to_step[a];
    }
  }
};

// The axis whose elements are neighbours in the source where another one's are in the target, else -1.
int transposed_axis(const ArrayView& from, const ArrayView& to, const Axes& axes) noexcept {
  const auto item = static_cast<int64_t>(item_size(to.dtype));
  if (from.dtype != to.dtype || item < 4 || !from.aligned() || !to.aligned()) return -1;
  const int inner = axes.count - 1;
  if (axes.to_step[inner] != item || axes.from_step[inner] == item) return -1;
  for (int a = 0; a < inner; ++a)
    if (axes.from_step[a] == item) return a;
  return -1;
}

template <class T>
void copy_transposed(const ArrayView& from, const ArrayView& to, Axes axes, int row_axis, int64_t count,
                     bool streamed) noexcept {
  constexpr auto item = static_cast<int64_t>(sizeof(T));
  const int inner = axes.count - 1;
  const int64_t rows = axes.size[row_axis], columns = axes.size[inner];
  const int64_t to_step = axes.to_step[row_axis], from_step = axes.from_step[inner];
  axes.remove(inner);
  axes.remove(row_axis);
  // A task is a rectangle of about 16,384 elements.
  const int64_t width = std::min<int64_t>(columns, 128), height = std::max<int64_t>(128, 16384 / width / 64 * 64);
  const int64_t across = (columns + width - 1) / width, down = (rows + height - 1) / height;
  // An element is more work than one of a plain copy.
  parallel_for(count / (rows * columns) * across * down, 2 * static_cast<double>(count), [&, axes](int64_t task) {
    const int64_t c = task % across * width, r = task / across % down * height;
    const char* source = from.data + c * from_step + r * item;
    char* target = to.data + c * item + r * to_step;
    axes.seek(task / across / down, axes.count, source, target);
    transpose(reinterpret_cast<const T*>(source), from_step / item, reinterpret_cast<T*>(target), to_step / item,
              std::min(height, rows - r), std::min(width, columns - c), streamed);
    if (streamed) stream_fence();
  });
}

}  // namespace

void transpose(const uint32_t* from, int64_t from_step, uint32_t* to, int64_t to_step, int64_t rows,
               int64_t columns) noexcept {
  transpose(reinterpret_cast<const float*>(from), from_step, reinterpret_cast<float*>(to), to_step, rows, columns,
            false);
}

void copy(const ArrayView& from, const ArrayView& to) noexcept {
  const int64_t count = to.count();
  if (count == 0) return;
  const Axes axes(from, to);
  const auto item = static_cast<int64_t>(item_size(to.dtype));
  const bool streamed = count * item >= stream_bytes;
  if (const int rows = transposed_axis(from, to, axes); rows >= 0) {
    return item == 4 ? copy_transposed<float>(from, to, axes, rows, count, streamed)
                     : copy_transposed<double>(from, to, axes, rows, count, streamed);
  }
  const Lines copy_lines = lines_for(from.dtype, to.dtype);
  const int inner = axes.count - 1;
  const int64_t length = axes.size[inner], rows = inner > 0 ? axes.size[inner - 1] : 1;
  const Steps steps{inner > 0 ? axes.from_step[inner - 1] : 0, axes.from_step[inner],
                    inner > 0 ? axes.to_step[inner - 1] : 0, axes.to_step[inner]};
  // A task is a run of about 16,384 elements: some lines, or a piece of a long one.
  constexpr int64_t run = 16384;
  const int64_t lines = count / length, pieces = (length + run - 1) / run;
  const int64_t lines_per_task = std::max<int64_t>(1, run / length);
  const int64_t groups = (lines + lines_per_task - 1) / lines_per_task;
  parallel_for(groups * pieces, static_cast<double>(count), [&](int64_t task) {
    const int64_t begin = task % pieces * run, extent = std::min(run, length - begin);
    const int64_t first = task / pieces * lines_per_task, last = std::min(lines, first + lines_per_task);
    for (int64_t line = first; line < last;) {
      const int64_t together = std::min(last - line, rows - line % rows);
      const char* source = from.data + begin * steps.from;
      char* target = to.data + begin * steps.to;
      axes.seek(line, inner, source, target);
      if (streamed && steps.to == item)
        stream_lines(copy_lines, source, target, steps, together, extent);
      else
        copy_lines(source, target, steps, together, extent);
      line += together;
    }
    if (streamed) stream_fence();
  });
}

}  // namespace cygnet
