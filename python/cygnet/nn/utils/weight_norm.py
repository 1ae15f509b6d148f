"""Weight normalisation (T. Salimans, D. Kingma, 2016)."""

from __future__ import annotations

from typing import TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.reparameterized import Reparameterized, attach, detach
from cygnet.ops.common import normalized_axis
from cygnet.tensor import Tensor

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


class WeightNorm(Reparameterized):
    """weight = weight_g * weight_v / norm(weight_v)."""

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def _norm(self, weight: Tensor) -> Tensor:
        """Over all axes but `dim`."""
        squares = ops.mul(weight, weight)
        if self.dim is None:
            return ops.sqrt(ops.sum(squares))
        kept = normalized_axis("weight_norm", self.dim, weight.ndim)
        others = tuple(axis for axis in range(weight.ndim) if axis != kept)
        return ops.sqrt(ops.sum(squares, others, keepdim=True) if others else squares)

    def begin(self, module: Module, weight: Parameter) -> None:
        """Register norm and direction."""
        with no_grad():
            norm = self._norm(weight)
        module.register_parameter(f"{self.name}_g", Parameter(norm))
        module.register_parameter(f"{self.name}_v", Parameter(weight.data))

    def compute(self, module: Module) -> Tensor:
        """Of norm and direction."""
        g, v = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return ops.mul(v, ops.div(g, self._norm(v)))

    def end(self, module: Module) -> None:
        """Remove norm and direction."""
        for part in "gv":
            delattr(module, f"{self.name}_{part}")


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    """Replace a parameter by its norm ``<name>_g`` and its direction ``<name>_v``.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        The axis along which there are norms of their own; None for a single norm.

    Returns
    -------
    Module
        `module`; each call of it computes the parameter first.
    """
    return attach("weight_norm", module, WeightNorm(name, dim))


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    """Undo :func:`weight_norm`; the parameter keeps its value."""
    return detach("remove_weight_norm", module, WeightNorm, name)
