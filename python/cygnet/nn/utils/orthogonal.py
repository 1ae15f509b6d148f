"""Matrices with orthonormal columns or rows, as a parametrization."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.kernels import ShapeError
from cygnet.nn.module import Module
from cygnet.nn.utils.parametrize import register_parametrization, tensor_of
from cygnet.ops.factor import geqrf, householder_product
from cygnet.ops.matrix_functions import matrix_exp
from cygnet.ops.solve import solve
from cygnet.tensor import Tensor

__all__ = ["orthogonal"]

_M = TypeVar("_M", bound=Module)

_MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """The lower triangle of a tall matrix x as a tall matrix q with orthonormal columns; of a wide
    one, the transpose of its transpose's.

    With ``a = tril(x) - tril(x).T``, made square by zeros, 'matrix_exp' gives the first columns of
    ``exp(a)``, 'cayley' those of ``inv(1 - a / 2) (1 + a / 2)``; 'householder' multiplies the
    reflections at the columns of ``tril(x, -1)`` with 1 on the diagonal. A `base` multiplies that
    from the left, so that a trivial x stands for the matrix that there was.
    """

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        transposed = x.shape[-2] < x.shape[-1]
        if transposed:
            x = x.transpose(-2, -1)
        if self.orthogonal_map == "householder":
            q = _reflected(x)
        else:
            q = _exponential(x, self.orthogonal_map)
        if self.use_trivialization:
            q = ops.matmul(self.base, q)
        return q.transpose(-2, -1) if transposed else q

    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ShapeError(f"orthogonal: the value has shape {q.shape}, expected {self.shape}")
        if not self.use_trivialization and self.orthogonal_map != "householder":
            raise NotImplementedError(
                f"orthogonal: a parametrization by {self.orthogonal_map!r} can be assigned to only "
                "with use_trivialization=True"
            )
        with no_grad():
            tall = q.transpose(-2, -1) if q.shape[-2] < q.shape[-1] else q
            if self.use_trivialization:
                self.base = _basis(tall)
                return ops.zeros_like(q) - ops.eye(*q.shape[-2:], dtype=q.dtype)
            factors, tau = geqrf(tall)
            sign = ops.sign(ops.diagonal(factors, 0, -2, -1))
            sign = ops.where(ops.eq(tau, 0), -sign, sign)
            on_diagonal = ops.eye(*tall.shape[-2:], dtype=np.bool_)
            x = ops.where(on_diagonal, sign.unsqueeze(-2), factors)
            return x if tall is q else x.transpose(-2, -1)


def _exponential(x: Tensor, orthogonal_map: str) -> Tensor:
    rows, columns = x.shape[-2:]
    lower = x.tril()
    if rows != columns:
        empty = ops.zeros((*x.shape[:-1], rows - columns), dtype=x.dtype)
        lower = ops.cat([lower, empty], -1)
    a = lower - lower.transpose(-2, -1)
    if orthogonal_map == "matrix_exp":
        q = matrix_exp(a)
    else:
        unit = ops.eye(rows, dtype=x.dtype)
        q = solve(unit - a * 0.5, unit + a * 0.5)
    return q if rows == columns else q[..., :columns]


def _reflected(x: Tensor) -> Tensor:
    a = x.tril(-1)
    tau = 2.0 / (1.0 + (a * a).sum(-2))
    signs = ops.diagonal(x.detach(), 0, -2, -1)
    return householder_product(a, tau) * signs.unsqueeze(-2)


def _basis(tall: Tensor) -> Tensor:
    """A square orthogonal matrix whose first columns are those of `tall`, made orthonormal unless
    they are.
    """
    rows, columns = tall.shape[-2:]
    if rows == columns:
        gram = ops.matmul(tall.transpose(-2, -1), tall)
        close = 10 * rows * float(np.finfo(tall.dtype).eps)
        if ops.allclose(gram, ops.eye(rows, dtype=tall.dtype).expand(gram.shape), atol=close):
            return tall.clone()
    else:
        rest = ops.randn(*tall.shape[:-1], rows - columns, dtype=tall.dtype)
        tall = ops.cat([tall, rest], -1)
    factors, tau = geqrf(tall)
    signs = ops.sign(ops.diagonal(factors, 0, -2, -1))
    return householder_product(factors, tau) * signs.unsqueeze(-2)


def orthogonal(
    module: _M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> _M:
    """Keep a matrix orthogonal: its columns, or if there are more of them its rows, orthonormal.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
        A parameter (..., m, n): a matrix or a batch of them.
    orthogonal_map : str, optional
        How it is computed: 'matrix_exp' as the exponential of a skew-symmetric matrix, 'cayley' by
        Cayley's map of one, 'householder' as a product of reflections. Default: 'matrix_exp' for
        square matrices, else 'householder'.
    use_trivialization : bool, default True
        Whether what is computed is multiplied by an orthogonal matrix, the buffer ``base``, which
        lets the parameter begin with its value, if that is orthogonal, or else with what a QR
        decomposition makes of it, and lets it be assigned to.

    Returns
    -------
    Module
        `module`, see :func:`cygnet.nn.utils.parametrize.register_parametrization`.

    Raises
    ------
    ValueError
        If there is no such tensor, it has less than two dimensions, or the map is unknown.

    References
    ----------
    M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", 2019.

    Examples
    --------
    >>> import cygnet
    >>> layer = cygnet.nn.utils.parametrizations.orthogonal(cygnet.nn.Linear(4, 6))
    >>> weight = layer.weight
    >>> unit = cygnet.matmul(weight.transpose(0, 1), weight)
    >>> bool(cygnet.allclose(unit, cygnet.eye(4), atol=1e-5))
    True
    """
    weight = tensor_of("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal: {name} has shape {weight.shape}, expected a matrix")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f"orthogonal: orthogonal_map is {orthogonal_map!r}, expected "
            f"{' or '.join(map(repr, _MAPS))}"
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)
