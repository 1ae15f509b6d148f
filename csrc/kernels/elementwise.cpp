#include "elementwise.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/parallel.h"
#include "simd/stream.h"

namespace cygnet {
namespace {

// Elements that pass through the staging buffers at a time, and elements of a task.
constexpr int64_t stage = 512, task_run = 16384;

// Brings rows of elements that lie apart to contiguous memory; a step of 0 repeats one element.
template <class Item>
void gather(const char* from, int64_t row_step, int64_t step, int64_t rows, int64_t length, char* to) noexcept {
  constexpr auto size = static_cast<int64_t>(sizeof(Item));
  for (int64_t r = 0; r < rows; ++r, from += row_step, to += length * size) {
    if (step == size) {
      std::memcpy(to, from, static_cast<size_t>(length * size));
    } else if (step == 0) {
      Item value;
      std::memcpy(&value, from, sizeof(Item));
      for (int64_t i = 0; i < length; ++i) std::memcpy(to + i * size, &value, sizeof(Item));
    } else {
      for (int64_t i = 0; i < length; ++i) std::memcpy(to + i * size, from + i * step, sizeof(Item));
    }
  }
}

// Lines of `length` elements, one above the other in memory of the output. Operands that do not lie as the output does
// pass through buffers; lines shorter than those go together, so that a row, a column or a channel that is broadcast
// is laid out once for many lines.
class Lines {
 public:
  Lines(const ElementwisePlan& plan, int64_t length, bool streamed) noexcept
      : plan_(plan), length_(length), streamed_(streamed), height_(std::max<int64_t>(1, stage / length)) {
    const int inner = plan.axes - 1;
    bool all_direct = !streamed;
    for (int i = 0; i < plan.inputs; ++i) {
      step_[i] = plan.step[i][inner];
      row_step_[i] = inner > 0 ? plan.step[i][inner - 1] : 0;
      const bool along = plan.aligned[i] && step_[i] == plan.item[i];
      direct_[i] = along && (height_ == 1 || row_step_[i] == length * plan.item[i]);
      all_direct &= direct_[i];
    }
    const int64_t pieces = (length + stage - 1) / stage;  // of about one width, whole cache lines
    width_ = all_direct ? length : std::min(length, (length / pieces + 63) / 64 * 64);
  }

  // `at` holds the addresses of the first line, the output's last.
  void run(const char* const* at, int64_t rows) noexcept {
    const int64_t item = plan_.item[plan_.inputs];
    char* const out = const_cast<char*>(at[plan_.inputs]);
    for (int64_t row = 0; row < rows; row += height_) {
      const int64_t height = std::min(height_, rows - row);
      for (int64_t column = 0; column < length_; column += width_) {
        const int64_t width = std::min(width_, length_ - column), count = height * width;
        const void* from[max_elementwise_inputs];
        for (int i = 0; i < plan_.inputs; ++i) from[i] = operand(i, at[i], row, column, height, width);
        char* const to = out + (row * length_ + column) * item;
        plan_.loop(from, streamed_ ? result_ : to, count, plan_.parameters);
        if (streamed_) stream_copy(to, result_, count * item);
      }
    }
  }

 private:
  const void* operand(int i, const char* at, int64_t row, int64_t column, int64_t height, int64_t width) noexcept {
    const char* const from = at + row * row_step_[i] + column * step_[i];
    if (direct_[i]) return from;
    if (from == laid_[i] && height * width <= count_[i]) return buffer_[i];
    laid_[i] = from;
    count_[i] = height * width;
    switch (plan_.item[i]) {
      case 4:
        gather<uint32_t>(from, row_step_[i], step_[i], height, width, buffer_[i]);
        break;
      case 8:
        gather<uint64_t>(from, row_step_[i], step_[i], height, width, buffer_[i]);
        break;
      default:
        gather<uint8_t>(from, row_step_[i], step_[i], height, width, buffer_[i]);
    }
    return buffer_[i];
  }

  const ElementwisePlan& plan_;
  const int64_t length_;
  const bool streamed_;
  const int64_t height_;  // lines at a time
  int64_t width_;         // elements of a line at a time
  int64_t step_[max_elementwise_inputs], row_step_[max_elementwise_inputs];
  bool direct_[max_elementwise_inputs];
  const char* laid_[max_elementwise_inputs] = {};  // the first element of what is in the buffer, and how many
  int64_t count_[max_elementwise_inputs] = {};
  alignas(64) char buffer_[max_elementwise_inputs][stage * 8];
  alignas(64) char result_[stage * 8];
};

}  // namespace

void plan_axes(const ArrayView* inputs, int input_count, const ArrayView& output, ElementwisePlan& plan) noexcept {
  const int operands = input_count + 1;
  const auto view = [&](int i) -> const ArrayView& { return i < input_count ? inputs[i] : output; };
  plan.inputs = input_count;
  for (int i = 0; i < operands; ++i) {
    plan.item[i] = static_cast<int64_t>(item_size(view(i).dtype));
    plan.aligned[i] = view(i).aligned();
  }
  int order[max_rank], n = 0;
  for (int i = 0; i < output.rank(); ++i)
    if (output.shape[i] != 1) order[n++] = i;
  // Insertion sort: stable, and nearly always sorted already.
  for (int i = 1; i < n; ++i)
    for (int j = i; j > 0 && std::abs(output.strides[order[j]]) > std::abs(output.strides[order[j - 1]]); --j)
      std::swap(order[j], order[j - 1]);
  plan.axes = 0;
  for (int a = 0; a < n; ++a) {
    const int axis = order[a];
    const int64_t size = output.shape[axis];
    bool joined = plan.axes > 0;
    for (int i = 0; i < operands && joined; ++i) joined = plan.step[i][plan.axes - 1] == view(i).strides[axis] * size;
    if (joined)
      plan.size[plan.axes - 1] *= size;
    else
      plan.size[plan.axes++] = size;
    for (int i = 0; i < operands; ++i) plan.step[i][plan.axes - 1] = view(i).strides[axis];
  }
  if (plan.axes == 0) {
    plan.axes = 1;
    plan.size[0] = 1;
    for (int i = 0; i < operands; ++i) plan.step[i][0] = plan.item[i];
  }
}

void elementwise_flat(ElementwiseLoop loop, ElementwiseParameters parameters, double cost, int inputs,
                      const int64_t* item, int64_t count, const void* const* in, void* out) noexcept {
  if (count <= task_run) {
    loop(in, out, count, parameters);
    return;
  }
  parallel_ranges(count, task_run, cost, [=](int64_t begin, int64_t end) {
    const void* from[max_elementwise_inputs];
    for (int i = 0; i < inputs; ++i) from[i] = static_cast<const char*>(in[i]) + begin * item[i];
    loop(from, static_cast<char*>(out) + begin * item[inputs], end - begin, parameters);
  });
}

void elementwise(const ElementwisePlan& plan, const void* const* in, void* out) noexcept {
  int64_t count = 1;
  for (int a = 0; a < plan.axes; ++a) count *= plan.size[a];
  if (count == 0) return;
  const int inner = plan.axes - 1, operands = plan.inputs + 1;
  const int64_t length = plan.size[inner], lines = count / length, rows = inner > 0 ? plan.size[inner - 1] : 1;
  // A task is a run of about 16,384 elements: some lines, or a piece of a long one.
  const int64_t piece = std::min(length, task_run), pieces = (length + piece - 1) / piece;
  const int64_t lines_per_task = std::max<int64_t>(1, task_run / length);
  const int64_t groups = (lines + lines_per_task - 1) / lines_per_task;
  bool streamed = plan.large();
  for (int i = 0; i < plan.inputs; ++i) streamed &= in[i] != out;
  parallel_for(groups * pieces, plan.cost * static_cast<double>(count), [&](int64_t task) {
    const int64_t begin = task % pieces * piece, extent = std::min(piece, length - begin);
    const int64_t first = task / pieces * lines_per_task, last = std::min(lines, first + lines_per_task);
    Lines run(plan, extent, streamed);
    for (int64_t line = first; line < last;) {
      const int64_t together = std::min(last - line, rows - line % rows);
      const char* at[max_elementwise_inputs + 1];
      for (int i = 0; i < operands; ++i)
        at[i] = static_cast<const char*>(i < plan.inputs ? in[i] : out) + begin * plan.step[i][inner];
      for (int64_t rest = line, a = inner - 1; a >= 0; rest /= plan.size[a--])
        for (int i = 0; i < operands; ++i) at[i] += rest % plan.size[a] * plan.step[i][a];
      run.run(at, together);
      line += together;
    }
    if (streamed) stream_fence();
  });
}

}  // namespace cygnet
