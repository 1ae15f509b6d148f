#include "linalg.h"
#include "linalg_parts.h"

namespace cygnet {
namespace {

using namespace linalg;

constexpr int64_t steps_per_value = 30;  // of QR iterations; two are usual

template <class T>
void unit_rows(int64_t count, int64_t length, T* rows) noexcept {
  std::fill(rows, rows + count * length, T(0));
  for (int64_t i = 0; i < std::min(count, length); ++i) rows[i * length + i] = 1;
}

// 1 / a power of two near the largest magnitude, by which a matrix is multiplied so that no square overflows.
template <class T>
T scaling(T most) noexcept {
  if (!(most > 0)) return 1;
  int exponent = 0;
  std::frexp(most, &exponent);
  return std::ldexp(
      T(1), std::clamp(-exponent, -std::numeric_limits<T>::max_exponent + 2, std::numeric_limits<T>::max_exponent - 2));
}

// The numbers 0 ... n - 1 in the order of their values; equal ones stay as they are.
void order(const double* values, int64_t n, bool falling, int32_t* places) noexcept {
  for (int64_t i = 0; i < n; ++i) places[i] = static_cast<int32_t>(i);
  std::sort(places, places + n,
            [=](int32_t a, int32_t b) { return values[a] != values[b] ? (values[a] < values[b]) != falling : a < b; });
}

// out = the rows as columns, `columns` of them, in an order for the first `ordered`.
template <class T>
void rows_to_columns(const T* rows, int64_t length, int64_t columns, const int32_t* places, int64_t ordered,
                     T* out) noexcept {
  for (int64_t i = 0; i < length; ++i)
    for (int64_t j = 0; j < columns; ++j) out[i * columns + j] = rows[(j < ordered ? places[j] : j) * length + i];
}

template <class T>
void rows_in_order(const T* rows, int64_t length, int64_t count, const int32_t* places, int64_t ordered,
                   T* out) noexcept {
  for (int64_t j = 0; j < count; ++j) {
    const T* const row = rows + (j < ordered ? places[j] : j) * length;
    std::copy(row, row + length, out + j * length);
  }
}

// ---- Symmetric matrices ----

template <class T>
struct EighScratch {
  T *a, *rows, *tau, *w;
  double *diagonal, *beside;
  int32_t* places;
  Rotation<T>* rotations;
  void* rest;
  size_t bytes;

  EighScratch(void* scratch, int64_t n, bool vectors) {
    Carver carver(scratch);
    a = carver.take<T>(n * n);
    rows = carver.take<T>(vectors ? n * n : 0);
    tau = carver.take<T>(n);
    w = carver.take<T>(n);
    diagonal = carver.take<double>(n);
    beside = carver.take<double>(n);
    places = carver.take<int32_t>(n);
    rotations = carver.take<Rotation<T>>(vectors ? n : 0);
    rest = carver.take<char>(0);
    bytes = carver.used() + (vectors && n > 1 ? apply_reflections_bytes<T>(n - 1, n - 1, n - 1, n) : 0);
  }
};

// Makes the symmetric matrix tridiagonal by reflections from both sides, A22 -= v wᵀ + w vᵀ; v of step k goes to row k.
template <class T>
void tridiagonal(int64_t n, const EighScratch<T>& s) noexcept {
  T* const a = s.a;
  for (int64_t k = 0; k + 1 < n; ++k) {
    const int64_t count = n - k - 1;
    T* const v = a + k * n + k + 1;
    const T tau = s.tau[k] = reflect(v, count);
    s.beside[k] = static_cast<double>(v[0]);
    if (tau == 0) continue;
    v[0] = 1;
    T* const w = s.w;
    constexpr int64_t rows = 32;
    parallel_ranges(count, rows, static_cast<double>(count), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) w[i] = tau * dot(v + (i + 1) * n, v, count);
    });
    add_multiple(-tau / 2 * dot(w, v, count), v, w, count);
    parallel_ranges(count, rows, 2 * static_cast<double>(count), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        add_multiple(-v[i], w, v + (i + 1) * n, count);
        add_multiple(-w[i], v, v + (i + 1) * n, count);
      }
    });
  }
  for (int64_t i = 0; i < n; ++i) s.diagonal[i] = static_cast<double>(a[i * n + i]);
}

// One implicit QR step on the rows [begin, end] of the tridiagonal matrix (d, e).
template <class T>
int64_t tridiagonal_step(double* d, double* e, int64_t begin, int64_t end, Rotation<T>* rotations) noexcept {
  const double half = (d[end - 1] - d[end]) / 2, last = e[end - 1];
  const double shift = d[end] - last * (last / (half + std::copysign(std::hypot(half, last), half)));
  double x = d[begin] - shift, z = e[begin];
  for (int64_t k = begin; k < end; ++k) {
    const Turn turn(x, z);
    const double c = turn.c, s = turn.s, a = d[k], b = e[k], f = d[k + 1];
    if (k > begin) e[k - 1] = turn.r;
    const double first = c * b - s * a, second = c * f - s * b;
    d[k] = c * (c * a + s * b) + s * (c * b + s * f);
    d[k + 1] = c * second - s * first;
    e[k] = c * first + s * second;
    if (rotations)
      rotations[k - begin] = {static_cast<int32_t>(k), static_cast<int32_t>(k + 1), static_cast<T>(c),
                              static_cast<T>(s)};
    if (k + 1 == end) break;
    x = e[k];
    z = s * e[k + 1];
    e[k + 1] *= c;
  }
  return end - begin;
}

template <class T>
int32_t eigh_one(int64_t n, const T* a, T* values, T* vectors, void* scratch) noexcept {
  const EighScratch<T> s(scratch, n, vectors != nullptr);
  T most = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T row = largest(a + i * n, i + 1);
    most = most < row || row != row ? row : most;
    if (most != most) break;
  }
  if (most != most) {
    std::fill(values, values + n, most);
    if (vectors) std::fill(vectors, vectors + n * n, most);
    return not_finite;
  }
  const T factor = scaling(most);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) s.a[i * n + j] = s.a[j * n + i] = a[i * n + j] * factor;
  tridiagonal(n, s);
  if (vectors) {  // the reflections act on the last n - 1 rows
    unit_rows(n, n, s.rows);
    if (n > 1) apply_reflections({s.a + 1, n, n - 1, n - 1, s.tau}, n - 1, s.rows + n + 1, n, s.rest);
  }
  double *const d = s.diagonal, *const e = s.beside;
  int32_t info = 0;
  int64_t end = n - 1;
  for (int64_t steps = 0; end > 0;) {
    int64_t begin = end;
    while (begin > 0 && counts<T>(e[begin - 1], d[begin - 1], d[begin])) --begin;
    if (begin > 0) e[begin - 1] = 0;
    if (begin == end) {
      --end;
      continue;
    }
    if (steps++ == steps_per_value * n) {
      info = not_converged;
      break;
    }
    const int64_t count = tridiagonal_step(d, e, begin, end, vectors ? s.rotations : nullptr);
    if (vectors) rotate_rows(s.rotations, count, s.rows, n, n);
  }
  order(d, n, false, s.places);
  const double back = 1 / static_cast<double>(factor), lost = std::numeric_limits<double>::quiet_NaN();
  for (int64_t i = 0; i < n; ++i) values[i] = static_cast<T>(info == 0 ? d[s.places[i]] * back : lost);
  if (vectors) rows_to_columns(s.rows, n, n, s.places, n, vectors);
  return info;
}

Stack eigh_stack(int64_t batch, int64_t n, bool vectors) {
  return {batch, (vectors ? 5.0 : 1.5) * static_cast<double>(n * n) * static_cast<double>(n)};
}

// ---- Singular values ----

// A tall matrix (wide ones are transposed), length x n, whose left vectors are the rows of `left`, `kept` of them.
template <class T>
struct SvdScratch {
  T *columns, *column_tau, *a, *reflections, *left_tau, *right_tau, *w, *left, *right;
  double *diagonal, *beside;
  int32_t* places;
  Rotation<T>*left_turns, *right_turns;
  void* rest;
  size_t bytes;

  SvdScratch(void* scratch, int64_t length, int64_t n, int64_t kept, bool vectors) {
    Carver carver(scratch);
    columns = carver.take<T>(n * length);
    column_tau = carver.take<T>(n);
    a = carver.take<T>(n * n);
    reflections = carver.take<T>(n * n);
    left_tau = carver.take<T>(n);
    right_tau = carver.take<T>(n);
    w = carver.take<T>(n);
    left = carver.take<T>(vectors ? kept * length : 0);
    right = carver.take<T>(vectors ? n * n : 0);
    diagonal = carver.take<double>(n);
    beside = carver.take<double>(n);
    places = carver.take<int32_t>(n);
    left_turns = carver.take<Rotation<T>>(n);
    right_turns = carver.take<Rotation<T>>(n);
    rest = carver.take<char>(0);
    size_t most = factor_columns_bytes<T>(n, length);
    if (vectors)
      most = std::max({most, apply_reflections_bytes<T>(n, n, n, length),
                       apply_reflections_bytes<T>(n - 1, n - 1, n - 1, n),
                       apply_reflections_bytes<T>(n, length, kept, length)});
    bytes = carver.used() + most;
  }
};

// Makes the square matrix bidiagonal: a reflection of its columns (v to row k of `reflections`), then of its rows (v
// to row k of `a`), in turn.
template <class T>
void bidiagonal(int64_t n, const SvdScratch<T>& s) noexcept {
  T* const a = s.a;
  constexpr int64_t width = 64;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t count = n - k, rest = count - 1;
    T *const u = s.reflections + k * n + k, *const v = a + k * n + k + 1, *const w = s.w;
    for (int64_t i = 0; i < count; ++i) u[i] = a[(k + i) * n + k];
    const T tau = s.left_tau[k] = reflect(u, count);
    s.diagonal[k] = static_cast<double>(u[0]);
    u[0] = 1;
    if (tau != 0)
      parallel_ranges(rest, width, 2 * static_cast<double>(count), [=](int64_t begin, int64_t end) {
        std::fill(w + begin, w + end, T(0));
        for (int64_t i = 0; i < count; ++i) add_multiple(u[i], v + i * n + begin, w + begin, end - begin);
        for (int64_t i = 0; i < count; ++i) add_multiple(-tau * u[i], w + begin, v + i * n + begin, end - begin);
      });
    if (rest == 0) break;
    const T turn = s.right_tau[k] = reflect(v, rest);
    s.beside[k] = static_cast<double>(v[0]);
    v[0] = 1;
    if (turn != 0)
      parallel_ranges(rest, 32, 2 * static_cast<double>(count), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          T* const row = v + (i + 1) * n;
          add_multiple(-turn * dot(row, v, rest), v, row, rest);
        }
      });
  }
}

// The rotations of one step on both sides.
template <class T>
struct Turns {
  Rotation<T>*left, *right;
  int64_t lefts = 0, rights = 0;

  void add_left(int64_t p, int64_t q, const Turn& turn) { add(left, lefts, p, q, turn); }
  void add_right(int64_t p, int64_t q, const Turn& turn) { add(right, rights, p, q, turn); }

 private:
  static void add(Rotation<T>* list, int64_t& count, int64_t p, int64_t q, const Turn& turn) {
    list[count++] = {static_cast<int32_t>(p), static_cast<int32_t>(q), static_cast<T>(turn.c), static_cast<T>(turn.s)};
  }
};

// Where d[i] is 0, rotations of row i with the later ones take e[i] away.
template <class T>
void clear_row(double* d, double* e, int64_t i, int64_t end, Turns<T>& turns) noexcept {
  double f = e[i];
  e[i] = d[i] = 0;
  for (int64_t j = i + 1; j <= end && f != 0; ++j) {
    const Turn turn(d[j], f);
    turns.add_left(j, i, turn);
    d[j] = turn.r;
    if (j == end) break;
    f = -turn.s * e[j];
    e[j] *= turn.c;
  }
}

// Where d[end] is 0, rotations of column `end` with the earlier ones take e[end - 1] away.
template <class T>
void clear_column(double* d, double* e, int64_t begin, int64_t end, Turns<T>& turns) noexcept {
  double f = e[end - 1];
  e[end - 1] = d[end] = 0;
  for (int64_t j = end - 1; j >= begin && f != 0; --j) {
    const Turn turn(d[j], f);
    turns.add_right(j, end, turn);
    d[j] = turn.r;
    if (j == begin) break;
    f = -turn.s * e[j - 1];
    e[j - 1] *= turn.c;
  }
}

// One implicit QR step of BᵀB on the rows [begin, end] of the bidiagonal matrix (d, e).
template <class T>
void bidiagonal_step(double* d, double* e, int64_t begin, int64_t end, Turns<T>& turns) noexcept {
  const double before = end - 1 > begin ? e[end - 2] : 0, last = d[end - 1] * e[end - 1];
  const double square = d[end] * d[end] + e[end - 1] * e[end - 1];
  const double half = (d[end - 1] * d[end - 1] + before * before - square) / 2;
  const double shift =
      last == 0 ? square : square - last * (last / (half + std::copysign(std::hypot(half, last), half)));
  double y = d[begin] * d[begin] - shift, z = d[begin] * e[begin];
  for (int64_t k = begin; k < end; ++k) {
    const Turn right(y, z);
    turns.add_right(k, k + 1, right);
    if (k > begin) e[k - 1] = right.r;
    const double f = right.c * d[k] + right.s * e[k];
    e[k] = right.c * e[k] - right.s * d[k];
    const Turn left(f, right.s * d[k + 1]);
    d[k + 1] *= right.c;
    turns.add_left(k, k + 1, left);
    d[k] = left.r;
    const double g = left.c * e[k] + left.s * d[k + 1];
    d[k + 1] = left.c * d[k + 1] - left.s * e[k];
    e[k] = g;
    if (k + 1 == end) break;
    y = g;
    z = left.s * e[k + 1];
    e[k + 1] *= left.c;
  }
}

template <class T>
int32_t diagonalise(int64_t n, int64_t length, const SvdScratch<T>& s, bool vectors) noexcept {
  double *const d = s.diagonal, *const e = s.beside;
  const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = std::max({norm, std::fabs(d[i]), i + 1 < n ? std::fabs(e[i]) : 0});
  int64_t end = n - 1;
  for (int64_t steps = 0; end > 0;) {
    int64_t begin = end;
    while (begin > 0 && counts<T>(e[begin - 1], d[begin - 1], d[begin])) --begin;
    if (begin > 0) e[begin - 1] = 0;
    if (begin == end) {
      --end;
      continue;
    }
    if (steps++ == steps_per_value * n) return not_converged;
    Turns<T> turns{s.left_turns, s.right_turns};
    int64_t zero = end;
    while (zero >= begin && std::fabs(d[zero]) > epsilon * norm) --zero;
    if (zero == end)
      clear_column(d, e, begin, end, turns);
    else if (zero >= begin)
      clear_row(d, e, zero, end, turns);
    else
      bidiagonal_step(d, e, begin, end, turns);
    if (!vectors) continue;
    rotate_rows(s.left_turns, turns.lefts, s.left, length, n);
    rotate_rows(s.right_turns, turns.rights, s.right, n, n);
  }
  return 0;
}

template <class T>
int32_t svd_one(int64_t rows, int64_t columns, bool full, const T* a, T* u, T* values, T* vh, void* scratch) noexcept {
  const bool wide = rows < columns, vectors = u != nullptr;
  const int64_t length = wide ? columns : rows, n = wide ? rows : columns, kept = full ? length : n;
  const SvdScratch<T> s(scratch, length, n, kept, vectors);
  const T most = largest(a, rows * columns);
  if (most != most) {
    std::fill(values, values + n, most);
    if (vectors) {
      std::fill(u, u + rows * (full ? rows : n), most);
      std::fill(vh, vh + columns * (full ? columns : n), most);
    }
    return not_finite;
  }
  const T factor = scaling(most);
  if (wide)
    std::copy(a, a + n * length, s.columns);
  else
    transpose(a, columns, rows, columns, s.columns);
  scale(factor, s.columns, n * length);
  factor_columns(n, length, s.columns, s.column_tau, s.rest);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) s.a[i * n + j] = i <= j ? s.columns[j * length + i] : T(0);
  bidiagonal(n, s);
  if (vectors) {
    unit_rows(kept, length, s.left);
    unit_rows(n, n, s.right);
    apply_reflections({s.reflections, n, n, n, s.left_tau}, n, s.left, length, s.rest);
    if (n > 1) apply_reflections({s.a + 1, n, n - 1, n - 1, s.right_tau}, n - 1, s.right + n + 1, n, s.rest);
  }
  const int32_t info = diagonalise(n, length, s, vectors);
  for (int64_t i = 0; i < n; ++i) {
    if (std::signbit(s.diagonal[i]) && vectors) scale(T(-1), s.right + i * n, n);
    s.diagonal[i] = std::fabs(s.diagonal[i]);
  }
  order(s.diagonal, n, true, s.places);
  const double back = 1 / static_cast<double>(factor), lost = std::numeric_limits<double>::quiet_NaN();
  for (int64_t i = 0; i < n; ++i) values[i] = static_cast<T>(info == 0 ? s.diagonal[s.places[i]] * back : lost);
  if (!vectors) return info;
  apply_reflections({s.columns, length, n, length, s.column_tau}, kept, s.left, length, s.rest);
  if (wide) {
    rows_to_columns(s.right, n, n, s.places, n, u);
    rows_in_order(s.left, length, kept, s.places, n, vh);
  } else {
    rows_to_columns(s.left, length, kept, s.places, n, u);
    rows_in_order(s.right, n, n, s.places, n, vh);
  }
  return info;
}

Stack svd_stack(int64_t batch, int64_t rows, int64_t columns, bool vectors) {
  return {batch,
          (vectors ? 10.0 : 4.0) * static_cast<double>(rows * columns) * static_cast<double>(std::min(rows, columns))};
}

template <class T>
size_t svd_bytes(int64_t rows, int64_t columns, bool full, bool vectors) noexcept {
  const int64_t length = std::max(rows, columns), n = std::min(rows, columns);
  return SvdScratch<T>(nullptr, length, n, full ? length : n, vectors).bytes;
}

// ---- Reflections alone ----

Stack householder_stack(int64_t batch, int64_t rows, int64_t columns) {
  return {batch, static_cast<double>(rows * columns) * static_cast<double>(std::min(rows, columns))};
}

template <class T>
size_t factor_bytes(int64_t rows, int64_t columns) noexcept {
  Carver carver(nullptr);
  carver.take<T>(rows * columns);
  return carver.used() + factor_columns_bytes<T>(columns, rows);
}

template <class T>
size_t columns_bytes(int64_t rows, int64_t count, int64_t wanted) noexcept {
  Carver carver(nullptr);
  carver.take<T>(count * rows);
  carver.take<T>(wanted * rows);
  return carver.used() + apply_reflections_bytes<T>(count, rows, wanted, rows);
}

}  // namespace

template <class T>
size_t eigh_scratch_bytes(int64_t batch, int64_t n, bool vectors) noexcept {
  return eigh_stack(batch, n, vectors).bytes(EighScratch<T>(nullptr, n, vectors).bytes);
}

template <class T>
void eigh(int64_t batch, int64_t n, const T* a, T* values, T* vectors, int32_t* info, void* scratch) noexcept {
  const size_t bytes = EighScratch<T>(nullptr, n, vectors != nullptr).bytes;
  eigh_stack(batch, n, vectors != nullptr).run(bytes, scratch, [=](int64_t i, void* own) {
    info[i] = eigh_one(n, a + i * n * n, values + i * n, vectors ? vectors + i * n * n : nullptr, own);
  });
}

template <class T>
size_t svd_scratch_bytes(int64_t batch, int64_t rows, int64_t columns, bool full, bool vectors) noexcept {
  return svd_stack(batch, rows, columns, vectors).bytes(svd_bytes<T>(rows, columns, full, vectors));
}

template <class T>
void svd(int64_t batch, int64_t rows, int64_t columns, bool full, const T* a, T* u, T* values, T* vh, int32_t* info,
         void* scratch) noexcept {
  const bool vectors = u != nullptr;
  const int64_t n = std::min(rows, columns), lefts = full ? rows : n, rights = full ? columns : n;
  const size_t bytes = svd_bytes<T>(rows, columns, full, vectors);
  svd_stack(batch, rows, columns, vectors).run(bytes, scratch, [=](int64_t i, void* own) {
    info[i] = svd_one(rows, columns, full, a + i * rows * columns, vectors ? u + i * rows * lefts : nullptr,
                      values + i * n, vectors ? vh + i * rights * columns : nullptr, own);
  });
}

template <class T>
size_t householder_factor_scratch_bytes(int64_t batch, int64_t rows, int64_t columns) noexcept {
  return householder_stack(batch, rows, columns).bytes(factor_bytes<T>(rows, columns));
}

template <class T>
void householder_factor(int64_t batch, int64_t rows, int64_t columns, const T* a, T* out, T* tau,
                        void* scratch) noexcept {
  const int64_t steps = std::min(rows, columns), size = rows * columns;
  householder_stack(batch, rows, columns).run(factor_bytes<T>(rows, columns), scratch, [=](int64_t i, void* own) {
    Carver carver(own);
    T* const by_columns = carver.take<T>(size);
    transpose(a + i * size, columns, rows, columns, by_columns);
    factor_columns(columns, rows, by_columns, tau + i * steps, carver.take<char>(0));
    transpose(by_columns, rows, columns, rows, out + i * size);
  });
}

template <class T>
size_t householder_columns_scratch_bytes(int64_t batch, int64_t rows, int64_t count, int64_t wanted) noexcept {
  return householder_stack(batch, rows, wanted).bytes(columns_bytes<T>(rows, count, wanted));
}

template <class T>
void householder_columns(int64_t batch, int64_t rows, int64_t columns, int64_t count, int64_t wanted, const T* factor,
                         const T* tau, T* out, void* scratch) noexcept {
  householder_stack(batch, rows, wanted).run(columns_bytes<T>(rows, count, wanted), scratch, [=](int64_t i, void* own) {
    Carver carver(own);
    T *const v = carver.take<T>(count * rows), *const made = carver.take<T>(wanted * rows);
    transpose(factor + i * rows * columns, columns, rows, count, v);
    unit_rows(wanted, rows, made);
    apply_reflections({v, rows, count, rows, tau + i * count}, wanted, made, rows, carver.take<char>(0));
    transpose(made, rows, wanted, rows, out + i * rows * wanted);
  });
}

#define CYGNET_INSTANTIATE(T)                                                                               \
  template void eigh<T>(int64_t, int64_t, const T*, T*, T*, int32_t*, void*) noexcept;                      \
  template size_t eigh_scratch_bytes<T>(int64_t, int64_t, bool) noexcept;                                   \
  template void svd<T>(int64_t, int64_t, int64_t, bool, const T*, T*, T*, T*, int32_t*, void*) noexcept;    \
  template size_t svd_scratch_bytes<T>(int64_t, int64_t, int64_t, bool, bool) noexcept;                     \
  template void householder_factor<T>(int64_t, int64_t, int64_t, const T*, T*, T*, void*) noexcept;         \
  template size_t householder_factor_scratch_bytes<T>(int64_t, int64_t, int64_t) noexcept;                  \
  template void householder_columns<T>(int64_t, int64_t, int64_t, int64_t, int64_t, const T*, const T*, T*, \
                                       void*) noexcept;                                                     \
  template size_t householder_columns_scratch_bytes<T>(int64_t, int64_t, int64_t, int64_t) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
