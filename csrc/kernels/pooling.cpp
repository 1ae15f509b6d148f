#include "pooling.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "core/parallel.h"
#include "simd/vec.h"

namespace cygnet {
namespace {

// Elements read that a task should have at least.
constexpr int64_t task_work = 8192;
// Inputs of a window up to which they are added up one after the other.
constexpr int64_t short_sum = 32;

int64_t grain_of(int64_t row_work) { return std::max<int64_t>(1, task_work / std::max<int64_t>(1, row_work)); }

template <class T>
int valid_lanes(int64_t c, int64_t channels) {
  return static_cast<int>(std::min<int64_t>(Vec<T>::lanes, channels - c));
}

// The taps [first, last) of a window at `start` that lie inside an axis of `size`.
struct Inside {
  int64_t first, last;

  Inside(const MaxAxis& axis, int64_t start, int64_t size) : first(0), last(axis.kernel) {
    if (start < 0) first = std::min(axis.kernel, (-start + axis.dilation - 1) / axis.dilation);
    if (start + (axis.kernel - 1) * axis.dilation >= size)
      last = start < size ? (size - start + axis.dilation - 1) / axis.dilation : 0;
  }
};

}  // namespace

size_t max_pool2d_scratch_bytes(const MaxAxis& h, const MaxAxis& w) noexcept {
  return static_cast<size_t>(h.kernel * w.kernel) * sizeof(int64_t);
}

template <class T>
void max_pool2d_forward(const Planes& s, const MaxAxis& h, const MaxAxis& w, const T* input, T* output,
                        int64_t* indices, void* scratch) noexcept {
  using V = Vec<T>;
  // A lane remembers its tap as a number; the tap's place relative to the window's start is looked up at the end.
  int64_t* const place = static_cast<int64_t*>(scratch);
  for (int64_t i = 0; i < h.kernel; ++i)
    for (int64_t j = 0; j < w.kernel; ++j) place[i * w.kernel + j] = i * h.dilation * s.in_w + j * w.dilation;
  const int64_t channels = s.channels, row_work = s.out_w * channels * h.kernel * w.kernel;
  parallel_ranges(
      s.batch * s.out_h, grain_of(row_work), static_cast<double>(row_work), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t top = row % s.out_h * h.stride - h.padding;
          const Inside rows(h, top, s.in_h);
          const T* image = input + row / s.out_h * s.in_h * s.in_w * channels;
          for (int64_t x = 0; x < s.out_w; ++x) {
            const int64_t left = x * w.stride - w.padding;
            const Inside columns(w, left, s.in_w);
            const int64_t start = top * s.in_w + left, at = (row * s.out_w + x) * channels;
            if (rows.first >= rows.last || columns.first >= columns.last) {
              std::fill_n(output + at, channels, -std::numeric_limits<T>::infinity());
              std::fill_n(indices + at, channels, -1);
              continue;
            }
            for (int64_t c = 0; c < channels; c += V::lanes) {
              const int valid = valid_lanes<T>(c, channels);
              const int64_t first = rows.first * w.kernel + columns.first;
              V best = V::load(image + (start + place[first]) * channels + c, valid), best_tap(static_cast<T>(first));
              for (int64_t i = rows.first; i < rows.last; ++i)
                for (int64_t j = columns.first; j < columns.last; ++j) {
                  const int64_t tap = i * w.kernel + j;
                  const V value = V::load(image + (start + place[tap]) * channels + c, valid);
                  const V number(static_cast<T>(tap));
                  const V larger = value > best, ordered = value == value;
                  best = select(ordered, select(larger, value, best), value);
                  best_tap = select(ordered, select(larger, number, best_tap), number);
                }
              best.store(output + at + c, valid);
              alignas(64) T tap[V::lanes];
              best_tap.store(tap);
              for (int lane = 0; lane < valid; ++lane)
                indices[at + c + lane] = start + place[static_cast<int64_t>(tap[lane])];
            }
          }
        }
      });
}

template <class T>
bool max_pool2d_backward(const Planes& s, const T* grad_output, const int64_t* indices, T* grad_input) noexcept {
  // Windows may overlap, so one task adds up all windows of its planes.
  const int64_t channels = s.channels, plane = s.in_h * s.in_w, outputs = s.out_h * s.out_w;
  if (s.batch * channels == 0) return true;
  const int64_t block = s.batch >= 16 ? channels : 64 / static_cast<int64_t>(sizeof(T));
  const int64_t blocks = (channels + block - 1) / block;
  std::atomic<bool> in_range{true};
  parallel_for(s.batch * blocks, static_cast<double>(s.batch * channels * (plane + 4 * outputs)), [&](int64_t task) {
    const int64_t n = task / blocks, c = task % blocks * block, count = std::min(block, channels - c);
    T* const target = grad_input + n * plane * channels + c;
    if (count == channels)
      std::fill_n(target, plane * channels, T(0));
    else
      for (int64_t i = 0; i < plane; ++i) std::fill_n(target + i * channels, count, T(0));
    bool good = true;
    for (int64_t i = 0; i < outputs; ++i) {
      const int64_t at = (n * outputs + i) * channels + c;
      for (int64_t k = 0; k < count; ++k) {
        const int64_t index = indices[at + k];
        if (index >= 0 && index < plane)
          target[index * channels + k] += grad_output[at + k];
        else
          good &= index == -1;
      }
    }
    if (!good) in_range.store(false, std::memory_order_relaxed);
  });
  return in_range.load(std::memory_order_relaxed);
}

template <class T>
void avg_pool2d_forward(const Planes& s, const AverageAxis& h, const AverageAxis& w, const T* input,
                        T* output) noexcept {
  using V = Vec<T>;
  const int64_t channels = s.channels;
  // Rows and columns that a row of windows reads, roughly.
  const int64_t rows = h.adaptive ? s.in_h / std::max<int64_t>(1, s.out_h) + 1 : std::min(h.kernel, s.in_h);
  const int64_t columns = w.adaptive ? s.in_w + s.out_w : s.out_w * std::min(w.kernel, s.in_w);
  const int64_t row_work = rows * columns * channels;
  parallel_ranges(s.batch * s.out_h, grain_of(row_work), static_cast<double>(row_work),
                  [=](int64_t begin, int64_t end) {
                    for (int64_t row = begin; row < end; ++row) {
                      const int64_t y = row % s.out_h, top = h.begin(y), bottom = h.end(y);
                      const T* image = input + row / s.out_h * s.in_h * s.in_w * channels;
                      for (int64_t x = 0; x < s.out_w; ++x) {
                        const int64_t left = w.begin(x), right = w.end(x);
                        const V divisor(static_cast<T>(h.divisor(y) * w.divisor(x)));
                        for (int64_t c = 0; c < channels; c += V::lanes) {
                          const int valid = valid_lanes<T>(c, channels);
                          V sum(T(0));
                          if ((bottom - top) * (right - left) <= short_sum) {
                            for (int64_t i = top; i < bottom; ++i)
                              for (int64_t j = left; j < right; ++j)
                                sum += V::load(image + (i * s.in_w + j) * channels + c, valid);
                          } else {
                            V partial[8];
                            for (V& part : partial) part = V(T(0));
                            int64_t n = 0;
                            for (int64_t i = top; i < bottom; ++i)
                              for (int64_t j = left; j < right; ++j)
                                partial[n++ % 8] += V::load(image + (i * s.in_w + j) * channels + c, valid);
                            sum = ((partial[0] + partial[1]) + (partial[2] + partial[3])) +
                                  ((partial[4] + partial[5]) + (partial[6] + partial[7]));
                          }
                          (sum / divisor).store(output + (row * s.out_w + x) * channels + c, valid);
                        }
                      }
                    }
                  });
}

template <class T>
void avg_pool2d_backward(const Planes& s, const AverageAxis& h, const AverageAxis& w, const T* grad_output,
                         T* grad_input) noexcept {
  using V = Vec<T>;
  const int64_t channels = s.channels;
  const int64_t row_work = 2 * s.in_w * channels;
  parallel_ranges(s.batch * s.in_h, grain_of(row_work), static_cast<double>(row_work), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % s.in_h, top = h.first(i), bottom = h.last(i);
      const T* grad = grad_output + row / s.in_h * s.out_h * s.out_w * channels;
      // Windows [left, right) cover column j; both ends only grow.
      int64_t left = 0, right = 0;
      for (int64_t j = 0; j < s.in_w; ++j) {
        while (left < s.out_w && w.end(left) <= j) ++left;
        while (right < s.out_w && w.begin(right) <= j) ++right;
        for (int64_t c = 0; c < channels; c += V::lanes) {
          const int valid = valid_lanes<T>(c, channels);
          V sum(T(0));
          for (int64_t y = top; y < bottom; ++y)
            for (int64_t x = left; x < right; ++x)
              sum += V::load(grad + (y * s.out_w + x) * channels + c, valid) /
                     V(static_cast<T>(h.divisor(y) * w.divisor(x)));
          sum.store(grad_input + (row * s.in_w + j) * channels + c, valid);
        }
      }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                        \
  template void max_pool2d_forward<T>(const Planes&, const MaxAxis&, const MaxAxis&, const T*, T*, int64_t*,         \
                                      void*) noexcept;                                                               \
  template bool max_pool2d_backward<T>(const Planes&, const T*, const int64_t*, T*) noexcept;                        \
  template void avg_pool2d_forward<T>(const Planes&, const AverageAxis&, const AverageAxis&, const T*, T*) noexcept; \
  template void avg_pool2d_backward<T>(const Planes&, const AverageAxis&, const AverageAxis&, const T*, T*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
