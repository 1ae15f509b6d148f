#include "ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "carver.h"
#include "core/parallel.h"
#include "simd/loop.h"
#include "simd/math.h"

namespace cygnet {
namespace {

template <class T>
constexpr T nothing = -std::numeric_limits<T>::infinity();

// A line holds one number for each state of a kind: states 0 ... L from `first` on, and before and behind them
// -infinity, so that the widest vector, shifted by one state either way, stays in the line.
constexpr int64_t first = 1, padding = first + 17;

int64_t line_length(int64_t labels) { return labels + padding; }
// Of the lines of all samples.
int64_t lines_length(const CtcSizes& s) { return s.labels + s.samples * padding; }

constexpr int64_t scratch_lines = 6;  // emission, skip, and the backward's two pairs of blanks and labels

// What sums of exponentials are shifted by: not -infinity, which minus itself is NaN.
template <class T>
Vec<T> finite(Vec<T> maximum) {
  return select(maximum == Vec<T>(nothing<T>), Vec<T>(T(0)), maximum);
}

// log(exp a + exp b), log(exp a + exp b + exp c).
template <class T>
Vec<T> log_add(Vec<T> a, Vec<T> b) {
  const Vec<T> m = finite(max(a, b));
  return m + log(exp(a - m) + exp(b - m));
}
template <class T>
Vec<T> log_add(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> m = finite(max(max(a, b), c));
  return m + log(exp(a - m) + exp(b - m) + exp(c - m));
}

// The first element of each sample's target.
void find_offsets(const CtcSizes& s, const CtcTargets& targets, int64_t* offsets) noexcept {
  for (int64_t n = 0, sum = 0; n < s.samples; sum += targets.target_lengths[n++])
    offsets[n] = targets.row < 0 ? sum : n * targets.row;
}

// The loss of a sample, and its gradient, by the reduction.
double share(const CtcSizes& s, Reduction reduction, int64_t labels) noexcept {
  return reduction == Reduction::Mean ? 1.0 / static_cast<double>(std::max<int64_t>(1, labels) * s.samples) : 1.0;
}

// One sample: its part of all arrays.
template <class T>
struct Sample {
  const int64_t* label;
  int64_t labels, steps, length, stride;
  const T* y;  // row t is at y + t * stride
  int64_t blank;
  T *emission, *skip, *lines;

  Sample(const CtcSizes& s, const CtcTargets& targets, const T* log_probabilities, const int64_t* offsets, T* scratch,
         int64_t n) noexcept
      : label(targets.labels + offsets[n]),
        labels(targets.target_lengths[n]),
        steps(targets.input_lengths[n]),
        length(line_length(labels)),
        stride(s.samples * s.classes),
        y(log_probabilities + n * s.classes),
        blank(s.blank),
        emission(scratch + scratch_lines * (offsets[n] + n * padding)),
        skip(emission + length),
        lines(skip + length) {
    std::fill(emission, emission + 2 * length, nothing<T>);
    for (int64_t i = 1; i < labels; ++i)
      if (label[i] != label[i - 1]) skip[first + i] = T(0);
  }

  const T* row(int64_t t) const { return y + t * stride; }
  void read_emissions(int64_t t) const {
    const T* const from = row(t);
    for (int64_t i = 0; i < labels; ++i) emission[first + i] = from[label[i]];
  }
  int64_t lines_at(int64_t t) const { return 2 * length * t; }
  // f(i) for the states i of each vector.
  template <class F>
  void for_states(const F& f) const {
    for (int64_t i = first; i < first + labels + 1; i += Vec<T>::lanes) f(i);
  }
};

template <class T>
Vec<T> at(const T* line, int64_t i) {
  return Vec<T>::load(line + i);
}

template <class T>
double log_likelihood_of(const Sample<T>& sample, T* alpha) noexcept {
  const int64_t length = sample.length;
  std::fill(alpha, alpha + 2 * length, nothing<T>);
  alpha[first] = T(0);
  double shifts = 0;
  T shift = 0;
  for (int64_t t = 0; t < sample.steps; ++t) {
    sample.read_emissions(t);
    const T *const blanks = alpha + sample.lines_at(t), *const labels = blanks + length;
    T *const next_blanks = alpha + sample.lines_at(t + 1), *const next_labels = next_blanks + length;
    next_labels[first - 1] = nothing<T>;
    const Vec<T> down(shift), blank = Vec<T>(sample.row(t)[sample.blank]) - down;
    Vec<T> largest(nothing<T>);
    sample.for_states([&](int64_t i) {
      const Vec<T> b = at(blanks, i), before = at(labels, i - 1);
      const Vec<T> on_blank = log_add(b, before) + blank;
      const Vec<T> on_label = log_add(at(labels, i), b, before + at(sample.skip, i)) + (at(sample.emission, i) - down);
      on_blank.store(next_blanks + i);
      on_label.store(next_labels + i);
      largest = max(largest, max(on_blank, on_label));
    });
    shifts += static_cast<double>(shift);
    shift = horizontal_max(largest);
    if (shift == nothing<T>) return nothing<double>;
  }
  const T* const last = alpha + sample.lines_at(sample.steps) + first + sample.labels;
  const double a = static_cast<double>(last[0]), b = static_cast<double>(last[sample.length - 1]);
  const double m = std::max(a, b);
  if (m == nothing<double>) return a + b;  // NaN if one is
  return shifts + m + std::log(std::exp(a - m) + std::exp(b - m));
}

template <class T>
void gradient_of(const Sample<T>& sample, const T* alpha, T grad, int64_t classes, T* grad_in) noexcept {
  const int64_t length = sample.length, end = first + sample.labels;
  T *const blanks = sample.lines, *const labels = blanks + length;                    // beta
  T *const next_blanks = labels + length, *const next_labels = next_blanks + length;  // beta times y
  std::fill(blanks, blanks + 4 * length, nothing<T>);
  blanks[end] = labels[end - 1] = T(0);
  labels[first - 1] = nothing<T>;
  T shift = 0;
  for (int64_t t = sample.steps - 1; t >= 0; --t) {
    sample.read_emissions(t);
    const T* const y = sample.row(t);
    const T *const alpha_blanks = alpha + sample.lines_at(t + 1), *const alpha_labels = alpha_blanks + length;
    const Vec<T> down(shift), blank = Vec<T>(y[sample.blank]) - down;
    Vec<T> largest(nothing<T>);
    sample.for_states([&](int64_t i) {
      const Vec<T> b = at(blanks, i), l = at(labels, i);
      largest = max(largest, max(at(alpha_blanks, i) + b, at(alpha_labels, i) + l));
      (b + blank).store(next_blanks + i);
      (l + (at(sample.emission, i) - down)).store(next_labels + i);
    });
    // The states' probabilities times their sum; those of labels take the place of their beta.
    const Vec<T> m(horizontal_max(largest));
    Vec<T> blank_sum(T(0)), label_sum(T(0));
    sample.for_states([&](int64_t i) {
      const Vec<T> b = exp(at(alpha_blanks, i) + at(blanks, i) - m), l = exp(at(alpha_labels, i) + at(labels, i) - m);
      blank_sum += b;
      label_sum += l;
      l.store(labels + i);
    });
    const T on_blank = horizontal_sum(blank_sum), scale = grad / (on_blank + horizontal_sum(label_sum));
    T* const to = grad_in + t * sample.stride;
    const Vec<T> g(grad);
    for_vectors<T>(0, classes, [=](int64_t k, int n) { (exp(Vec<T>::load(y + k, n)) * g).store(to + k, n); });
    to[sample.blank] -= scale * on_blank;
    for (int64_t i = 0; i < sample.labels; ++i) to[sample.label[i]] -= scale * labels[first + i];
    // beta of the step before.
    largest = Vec<T>(nothing<T>);
    sample.for_states([&](int64_t i) {
      const Vec<T> l = at(next_labels, i);
      const Vec<T> on_b = log_add(at(next_blanks, i), l);
      const Vec<T> on_l = log_add(l, at(next_blanks, i + 1), at(next_labels, i + 1) + at(sample.skip, i + 1));
      on_b.store(blanks + i);
      on_l.store(labels + i);
      largest = max(largest, max(on_b, on_l));
    });
    shift = horizontal_max(largest);
  }
}

// f(sample, n) for each, in parallel.
template <class T, class F>
void for_samples(const CtcSizes& s, const T* log_probabilities, const CtcTargets& targets, void* scratch,
                 const F& f) noexcept {
  Carver carver(scratch);
  int64_t* const offsets = carver.take<int64_t>(s.samples);
  T* const lines = carver.take<T>(scratch_lines * lines_length(s));
  find_offsets(s, targets, offsets);
  const double work = 20.0 * static_cast<double>(s.steps) * static_cast<double>(s.labels + s.samples);
  parallel_for(s.samples, work, [&](int64_t n) {
    f(Sample<T>(s, targets, log_probabilities, offsets, lines, n), n, offsets[n] + n * padding);
  });
}

}  // namespace

CtcAlphaShape ctc_alpha_shape(const CtcSizes& s) noexcept { return {s.steps + 1, 2 * lines_length(s)}; }

size_t ctc_scratch_bytes(const CtcSizes& s, size_t item) noexcept {
  Carver carver(nullptr);
  carver.take<int64_t>(2 * s.samples);  // offsets, or offsets and losses
  carver.take<char>(scratch_lines * lines_length(s) * static_cast<int64_t>(item));
  return carver.used();
}

template <class T>
void ctc_loss_forward(const CtcSizes& s, const T* log_probabilities, const CtcTargets& targets, Reduction reduction,
                      bool zero_infinity, T* loss, T* log_likelihood, T* alpha, void* scratch) noexcept {
  const auto loss_of = [=](double likelihood, int64_t n) {
    if (zero_infinity && likelihood == nothing<double>) return 0.0;
    return (0.0 - likelihood) * share(s, reduction, targets.target_lengths[n]);
  };
  for_samples<T>(s, log_probabilities, targets, scratch, [=](const Sample<T>& sample, int64_t n, int64_t place) {
    const double likelihood = log_likelihood_of(sample, alpha + 2 * (s.steps + 1) * place);
    log_likelihood[n] = static_cast<T>(likelihood);
    if (reduction == Reduction::None) loss[n] = static_cast<T>(loss_of(likelihood, n));
  });
  if (reduction == Reduction::None) return;
  double total = reduction == Reduction::Mean && s.samples == 0 ? std::numeric_limits<double>::quiet_NaN() : 0;
  for (int64_t n = 0; n < s.samples; ++n) total += loss_of(static_cast<double>(log_likelihood[n]), n);
  *loss = static_cast<T>(total);
}

template <class T>
void ctc_loss_backward(const CtcSizes& s, const T* grad, const T* log_probabilities, const CtcTargets& targets,
                       Reduction reduction, const T* log_likelihood, const T* alpha, T* grad_in,
                       void* scratch) noexcept {
  for_samples<T>(s, log_probabilities, targets, scratch, [=](const Sample<T>& sample, int64_t n, int64_t place) {
    T* const to = grad_in + n * s.classes;
    const bool none = log_likelihood[n] == nothing<T>;
    for (int64_t t = none ? 0 : sample.steps; t < s.steps; ++t)
      std::fill(to + t * sample.stride, to + t * sample.stride + s.classes, T(0));
    if (none) return;
    const double g = static_cast<double>(reduction == Reduction::None ? grad[n] : *grad);
    gradient_of(sample, alpha + 2 * (s.steps + 1) * place, static_cast<T>(g * share(s, reduction, sample.labels)),
                s.classes, to);
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                     \
  template void ctc_loss_forward<T>(const CtcSizes&, const T*, const CtcTargets&, Reduction, bool, T*, T*, T*,    \
                                    void*) noexcept;                                                              \
  template void ctc_loss_backward<T>(const CtcSizes&, const T*, const T*, const CtcTargets&, Reduction, const T*, \
                                     const T*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
