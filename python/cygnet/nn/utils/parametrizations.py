"""Parametrizations: by norm and direction, by the largest singular value, and orthogonal ones."""

from __future__ import annotations

from typing import Any, TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.nn import functional
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.utils.orthogonal import orthogonal
from cygnet.nn.utils.parametrize import register_parametrization, tensor_of
from cygnet.nn.utils.spectral_norm import as_matrix, rows_axis, unit
from cygnet.nn.utils.weight_norm import norm_except
from cygnet.ops.common import normalized_axis
from cygnet.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


def _with_old_keys(module: Module, state: dict[str, Any], prefix: str, *others: Any) -> None:
    """Rename what :func:`cygnet.nn.utils.weight_norm` calls norm and direction."""
    owner, _, place = prefix.rpartition("parametrizations.")
    name = place.partition(".")[0]
    for i, part in enumerate("gv"):
        if f"{owner}{name}_{part}" in state:
            key = f"{owner}parametrizations.{name}.original{i}"
            state[key] = state.pop(f"{owner}{name}_{part}")


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim
        self.register_load_state_dict_pre_hook(_with_old_keys)

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return ops.mul(weight_v, ops.div(weight_g, norm_except(weight_v, self.dim)))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    """Compute a parameter from its norm, ``original0``, and its direction, ``original1``.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        The axis along which there are norms of their own; None, or as in PyTorch -1, for a
        single norm.

    Returns
    -------
    Module
        `module`, see :func:`cygnet.nn.utils.parametrize.register_parametrization`. It also loads
        what :func:`cygnet.nn.utils.weight_norm` has saved.

    Raises
    ------
    ValueError, IndexError

    References
    ----------
    T. Salimans, D. Kingma, "Weight normalization: a simple reparameterization to accelerate
    training of deep neural networks", 2016.

    Examples
    --------
    >>> import cygnet
    >>> layer = cygnet.nn.utils.parametrizations.weight_norm(cygnet.nn.Linear(2, 3))
    >>> for name, parameter in layer.named_parameters():
    ...     print(name, parameter.shape)
    bias (3,)
    parametrizations.weight.original0 (3, 1)
    parametrizations.weight.original1 (3, 2)
    """
    tensor_of("weight_norm", module, name)
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.dim = normalized_axis("spectral_norm", dim, weight.ndim)
        self.n_power_iterations = positive_int(
            "spectral_norm", "n_power_iterations", n_power_iterations
        )
        self.eps = eps
        if weight.ndim > 1:
            with no_grad():
                matrix = as_matrix(weight.detach(), self.dim)
                for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                    vector = unit(ops.randn(size, dtype=weight.dtype), eps)
                    self.register_buffer(name, vector)
                self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, count: int) -> None:
        """Improve the singular vectors in place."""
        with no_grad():
            for _ in range(count):
                self._u.copy_(unit(ops.matmul(matrix, self._v), self.eps))
                self._v.copy_(unit(ops.matmul(ops.transpose(matrix, 0, 1), self._u), self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return functional.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next call changes the vectors in place
        return ops.div(weight, ops.sum(ops.mul(u, ops.matmul(matrix, v))))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: _M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> _M:
    """Divide a parameter by its largest singular value, a vector by its length.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Steps of the power iteration whenever the parameter is asked for in training.
    eps : float, default 1e-12
        Smallest length that a vector is divided by.
    dim : int, optional
        The axis of the weight's rows. Default: that of the output, 1 in transposed convolutions,
        else 0.

    Returns
    -------
    Module
        `module`, see :func:`cygnet.nn.utils.parametrize.register_parametrization`.

    Raises
    ------
    ValueError, IndexError

    References
    ----------
    T. Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
    """
    weight = tensor_of("spectral_norm", module, name)
    if dim is None:
        dim = rows_axis(module)
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
