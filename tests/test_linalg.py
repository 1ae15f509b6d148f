"""Linear algebra beside its rows: reconstruction, special matrices, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels, linalg
from cygnet.kernels import DTypeError, ShapeError
from cygnet.linalg import LinAlgError

SHAPES = [(1, 1), (2, 3), (3, 2), (31, 33), (33, 31), (64, 64), (70, 100), (200, 20), (0, 3), (3, 0), (0, 0)]  # fmt: skip
EPSILON = {np.float32: 1.2e-7, np.float64: 2.3e-16}


def drawn(*shape: int, dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max(initial=0))


def special() -> dict[str, np.ndarray]:
    """Matrices on which factorisations were wrong before, here or elsewhere."""
    return {
        "zero": np.zeros((20, 30)),
        "equal": np.ones((40, 33)),
        "unit": np.eye(33),
        "huge": np.full((5, 5), 1e300),
        "tiny": np.full((5, 5), 1e-310),
        "graded": np.diag([1e-300, 1.0, 1e300]),
        "triangle": np.triu(np.ones((50, 50))),
        "nilpotent": np.eye(20, k=1),
        "one row": np.vstack([np.ones((1, 40)), np.zeros((39, 40))]),
        "hilbert": 1 / (np.arange(12)[:, None] + np.arange(12) + 1.0),
        "clustered": np.diag([1.0] * 10 + [1 + 1e-15] * 10),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_svd_and_qr_reconstruct(shape: tuple[int, int], dtype: Any) -> None:
    a = drawn(2, *shape, dtype=dtype)
    rows, columns = shape
    bound = 60 * EPSILON[dtype] * max(1, *shape) ** 0.5
    for full in (False, True):
        u, s, vh = (part.numpy() for part in linalg.svd(cygnet.tensor(a), full))
        k = min(shape)
        assert u.shape == (2, rows, rows if full else k)
        assert vh.shape == (2, columns if full else k, columns)
        assert distance((u[..., :k] * s[:, None]) @ vh[:, :k], a) <= bound * 4
        assert distance(u.mT @ u, np.eye(u.shape[-1])) <= bound
        assert distance(vh @ vh.mT, np.eye(vh.shape[1])) <= bound
        assert (np.diff(s, axis=-1) <= 0).all()
    for mode in ("reduced", "complete"):
        q, r = (part.numpy() for part in linalg.qr(cygnet.tensor(a), mode))
        assert distance(q @ r, a) <= bound * 4
        assert distance(q.mT @ q, np.eye(q.shape[-1])) <= bound
        assert not np.tril(r, -1).any()
    p, lower, upper = (part.numpy() for part in linalg.lu(cygnet.tensor(a)))
    assert distance(p @ lower @ upper, a) <= bound * max(1, *shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", special())
def test_special_matrices(name: str, dtype: Any) -> None:
    """Rank-deficient, huge, tiny and equal values; with subnormal numbers, which appear on the way,
    reflections and rotations were no unit vectors.
    """
    a = special()[name]
    if np.abs(a).max() > np.finfo(dtype).max:
        a = a * 1e-265
    a = a.astype(dtype)
    scale = float(np.abs(a).max()) or 1.0
    if scale < np.finfo(dtype).tiny:
        a, scale = np.full_like(a, np.finfo(dtype).smallest_subnormal * 900), 1.0
    bound = 100 * EPSILON[dtype]
    u, s, vh = kernels.svd(a, True)
    k = min(a.shape)
    wide = [part.astype(np.float64) for part in (u[:, :k], s / scale, vh[:k])]
    assert distance((wide[0] * wide[1]) @ wide[2], a / scale) <= bound
    assert distance(u.T @ u, np.eye(len(u))) <= bound
    assert distance(vh @ vh.T, np.eye(len(vh))) <= bound
    np.testing.assert_allclose(kernels.svd(a, False, False)[1], s, rtol=0, atol=bound * scale)
    half = np.tril(a[:k, :k])
    symmetric = half + np.tril(half, -1).T
    values, vectors = kernels.eigh(half)
    made = (vectors.astype(np.float64) * (values / scale)) @ vectors.T
    assert distance(made, symmetric / scale) <= bound
    assert distance(vectors.T @ vectors, np.eye(k)) <= bound


def test_eigh_reads_one_triangle():
    a = drawn(2, 5, 5)
    lower = np.tril(a) + np.tril(a, -1).mT
    upper = np.triu(a) + np.triu(a, 1).mT
    for uplo, whole in (("L", lower), ("u", upper)):
        values, vectors = (part.numpy() for part in linalg.eigh(cygnet.tensor(a), uplo))
        np.testing.assert_allclose(values, np.linalg.eigvalsh(whole))
        np.testing.assert_allclose((vectors * values[:, None]) @ vectors.mT, whole, atol=1e-13)
        np.testing.assert_allclose(linalg.eigvalsh(cygnet.tensor(a), uplo).numpy(), values)


def test_rank_of_what_is_nearly_singular():
    a = np.diag([1.0, 1e-3, 1e-20])
    x = cygnet.tensor(a)
    assert linalg.matrix_rank(x).item() == 2
    assert linalg.matrix_rank(x, hermitian=True).item() == 2
    assert linalg.matrix_rank(x, atol=1e-2).item() == 1
    assert linalg.matrix_rank(x, rtol=1e-25).item() == 3
    assert linalg.matrix_rank(x, 1e-2).item() == 1
    assert linalg.matrix_rank(x, atol=cygnet.tensor(1e-2, dtype="float64")).item() == 1
    assert linalg.matrix_rank(cygnet.zeros(2, 0, 3)).tolist() == [0, 0]
    pseudo = np.diag([1.0, 1e3, 0.0])
    np.testing.assert_allclose(linalg.pinv(x).numpy(), pseudo)
    np.testing.assert_allclose(linalg.pinv(x, hermitian=True).numpy(), pseudo)
    np.testing.assert_allclose(linalg.pinv(x, rtol=0.1).numpy(), np.diag([1.0, 0, 0]))
    assert linalg.cond(cygnet.zeros(2, 2), 1).item() == math.inf
    assert linalg.cond(cygnet.zeros(2, 3, 3), "fro").tolist() == [math.inf] * 2


def test_least_squares():
    a, b = drawn(2, 6, 3), drawn(2, 6, 2, seed=1)
    result = linalg.lstsq(cygnet.tensor(a), cygnet.tensor(b))
    for i in range(2):
        solution, residuals, rank, values = np.linalg.lstsq(a[i], b[i])
        np.testing.assert_allclose(result.solution[i].numpy(), solution)
        np.testing.assert_allclose(result.residuals[i].numpy(), residuals)
        np.testing.assert_allclose(result.singular_values[i].numpy(), values)
        assert result.rank[i].item() == rank
    under = linalg.lstsq(cygnet.tensor(a[0].T.copy()), cygnet.tensor(b[0, :3, 0]))
    assert under.residuals.numel() == 0
    np.testing.assert_allclose(under.solution.numpy(), np.linalg.pinv(a[0].T) @ b[0, :3, 0])


def test_gradient_of_the_determinant_of_singular_matrices():
    """The cofactors, which no inverse gives."""
    x = cygnet.tensor([[1.0, 2.0], [2.0, 4.0]], dtype="float64", requires_grad=True)
    linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-14)
    zero = cygnet.zeros(3, 3, requires_grad=True)
    linalg.det(zero).backward()
    assert not zero.grad.numpy().any()


def test_determinants_of_singular_and_negative_matrices():
    assert linalg.slogdet(cygnet.zeros(2, 2)) == (0, -math.inf)
    assert cygnet.logdet(cygnet.tensor([[0.0, 1.0], [1.0, 0.0]])).isnan()
    assert cygnet.logdet(cygnet.zeros(2, 2)).item() == -math.inf
    large = cygnet.eye(400) * 10
    assert linalg.det(large).isinf()
    assert linalg.slogdet(large).logabsdet.item() == pytest.approx(400 * math.log(10))


def test_the_exponential():
    turned = linalg.matrix_exp(cygnet.tensor([[0.0, -math.pi], [math.pi, 0.0]], dtype="float64"))
    np.testing.assert_allclose(turned.numpy(), -np.eye(2), atol=1e-14)
    large = linalg.matrix_exp(cygnet.diag(cygnet.tensor([50.0, -50.0], dtype="float64")))
    np.testing.assert_allclose(np.diag(large.numpy()), np.exp([50, -50]), rtol=1e-12)
    assert not linalg.matrix_exp(cygnet.full((2, 2), 1e38)).isfinite().any()
    assert linalg.matrix_exp(cygnet.full((2, 2), math.nan)).isnan().all()


def test_reflections_of_none_are_the_unit_matrix():
    a, tau = cygnet.ones(4, 2), cygnet.zeros(0)
    np.testing.assert_array_equal(linalg.householder_product(a, tau).numpy(), np.eye(4, 2))
    np.testing.assert_array_equal(cygnet.ormqr(a, tau, cygnet.eye(4)).numpy(), np.eye(4))


def test_householder_product_gives_qr():
    a = cygnet.tensor(drawn(2, 50, 40))
    factor, tau = cygnet.geqrf(a)
    q, r = linalg.qr(a)
    np.testing.assert_allclose(
        linalg.householder_product(factor, tau).numpy(), q.numpy(), atol=1e-14
    )
    np.testing.assert_allclose(
        cygnet.ormqr(factor, tau, a, transpose=True)[:, :40].numpy(), r.numpy(), atol=1e-12
    )
    one_by_one = linalg.householder_product(factor.requires_grad_(), tau).detach()
    np.testing.assert_allclose(one_by_one.numpy(), q.numpy(), atol=1e-13)


def test_a_large_matrix_and_a_large_stack_have_the_same_bits_for_any_number_of_threads():
    large, stack = drawn(170, 170, dtype=np.float32), drawn(300, 6, 5, dtype=np.float32)
    spd = large @ large.T + np.eye(170, dtype=np.float32)

    def all_of() -> list[bytes]:
        parts = [
            *kernels.svd(large), *kernels.svd(stack), *kernels.eigh(large), *kernels.lu_factor(large),
            *kernels.householder_factor(stack), *kernels.cholesky(spd), kernels.matrix_exp(large),
            kernels.solve_triangular(spd, large, False),
        ]  # fmt: skip
        return [part.tobytes() for part in parts]

    before = cygnet.get_num_threads()
    try:
        kernels.set_num_threads(1)
        one = all_of()
        kernels.set_num_threads(3)
        assert all_of() == one
    finally:
        kernels.set_num_threads(before)


def test_what_is_not_finite_ends():
    for bad in (math.nan, math.inf):
        for size in (1, 3, 40):
            a = np.ones((2, size, size))
            a[1, size // 2, 0] = bad
            x = cygnet.tensor(a)
            for name in (
                "svd",
                "svdvals",
                "eigh",
                "eigvalsh",
                "pinv",
                "matrix_rank",
                "cond",
                "lstsq",
            ):
                arguments = (x, x) if name == "lstsq" else (x,)
                with pytest.raises(LinAlgError, match=rf"{name}: A\[1\] has elements that are not"):
                    getattr(linalg, name)(*arguments)
            with pytest.raises(LinAlgError, match=r"cholesky: A\[1\] is not positive-definite"):
                linalg.cholesky(x + 2 * cygnet.eye(size, dtype="float64"))
            for name in ("qr", "lu", "lu_factor", "det", "slogdet", "matrix_exp", "inv_ex"):
                getattr(linalg, name)(x)
            assert all(np.isnan(part[1]).all() for part in kernels.svd(a) if part is not None)
            assert all(np.isnan(part[1]).all() for part in kernels.eigh(a))


def test_words_about_each_matrix():
    good, bad = np.eye(3), np.diag([1.0, 0.0, 1.0])
    x = cygnet.tensor(np.stack([good, bad]))
    assert linalg.cholesky_ex(x).info.tolist() == [0, 2]
    assert linalg.inv_ex(x).info.tolist() == [0, 2]
    assert linalg.solve_ex(x, x).info.tolist() == [0, 2]
    assert linalg.lu_factor_ex(x).info.tolist() == [0, 2]
    for name in ("cholesky_ex", "inv_ex", "lu_factor_ex"):
        with pytest.raises(LinAlgError, match=rf"{name}: A\[1\] "):
            getattr(linalg, name)(x, check_errors=True)
    np.testing.assert_array_equal(linalg.inv_ex(x).inverse[0].numpy(), good)


def test_a_replay_looks_at_its_own_matrices():
    step = cygnet.capture(lambda x: linalg.cholesky(x) + linalg.inv(x))
    for scale in (1.0, 2.0, 3.0):
        step(cygnet.eye(3) * scale)
    with pytest.raises(LinAlgError, match=r"cholesky: A is not positive-definite: .* order 1"):
        step(-cygnet.eye(3))
    assert step.recordings == 1
    np.testing.assert_array_equal(step(cygnet.eye(3) * 4).numpy(), np.eye(3) * 2.25)


def test_full_vectors_have_no_gradient_unless_square():
    x = cygnet.ones(3, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="svd: full_matrices of matrices that are not square"):
        linalg.svd(x).U.sum().backward()
    linalg.svd(x).S.sum().backward()
    with pytest.raises(RuntimeError, match="qr: mode 'complete' of tall matrices has no gradient"):
        linalg.qr(x, "complete").Q.sum().backward()


def test_old_spellings():
    a = drawn(4, 3)
    x = cygnet.tensor(a)
    u, s, v = x.svd()
    np.testing.assert_allclose((u * s @ v.mT).numpy(), a, atol=1e-14)
    assert [tuple(part.shape) for part in x.svd(some=False)] == [(4, 4), (3,), (3, 3)]
    zeros = x.svd(compute_uv=False)
    assert not zeros.U.numpy().any() and not zeros.V.numpy().any()
    np.testing.assert_allclose(zeros.S.numpy(), s.numpy())
    assert tuple(x.qr(some=False).Q.shape) == (4, 4)
    lu = linalg.lu_factor(x)
    assert cygnet.lu_unpack(*lu, unpack_data=False).L.numel() == 0
    assert cygnet.lu_unpack(*lu, unpack_pivots=False).P.numel() == 0
    assert issubclass(LinAlgError, RuntimeError)


X, WIDE, LINE = cygnet.ones(2, 3, 3), cygnet.ones(2, 3), cygnet.ones(3)
UNIT = cygnet.eye(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.cholesky(LINE), ShapeError, "cholesky: A has shape (3,), expected at least"),
        (lambda: linalg.cholesky(WIDE), ShapeError, "cholesky: A has shape (2, 3), expected square"),
        (lambda: linalg.cholesky(X.long()), DTypeError, "cholesky: A is int64, expected float32"),
        (lambda: linalg.cholesky("A"), TypeError, "cholesky: A must be a Tensor, got str"),
        (lambda: linalg.cholesky(-X), LinAlgError, "cholesky: A[0] is not positive-definite"),
        (lambda: linalg.cholesky(X[None]), LinAlgError, "A[0, 0] is not positive-definite: expected a positive leading minor of order 2"),
        (lambda: linalg.inv(X), LinAlgError, "inv: A[0] is singular"),
        (lambda: linalg.inv(cygnet.ones(3, 3)), LinAlgError, "inv: A is singular"),
        (lambda: linalg.inv(WIDE), ShapeError, "inv: A has shape (2, 3), expected square"),
        (lambda: cygnet.matrix_power(X, -2), LinAlgError, "matrix_power: A[0] is singular"),
        (lambda: cygnet.matrix_power(X, 1.5), TypeError, "matrix_power: n must be an int, got float"),
        (lambda: linalg.solve(X, LINE[:2]), ShapeError, "solve: B has shape (2, 1), expected 3 rows"),
        (lambda: linalg.solve(UNIT, X.double()), DTypeError, "solve: B is float64, expected float32"),
        (lambda: linalg.solve(X, cygnet.ones(5, 3, 1)), ShapeError, "solve: "),
        (lambda: linalg.solve(UNIT, LINE, left=False), ShapeError, "solve: B has shape (3,), expected matrices"),
        (lambda: linalg.solve_triangular(UNIT, LINE, upper=True), ShapeError, "solve_triangular: B has shape (3,)"),
        (lambda: linalg.lu_solve(UNIT, cygnet.tensor([0, 1, 2]).int(), UNIT), IndexError, "exchange_rows: pivots has 0, expected 1 <= pivot <= 3"),
        (lambda: linalg.lu_solve(UNIT, cygnet.tensor([1, 2, 4]).int(), UNIT), IndexError, "exchange_rows: pivots has 4"),
        (lambda: linalg.lu_solve(UNIT, cygnet.tensor([1, 2]).int(), UNIT), ShapeError, "lu_solve: pivots has shape (2,)"),
        (lambda: linalg.lu_solve(UNIT, LINE, UNIT), DTypeError, "exchange_rows: pivots"),
        (lambda: linalg.lu(UNIT, pivot=False), ValueError, "lu: pivot is False"),
        (lambda: linalg.qr(UNIT, "full"), ValueError, "qr: mode is 'full'"),
        (lambda: linalg.eigh(WIDE), ShapeError, "eigh: A has shape (2, 3), expected square"),
        (lambda: linalg.eigh(UNIT, "X"), ValueError, "eigh: UPLO is 'X'"),
        (lambda: linalg.svd(LINE), ShapeError, "svd: A has shape (3,)"),
        (lambda: linalg.matrix_norm(UNIT, 3), ValueError, "matrix_norm: ord is 3"),
        (lambda: linalg.matrix_norm(UNIT, 1, (0, 0)), ValueError, "matrix_norm: dim is (0, 0)"),
        (lambda: linalg.matrix_norm(UNIT, 1, (0, 5)), IndexError, "matrix_norm: dim is 5"),
        (lambda: linalg.matrix_norm(cygnet.zeros(0, 3), 2), ShapeError, "matrix_norm: A has shape (0, 3)"),
        (lambda: linalg.norm(LINE, "fro"), ValueError, "norm: ord is 'fro' for a vector"),
        (lambda: linalg.cond(cygnet.zeros(0, 0)), ShapeError, "cond: A has shape (0, 0)"),
        (lambda: linalg.cond(WIDE, 1), ShapeError, "cond: A has shape (2, 3), expected square"),
        (lambda: linalg.lstsq(WIDE, LINE), ShapeError, "lstsq: B has shape (3,), expected 2 rows"),
        (lambda: linalg.lstsq(WIDE, WIDE, driver="x"), ValueError, "lstsq: driver is 'x'"),
        (lambda: linalg.householder_product(WIDE, LINE), ShapeError, "householder_product: tau has shape (3,)"),
        (lambda: linalg.householder_product(WIDE, LINE[:1]), ShapeError, "householder_product: input has shape (2, 3)"),
        (lambda: cygnet.ormqr(UNIT, LINE, WIDE), ShapeError, "ormqr: other has shape (2, 3), expected 3 rows"),
        (lambda: linalg.tensorinv(X, 0), ValueError, "tensorinv: ind is 0"),
        (lambda: linalg.tensorinv(X), ShapeError, "tensorinv: A has shape (2, 3, 3)"),
        (lambda: linalg.tensorsolve(X, LINE), ShapeError, "tensorsolve: A has shape (2, 3, 3)"),
        (lambda: linalg.vander(cygnet.tensor(1.0)), ShapeError, "vander: x has shape ()"),
        (lambda: linalg.vander(LINE, -1), ValueError, "vander: N is -1"),
        (lambda: linalg.vecdot(LINE, LINE, dim=1), IndexError, "vecdot: dim is 1"),
        (lambda: kernels.cholesky(np.ones((2, 3))), ShapeError, "cholesky: A has shape (2, 3)"),
        (lambda: kernels.householder_columns(np.ones((3, 2)), np.ones(3), 2), ShapeError, "householder_columns: tau has 3"),
        (lambda: kernels.householder_columns(np.ones((3, 2)), np.ones(2), 4), ValueError, "householder_columns: wanted is 4"),
        (lambda: kernels.solve_triangular(np.eye(3), np.ones((2, 3)), True), ShapeError, "solve_triangular: B has shape (2, 3)"),
        (lambda: kernels.exchange_rows(np.eye(3), np.ones((2, 3), np.int32)), ShapeError, "exchange_rows: pivots has shape"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
