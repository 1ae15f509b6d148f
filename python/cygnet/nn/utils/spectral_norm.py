"""Spectral normalisation (T. Miyato et al., 2018)."""

from __future__ import annotations

from typing import TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.reparameterized import Reparameterized, attach, detach
from cygnet.tensor import Tensor

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]

_M = TypeVar("_M", bound=Module)


class SpectralNorm(Reparameterized):
    """weight = weight_orig / sigma, its largest singular value by power iteration."""

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        super().__init__(name)
        self.n_power_iterations = n_power_iterations
        self.eps = eps
        self.dim = dim

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight with `dim` for rows."""
        first = self.dim % weight.ndim
        others = [axis for axis in range(weight.ndim) if axis != first]
        return weight.permute(first, *others).reshape(weight.shape[first], -1)

    def _unit(self, vector: Tensor) -> Tensor:
        length = ops.sqrt(ops.sum(ops.mul(vector, vector)))
        return ops.div(vector, ops.maximum(length, ops.full((), self.eps, dtype=vector.dtype)))

    def begin(self, module: Module, weight: Parameter) -> None:
        """Register the weight and random vectors."""
        matrix = self._matrix(weight.detach())
        module.register_parameter(f"{self.name}_orig", weight)
        for part, size in zip("uv", matrix.shape, strict=True):
            vector = self._unit(ops.randn(size, dtype=weight.dtype))
            module.register_buffer(f"{self.name}_{part}", vector)

    def compute(self, module: Module) -> Tensor:
        """Of the weight and its singular vectors, which are improved in training."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = (getattr(module, f"{self.name}_{part}") for part in "uv")
        matrix = self._matrix(weight)
        if module.training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(self._unit(ops.matmul(ops.transpose(matrix, 0, 1), u)))
                    u.copy_(self._unit(ops.matmul(matrix, v)))
            u, v = u.clone(), v.clone()  # the next call changes the vectors in place
        return ops.div(weight, ops.sum(ops.mul(u, ops.matmul(matrix, v))))

    def end(self, module: Module) -> None:
        """Remove the weight and the vectors."""
        for part in ("orig", "u", "v"):
            delattr(module, f"{self.name}_{part}")


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
        `module`; each call of it computes the parameter first.
    """
    positive_int("spectral_norm", "n_power_iterations", n_power_iterations)
    if dim is None:
        dim = int(isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d))
    return attach("spectral_norm", module, SpectralNorm(name, n_power_iterations, eps, dim))


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    """Undo :func:`spectral_norm`; the parameter keeps the value it has in evaluation."""
    module.eval()
    return detach("remove_spectral_norm", module, SpectralNorm, name)
