#include "optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace cygnet {
namespace {

// Calls update(parameter, first element, number of elements) for every chunk.
template <class Update>
void for_chunks(const ParameterSpan* spans, size_t parameters, const Update& update) noexcept {
  if (parameters == 0) return;
  const ParameterSpan& last = spans[parameters - 1];
  const auto chunks_of = [](const ParameterSpan& span) { return (span.count + optimizer_chunk - 1) / optimizer_chunk; };
  double elements = 0;
  for (size_t i = 0; i < parameters; ++i) elements += static_cast<double>(spans[i].count);
  parallel_for(last.first_chunk + chunks_of(last), elements / 2, [&](int64_t chunk) {
    // The last parameter that begins at or before the chunk: one without elements shares its place with the next.
    const ParameterSpan* const span =
        std::upper_bound(spans, spans + parameters, chunk,
                         [](int64_t value, const ParameterSpan& each) { return value < each.first_chunk; }) -
        1;
    const int64_t begin = (chunk - span->first_chunk) * optimizer_chunk;
    update(static_cast<size_t>(span - spans), begin, std::min(optimizer_chunk, span->count - begin));
  });
}

template <class T>
T* at(void* const* arrays, size_t parameter, int64_t element) noexcept {
  return arrays ? static_cast<T*>(arrays[parameter]) + element : nullptr;
}

template <class T>
void sgd_plain(const SgdHyper& hyper, T* __restrict__ param, const T* __restrict__ grad, int64_t count) noexcept {
  const T step = static_cast<T>(-hyper.lr), decay = static_cast<T>(hyper.weight_decay);
  const bool maximize = hyper.maximize != 0, decays = hyper.weight_decay != 0;
  for (int64_t i = 0; i < count; ++i) {
    T g = maximize ? -grad[i] : grad[i];
    g = decays ? g + decay * param[i] : g;
    param[i] += step * g;
  }
}

template <class T>
void sgd_momentum(const SgdHyper& hyper, bool first, T* __restrict__ param, const T* __restrict__ grad,
                  T* __restrict__ buffer, int64_t count) noexcept {
  const T step = static_cast<T>(-hyper.lr), decay = static_cast<T>(hyper.weight_decay);
  const T momentum = static_cast<T>(hyper.momentum), fresh = static_cast<T>(1 - hyper.dampening);
  const bool maximize = hyper.maximize != 0, decays = hyper.weight_decay != 0, nesterov = hyper.nesterov != 0;
  for (int64_t i = 0; i < count; ++i) {
    T g = maximize ? -grad[i] : grad[i];
    g = decays ? g + decay * param[i] : g;
    const T b = first ? g : momentum * buffer[i] + fresh * g;
    buffer[i] = b;
    param[i] += step * (nesterov ? g + momentum * b : b);
  }
}

// What follows from a parameter's own step count.
struct AdamScale {
  double step_size, root_correction;
};

template <bool amsgrad, class T>
void adam(const AdamHyper& hyper, const AdamScale& scale, bool decoupled, T* __restrict__ param,
          const T* __restrict__ grad, T* __restrict__ average, T* __restrict__ square, T* __restrict__ max_square,
          int64_t count) noexcept {
  const T step = static_cast<T>(-scale.step_size), root = static_cast<T>(scale.root_correction);
  const T eps = static_cast<T>(hyper.eps), decay = static_cast<T>(hyper.weight_decay);
  const T shrink = static_cast<T>(1 - hyper.lr * hyper.weight_decay);
  const T weight = static_cast<T>(1 - hyper.beta1), rest = 1 - weight;
  const T beta2 = static_cast<T>(hyper.beta2), fresh = static_cast<T>(1 - hyper.beta2);
  const bool maximize = hyper.maximize != 0, decays = hyper.weight_decay != 0;
  const bool shrinks = decays && decoupled, adds = decays && !decoupled, small = weight < T(0.5);
  for (int64_t i = 0; i < count; ++i) {
    T p = param[i];
    T g = maximize ? -grad[i] : grad[i];
    p = shrinks ? p * shrink : p;
    g = adds ? g + decay * p : g;
    const T gap = g - average[i];
    // The interpolation that is exact at the nearer end.
    const T m = small ? average[i] + weight * gap : g - gap * rest;
    T v = beta2 * square[i] + fresh * g * g;
    average[i] = m;
    square[i] = v;
    if constexpr (amsgrad) {
      const T before = max_square[i];
      v = before > v || before != before ? before : v;
      max_square[i] = v;
    }
    param[i] = p + step * (m / (std::sqrt(v) / root + eps));
  }
}

}  // namespace

size_t sgd_scratch_bytes(size_t parameters) { return parameters * sizeof(bool); }

size_t adam_scratch_bytes(size_t parameters) { return parameters * sizeof(AdamScale); }

void sgd_step(const ParameterSpan* spans, size_t parameters, const SgdHyper& hyper, void* const* params,
              void* const* grads, void* const* buffers, void* const* steps, void* scratch) noexcept {
  const bool with_momentum = buffers && hyper.momentum != 0;
  bool* const first = static_cast<bool*>(scratch);
  if (with_momentum) {
    for (size_t i = 0; i < parameters; ++i) {
      float* const step = static_cast<float*>(steps[i]);
      first[i] = *step == 0;
      *step += 1;
    }
  }
  for_chunks(spans, parameters, [&](size_t i, int64_t begin, int64_t count) {
    const auto update = [&](auto zero) {
      using T = decltype(zero);
      if (with_momentum)
        sgd_momentum(hyper, first[i], at<T>(params, i, begin), at<T>(grads, i, begin), at<T>(buffers, i, begin), count);
      else
        sgd_plain(hyper, at<T>(params, i, begin), at<T>(grads, i, begin), count);
    };
    if (spans[i].dtype == DType::Float64)
      update(double{});
    else
      update(float{});
  });
}

void adam_step(const ParameterSpan* spans, size_t parameters, const AdamHyper& hyper, bool decoupled,
               void* const* params, void* const* grads, void* const* averages, void* const* squares,
               void* const* max_squares, void* const* steps, void* scratch) noexcept {
  AdamScale* const scales = static_cast<AdamScale*>(scratch);
  for (size_t i = 0; i < parameters; ++i) {
    float* const step = static_cast<float*>(steps[i]);
    *step += 1;
    const double t = *step;
    scales[i] = {hyper.lr / (1 - std::pow(hyper.beta1, t)), std::sqrt(1 - std::pow(hyper.beta2, t))};
  }
  for_chunks(spans, parameters, [&](size_t i, int64_t begin, int64_t count) {
    const auto update = [&](auto zero) {
      using T = decltype(zero);
      const auto run = max_squares ? adam<true, T> : adam<false, T>;
      run(hyper, scales[i], decoupled, at<T>(params, i, begin), at<T>(grads, i, begin), at<T>(averages, i, begin),
          at<T>(squares, i, begin), at<T>(max_squares, i, begin), count);
    };
    if (spans[i].dtype == DType::Float64)
      update(double{});
    else
      update(float{});
  });
}

}  // namespace cygnet
