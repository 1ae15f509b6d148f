#include "loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "reduce.h"
#include "simd/loop.h"
#include "simd/math.h"
#include "softmax.h"

namespace cygnet {
namespace {

constexpr int64_t block = 1024;    // elements whose losses are in a buffer at a time
constexpr int64_t run = 8 * 1024;  // elements of a task

// A mean of nothing is NaN.
double reduced(double total, Reduction reduction, double count) noexcept {
  return reduction == Reduction::Sum ? total : total / count;
}

// The rows that are not ignored, each with the weight of its class if there are weights.
template <class T>
double counted(Labels labels, const T* weight) noexcept {
  double total = 0;
  for (int64_t i = 0; i < labels.count; ++i) {
    const int64_t label = labels.label[i];
    if (label != labels.ignore_index) total += weight ? static_cast<double>(weight[label]) : 1.0;
  }
  return total;
}

// loss_of_row(n) for every row, in rows to `loss` or their sum in double.
template <class T, class Row>
void reduce_rows(Labels labels, const T* weight, double work_of_row, Reduction reduction, T* loss, void* scratch,
                 const Row& loss_of_row) noexcept {
  double* const terms = static_cast<double*>(scratch);
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, labels.classes));
  parallel_ranges(labels.count, grain, work_of_row, [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const double value = loss_of_row(n);
      if (reduction == Reduction::None)
        loss[n] = static_cast<T>(value);
      else
        terms[n] = value;
    }
  });
  if (reduction == Reduction::None) return;
  *loss = static_cast<T>(reduced(sum_in_double(terms, labels.count), reduction, counted(labels, weight)));
}

template <class T>
T scale_of_mean(T grad, double count, Reduction reduction) noexcept {
  return reduction == Reduction::Mean ? grad / static_cast<T>(count) : grad;
}

struct MeanSquareLoss {
  template <class T>
  static Vec<T> loss(Vec<T> x, Vec<T> t) {
    const Vec<T> difference = x - t;
    return difference * difference;
  }
  template <class T>
  static Vec<T> gradient(Vec<T> x, Vec<T> t) {
    return Vec<T>(T(2)) * (x - t);
  }
};
struct BinaryCrossEntropyLoss {
  template <class T>
  static Vec<T> loss(Vec<T> x, Vec<T> t) {
    const Vec<T> one(T(1)), lowest(T(-100));
    return (t - one) * max(log(one - x), lowest) - t * max(log(x), lowest);
  }
  template <class T>
  static Vec<T> gradient(Vec<T> x, Vec<T> t) {
    return (x - t) / max(x * (Vec<T>(T(1)) - x), Vec<T>(T(1e-12)));
  }
};
struct BinaryCrossEntropyWithLogitsLoss {
  template <class T>
  static Vec<T> loss(Vec<T> x, Vec<T> t) {
    // The distance to the other class counts by the other class's share: nothing where that is 0, be it infinite.
    const Vec<T> zero(T(0)), share = select(x < zero, t, Vec<T>(T(1)) - t), size = abs(x);
    return select(share == zero, zero, share * size) + log1p_of_fraction(exp(-size));
  }
  template <class T>
  static Vec<T> gradient(Vec<T> x, Vec<T> t) {
    return sigmoid(x) - t;
  }
};

template <class Loss, class T>
void forward(const T* x, const T* target, int64_t count, Reduction reduction, T* loss, void* scratch) noexcept {
  double* const partial = static_cast<double*>(scratch);
  parallel_ranges(count, run, 4, [=](int64_t begin, int64_t end) {
    if (reduction == Reduction::None) {
      for_vectors<T>(begin, end, [=](int64_t i, int n) {
        Loss::loss(Vec<T>::load(x + i, n), Vec<T>::load(target + i, n)).store(loss + i, n);
      });
      return;
    }
    alignas(64) T buffer[block];
    double total = 0;
    for (int64_t first = begin; first < end; first += block) {
      const int64_t last = std::min(first + block, end);
      for_vectors<T>(first, last, [&](int64_t i, int n) {
        Loss::loss(Vec<T>::load(x + i, n), Vec<T>::load(target + i, n)).store(buffer + (i - first), n);
      });
      total += sum_in_double(buffer, last - first);
    }
    partial[begin / run] = total;
  });
  if (reduction == Reduction::None) return;
  *loss =
      static_cast<T>(reduced(sum_in_double(partial, (count + run - 1) / run), reduction, static_cast<double>(count)));
}

template <class Loss, class T>
void backward(const T* grad, const T* x, const T* target, int64_t count, Reduction reduction, T* grad_in) noexcept {
  const T* const each = reduction == Reduction::None ? grad : nullptr;
  const Vec<T> scale(each || count == 0 ? T(0) : scale_of_mean(*grad, static_cast<double>(count), reduction));
  parallel_ranges(count, run, 4, [=](int64_t begin, int64_t end) {
    for_vectors<T>(begin, end, [=](int64_t i, int n) {
      const Vec<T> derivative = Loss::gradient(Vec<T>::load(x + i, n), Vec<T>::load(target + i, n));
      (derivative * (each ? Vec<T>::load(each + i, n) : scale)).store(grad_in + i, n);
    });
  });
}

}  // namespace

size_t loss_scratch_bytes(int64_t count) noexcept { return static_cast<size_t>(count) * sizeof(double); }

template <class T>
void cross_entropy_forward(const T* logits, Labels labels, Reduction reduction, T* loss, T* log_sum_exp,
                           void* scratch) noexcept {
  const int64_t classes = labels.classes;
  reduce_rows<T>(labels, nullptr, 8.0 * static_cast<double>(classes) + 16, reduction, loss, scratch, [=](int64_t n) {
    if (classes == 0) {
      log_sum_exp[n] = -std::numeric_limits<T>::infinity();
      return 0.0;
    }
    const T* const x = logits + n * classes;
    const RowSum<T> row = row_sum<T>(x, classes, nullptr);
    const double log_sum = std::log(static_cast<double>(row.sum));
    log_sum_exp[n] = static_cast<T>(static_cast<double>(row.maximum) + log_sum);
    const int64_t label = labels.label[n];
    if (label == labels.ignore_index) return 0.0;
    return static_cast<double>(row.maximum) - static_cast<double>(x[label]) + log_sum;
  });
}

template <class T>
void cross_entropy_backward(const T* grad, const T* logits, Labels labels, const T* log_sum_exp, Reduction reduction,
                            T* grad_in) noexcept {
  const int64_t classes = labels.classes;
  const T scale = reduction == Reduction::None || labels.count == 0
                      ? T(0)
                      : scale_of_mean(*grad, counted<T>(labels, nullptr), reduction);
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, classes));
  parallel_ranges(labels.count, grain, 4.0 * static_cast<double>(classes), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t label = labels.label[n];
      T* const to = grad_in + n * classes;
      if (label == labels.ignore_index) {
        std::fill(to, to + classes, T(0));
        continue;
      }
      const T* const x = logits + n * classes;
      const T factor = reduction == Reduction::None ? grad[n] : scale;
      const Vec<T> shift(log_sum_exp[n]), g(factor);
      for_vectors<T>(0, classes,
                     [=](int64_t i, int count) { (exp(Vec<T>::load(x + i, count) - shift) * g).store(to + i, count); });
      to[label] = (std::exp(x[label] - log_sum_exp[n]) - T(1)) * factor;
    }
  });
}

template <class T>
void nll_loss_forward(const T* log_probabilities, Labels labels, const T* weight, Reduction reduction, T* loss,
                      void* scratch) noexcept {
  reduce_rows(labels, weight, 4, reduction, loss, scratch, [=](int64_t n) {
    const int64_t label = labels.label[n];
    if (label == labels.ignore_index) return 0.0;
    const double factor = weight ? static_cast<double>(weight[label]) : 1.0;
    return -static_cast<double>(log_probabilities[n * labels.classes + label]) * factor;
  });
}

template <class T>
void nll_loss_backward(const T* grad, Labels labels, const T* weight, Reduction reduction, T* grad_in) noexcept {
  if (labels.count == 0) return;
  const int64_t classes = labels.classes, grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, classes));
  const T scale = reduction == Reduction::None ? T(0) : scale_of_mean(*grad, counted(labels, weight), reduction);
  parallel_ranges(labels.count, grain, static_cast<double>(classes), [=](int64_t begin, int64_t end) {
    std::fill(grad_in + begin * classes, grad_in + end * classes, T(0));
    for (int64_t n = begin; n < end; ++n) {
      const int64_t label = labels.label[n];
      if (label == labels.ignore_index) continue;
      grad_in[n * classes + label] =
          -(reduction == Reduction::None ? grad[n] : scale) * (weight ? weight[label] : T(1));
    }
  });
}

template <class T>
void point_loss_forward(PointLoss kind, const T* x, const T* target, int64_t count, Reduction reduction, T* loss,
                        void* scratch) noexcept {
  switch (kind) {
    case PointLoss::MeanSquare:
      return forward<MeanSquareLoss>(x, target, count, reduction, loss, scratch);
    case PointLoss::BinaryCrossEntropy:
      return forward<BinaryCrossEntropyLoss>(x, target, count, reduction, loss, scratch);
    case PointLoss::BinaryCrossEntropyWithLogits:
      return forward<BinaryCrossEntropyWithLogitsLoss>(x, target, count, reduction, loss, scratch);
  }
}

template <class T>
void point_loss_backward(PointLoss kind, const T* grad, const T* x, const T* target, int64_t count, Reduction reduction,
                         T* grad_in) noexcept {
  switch (kind) {
    case PointLoss::MeanSquare:
      return backward<MeanSquareLoss>(grad, x, target, count, reduction, grad_in);
    case PointLoss::BinaryCrossEntropy:
      return backward<BinaryCrossEntropyLoss>(grad, x, target, count, reduction, grad_in);
    case PointLoss::BinaryCrossEntropyWithLogits:
      return backward<BinaryCrossEntropyWithLogitsLoss>(grad, x, target, count, reduction, grad_in);
  }
}

#define CYGNET_INSTANTIATE(T)                                                                                 \
  template void cross_entropy_forward<T>(const T*, Labels, Reduction, T*, T*, void*) noexcept;                \
  template void cross_entropy_backward<T>(const T*, const T*, Labels, const T*, Reduction, T*) noexcept;      \
  template void nll_loss_forward<T>(const T*, Labels, const T*, Reduction, T*, void*) noexcept;               \
  template void nll_loss_backward<T>(const T*, Labels, const T*, Reduction, T*) noexcept;                     \
  template void point_loss_forward<T>(PointLoss, const T*, const T*, int64_t, Reduction, T*, void*) noexcept; \
  template void point_loss_backward<T>(PointLoss, const T*, const T*, const T*, int64_t, Reduction, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
