#include <algorithm>

#include "families.h"
#include "kernels/linalg.h"
#include "launch.h"

namespace cygnet {
namespace {

/// A matrix that has no such factorisation: Python's LinAlgError, a RuntimeError.
struct LinAlgError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The caller's name, for messages about values; without it they are only told in `info`.
using Caller = std::optional<std::string>;

// The matrices of the last two axes of a contiguous array.
struct Matrices {
  Array array;
  Dims lead;
  int64_t batch = 1, rows, columns;

  Matrices(const char* op, const char* name, const Array& given) : array(given) {
    check<ShapeError>(given.rank() >= 2, op, ": ", name, " has shape ", given.shape(),
                      ", expected at least 2 dimensions");
    array = contiguous(given);
    const int last = array.rank() - 1;
    rows = array.shape(last - 1);
    columns = array.shape(last);
    for (int i = 0; i + 1 < last; ++i) {
      lead.push(array.shape(i));
      batch *= array.shape(i);
    }
    constexpr int64_t most = int64_t{1} << 31;  // positions of rows and columns are 32 bits wide
    check<ShapeError>(rows < most && columns < most, op, ": ", name, " has shape ", given.shape(),
                      ", expected fewer than 2^31 rows and columns");
  }
  void check_square(const char* op, const char* name) const {
    check<ShapeError>(rows == columns, op, ": ", name, " has shape ", array.shape(), ", expected square matrices");
  }
  int64_t least() const { return std::min(rows, columns); }
  Dims shape(std::initializer_list<int64_t> own) const {
    Dims all = lead;
    for (const int64_t size : own) all.push(size);
    return all;
  }
  // Of `cubes` times the smaller side operations an element.
  Work work(double cubes) const {
    const double count = static_cast<double>(array.count());
    return {cubes * count * static_cast<double>(least()), 2 * count * static_cast<double>(item_size(array.dtype()))};
  }
};

Matrices matrices(const char* op, const char* name, const ArrayArg& arg) {
  return {op, name, float_array(op, name, arg)};
}

void check_lead(const char* op, const char* name, const Array& array, const Dims& expected) {
  check<ShapeError>(array.shape() == expected, op, ": ", name, " has shape ", array.shape(), ", expected ", expected);
}

// "A[2, 0]", the matrix of that number.
struct Element {
  int64_t number;
  const Dims& lead;

  friend std::ostream& operator<<(std::ostream& out, const Element& element) {
    Dims index = element.lead;
    int64_t rest = element.number;
    for (int i = index.rank - 1; i >= 0; rest /= element.lead[i--]) index[i] = rest % element.lead[i];
    out << "A";
    for (int i = 0; i < index.rank; ++i) out << (i ? ", " : "[") << index[i];
    return out << (index.rank ? "]" : "");
  }
};

// Part of the bodies: a replay meets other matrices than the call that was recorded.
void check_info(const Caller& caller, const int32_t* info, int64_t batch, const Dims& lead, const char* what) {
  if (!caller) return;
  for (int64_t i = 0; i < batch; ++i) {
    if (info[i] == 0) continue;
    const Element element{i, lead};
    if (info[i] == not_finite)
      throw LinAlgError(message(*caller, ": ", element, " has elements that are not finite, expected numbers"));
    if (info[i] == not_converged)
      throw LinAlgError(message(*caller, ": the iteration for ", element, " did not converge"));
    throw LinAlgError(message(*caller, ": ", element, what, info[i]));
  }
}

template <class T>
T* copied(const void* from, void* to, int64_t count) {
  std::copy(static_cast<const T*>(from), static_cast<const T*>(from) + count, static_cast<T*>(to));
  return static_cast<T*>(to);
}

py::tuple cholesky_binding(const ArrayArg& input, const Caller& caller) {
  constexpr const char* op = "cholesky";
  const Matrices a = matrices(op, "A", input);
  a.check_square(op, "A");
  const Array factor = new_array(op, a.array.dtype(), a.array.shape()), info = new_array(op, DType::Int32, a.lead);
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(1.0 / 3), {read(a.array), write(factor), write(info)}, cholesky_scratch_bytes<T>(a.batch, a.rows),
           [caller, lead = a.lead, batch = a.batch, n = a.rows](void* const* at) {
             cholesky(batch, n, copied<T>(at[0], at[1], batch * n * n), to<int32_t>(at[2]), at[3]);
             check_info(caller, to<int32_t>(at[2]), batch, lead,
                        " is not positive-definite: expected a positive leading minor of order ");
           });
  });
  return py::make_tuple(factor.object, info.object);
}

py::tuple lu_binding(const ArrayArg& input, const Caller& caller) {
  constexpr const char* op = "lu_factor";
  const Matrices a = matrices(op, "A", input);
  const Array factor = new_array(op, a.array.dtype(), a.array.shape());
  const Array pivots = new_array(op, DType::Int32, a.shape({a.least()})), info = new_array(op, DType::Int32, a.lead);
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(2.0 / 3), {read(a.array), write(factor), write(pivots), write(info)},
           lu_factor_scratch_bytes<T>(a.batch, a.rows, a.columns),
           [caller, lead = a.lead, batch = a.batch, rows = a.rows, columns = a.columns](void* const* at) {
             lu_factor(batch, rows, columns, copied<T>(at[0], at[1], batch * rows * columns), to<int32_t>(at[2]),
                       to<int32_t>(at[3]), at[4]);
             check_info(caller, to<int32_t>(at[3]), batch, lead,
                        " is singular: expected no 0 on the diagonal of its triangle, in row ");
           });
  });
  return py::make_tuple(factor.object, pivots.object, info.object);
}

py::object triangular_binding(const ArrayArg& a_arg, const ArrayArg& b_arg, bool upper, bool transposed, bool unit) {
  constexpr const char* op = "solve_triangular";
  const Matrices a = matrices(op, "A", a_arg);
  a.check_square(op, "A");
  const Matrices b(op, "B", array_of(op, "B", b_arg, a.array.dtype(), "A"));
  check_lead(op, "B", b.array, a.shape({a.rows, b.columns}));
  const Array x = new_array(op, a.array.dtype(), b.array.shape());
  if (x.count() == 0) return x.object;
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, b.work(static_cast<double>(a.rows) / static_cast<double>(std::max<int64_t>(1, b.least()))),
           {read(a.array), read(b.array), write(x)}, solve_triangular_scratch_bytes<T>(a.batch, a.rows, b.columns),
           [=, batch = a.batch, n = a.rows, columns = b.columns](void* const* at) {
             solve_triangular(batch, n, columns, {upper, transposed, unit}, in<T>(at[0]),
                              copied<T>(at[1], at[2], batch * n * columns), at[3]);
           });
  });
  return x.object;
}

py::object exchange_binding(const ArrayArg& b_arg, const ArrayArg& pivots_arg, bool inverse) {
  constexpr const char* op = "exchange_rows";
  const Matrices b = matrices(op, "B", b_arg);
  const Array pivots = contiguous(array_of(op, "pivots", pivots_arg, DType::Int32));
  check<ShapeError>(pivots.rank() == b.lead.rank + 1, op, ": pivots has shape ", pivots.shape(), ", expected ",
                    b.lead.rank + 1, " dimensions");
  const int64_t count = pivots.shape().back();
  check_lead(op, "pivots", pivots, b.shape({count}));
  check<ShapeError>(count <= b.rows, op, ": pivots has ", count, " numbers, expected at most ", b.rows);
  const Array x = new_array(op, b.array.dtype(), b.array.shape());
  if (x.count() == 0) return x.object;
  dispatch(b.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, b.work(0), {read(b.array), read(pivots), write(x)}, 0,
           [=, batch = b.batch, rows = b.rows, columns = b.columns](void* const* at) {
             const int32_t* const order = in<int32_t>(at[1]);
             const int64_t wrong = first_wrong_pivot(order, batch * count, rows);
             if (wrong >= 0)
               throw IndexError(message(op, ": pivots has ", order[wrong], ", expected 1 <= pivot <= ", rows));
             exchange_rows(batch, count, rows, columns, order, inverse,
                           copied<T>(at[0], at[2], batch * rows * columns));
           });
  });
  return x.object;
}

py::tuple householder_binding(const ArrayArg& input) {
  constexpr const char* op = "householder_factor";
  const Matrices a = matrices(op, "A", input);
  const Array factor = new_array(op, a.array.dtype(), a.array.shape());
  const Array tau = new_array(op, a.array.dtype(), a.shape({a.least()}));
  if (factor.count() == 0) return py::make_tuple(factor.object, tau.object);
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(2), {read(a.array), write(factor), write(tau)},
           householder_factor_scratch_bytes<T>(a.batch, a.rows, a.columns),
           [batch = a.batch, rows = a.rows, columns = a.columns](void* const* at) {
             householder_factor(batch, rows, columns, in<T>(at[0]), to<T>(at[1]), to<T>(at[2]), at[3]);
           });
  });
  return py::make_tuple(factor.object, tau.object);
}

py::object columns_binding(const ArrayArg& factor_arg, const ArrayArg& tau_arg, int64_t wanted) {
  constexpr const char* op = "householder_columns";
  const Matrices a = matrices(op, "factor", factor_arg);
  const Array tau = contiguous(array_of(op, "tau", tau_arg, a.array.dtype(), "factor"));
  check<ShapeError>(tau.rank() == a.lead.rank + 1, op, ": tau has shape ", tau.shape(), ", expected ", a.lead.rank + 1,
                    " dimensions");
  const int64_t count = tau.shape().back();
  check_lead(op, "tau", tau, a.shape({count}));
  check<ShapeError>(count <= a.least(), op, ": tau has ", count, " numbers, expected at most ", a.least());
  check<ValueError>(wanted >= 0 && wanted <= a.rows, op, ": wanted is ", wanted, ", expected 0 to ", a.rows);
  const Array q = new_array(op, a.array.dtype(), a.shape({a.rows, wanted}));
  if (q.count() == 0) return q.object;
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(2), {read(a.array), read(tau), write(q)},
           householder_columns_scratch_bytes<T>(a.batch, a.rows, count, wanted),
           [=, batch = a.batch, rows = a.rows, columns = a.columns](void* const* at) {
             householder_columns(batch, rows, columns, count, wanted, in<T>(at[0]), in<T>(at[1]), to<T>(at[2]), at[3]);
           });
  });
  return q.object;
}

py::tuple eigh_binding(const ArrayArg& input, bool with_vectors, const Caller& caller) {
  constexpr const char* op = "eigh";
  const Matrices a = matrices(op, "A", input);
  a.check_square(op, "A");
  const DType dtype = a.array.dtype();
  const Array values = new_array(op, dtype, a.shape({a.rows})), info = new_array(op, DType::Int32, a.lead);
  const Array vectors = with_vectors ? new_array(op, dtype, a.array.shape()) : Array{};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(with_vectors ? 9 : 2), {read(a.array), write(values), write(vectors), write(info)},
           eigh_scratch_bytes<T>(a.batch, a.rows, with_vectors),
           [caller, lead = a.lead, batch = a.batch, n = a.rows](void* const* at) {
             eigh(batch, n, in<T>(at[0]), to<T>(at[1]), to<T>(at[2]), to<int32_t>(at[3]), at[4]);
             check_info(caller, to<int32_t>(at[3]), batch, lead, "");
           });
  });
  return py::make_tuple(values.object, with_vectors ? vectors.object : py::none());
}

py::tuple svd_binding(const ArrayArg& input, bool full, bool with_vectors, const Caller& caller) {
  constexpr const char* op = "svd";
  const Matrices a = matrices(op, "A", input);
  const DType dtype = a.array.dtype();
  const Array values = new_array(op, dtype, a.shape({a.least()})), info = new_array(op, DType::Int32, a.lead);
  Array u, vh;
  if (with_vectors) {
    u = new_array(op, dtype, a.shape({a.rows, full ? a.rows : a.least()}));
    vh = new_array(op, dtype, a.shape({full ? a.columns : a.least(), a.columns}));
  }
  full = full && with_vectors;
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(with_vectors ? 20 : 4), {read(a.array), write(u), write(values), write(vh), write(info)},
           svd_scratch_bytes<T>(a.batch, a.rows, a.columns, full, with_vectors),
           [caller, full, lead = a.lead, batch = a.batch, rows = a.rows, columns = a.columns](void* const* at) {
             svd(batch, rows, columns, full, in<T>(at[0]), to<T>(at[1]), to<T>(at[2]), to<T>(at[3]), to<int32_t>(at[4]),
                 at[5]);
             check_info(caller, to<int32_t>(at[4]), batch, lead, "");
           });
  });
  const py::object none = py::none();
  return py::make_tuple(with_vectors ? u.object : none, values.object, with_vectors ? vh.object : none);
}

py::object exp_binding(const ArrayArg& input) {
  constexpr const char* op = "matrix_exp";
  const Matrices a = matrices(op, "A", input);
  a.check_square(op, "A");
  const Array result = new_array(op, a.array.dtype(), a.array.shape());
  if (result.count() == 0) return result.object;
  dispatch(a.array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, a.work(16), {read(a.array), write(result)}, matrix_exp_scratch_bytes<T>(a.batch, a.rows),
           [batch = a.batch, n = a.rows](void* const* at) { matrix_exp(batch, n, in<T>(at[0]), to<T>(at[1]), at[2]); });
  });
  return result.object;
}

void add_error(py::module_& m) {
  static PyObject* type = nullptr;
  type = PyErr_NewExceptionWithDoc("cygnet.linalg.LinAlgError", "A matrix that has no such factorisation or inverse.",
                                   PyExc_RuntimeError, nullptr);
  if (!type) throw py::error_already_set();
  m.add_object("LinAlgError", py::reinterpret_borrow<py::object>(type));
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const LinAlgError& error) {
      PyErr_SetString(type, error.what());
    }
  });
}

}  // namespace

void bind_linalg(py::module_& m) {
  add_error(m);
  m.def("cholesky", &cholesky_binding, py::arg("A"), py::arg("caller") = py::none(),
        R"(The lower triangles L with ``A = L @ L.T`` of symmetric matrices, whose lower triangle is read.

Parameters
----------
A : numpy.ndarray
    (..., n, n), float32 or float64.
caller : str, optional
    The name that an error for a matrix that is not positive-definite begins with; without it there is none.

Returns
-------
tuple of numpy.ndarray
    L, and info (...), int32: 0, or the order of the first leading minor that is not positive.

Raises
------
DTypeError, ShapeError, LinAlgError
)");
  m.def("lu_factor", &lu_binding, py::arg("A"), py::arg("caller") = py::none(),
        R"(L and U with ``A = P @ L @ U`` by partial pivoting, in one matrix: L below the diagonal, without its ones.

Parameters
----------
A : numpy.ndarray
    (..., m, n), float32 or float64.
caller : str, optional
    The name that an error for a singular matrix begins with; without it there is none.

Returns
-------
tuple of numpy.ndarray
    The factors; the pivots (..., min(m, n)), int32: 1 more than the row with which each row was exchanged in turn; and
    info (...), int32: 0, or 1 more than the first row with a 0 on the diagonal of U.

Raises
------
DTypeError, ShapeError, LinAlgError
)");
  m.def("solve_triangular", &triangular_binding, py::arg("A"), py::arg("B"), py::arg("upper"),
        py::arg("transposed") = false, py::arg("unit") = false,
        R"(X with ``A @ X = B`` of triangles A.

Parameters
----------
A : numpy.ndarray
    (..., n, n), float32 or float64; its other triangle is not read.
B : numpy.ndarray
    (..., n, k), with the same leading sizes.
upper : bool
    Which triangle of A is meant.
transposed : bool
    Whether A.T stands for A. Default False.
unit : bool
    Whether the diagonal of A is taken for ones and not read. Default False.

Returns
-------
numpy.ndarray
    (..., n, k); not finite where a 0 is on the diagonal.

Raises
------
DTypeError, ShapeError
)");
  m.def("exchange_rows", &exchange_binding, py::arg("B"), py::arg("pivots"), py::arg("inverse") = false,
        R"(The rows of matrices exchanged as `lu_factor` did, one pivot after the other.

Parameters
----------
B : numpy.ndarray
    (..., n, k), float32 or float64.
pivots : numpy.ndarray
    (..., at most n), int32.
inverse : bool
    Whether to undo it: from the last pivot to the first. Default False.

Returns
-------
numpy.ndarray

Raises
------
DTypeError, IndexError, ShapeError
)");
  m.def("householder_factor", &householder_binding, py::arg("A"),
        R"(The QR factorisation as reflections ``1 - tau v v.T``, whose product is Q.

Parameters
----------
A : numpy.ndarray
    (..., m, n), float32 or float64.

Returns
-------
tuple of numpy.ndarray
    (..., m, n): R on and above the diagonal, and the vectors v below it without their leading 1; and tau
    (..., min(m, n)).

Raises
------
DTypeError, ShapeError
)");
  m.def("householder_columns", &columns_binding, py::arg("factor"), py::arg("tau"), py::arg("wanted"),
        R"(The first columns of the product of reflections that `householder_factor` gives.

Parameters
----------
factor : numpy.ndarray
    (..., m, n), float32 or float64.
tau : numpy.ndarray
    (..., k), k at most m and n.
wanted : int
    So many columns, at most m.

Returns
-------
numpy.ndarray
    (..., m, wanted).

Raises
------
DTypeError, ShapeError, ValueError
)");
  m.def("eigh", &eigh_binding, py::arg("A"), py::arg("vectors") = true, py::arg("caller") = py::none(),
        R"(Eigenvalues, from the smallest to the largest, and eigenvectors of symmetric matrices.

Parameters
----------
A : numpy.ndarray
    (..., n, n), float32 or float64; the lower triangle is read.
vectors : bool
    Whether the eigenvectors are computed. Default True.
caller : str, optional
    The name that an error for a matrix with NaN or infinity begins with; without it the results are NaN.

Returns
-------
tuple
    The values (..., n), and the vectors as columns (..., n, n), or None.

Raises
------
DTypeError, ShapeError, LinAlgError
)");
  m.def("svd", &svd_binding, py::arg("A"), py::arg("full") = true, py::arg("vectors") = true,
        py::arg("caller") = py::none(),
        R"(Singular values, from the largest to the smallest, and vectors: ``A = U @ diag(S) @ Vh``.

Parameters
----------
A : numpy.ndarray
    (..., m, n), float32 or float64.
full : bool
    Whether U and Vh are square, or have k = min(m, n) columns and rows. Default True.
vectors : bool
    Whether U and Vh are computed. Default True.
caller : str, optional
    The name that an error for a matrix with NaN or infinity begins with; without it the results are NaN.

Returns
-------
tuple
    U (..., m, m or k) or None, the values (..., k), Vh (..., n or k, n) or None.

Raises
------
DTypeError, ShapeError, LinAlgError
)");
  m.def("matrix_exp", &exp_binding, py::arg("A"),
        R"(The exponential ``1 + A + A @ A / 2 + ...`` of square matrices.

Parameters
----------
A : numpy.ndarray
    (..., n, n), float32 or float64.

Returns
-------
numpy.ndarray
    NaN where a matrix is not finite.

Raises
------
DTypeError, ShapeError
)");
}

}  // namespace cygnet
