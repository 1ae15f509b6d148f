// Connectionist temporal classification: A. Graves et al., "Connectionist temporal classification", ICML 2006.
//
// Of a labelling l of L labels the paths run through L + 1 blank states b_0 ... b_L and L label states l_0 ... l_(L-1),
// in the order b_0 l_0 b_1 l_1 ... b_L; a step stays, goes on by one, or passes over a blank between two labels that
// differ. With all probabilities as logarithms, y the network's, and "(+)" for log(exp + exp), equations (5) to (8) are
//   alpha_t(b_i) = y_t(blank) + (alpha_(t-1)(b_i) (+) alpha_(t-1)(l_(i-1)))
//   alpha_t(l_i) = y_t(l_i)   + (alpha_(t-1)(l_i) (+) alpha_(t-1)(b_i) [(+) alpha_(t-1)(l_(i-1)) if l_i != l_(i-1)])
// where before the first step alpha is 0 at b_0 and -infinity elsewhere, and
//   log p(l) = alpha_T(b_L) (+) alpha_T(l_(L-1)).
// Rows of alpha and beta are shifted to lie near 0, so that float32 keeps its digits in long sequences; the shifts are
// added up in double. One task a sample. T = float or double.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loss.h"

namespace cygnet {

struct CtcSizes {
  int64_t steps, samples, classes, labels;  // `labels` is the number of elements of all targets, padding included
  int64_t blank;
};

/// Labels lie in [0, classes) and are no blanks; 0 <= input_length <= steps.
struct CtcTargets {
  const int64_t* labels;
  const int64_t *input_lengths, *target_lengths;
  int64_t row;  // distance between the targets of two samples; -1 where they follow each other without a gap
};

/// Elements of `alpha`, as sizes of an array: an opaque table that the backward needs.
struct CtcAlphaShape {
  int64_t rows, width;
};
CtcAlphaShape ctc_alpha_shape(const CtcSizes& sizes) noexcept;
size_t ctc_scratch_bytes(const CtcSizes& sizes, size_t item) noexcept;

/// log_likelihood[n] = log p(l_n), -infinity if no path gives the target. The loss of a sample is its negative, or 0
/// for an infinite one with `zero_infinity`; a mean divides each by max(1, target_length) and the sum by the samples.
/// `loss` has N elements (None) or one.
template <class T>
void ctc_loss_forward(const CtcSizes& sizes, const T* log_probabilities, const CtcTargets& targets, Reduction reduction,
                      bool zero_infinity, T* loss, T* log_likelihood, T* alpha, void* scratch) noexcept;

/// grad_in_t(k) = g (exp(y_t(k)) - the probability, given l, that a path is in a state of k at t), equation (16): the
/// gradient of the scores that y is the log-softmax of, which a log-softmax lets pass. 0 from the input's length on,
/// and for samples of infinite loss.
template <class T>
void ctc_loss_backward(const CtcSizes& sizes, const T* grad, const T* log_probabilities, const CtcTargets& targets,
                       Reduction reduction, const T* log_likelihood, const T* alpha, T* grad_in,
                       void* scratch) noexcept;

}  // namespace cygnet
