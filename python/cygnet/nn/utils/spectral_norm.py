"""Spectral normalisation (T. Miyato et al., 2018)."""

from __future__ import annotations

from typing import TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.computed import Rule, attach, detach, rule_of
from cygnet.nn.utils.weight_norm import parameter_of
from cygnet.ops.common import normalized_axis
from cygnet.tensor import Tensor

__all__ = [
    "SpectralNorm",
    "as_matrix",
    "remove_spectral_norm",
    "rows_axis",
    "spectral_norm",
    "unit",
]

_M = TypeVar("_M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with the axis `dim` for rows."""
    first = normalized_axis("spectral_norm", dim, weight.ndim)
    others = [axis for axis in range(weight.ndim) if axis != first]
    return weight.permute(first, *others).reshape(weight.shape[first], -1)


def unit(vector: Tensor, eps: float) -> Tensor:
    """The vector divided by its length, or by `eps` if that is larger."""
    length = ops.sqrt(ops.sum(ops.mul(vector, vector)))
    return ops.div(vector, ops.maximum(length, ops.full((), eps, dtype=vector.dtype)))


def rows_axis(module: Module) -> int:
    """The axis of a layer's weight that belongs to its output."""
    return int(isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d))


class SpectralNorm(Rule):
    """weight = weight_orig / sigma, its largest singular value by power iteration."""

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.eps = eps
        self.dim = dim

    def compute(self, module: Module) -> Tensor:
        """Of the weight and its singular vectors, which are improved in training."""
        return self.divided(module, module.training)

    def divided(self, module: Module, improve: bool) -> Tensor:
        """The weight by its largest singular value, whose vectors may first be improved."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = (getattr(module, f"{self.name}_{part}") for part in "uv")
        matrix = as_matrix(weight, self.dim)
        if improve:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(unit(ops.matmul(ops.transpose(matrix, 0, 1), u), self.eps))
                    u.copy_(unit(ops.matmul(matrix, v), self.eps))
            u, v = u.clone(), v.clone()  # the next call changes the vectors in place
        return ops.div(weight, ops.sum(ops.mul(u, ops.matmul(matrix, v))))

    def remove(self, module: Module) -> None:
        """Leave a parameter, without the vectors."""
        weight = Parameter(self.divided(module, False).detach())
        for part in ("orig", "u", "v"):
            delattr(module, f"{self.name}_{part}")
        detach(module, self.name, weight)


def spectral_norm(
    module: _M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> _M:
    """Divide a parameter, kept as ``<name>_orig``, by its largest singular value.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Steps of the power iteration in each call in training; its vectors are the buffers
        ``<name>_u`` and ``<name>_v``.
    eps : float, default 1e-12
        Smallest length that a vector is divided by.
    dim : int, optional
        The axis of the weight's rows. Default: that of the output, 1 in transposed convolutions,
        else 0.

    Returns
    -------
    Module
        `module`, which computes the parameter whenever it is asked for.

    Raises
    ------
    ValueError
        If there is no such parameter.
    """
    weight = parameter_of("spectral_norm", module, name)
    positive_int("spectral_norm", "n_power_iterations", n_power_iterations)
    if dim is None:
        dim = rows_axis(module)
    matrix = as_matrix(weight.detach(), dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    for part, size in zip("uv", matrix.shape, strict=True):
        vector = unit(ops.randn(size, dtype=weight.dtype), eps)
        module.register_buffer(f"{name}_{part}", vector)
    attach(module, name, SpectralNorm(name, n_power_iterations, eps, dim))
    return module


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    """Undo :func:`spectral_norm`; the parameter keeps the value it has in evaluation."""
    rule = rule_of(module, name, SpectralNorm)
    if rule is None:
        raise ValueError(
            f"remove_spectral_norm: {type(module).__name__} has no SpectralNorm of {name!r}"
        )
    rule.remove(module)
    return module
