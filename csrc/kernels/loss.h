// Losses and their gradients. The terms of a sum or mean are added in double, in fixed runs. T = float or double.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

enum class Reduction : uint8_t { None, Sum, Mean };

struct Labels {
  const int64_t* label;  // each in [0, classes) or ignore_index
  int64_t count, classes, ignore_index;
};

/// log_sum_exp[n] = log sum_c exp(x[n][c]) and, for each row that is not ignored, its loss
/// log_sum_exp[n] - x[n][label[n]]; 0 for an ignored one. `loss` has N elements (None) or one; a mean is over the rows
/// that are not ignored. `scratch` has loss_scratch_bytes.
template <class T>
void cross_entropy_forward(const T* logits, Labels labels, Reduction reduction, T* loss, T* log_sum_exp,
                           void* scratch) noexcept;
/// grad_in[n][c] = g (exp(x[n][c] - log_sum_exp[n]) - (c == label[n])), 0 in ignored rows; g is grad[n] (None), grad[0]
/// (Sum) or grad[0] / rows not ignored (Mean).
template <class T>
void cross_entropy_backward(const T* grad, const T* logits, Labels labels, const T* log_sum_exp, Reduction reduction,
                            T* grad_in) noexcept;

/// The loss of a row is -weight[label[n]] x[n][label[n]], and a mean divides by the sum of these weights; without
/// `weight` (null) each is 1.
template <class T>
void nll_loss_forward(const T* log_probabilities, Labels labels, const T* weight, Reduction reduction, T* loss,
                      void* scratch) noexcept;
template <class T>
void nll_loss_backward(const T* grad, Labels labels, const T* weight, Reduction reduction, T* grad_in) noexcept;

/// Losses of an element x with target t:
///   MeanSquare (x - t)^2
///   BinaryCrossEntropy -t max(log x, -100) - (1 - t) max(log(1 - x), -100)
///   BinaryCrossEntropyWithLogits max(x, 0) - x t + log(1 + exp(-|x|))
enum class PointLoss : uint8_t { MeanSquare, BinaryCrossEntropy, BinaryCrossEntropyWithLogits };

/// `loss` has `count` elements (None) or one. `scratch` has loss_scratch_bytes.
template <class T>
void point_loss_forward(PointLoss kind, const T* x, const T* target, int64_t count, Reduction reduction, T* loss,
                        void* scratch) noexcept;
/// grad_in = g d loss / dx: 2 (x - t), (x - t) / max(x (1 - x), 1e-12), sigmoid(x) - t; g as above.
template <class T>
void point_loss_backward(PointLoss kind, const T* grad, const T* x, const T* target, int64_t count, Reduction reduction,
                         T* grad_in) noexcept;

/// For `count` rows or elements.
size_t loss_scratch_bytes(int64_t count) noexcept;

}  // namespace cygnet
