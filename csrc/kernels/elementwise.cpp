#include "elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "activation.h"
#include "core/parallel.h"
#include "simd/lane.h"

namespace cygnet {
namespace {

// The operations, on Vec<T> or Lane<T>. One with a parameter is constructed from it.
struct Add {
  template <class V>
  V operator()(V a, V b) const {
    return a + b;
  }
};
struct Sub {
  template <class V>
  V operator()(V a, V b) const {
    return a - b;
  }
};
struct Mul {
  template <class V>
  V operator()(V a, V b) const {
    return a * b;
  }
};
struct Div {
  template <class V>
  V operator()(V a, V b) const {
    return a / b;
  }
};
struct Maximum {
  template <class V>
  V operator()(V a, V b) const {
    return max(a, b);
  }
};
struct Minimum {
  template <class V>
  V operator()(V a, V b) const {
    return min(a, b);
  }
};
struct Pow {
  template <class T>
  Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    alignas(64) T base[Vec<T>::lanes], exponent[Vec<T>::lanes];
    a.store(base);
    b.store(exponent);
    for (int i = 0; i < Vec<T>::lanes; ++i) base[i] = std::pow(base[i], exponent[i]);
    return Vec<T>::load(base);
  }
};
// Powers whose exponent is known; a square root of -infinity is NaN, as in PyTorch.
struct PowZero {
  template <class T>
  Vec<T> operator()(Vec<T>) const {
    return Vec<T>(T(1));
  }
};
struct Identity {
  template <class V>
  V operator()(V a) const {
    return a;
  }
};
struct Square {
  template <class V>
  V operator()(V a) const {
    return a * a;
  }
};
struct Cube {
  template <class V>
  V operator()(V a) const {
    return a * a * a;
  }
};
struct Reciprocal {
  template <class T>
  Vec<T> operator()(Vec<T> a) const {
    return Vec<T>(T(1)) / a;
  }
};
struct Neg {
  template <class V>
  V operator()(V a) const {
    return -a;
  }
};
struct Abs {
  template <class V>
  V operator()(V a) const {
    return abs(a);
  }
};
template <class T, template <class> class V>
V<T> sign(V<T> a) {
  return select(a > V<T>(T(0)), V<T>(T(1)), select(a < V<T>(T(0)), V<T>(T(-1)), a));
}
struct Sign {
  template <class V>
  V operator()(V a) const {
    return sign(a);
  }
};
struct Exp {
  template <class V>
  V operator()(V a) const {
    return exp(a);
  }
};
struct Log {
  template <class V>
  V operator()(V a) const {
    return log(a);
  }
};
struct Sqrt {
  template <class V>
  V operator()(V a) const {
    return sqrt(a);
  }
};
struct Relu {
  template <class V>
  V operator()(V a) const {
    return relu(a);
  }
};
struct Sigmoid {
  template <class V>
  V operator()(V a) const {
    return sigmoid(a);
  }
};
struct Tanh {
  template <class V>
  V operator()(V a) const {
    return tanh(a);
  }
};
struct Erf {
  template <class V>
  V operator()(V a) const {
    return erf(a);
  }
};
struct LeakyRelu {
  double slope;
  template <class T>
  Vec<T> operator()(Vec<T> a) const {
    return leaky_relu(a, Vec<T>(static_cast<T>(slope)));
  }
};
struct ReluBackward {
  template <class V>
  V operator()(V grad, V y) const {
    return relu_gradient(grad, y);
  }
};
struct LeakyReluBackward {
  double slope;
  template <class T>
  Vec<T> operator()(Vec<T> grad, Vec<T> x) const {
    return leaky_relu_gradient(grad, x, Vec<T>(static_cast<T>(slope)));
  }
};
struct SigmoidBackward {
  template <class V>
  V operator()(V grad, V y) const {
    return sigmoid_gradient(grad, y);
  }
};
struct TanhBackward {
  template <class V>
  V operator()(V grad, V y) const {
    return tanh_gradient(grad, y);
  }
};

// Operations that give a truth value; on plain scalars.
struct Eq {
  template <class T>
  bool operator()(T a, T b) const {
    return a == b;
  }
};
struct Ne {
  template <class T>
  bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Lt {
  template <class T>
  bool operator()(T a, T b) const {
    return a < b;
  }
};
struct Le {
  template <class T>
  bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct Gt {
  template <class T>
  bool operator()(T a, T b) const {
    return a > b;
  }
};
struct Ge {
  template <class T>
  bool operator()(T a, T b) const {
    return a >= b;
  }
};
struct LogicalNot {
  bool operator()(uint8_t a) const { return a == 0; }
};
struct LogicalAnd {
  bool operator()(uint8_t a, uint8_t b) const { return (a != 0) & (b != 0); }
};
struct LogicalOr {
  bool operator()(uint8_t a, uint8_t b) const { return (a | b) != 0; }
};

template <class F>
F made([[maybe_unused]] double parameter) {
  if constexpr (std::is_empty_v<F>)
    return F{};
  else
    return F{parameter};
}

template <class T, class F, size_t... I>
void vector_loop(const F& f, const void* const* in, void* out, int64_t count, std::index_sequence<I...>) noexcept {
  using V = Lanes<T>;
  const T* const from[] = {static_cast<const T*>(in[I])...};
  T* const to = static_cast<T*>(out);
  int64_t i = 0;
  for (; i + V::lanes <= count; i += V::lanes) f(V::load(from[I] + i)...).store(to + i);
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    f(V::load(from[I] + i, rest)...).store(to + i, rest);
  }
}
template <class F, int inputs, class T>
void contiguous_loop(const void* const* in, void* out, int64_t count, double parameter) noexcept {
  vector_loop<T>(made<F>(parameter), in, out, count, std::make_index_sequence<inputs>());
}

template <class T, class F, size_t... I>
void truth_loop(const F& f, const void* const* in, void* out, int64_t count, std::index_sequence<I...>) noexcept {
  const T* const from[] = {static_cast<const T*>(in[I])...};
  uint8_t* const to = static_cast<uint8_t*>(out);
  for (int64_t i = 0; i < count; ++i) to[i] = f(from[I][i]...);
}
template <class F, int inputs, class T>
void contiguous_truth_loop(const void* const* in, void* out, int64_t count, double) noexcept {
  truth_loop<T>(F{}, in, out, count, std::make_index_sequence<inputs>());
}

template <class T>
void where_loop(const void* const* in, void* out, int64_t count, double) noexcept {
  const uint8_t* const condition = static_cast<const uint8_t*>(in[0]);
  const T *const a = static_cast<const T*>(in[1]), *const b = static_cast<const T*>(in[2]);
  T* const to = static_cast<T*>(out);
  for (int64_t i = 0; i < count; ++i) {
    const T yes = a[i], no = b[i];
    to[i] = condition[i] ? yes : no;
  }
}

template <class F, int inputs>
constexpr ElementwiseOp floats(const char* name, double cost) {
  return {name, inputs, cost, false, {contiguous_loop<F, inputs, float>, contiguous_loop<F, inputs, double>}};
}
template <class F, int inputs>
constexpr ElementwiseOp numbers(const char* name, double cost) {
  return {name,
          inputs,
          cost,
          false,
          {contiguous_loop<F, inputs, float>, contiguous_loop<F, inputs, double>, contiguous_loop<F, inputs, int32_t>,
           contiguous_loop<F, inputs, int64_t>}};
}
template <class F>
constexpr ElementwiseOp comparison(const char* name) {
  return {name,
          2,
          1,
          true,
          {contiguous_truth_loop<F, 2, float>, contiguous_truth_loop<F, 2, double>,
           contiguous_truth_loop<F, 2, int32_t>, contiguous_truth_loop<F, 2, int64_t>,
           contiguous_truth_loop<F, 2, uint8_t>, contiguous_truth_loop<F, 2, uint8_t>}};
}
template <class F, int inputs>
constexpr ElementwiseOp truth(const char* name) {
  return {name, inputs, 1, true, {nullptr, nullptr, nullptr, nullptr, contiguous_truth_loop<F, inputs, uint8_t>}};
}

constexpr ElementwiseOp operations[] = {
    numbers<Add, 2>("add", 1),
    numbers<Sub, 2>("sub", 1),
    numbers<Mul, 2>("mul", 1),
    floats<Div, 2>("div", 1),
    numbers<Maximum, 2>("maximum", 1),
    numbers<Minimum, 2>("minimum", 1),
    floats<Pow, 2>("pow", 32),
    floats<PowZero, 1>("pow_zero", 1),
    floats<Identity, 1>("pow_one", 1),
    floats<Square, 1>("pow_two", 1),
    floats<Cube, 1>("pow_three", 1),
    floats<Reciprocal, 1>("pow_minus_one", 1),
    numbers<Neg, 1>("neg", 1),
    numbers<Abs, 1>("abs", 1),
    numbers<Sign, 1>("sign", 1),
    floats<Exp, 1>("exp", 4),
    floats<Log, 1>("log", 4),
    floats<Sqrt, 1>("sqrt", 2),
    floats<Relu, 1>("relu", 1),
    floats<LeakyRelu, 1>("leaky_relu", 1),
    floats<Sigmoid, 1>("sigmoid", 6),
    floats<Tanh, 1>("tanh", 8),
    floats<Erf, 1>("erf", 12),
    floats<ReluBackward, 2>("relu_backward", 1),
    floats<LeakyReluBackward, 2>("leaky_relu_backward", 1),
    floats<SigmoidBackward, 2>("sigmoid_backward", 1),
    floats<TanhBackward, 2>("tanh_backward", 1),
    comparison<Eq>("eq"),
    comparison<Ne>("ne"),
    comparison<Lt>("lt"),
    comparison<Le>("le"),
    comparison<Gt>("gt"),
    comparison<Ge>("ge"),
    truth<LogicalNot, 1>("logical_not"),
    truth<LogicalAnd, 2>("logical_and"),
    truth<LogicalOr, 2>("logical_or"),
    {"where",
     3,
     1,
     false,
     {where_loop<uint32_t>, where_loop<uint64_t>, where_loop<uint32_t>, where_loop<uint64_t>, where_loop<uint8_t>,
      where_loop<uint8_t>}},
};

// Elements that pass through the staging buffers at a time, and elements of a task.
constexpr int64_t stage = 256, task_run = 16384;

void gather(const char* from, int64_t step, int64_t item, int64_t count, char* to) noexcept {
  switch (item) {
    case 4:
      for (int64_t i = 0; i < count; ++i) std::memcpy(to + 4 * i, from + i * step, 4);
      break;
    case 8:
      for (int64_t i = 0; i < count; ++i) std::memcpy(to + 8 * i, from + i * step, 8);
      break;
    default:
      for (int64_t i = 0; i < count; ++i) to[i] = from[i * step];
  }
}

void scatter(const char* from, int64_t step, int64_t item, int64_t count, char* to) noexcept {
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * step, from + i * item, static_cast<size_t>(item));
}

// One line of `count` elements at the given addresses.
struct Line {
  const ElementwisePlan& plan;
  int inner;
  bool direct[max_elementwise_inputs + 1];
  bool all_direct = true;
  alignas(64) char buffer[max_elementwise_inputs + 1][stage * 8];

  explicit Line(const ElementwisePlan& p) noexcept : plan(p), inner(p.axes - 1) {
    for (int i = 0; i <= p.inputs; ++i) all_direct &= direct[i] = p.aligned[i] && p.step[i][inner] == p.item[i];
  }

  void run(const char* const* in, char* out, int64_t count) noexcept {
    const void* from[max_elementwise_inputs];
    if (all_direct) {
      for (int i = 0; i < plan.inputs; ++i) from[i] = in[i];
      plan.loop(from, out, count, plan.parameter);
      return;
    }
    for (int64_t begin = 0; begin < count; begin += stage) {
      const int64_t length = std::min(stage, count - begin);
      for (int i = 0; i < plan.inputs; ++i) {
        const int64_t step = plan.step[i][inner];
        from[i] = direct[i] ? in[i] + begin * step : buffer[i];
        if (!direct[i] && (step != 0 || begin == 0))
          gather(in[i] + begin * step, step, plan.item[i], length, buffer[i]);
      }
      const int64_t out_step = plan.step[plan.inputs][inner];
      char* const to = out + begin * out_step;
      plan.loop(from, direct[plan.inputs] ? to : buffer[plan.inputs], length, plan.parameter);
      if (!direct[plan.inputs]) scatter(buffer[plan.inputs], out_step, plan.item[plan.inputs], length, to);
    }
  }
};

}  // namespace

const ElementwiseOp& elementwise_op(const char* name) noexcept {
  for (const ElementwiseOp& op : operations)
    if (std::strcmp(op.name, name) == 0) return op;
  std::abort();
}

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

void elementwise_flat(ElementwiseLoop loop, double parameter, double cost, int inputs, const int64_t* item,
                      int64_t count, const void* const* in, void* out) noexcept {
  if (count <= task_run) {
    loop(in, out, count, parameter);
    return;
  }
  parallel_ranges(count, task_run, cost, [=](int64_t begin, int64_t end) {
    const void* from[max_elementwise_inputs];
    for (int i = 0; i < inputs; ++i) from[i] = static_cast<const char*>(in[i]) + begin * item[i];
    loop(from, static_cast<char*>(out) + begin * item[inputs], end - begin, parameter);
  });
}

void elementwise(const ElementwisePlan& plan, const void* const* in, void* out) noexcept {
  int64_t count = 1;
  for (int a = 0; a < plan.axes; ++a) count *= plan.size[a];
  if (count == 0) return;
  const int inner = plan.axes - 1, operands = plan.inputs + 1;
  const int64_t length = plan.size[inner], lines = count / length;
  // A task is a run of about 16,384 elements: some lines, or a piece of a long one.
  const int64_t piece = std::min(length, task_run), pieces = (length + piece - 1) / piece;
  const int64_t lines_per_task = std::max<int64_t>(1, task_run / length);
  const int64_t groups = (lines + lines_per_task - 1) / lines_per_task;
  parallel_for(groups * pieces, plan.cost * static_cast<double>(count), [&](int64_t task) {
    const int64_t begin = task % pieces * piece, extent = std::min(piece, length - begin);
    const int64_t first = task / pieces * lines_per_task, last = std::min(lines, first + lines_per_task);
    const char* at[max_elementwise_inputs + 1];
    for (int i = 0; i < operands; ++i)
      at[i] = static_cast<const char*>(i < plan.inputs ? in[i] : out) + begin * plan.step[i][inner];
    int64_t index[max_rank];
    for (int64_t rest = first, a = inner - 1; a >= 0; rest /= plan.size[a--]) {
      index[a] = rest % plan.size[a];
      for (int i = 0; i < operands; ++i) at[i] += index[a] * plan.step[i][a];
    }
    Line line(plan);
    for (int64_t l = first; l < last; ++l) {
      line.run(at, const_cast<char*>(at[plan.inputs]), extent);
      for (int a = inner - 1; a >= 0; --a) {
        const bool carry = ++index[a] == plan.size[a];
        for (int i = 0; i < operands; ++i) at[i] += plan.step[i][a] * (carry ? 1 - plan.size[a] : 1);
        if (!carry) break;
        index[a] = 0;
      }
    }
  });
}

}  // namespace cygnet
