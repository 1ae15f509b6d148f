#include "linalg.h"
#include "linalg_parts.h"

namespace cygnet {
namespace {

using namespace linalg;

double cube(int64_t n) { return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n); }

// The columns [begin, end) of L, from the columns before that are in the block.
template <class T>
int32_t cholesky_panel(int64_t n, int64_t begin, int64_t end, T* a) noexcept {
  for (int64_t k = begin; k < end; ++k) {
    T* const row = a + k * n;
    const T square = row[k] - dot(row + begin, row + begin, k - begin);
    if (!(square > 0) || !(square <= std::numeric_limits<T>::max())) return static_cast<int32_t>(k + 1);
    row[k] = std::sqrt(square);
    for (int64_t i = k + 1; i < n; ++i)
      a[i * n + k] = (a[i * n + k] - dot(a + i * n + begin, row + begin, k - begin)) / row[k];
  }
  return 0;
}

template <class T>
int32_t cholesky_one(int64_t n, T* a, void* scratch) noexcept {
  int32_t info = 0;
  for (int64_t begin = 0; begin < n && info == 0; begin += block) {
    const int64_t end = std::min(begin + block, n);
    info = cholesky_panel(n, begin, end, a);
    for (int64_t j = end; j < n && info == 0; j += 4 * block) {  // only blocks that the lower triangle meets
      const int64_t width = std::min(4 * block, n - j);
      product(n - j, width, end - begin, {a + j * n + begin, n, 1}, {a + j * n + begin, 1, n}, T(-1), T(1),
              a + j * n + j, n, scratch);
    }
  }
  for (int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return info;
}

template <class T>
size_t cholesky_bytes(int64_t n) noexcept {
  size_t most = 0;
  for (int64_t end = block; end < n; end += block)
    for (int64_t j = end; j < n; j += 4 * block)
      most =
          std::max(most, product_bytes<T>(n - j, std::min(4 * block, n - j), block, {nullptr, n, 1}, {nullptr, 1, n}));
  return most;
}

template <class T>
int32_t lu_one(int64_t rows, int64_t columns, T* a, int32_t* pivots, void* scratch) noexcept {
  const int64_t steps = std::min(rows, columns);
  int32_t info = 0;
  for (int64_t begin = 0; begin < steps; begin += block) {
    const int64_t end = std::min(begin + block, steps);
    for (int64_t k = begin; k < end; ++k) {
      int64_t best = k;
      for (int64_t i = k + 1; i < rows; ++i)
        if (std::fabs(a[i * columns + k]) > std::fabs(a[best * columns + k])) best = i;
      pivots[k] = static_cast<int32_t>(best + 1);
      T* const row = a + k * columns;
      if (best != k) exchange(row, a + best * columns, columns);
      if (row[k] == 0) {
        if (info == 0) info = static_cast<int32_t>(k + 1);
        continue;
      }
      for (int64_t i = k + 1; i < rows; ++i) {
        T* const other = a + i * columns;
        other[k] /= row[k];
        add_multiple(-other[k], row + k + 1, other + k + 1, end - k - 1);
      }
    }
    for (int64_t k = begin; k < end; ++k)
      for (int64_t i = k + 1; i < end; ++i)
        add_multiple(-a[i * columns + k], a + k * columns + end, a + i * columns + end, columns - end);
    product(rows - end, columns - end, end - begin, {a + end * columns + begin, columns, 1},
            {a + begin * columns + end, columns, 1}, T(-1), T(1), a + end * columns + end, columns, scratch);
  }
  return info;
}

template <class T>
size_t lu_bytes(int64_t rows, int64_t columns) noexcept {
  size_t most = 0;
  for (int64_t end = block; end < std::min(rows, columns) + block; end += block) {
    const int64_t at = std::min({end, rows, columns}), depth = at - (end - block);
    most =
        std::max(most, product_bytes<T>(rows - at, columns - at, depth, {nullptr, columns, 1}, {nullptr, columns, 1}));
  }
  return most;
}

template <class T>
void triangular_one(int64_t n, int64_t columns, Triangle kind, const T* a, T* b, void* scratch) noexcept {
  const int64_t row_step = kind.transposed ? 1 : n, column_step = kind.transposed ? n : 1;
  const auto at = [=](int64_t i, int64_t j) { return a + i * row_step + j * column_step; };
  const bool down = kind.upper == kind.transposed;  // from the first row to the last
  for (int64_t done = 0; done < n; done += block) {
    const int64_t size = std::min(block, n - done), begin = down ? done : n - done - size, end = begin + size;
    for (int64_t k = 0; k < size; ++k) {
      const int64_t i = down ? begin + k : end - 1 - k;
      T* const row = b + i * columns;
      for (int64_t l = 0; l < k; ++l) {
        const int64_t j = down ? begin + l : end - 1 - l;
        add_multiple(-*at(i, j), b + j * columns, row, columns);
      }
      if (!kind.unit)
        for (int64_t c = 0; c < columns; ++c) row[c] /= *at(i, i);
    }
    const int64_t first = down ? end : 0, last = down ? n : begin;
    product(last - first, columns, size, {at(first, begin), row_step, column_step}, {b + begin * columns, columns, 1},
            T(-1), T(1), b + first * columns, columns, scratch);
  }
}

template <class T>
size_t triangular_bytes(int64_t n, int64_t columns) noexcept {
  size_t most = 0;
  for (int64_t done = 0; done < n; done += block) {
    const int64_t size = std::min(block, n - done), rest = n - done - size;
    for (const MatrixView<T>& a : {MatrixView<T>{nullptr, n, 1}, MatrixView<T>{nullptr, 1, n}})
      most = std::max(most, product_bytes<T>(rest, columns, size, a, {nullptr, columns, 1}));
  }
  return most;
}

Stack lu_stack(int64_t batch, int64_t rows, int64_t columns) {
  return {batch, static_cast<double>(rows * columns) * static_cast<double>(std::min(rows, columns)) / 2};
}

Stack triangular_stack(int64_t batch, int64_t n, int64_t columns) {
  return {batch, static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(columns) / 2};
}

template <class T>
void exp_one(int64_t n, const T* a, T* out, void* scratch) noexcept {
  const int64_t count = n * n;
  Carver carver(scratch);
  T* power[5];
  for (int i = 1; i < 5; ++i) power[i] = carver.take<T>(count);
  T* const other = carver.take<T>(count);
  void* const rest = carver.take<char>(0);
  const auto times = [&](const T* x, const T* y, T* to) {
    product(n, n, n, {x, n, 1}, {y, n, 1}, T(1), T(0), to, n, rest);
  };
  T norm = 0, spoilt = 0;
  for (int64_t i = 0; i < n; ++i) {
    T sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += std::fabs(a[i * n + j]);
    norm = std::max(norm, sum);
    spoilt += sum * T(0);
  }
  if (!(spoilt == 0)) return std::fill(out, out + count, std::numeric_limits<T>::quiet_NaN());
  int squarings = 0;
  for (T size = norm; size > T(0.5); size /= 2) ++squarings;
  const T shrink = std::ldexp(T(1), -squarings / 2), again = std::ldexp(T(1), -(squarings - squarings / 2));
  for (int64_t i = 0; i < count; ++i) power[1][i] = a[i] * shrink * again;
  times(power[1], power[1], power[2]);
  times(power[2], power[1], power[3]);
  times(power[2], power[2], power[4]);
  // Horner's scheme in A⁴, whose coefficients are polynomials of degree 3.
  double factor[17] = {1};
  for (int k = 1; k < 17; ++k) factor[k] = factor[k - 1] / k;
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(factor[16]) * power[4][i];
  for (int k = 12; k >= 0; k -= 4) {
    for (int64_t i = 0; i < count; ++i)
      for (int p = 1; p < 4; ++p) out[i] += static_cast<T>(factor[k + p]) * power[p][i];
    for (int64_t i = 0; i < n; ++i) out[i * n + i] += static_cast<T>(factor[k]);
    if (k == 0) break;
    times(out, power[4], other);
    std::copy(other, other + count, out);
  }
  for (int k = 0; k < squarings; ++k) {
    times(out, out, other);
    std::copy(other, other + count, out);
  }
}

template <class T>
size_t exp_bytes(int64_t n) noexcept {
  Carver carver(nullptr);
  for (int i = 0; i < 5; ++i) carver.take<T>(n * n);
  return carver.used() + product_bytes<T>(n, n, n, {nullptr, n, 1}, {nullptr, n, 1});
}

}  // namespace

template <class T>
size_t cholesky_scratch_bytes(int64_t batch, int64_t n) noexcept {
  return Stack{batch, cube(n) / 6}.bytes(cholesky_bytes<T>(n));
}

template <class T>
void cholesky(int64_t batch, int64_t n, T* a, int32_t* info, void* scratch) noexcept {
  Stack{batch, cube(n) / 6}.run(cholesky_bytes<T>(n), scratch,
                                [=](int64_t i, void* own) { info[i] = cholesky_one(n, a + i * n * n, own); });
}

template <class T>
size_t lu_factor_scratch_bytes(int64_t batch, int64_t rows, int64_t columns) noexcept {
  return lu_stack(batch, rows, columns).bytes(lu_bytes<T>(rows, columns));
}

template <class T>
void lu_factor(int64_t batch, int64_t rows, int64_t columns, T* a, int32_t* pivots, int32_t* info,
               void* scratch) noexcept {
  const int64_t steps = std::min(rows, columns);
  lu_stack(batch, rows, columns).run(lu_bytes<T>(rows, columns), scratch, [=](int64_t i, void* own) {
    info[i] = lu_one(rows, columns, a + i * rows * columns, pivots + i * steps, own);
  });
}

template <class T>
size_t solve_triangular_scratch_bytes(int64_t batch, int64_t n, int64_t columns) noexcept {
  return triangular_stack(batch, n, columns).bytes(triangular_bytes<T>(n, columns));
}

template <class T>
void solve_triangular(int64_t batch, int64_t n, int64_t columns, Triangle kind, const T* a, T* b,
                      void* scratch) noexcept {
  triangular_stack(batch, n, columns).run(triangular_bytes<T>(n, columns), scratch, [=](int64_t i, void* own) {
    triangular_one(n, columns, kind, a + i * n * n, b + i * n * columns, own);
  });
}

template <class T>
void exchange_rows(int64_t batch, int64_t count, int64_t n, int64_t columns, const int32_t* pivots, bool inverse,
                   T* b) noexcept {
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t step = 0; step < count; ++step) {
      const int64_t k = inverse ? count - 1 - step : step, other = pivots[i * count + k] - 1;
      if (other != k) exchange(b + (i * n + k) * columns, b + (i * n + other) * columns, columns);
    }
}

int64_t first_wrong_pivot(const int32_t* pivots, int64_t count, int64_t n) noexcept {
  for (int64_t i = 0; i < count; ++i)
    if (pivots[i] < 1 || pivots[i] > n) return i;
  return -1;
}

template <class T>
size_t matrix_exp_scratch_bytes(int64_t batch, int64_t n) noexcept {
  return Stack{batch, 8 * cube(n)}.bytes(exp_bytes<T>(n));
}

template <class T>
void matrix_exp(int64_t batch, int64_t n, const T* a, T* out, void* scratch) noexcept {
  Stack{batch, 8 * cube(n)}.run(exp_bytes<T>(n), scratch,
                                [=](int64_t i, void* own) { exp_one(n, a + i * n * n, out + i * n * n, own); });
}

#define CYGNET_INSTANTIATE(T)                                                                            \
  template void cholesky<T>(int64_t, int64_t, T*, int32_t*, void*) noexcept;                             \
  template size_t cholesky_scratch_bytes<T>(int64_t, int64_t) noexcept;                                  \
  template void lu_factor<T>(int64_t, int64_t, int64_t, T*, int32_t*, int32_t*, void*) noexcept;         \
  template size_t lu_factor_scratch_bytes<T>(int64_t, int64_t, int64_t) noexcept;                        \
  template void solve_triangular<T>(int64_t, int64_t, int64_t, Triangle, const T*, T*, void*) noexcept;  \
  template size_t solve_triangular_scratch_bytes<T>(int64_t, int64_t, int64_t) noexcept;                 \
  template void exchange_rows<T>(int64_t, int64_t, int64_t, int64_t, const int32_t*, bool, T*) noexcept; \
  template void matrix_exp<T>(int64_t, int64_t, const T*, T*, void*) noexcept;                           \
  template size_t matrix_exp_scratch_bytes<T>(int64_t, int64_t) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
