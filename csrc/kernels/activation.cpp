#include "activation_functions.h"
#include "core/parallel.h"

namespace cygnet {

template <class T>
void activation_backward(Activation activation, const T* grad, const T* saved, T* target, int64_t count) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  parallel_ranges(count, 8192, 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += lanes) {
      const int n = static_cast<int>(end - i < lanes ? end - i : lanes);
      activation_gradient(activation, Vec<T>::load(grad + i, n), Vec<T>::load(saved + i, n)).store(target + i, n);
    }
  });
}

template <class T>
void activate_in_place(Activation activation, T* x, int64_t count) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t i = 0; i < count; i += lanes) {
    const int n = static_cast<int>(count - i < lanes ? count - i : lanes);
    activate(activation, Vec<T>::load(x + i, n)).store(x + i, n);
  }
}

template void activation_backward<float>(Activation, const float*, const float*, float*, int64_t) noexcept;
template void activation_backward<double>(Activation, const double*, const double*, double*, int64_t) noexcept;
template void activate_in_place<float>(Activation, float*, int64_t) noexcept;
template void activate_in_place<double>(Activation, double*, int64_t) noexcept;

}  // namespace cygnet
