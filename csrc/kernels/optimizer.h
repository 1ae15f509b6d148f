// Optimizer steps over many parameters in one pass.
//
// The elements of all parameters are cut into chunks that threads claim. Hyper-parameters and step counts are read
// from memory on every run, so that a recorded step follows a changed learning rate. The loops use correctly rounded
// operations only and are limited by memory, so plain C++ serves, and every instruction set gives the same bits.
//
// A rule is a struct of its hyper-parameters, all double, in the order of their cell, with the number of its lists:
// `numbers` are single float32 values a parameter, the first of them the step count, which a step counts up (t is the
// new one); `states` are arrays of the parameters' shapes. In all rules, g = (maximize ? -grad : grad) + weight_decay
// p; if `decoupled_weight_decay` is not 0, p is first multiplied by 1 - lr weight_decay instead. The equations are
// PyTorch's; two flags give Keras's: with `lr_in_buffer` momentum is kept of the steps, each with the lr of its time,
// so that b = momentum b + lr d, p -= b; with `eps_in_root` a denominator is sqrt(s + eps) instead of sqrt(s) + eps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/array_view.h"

namespace cygnet {

struct ParameterSpan {
  int64_t count;  // elements
  int64_t begin;  // elements of all parameters before this one
  DType dtype;    // Float32 or Float64
};

/// Stochastic gradient descent with momentum as PyTorch defines it (I. Sutskever et al., "On the importance of
/// initialization and momentum in deep learning", 2013):
///   b = first ? g : momentum b + (1 - dampening) g;  p -= lr (momentum == 0 ? g : nesterov ? g + momentum b : b).
/// Without momentum both lists may be null and nothing is counted; `first` is a step count of zero.
struct Sgd {
  double lr, momentum, dampening, weight_decay, nesterov, maximize, decoupled_weight_decay, lr_in_buffer;
  static constexpr size_t numbers = 1, states = 1;  // momentum_buffers
};

/// Adam (D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015); decoupled AdamW (I. Loshchilov,
/// F. Hutter, 2019); the third state, unless null, is AMSGrad's running maximum of v (S. Reddi et al., 2018):
///   m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;
///   p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
struct Adam {
  double lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 3;  // exp_avgs, exp_avg_sqs, max_exp_avg_sqs or null
};

/// Adam with the largest gradient so far in place of the root (D. Kingma, J. Ba, 2015, section 7.1):
///   m as in Adam;  u = max(beta2 u, |g| + eps);  p -= lr / (1 - beta1^t) m / u.
struct Adamax {
  double lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 2;  // exp_avgs, exp_infs
};

/// Adam with Nesterov's momentum (T. Dozat, "Incorporating Nesterov momentum into Adam", 2016). The second number is
/// the product P of all mu_1 ... mu_t, with mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); m and v as in Adam:
///   p -= lr ((1 - mu_t) / (1 - P) g + mu_t+1 / (1 - P mu_t+1) m) / (sqrt(v / (1 - beta2^t)) + eps).
struct Nadam {
  double lr, beta1, beta2, eps, weight_decay, momentum_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 2, states = 2;  // steps, mu_products; exp_avgs, exp_avg_sqs
};

/// Adam whose adaptive rate is rectified by its variance (L. Liu et al., "On the variance of the adaptive learning rate
/// and beyond", 2020). With R = 2 / (1 - beta2) - 1, r = R - 2 t beta2^t / (1 - beta2^t); m and v as in Adam:
///   p -= lr / (1 - beta1^t) m (r > 5 ? q sqrt(1 - beta2^t) / (sqrt(v) + eps) : 1),
///   q = sqrt((r - 4)(r - 2) R / ((R - 4)(R - 2) r)).
struct Radam {
  double lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 2;  // exp_avgs, exp_avg_sqs
};

/// RMSprop (T. Hinton, "Neural networks for machine learning", lecture 6e, 2012; centered: A. Graves, "Generating
/// sequences with recurrent neural networks", 2013, eq. 38-45). Without momentum its list may be null, without
/// centering that of the average gradient is:
///   s = alpha s + (1 - alpha) g g;  a += (1 - alpha)(g - a);  d = g / (sqrt(centered ? s - a a : s) + eps);
///   b = momentum b + d;  p -= lr (momentum == 0 ? d : b).
struct Rmsprop {
  double lr, alpha, eps, weight_decay, momentum, maximize, decoupled_weight_decay, lr_in_buffer, eps_in_root;
  static constexpr size_t numbers = 1, states = 3;  // square_avgs, momentum_buffers or null, grad_avgs or null
};

/// Adagrad (J. Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", 2011):
///   s += g g;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
struct Adagrad {
  double lr, lr_decay, eps, weight_decay, maximize, decoupled_weight_decay, eps_in_root;
  static constexpr size_t numbers = 1, states = 1;  // sums
};

/// Adadelta (M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012):
///   s = rho s + (1 - rho) g g;  d = sqrt(a + eps) / sqrt(s + eps) g;  a = rho a + (1 - rho) d d;  p -= lr d.
struct Adadelta {
  double lr, rho, eps, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 2;  // square_avgs, acc_deltas
};

/// Lion (X. Chen et al., "Symbolic discovery of optimization algorithms", 2023):
///   p -= lr sign(beta1 m + (1 - beta1) g);  m += (1 - beta2)(g - m).
struct Lion {
  double lr, beta1, beta2, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 1;  // exp_avgs
};

/// Averaged gradient descent (B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992).
/// The numbers eta and mu are those of this step and become those of the next; a is the average of the parameters:
///   p = (1 - lambd eta) p - eta g;  a = mu == 1 ? p : a + mu (p - a);
///   eta = lr / (1 + lambd lr t)^alpha;  mu = 1 / max(1, t - t0).
struct Asgd {
  double lr, lambd, alpha, t0, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 3, states = 1;  // steps, etas, mus; axs
};

/// Resilient backpropagation (M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning",
/// 1993), with the gradient h of the step before, zero where the sign changed, and a step size s for each element:
///   s = clamp(s (g h > 0 ? eta_plus : g h < 0 ? eta_minus : 1), smallest, largest);
///   h = g h < 0 ? 0 : g;  p -= s sign(h).
struct Rprop {
  double lr, eta_minus, eta_plus, smallest, largest, weight_decay, maximize, decoupled_weight_decay;
  static constexpr size_t numbers = 1, states = 2;  // prevs, step_sizes
};

/// The lists of a step, one address a parameter each.
template <class Rule>
struct OptimizerLists {
  void* const* params;
  void* const* grads;
  void* const* numbers[Rule::numbers];
  void* const* states[Rule::states];
};

/// One step of a rule, in place. Parameters, numbers and states do not overlap each other or gradients.
template <class Rule>
void optimizer_step(const ParameterSpan* spans, size_t parameters, const Rule& rule,
                    const OptimizerLists<Rule>& lists) noexcept;

}  // namespace cygnet
