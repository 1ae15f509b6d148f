// What the factorisations share: vectors of a row, products by `gemm`, blocks of reflections, rotations, and stacks.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "carver.h"
#include "core/parallel.h"
#include "gemm.h"
#include "simd/loop.h"

namespace cygnet::linalg {

/// Columns that a blocked factorisation takes at a time.
constexpr int64_t block = 32;

template <class T>
T dot(const T* a, const T* b, int64_t count) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> one(T(0)), two(T(0));
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    one = fma(Vec<T>::load(a + i), Vec<T>::load(b + i), one);
    two = fma(Vec<T>::load(a + i + lanes), Vec<T>::load(b + i + lanes), two);
  }
  for_vectors<T>(i, count, [&](int64_t k, int n) { one = fma(Vec<T>::load(a + k, n), Vec<T>::load(b + k, n), one); });
  return horizontal_sum(one + two);
}

/// y += factor x
template <class T>
void add_multiple(T factor, const T* x, T* y, int64_t count) noexcept {
  const Vec<T> f(factor);
  for_vectors<T>(0, count,
                 [&](int64_t i, int n) { fma(f, Vec<T>::load(x + i, n), Vec<T>::load(y + i, n)).store(y + i, n); });
}

template <class T>
void scale(T factor, T* x, int64_t count) noexcept {
  const Vec<T> f(factor);
  for_vectors<T>(0, count, [&](int64_t i, int n) { (f * Vec<T>::load(x + i, n)).store(x + i, n); });
}

template <class T>
void exchange(T* x, T* y, int64_t count) noexcept {
  std::swap_ranges(x, x + count, y);
}

/// The largest magnitude; NaN or infinity if there is one.
template <class T>
T largest(const T* x, int64_t count) noexcept {
  T most = 0, spoilt = 0;
  for (int64_t i = 0; i < count; ++i) {
    most = std::max(most, std::fabs(x[i]));
    spoilt += x[i] * T(0);
  }
  return most + spoilt;
}

/// The Euclidean length, without overflow.
template <class T>
T length(const T* x, int64_t count) noexcept {
  const T plain = dot(x, x, count), low = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  if (plain > low && plain <= std::numeric_limits<T>::max()) return std::sqrt(plain);
  const T most = largest(x, count);
  if (!(most > 0) || !(most <= std::numeric_limits<T>::max())) return most;
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += (x[i] / most) * (x[i] / most);
  return most * std::sqrt(sum);
}

/// out[columns][rows] = in[rows][columns]ᵀ, whose rows are `step` elements apart.
template <class T>
void transpose(const T* in, int64_t step, int64_t rows, int64_t columns, T* out) noexcept {
  constexpr int64_t side = 16;
  for (int64_t i = 0; i < rows; i += side)
    for (int64_t j = 0; j < columns; j += side)
      for (int64_t k = j; k < std::min(j + side, columns); ++k)
        for (int64_t l = i; l < std::min(i + side, rows); ++l) out[k * rows + l] = in[l * step + k];
}

/// C = alpha A B + beta C, with rows of C `step` elements apart.
template <class T>
void product(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, T alpha, T beta, T* c,
             int64_t step, void* scratch) noexcept {
  if (rows == 0 || columns == 0) return;
  Epilogue<T> ending;
  ending.alpha = alpha;
  ending.beta = beta;
  gemm(rows, columns, depth, a, b, ending, c, step, scratch);
}

template <class T>
size_t product_bytes(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b) noexcept {
  return rows == 0 || columns == 0 ? 0 : gemm_scratch_bytes(rows, columns, depth, a, b);
}

/// How the matrices of a stack share threads and scratch: a large one has all threads, small ones are taken side by
/// side, several in a task.
struct Stack {
  int64_t batch;
  double work;  // multiply-adds of one matrix

  bool in_turn() const { return batch == 1 || work > 1 << 26; }
  int64_t grain() const { return std::max<int64_t>(1, static_cast<int64_t>(serial_work / (work + 1))); }
  size_t bytes(size_t one) const {
    const size_t piece = (one + 63) / 64 * 64;
    return piece * static_cast<size_t>(in_turn() ? 1 : Slots::pieces(ceil_div(batch, grain())));
  }
  /// body(matrix, scratch of it)
  template <class Body>
  void run(size_t one, void* scratch, const Body& body) const noexcept {
    if (in_turn()) {
      for (int64_t i = 0; i < batch; ++i) body(i, scratch);
      return;
    }
    const size_t piece = (one + 63) / 64 * 64;
    Slots slots;
    parallel_ranges(batch, grain(), work, [&](int64_t begin, int64_t end) {
      const Slots::Slot slot(slots);
      void* const own = static_cast<char*>(scratch) + static_cast<size_t>(slot.index()) * piece;
      for (int64_t i = begin; i < end; ++i) body(i, own);
    });
  }
};

/// Makes x, of `count` elements, a multiple of the first unit vector: (1 - tau v vᵀ) x = beta e. Leaves v in x, with
/// beta in the place of its leading 1, and returns tau; it is 0 where nothing is to be done.
template <class T>
T reflect(T* x, int64_t count) noexcept {
  constexpr T tiny = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  T rest = count > 1 ? length(x + 1, count - 1) : T(0), larger = 1;
  if (rest == 0) return 0;
  if (rest < tiny && std::fabs(x[0]) < tiny) {  // beta would have lost digits
    larger = T(1) / tiny;
    scale(larger, x, count);
    rest = length(x + 1, count - 1);
  }
  const T alpha = x[0], beta = -std::copysign(std::hypot(alpha, rest), alpha);
  scale(T(1) / (alpha - beta), x + 1, count - 1);
  x[0] = beta / larger;
  return (beta - alpha) / beta;
}

/// Reflections H₀ H₁ ...: v of the k-th has zeros before its element k, a 1 there, and v[k step + i] for i > k.
template <class T>
struct Reflections {
  const T* v;
  int64_t step, count, length;
  const T* tau;
};

/// Rows of C, `length` long and `step` apart, become C H or C Hᵀ, where H = H_begin ... H_(end - 1) = 1 - Vᵀ S V.
template <class T>
void apply_block(const Reflections<T>& h, int64_t begin, int64_t end, bool transposed, int64_t rows, T* c, int64_t step,
                 void* scratch) noexcept {
  const int64_t size = end - begin, length = h.length - begin;
  if (rows == 0) return;
  Carver carver(scratch);
  T *const v = carver.take<T>(size * length), *const s = carver.take<T>(size * size),
           *const w = carver.take<T>(rows * size), *const ws = carver.take<T>(rows * size);
  void* const rest = carver.take<char>(0);
  std::fill(s, s + size * size, T(0));
  for (int64_t j = 0; j < size; ++j) {
    T* const row = v + j * length;
    std::fill(row, row + j, T(0));
    row[j] = 1;
    std::copy(h.v + (begin + j) * h.step + begin + j + 1, h.v + (begin + j) * h.step + h.length, row + j + 1);
    const T tau = h.tau[begin + j];
    T inner[block];
    for (int64_t i = 0; i < j; ++i) inner[i] = -tau * dot(v + i * length + j, row + j, length - j);
    for (int64_t i = 0; i < j; ++i) {
      T sum = 0;
      for (int64_t k = i; k < j; ++k) sum += s[i * size + k] * inner[k];
      s[i * size + j] = sum;
    }
    s[j * size + j] = tau;
  }
  const MatrixView<T> middle = transposed ? MatrixView<T>{s, 1, size} : MatrixView<T>{s, size, 1};
  product(rows, size, length, {c + begin, step, 1}, {v, 1, length}, T(1), T(0), w, size, rest);
  product(rows, size, size, {w, size, 1}, middle, T(1), T(0), ws, size, rest);
  product(rows, length, size, {ws, size, 1}, {v, length, 1}, T(-1), T(1), c + begin, step, rest);
}

/// Scratch of `apply_block` with `size` reflections, `length` long from their first 1 on.
template <class T>
size_t apply_block_bytes(int64_t size, int64_t length, int64_t rows, int64_t step) noexcept {
  Carver carver(nullptr);
  carver.take<T>(size * length);
  carver.take<T>(size * size);
  carver.take<T>(rows * size);
  carver.take<T>(rows * size);
  return carver.used() + std::max({product_bytes<T>(rows, size, length, {nullptr, step, 1}, {nullptr, 1, length}),
                                   product_bytes<T>(rows, size, size, {nullptr, size, 1}, {nullptr, size, 1}),
                                   product_bytes<T>(rows, size, size, {nullptr, size, 1}, {nullptr, 1, size}),
                                   product_bytes<T>(rows, length, size, {nullptr, size, 1}, {nullptr, length, 1})});
}

/// Rows of C become C (H₀ H₁ ...)ᵀ: with C = 1, the columns of H₀ H₁ ... as rows.
template <class T>
void apply_reflections(const Reflections<T>& h, int64_t rows, T* c, int64_t step, void* scratch) noexcept {
  for (int64_t begin = (h.count - 1) / block * block; begin >= 0 && h.count > 0; begin -= block)
    apply_block(h, begin, std::min(begin + block, h.count), true, rows, c, step, scratch);
}

template <class T>
size_t apply_reflections_bytes(int64_t count, int64_t length, int64_t rows, int64_t step) noexcept {
  size_t most = 0;
  for (int64_t begin = 0; begin < count; begin += block)
    most = std::max(most, apply_block_bytes<T>(std::min(block, count - begin), length - begin, rows, step));
  return most;
}

/// Reflections that make the matrix whose columns are the `count` rows of `at`, each `length` long, a triangle; they
/// take the places below it. `tau` has min(count, length) elements.
template <class T>
void factor_columns(int64_t count, int64_t length, T* at, T* tau, void* scratch) noexcept {
  const int64_t steps = std::min(count, length);
  for (int64_t begin = 0; begin < steps; begin += block) {
    const int64_t end = std::min(begin + block, steps);
    for (int64_t k = begin; k < end; ++k) {
      T* const v = at + k * length + k;
      tau[k] = reflect(v, length - k);
      const T kept = v[0];
      v[0] = 1;
      for (int64_t j = k + 1; j < end; ++j) {
        T* const other = at + j * length + k;
        add_multiple(-tau[k] * dot(v, other, length - k), v, other, length - k);
      }
      v[0] = kept;
    }
    apply_block({at, length, steps, length, tau}, begin, end, false, count - end, at + end * length, length, scratch);
  }
}

template <class T>
size_t factor_columns_bytes(int64_t count, int64_t length) noexcept {
  const int64_t steps = std::min(count, length);
  size_t most = 0;
  for (int64_t begin = 0; begin < steps; begin += block) {
    const int64_t size = std::min(block, steps - begin);
    most = std::max(most, apply_block_bytes<T>(size, length - begin, count - begin - size, length));
  }
  return most;
}

/// Rotations of pairs of rows: p becomes c p + s q, q becomes c q - s p.
template <class T>
struct Rotation {
  int32_t p, q;
  T c, s;
};

/// Applies rotations, one after the other, to rows that are `step` apart; columns are shared between threads.
template <class T>
void rotate_rows(const Rotation<T>* rotations, int64_t count, T* rows, int64_t step, int64_t columns) noexcept {
  constexpr int64_t width = 64;
  parallel_ranges(columns, width, 2 * static_cast<double>(count), [=](int64_t begin, int64_t end) {
    for (int64_t k = 0; k < count; ++k) {
      T *const p = rows + rotations[k].p * step, *const q = rows + rotations[k].q * step;
      const Vec<T> c(rotations[k].c), s(rotations[k].s);
      for_vectors<T>(begin, end, [&](int64_t i, int n) {
        const Vec<T> x = Vec<T>::load(p + i, n), y = Vec<T>::load(q + i, n);
        fma(s, y, c * x).store(p + i, n);
        (c * y - s * x).store(q + i, n);
      });
    }
  });
}

/// The cosine and sine that turn (x, y) to (r, 0).
struct Turn {
  double c, s, r;
  Turn(double x, double y) : c(1), s(0), r(x) {
    if (y == 0) return;
    constexpr double tiny = 1e-200, larger = 0x1p500;  // subnormal numbers would not give a unit vector
    const double factor = std::fabs(x) < tiny && std::fabs(y) < tiny ? larger : 1;
    const double size = std::hypot(x * factor, y * factor);
    c = x * factor / size;
    s = y * factor / size;
    r = size / factor;
  }
};

/// Whether the element beside a diagonal counts, in a matrix whose largest elements are near 1.
template <class T>
bool counts(double beside, double before, double after) noexcept {
  constexpr double relative = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2,
                   least = static_cast<double>(std::numeric_limits<T>::min()) / relative;
  return std::fabs(beside) > std::max(least, relative * (std::fabs(before) + std::fabs(after)));
}

}  // namespace cygnet::linalg
