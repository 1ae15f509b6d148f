#include "optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "carver.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// Elements of a task at most, what its beginning is a multiple of, and what the number of tasks is: two or four threads
// get the same work.
constexpr int64_t chunk = 8192, chunk_unit = 64, chunk_multiple = 4;

// Calls update(parameter, first element, number of elements) for every stretch of a parameter in every chunk. Chunks
// cut the elements of all parameters evenly, so that a thread meets the rows of a weight whose gradient it has
// computed.
template <class Update>
void for_chunks(const ParameterSpan* spans, size_t parameters, const Update& update) noexcept {
  if (parameters == 0) return;
  const ParameterSpan& last = spans[parameters - 1];
  const int64_t first = spans[0].begin, elements = last.begin + last.count - first;
  const int64_t chunks = chunk_multiple * ceil_div(elements, chunk_multiple * chunk);
  const auto begin_of = [=](int64_t index) {
    return first + (index == chunks ? elements : elements / chunk_unit * index / chunks * chunk_unit);
  };
  parallel_for(chunks, static_cast<double>(elements) / 2, [&](int64_t index) {
    int64_t begin = begin_of(index);
    const int64_t end = begin_of(index + 1);
    // The last parameter that begins at or before the chunk: one without elements shares its place with the next.
    const ParameterSpan* span =
        std::upper_bound(spans, spans + parameters, begin,
                         [](int64_t value, const ParameterSpan& each) { return value < each.begin; }) -
        1;
    for (; begin < end; ++span) {
      const int64_t count = std::min(end, span->begin + span->count) - begin;
      update(static_cast<size_t>(span - spans), begin - span->begin, count);
      begin += count;
    }
  });
}

// A stretch of one parameter with its gradient and states; absent states are null.
template <class T, size_t states>
struct Chunk {
  T* param;
  const T* grad;
  T* state[states];
  int64_t count;
};

template <class T, class Rule, class Element, class... State>
void for_elements(const Rule& rule, int64_t count, const Element& element, T* __restrict__ param,
                  const T* __restrict__ grad, State* __restrict__... state) noexcept {
  const bool maximize = rule.maximize != 0, decays = rule.weight_decay != 0;
  const T decay = static_cast<T>(rule.weight_decay), shrink = static_cast<T>(1 - rule.lr * rule.weight_decay);
  const bool shrinks = decays && rule.decoupled_weight_decay != 0, adds = decays && !shrinks;
  for (int64_t i = 0; i < count; ++i) {
    T p = shrinks ? param[i] * shrink : param[i];
    const T g = maximize ? -grad[i] : grad[i];
    element(p, adds ? g + decay * p : g, state[i]...);
    param[i] = p;
  }
}

/// Counts a step and gives the new count.
double counted(float* const* numbers) noexcept { return *numbers[0] += 1; }

/// a + weight (b - a), written so that it is exact at the nearer end.
template <class T>
struct Interpolation {
  T weight, rest;
  bool small;
  explicit Interpolation(double beta) : weight(static_cast<T>(1 - beta)), rest(1 - weight), small(weight < T(0.5)) {}
  T operator()(T a, T b) const { return small ? a + weight * (b - a) : b - (b - a) * rest; }
};

/// beta a + (1 - beta) g g.
template <class T>
struct SquareAverage {
  T beta, fresh;
  explicit SquareAverage(double beta_) : beta(static_cast<T>(beta_)), fresh(static_cast<T>(1 - beta_)) {}
  T operator()(T a, T g) const { return beta * a + fresh * g * g; }
};

/// sqrt(a) + eps, or sqrt(a + eps).
template <class T>
struct Root {
  T inside, outside;
  Root(double eps, double eps_in_root)
      : inside(static_cast<T>(eps_in_root != 0 ? eps : 0)), outside(static_cast<T>(eps_in_root != 0 ? 0 : eps)) {}
  T operator()(T a) const { return std::sqrt(a + inside) + outside; }
};

// The larger; NaN if either is NaN.
template <class T>
T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

// For each rule: what follows from a parameter's own numbers, then the loop over its elements.

struct SgdScale {
  bool with_momentum, first;
};

SgdScale scale_of(const Sgd& rule, float* const* numbers) noexcept {
  const bool with_momentum = numbers[0] && rule.momentum != 0;
  return {with_momentum, with_momentum && counted(numbers) == 1};
}

template <class T>
void update(const Sgd& rule, const SgdScale& scale, const Chunk<T, 1>& chunk) noexcept {
  const T lr = static_cast<T>(rule.lr);
  if (!scale.with_momentum) {
    const T step = -lr;
    for_elements(rule, chunk.count, [=](T& p, T g) { p += step * g; }, chunk.param, chunk.grad);
    return;
  }
  const T momentum = static_cast<T>(rule.momentum), fresh = static_cast<T>(1 - rule.dampening);
  const bool first = scale.first, nesterov = rule.nesterov != 0, lr_in_buffer = rule.lr_in_buffer != 0;
  const T factor = lr_in_buffer ? lr : T(1), step = lr_in_buffer ? T(-1) : -lr;
  const auto element = [=](T& p, T g, T& buffer) {
    g *= factor;
    buffer = first ? g : momentum * buffer + fresh * g;
    p += step * (nesterov ? g + momentum * buffer : buffer);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0]);
}

struct AdamScale {
  double step_size, root_correction;
};

AdamScale scale_of(const Adam& rule, float* const* numbers) noexcept {
  const double t = counted(numbers);
  return {rule.lr / (1 - std::pow(rule.beta1, t)), std::sqrt(1 - std::pow(rule.beta2, t))};
}

template <class T>
void update(const Adam& rule, const AdamScale& scale, const Chunk<T, 3>& chunk) noexcept {
  // m / (sqrt(v) / c + eps) = c m / (sqrt(v) + c eps), with one division.
  const T step = static_cast<T>(-scale.step_size * scale.root_correction);
  const T eps = static_cast<T>(scale.root_correction * rule.eps);
  const Interpolation<T> interpolated(rule.beta1);
  const SquareAverage<T> averaged(rule.beta2);
  const auto plain = [=](T& p, T g, T& average, T& square) {
    average = interpolated(average, g);
    square = averaged(square, g);
    p += step * (average / (std::sqrt(square) + eps));
  };
  const auto amsgrad = [=](T& p, T g, T& average, T& square, T& largest) {
    average = interpolated(average, g);
    square = averaged(square, g);
    largest = larger(largest, square);
    p += step * (average / (std::sqrt(largest) + eps));
  };
  const auto& [average, square, largest] = chunk.state;
  if (largest)
    for_elements(rule, chunk.count, amsgrad, chunk.param, chunk.grad, average, square, largest);
  else
    for_elements(rule, chunk.count, plain, chunk.param, chunk.grad, average, square);
}

struct AdamaxScale {
  double step_size;
};

AdamaxScale scale_of(const Adamax& rule, float* const* numbers) noexcept {
  return {rule.lr / (1 - std::pow(rule.beta1, counted(numbers)))};
}

template <class T>
void update(const Adamax& rule, const AdamaxScale& scale, const Chunk<T, 2>& chunk) noexcept {
  const T step = static_cast<T>(-scale.step_size), beta2 = static_cast<T>(rule.beta2), eps = static_cast<T>(rule.eps);
  const Interpolation<T> interpolated(rule.beta1);
  const auto element = [=](T& p, T g, T& average, T& norm) {
    average = interpolated(average, g);
    norm = larger(beta2 * norm, std::abs(g) + eps);
    p += step * (average / norm);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0], chunk.state[1]);
}

struct NadamScale {
  double gradient_factor, average_factor, square_correction;
};

NadamScale scale_of(const Nadam& rule, float* const* numbers) noexcept {
  const double t = counted(numbers);
  const auto momentum_at = [&](double step) {
    return rule.beta1 * (1 - 0.5 * std::pow(0.96, step * rule.momentum_decay));
  };
  const double now = momentum_at(t), next = momentum_at(t + 1);
  const double product = *numbers[1] *= static_cast<float>(now);
  return {rule.lr * (1 - now) / (1 - product), rule.lr * next / (1 - product * next), 1 - std::pow(rule.beta2, t)};
}

template <class T>
void update(const Nadam& rule, const NadamScale& scale, const Chunk<T, 2>& chunk) noexcept {
  const T gradient_step = static_cast<T>(-scale.gradient_factor), average_step = static_cast<T>(-scale.average_factor);
  const T correction = static_cast<T>(1 / scale.square_correction), eps = static_cast<T>(rule.eps);
  const Interpolation<T> interpolated(rule.beta1);
  const SquareAverage<T> averaged(rule.beta2);
  const auto element = [=](T& p, T g, T& average, T& square) {
    average = interpolated(average, g);
    square = averaged(square, g);
    p += (gradient_step * g + average_step * average) / (std::sqrt(square * correction) + eps);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0], chunk.state[1]);
}

struct RadamScale {
  double step_size;
  bool adaptive;
};

RadamScale scale_of(const Radam& rule, float* const* numbers) noexcept {
  const double t = counted(numbers), power = std::pow(rule.beta2, t), rest = 1 - power;
  const double longest = 2 / (1 - rule.beta2) - 1, length = longest - 2 * t * power / rest;
  const double step_size = rule.lr / (1 - std::pow(rule.beta1, t));
  if (length <= 5) return {step_size, false};
  const double squared = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length);
  return {step_size * std::sqrt(rest) * std::sqrt(squared), true};
}

template <class T>
void update(const Radam& rule, const RadamScale& scale, const Chunk<T, 2>& chunk) noexcept {
  const T step = static_cast<T>(-scale.step_size), eps = static_cast<T>(rule.eps);
  const bool adaptive = scale.adaptive;
  const Interpolation<T> interpolated(rule.beta1);
  const SquareAverage<T> averaged(rule.beta2);
  const auto element = [=](T& p, T g, T& average, T& square) {
    average = interpolated(average, g);
    square = averaged(square, g);
    p += step * (average / (adaptive ? std::sqrt(square) + eps : T(1)));
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0], chunk.state[1]);
}

struct RmspropScale {};

RmspropScale scale_of(const Rmsprop&, float* const* numbers) noexcept {
  counted(numbers);
  return {};
}

template <class T>
void update(const Rmsprop& rule, const RmspropScale&, const Chunk<T, 3>& chunk) noexcept {
  const T lr = static_cast<T>(rule.lr), step = -lr, momentum = static_cast<T>(rule.momentum);
  const bool lr_in_buffer = rule.lr_in_buffer != 0;
  const T factor = lr_in_buffer ? lr : T(1), buffer_step = lr_in_buffer ? T(-1) : step;
  const Root<T> root(rule.eps, rule.eps_in_root);
  const Interpolation<T> interpolated(rule.alpha);
  const SquareAverage<T> averaged(rule.alpha);
  const auto scaled = [=](T g, T& square) {
    square = averaged(square, g);
    return g / root(square);
  };
  const auto centered = [=](T g, T& square, T& mean) {
    square = averaged(square, g);
    mean = interpolated(mean, g);
    return g / root(square - mean * mean);
  };
  const auto move = [=](T& p, T& buffer, T direction) {
    buffer = momentum * buffer + factor * direction;
    p += buffer_step * buffer;
  };
  const auto run = [&](const auto& element, auto*... state) {
    for_elements(rule, chunk.count, element, chunk.param, chunk.grad, state...);
  };
  T *const square = chunk.state[0], *const buffer = rule.momentum != 0 ? chunk.state[1] : nullptr;
  T* const mean = chunk.state[2];
  if (mean && buffer)
    run([=](T& p, T g, T& s, T& m, T& b) { move(p, b, centered(g, s, m)); }, square, mean, buffer);
  else if (mean)
    run([=](T& p, T g, T& s, T& m) { p += step * centered(g, s, m); }, square, mean);
  else if (buffer)
    run([=](T& p, T g, T& s, T& b) { move(p, b, scaled(g, s)); }, square, buffer);
  else
    run([=](T& p, T g, T& s) { p += step * scaled(g, s); }, square);
}

struct AdagradScale {
  double rate;
};

AdagradScale scale_of(const Adagrad& rule, float* const* numbers) noexcept {
  return {rule.lr / (1 + (counted(numbers) - 1) * rule.lr_decay)};
}

template <class T>
void update(const Adagrad& rule, const AdagradScale& scale, const Chunk<T, 1>& chunk) noexcept {
  const T step = static_cast<T>(-scale.rate);
  const Root<T> root(rule.eps, rule.eps_in_root);
  const auto element = [=](T& p, T g, T& sum) {
    sum += g * g;
    p += step * (g / root(sum));
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0]);
}

struct AdadeltaScale {};

AdadeltaScale scale_of(const Adadelta&, float* const* numbers) noexcept {
  counted(numbers);
  return {};
}

template <class T>
void update(const Adadelta& rule, const AdadeltaScale&, const Chunk<T, 2>& chunk) noexcept {
  const T step = static_cast<T>(-rule.lr), eps = static_cast<T>(rule.eps);
  const SquareAverage<T> averaged(rule.rho);
  const auto element = [=](T& p, T g, T& square, T& moved) {
    square = averaged(square, g);
    const T delta = std::sqrt(moved + eps) / std::sqrt(square + eps) * g;
    moved = averaged(moved, delta);
    p += step * delta;
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0], chunk.state[1]);
}

struct LionScale {};

LionScale scale_of(const Lion&, float* const* numbers) noexcept {
  counted(numbers);
  return {};
}

template <class T>
void update(const Lion& rule, const LionScale&, const Chunk<T, 1>& chunk) noexcept {
  const T step = static_cast<T>(-rule.lr);
  const Interpolation<T> direction(rule.beta1), interpolated(rule.beta2);
  const auto element = [=](T& p, T g, T& average) {
    const T d = direction(average, g);
    p += step * (d > 0 ? T(1) : d < 0 ? T(-1) : d);
    average = interpolated(average, g);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0]);
}

struct AsgdScale {
  double shrink, step_size, weight;
};

AsgdScale scale_of(const Asgd& rule, float* const* numbers) noexcept {
  const double t = counted(numbers), eta = *numbers[1], mu = *numbers[2];
  *numbers[1] = static_cast<float>(rule.lr / std::pow(1 + rule.lambd * rule.lr * t, rule.alpha));
  *numbers[2] = static_cast<float>(1 / std::max(1.0, t - rule.t0));
  return {1 - rule.lambd * eta, eta, mu};
}

template <class T>
void update(const Asgd& rule, const AsgdScale& scale, const Chunk<T, 1>& chunk) noexcept {
  const T shrink = static_cast<T>(scale.shrink), step = static_cast<T>(-scale.step_size);
  const T weight = static_cast<T>(scale.weight);
  const bool follows = scale.weight == 1;
  const auto element = [=](T& p, T g, T& average) {
    p = p * shrink + step * g;
    average = follows ? p : average + weight * (p - average);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0]);
}

struct RpropScale {};

RpropScale scale_of(const Rprop&, float* const* numbers) noexcept {
  counted(numbers);
  return {};
}

template <class T>
void update(const Rprop& rule, const RpropScale&, const Chunk<T, 2>& chunk) noexcept {
  const T minus = static_cast<T>(rule.eta_minus), plus = static_cast<T>(rule.eta_plus);
  const T smallest = static_cast<T>(rule.smallest), largest = static_cast<T>(rule.largest);
  const auto element = [=](T& p, T g, T& previous, T& size) {
    const T product = g * previous;
    const T grown = size * (product > 0 ? plus : product < 0 ? minus : T(1));
    size = grown < smallest ? smallest : grown > largest ? largest : grown;
    previous = product < 0 ? T(0) : g;
    p -= size * (previous > 0 ? T(1) : previous < 0 ? T(-1) : previous);
  };
  for_elements(rule, chunk.count, element, chunk.param, chunk.grad, chunk.state[0], chunk.state[1]);
}

template <class Rule>
using ScaleOf = decltype(scale_of(std::declval<const Rule&>(), nullptr));

// The scales of so many parameters stand on the stack, so that a step takes no memory and cannot fail half done.
constexpr size_t together = 256;

template <class Rule>
void step_together(const ParameterSpan* spans, size_t first, size_t parameters, const Rule& rule,
                   const OptimizerLists<Rule>& lists) noexcept {
  ScaleOf<Rule> scales[together];
  for (size_t i = 0; i < parameters; ++i) {
    float* numbers[Rule::numbers];
    for (size_t k = 0; k < Rule::numbers; ++k)
      numbers[k] = lists.numbers[k] ? static_cast<float*>(lists.numbers[k][first + i]) : nullptr;
    scales[i] = scale_of(rule, numbers);
  }
  for_chunks(spans + first, parameters, [&](size_t i, int64_t begin, int64_t count) {
    const auto run = [&](auto zero) {
      using T = decltype(zero);
      const auto at = [&](void* const* list) { return list ? static_cast<T*>(list[first + i]) + begin : nullptr; };
      Chunk<T, Rule::states> chunk{at(lists.params), at(lists.grads), {}, count};
      for (size_t k = 0; k < Rule::states; ++k) chunk.state[k] = at(lists.states[k]);
      update(rule, scales[i], chunk);
    };
    if (spans[first + i].dtype == DType::Float64)
      run(double{});
    else
      run(float{});
  });
}

}  // namespace

template <class Rule>
void optimizer_step(const ParameterSpan* spans, size_t parameters, const Rule& rule,
                    const OptimizerLists<Rule>& lists) noexcept {
  for (size_t first = 0; first < parameters; first += together)
    step_together(spans, first, std::min(together, parameters - first), rule, lists);
}

#define CYGNET_INSTANTIATE(Rule) \
  template void optimizer_step<Rule>(const ParameterSpan*, size_t, const Rule&, const OptimizerLists<Rule>&) noexcept;
CYGNET_INSTANTIATE(Adadelta)
CYGNET_INSTANTIATE(Adagrad)
CYGNET_INSTANTIATE(Adam)
CYGNET_INSTANTIATE(Adamax)
CYGNET_INSTANTIATE(Asgd)
CYGNET_INSTANTIATE(Lion)
CYGNET_INSTANTIATE(Nadam)
CYGNET_INSTANTIATE(Radam)
CYGNET_INSTANTIATE(Rmsprop)
CYGNET_INSTANTIATE(Rprop)
CYGNET_INSTANTIATE(Sgd)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
