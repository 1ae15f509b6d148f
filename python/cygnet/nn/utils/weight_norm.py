"""Weight normalisation (T. Salimans, D. Kingma, 2016)."""

from __future__ import annotations

from typing import TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.computed import Rule, attach, detach, rule_of
from cygnet.ops.common import normalized_axis
from cygnet.tensor import Tensor

__all__ = ["WeightNorm", "norm_except", "parameter_of", "remove_weight_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


def norm_except(weight: Tensor, dim: int | None) -> Tensor:
    """The norms of `weight` over all axes but `dim`, which keep their places; of None, and as in
    PyTorch of -1, over all.
    """
    squares = ops.mul(weight, weight)
    if dim is None or dim == -1:
        return ops.sqrt(ops.sum(squares))
    kept = normalized_axis("weight_norm", dim, weight.ndim)
    others = tuple(axis for axis in range(weight.ndim) if axis != kept)
    return ops.sqrt(ops.sum(squares, others, keepdim=True) if others else squares)


def parameter_of(op: str, module: Module, name: str) -> Parameter:
    """A parameter of a module, or an error that names op and parameter."""
    parameter = module._parameters.get(name)
    if parameter is None:
        raise ValueError(f"{op}: {type(module).__name__} has no parameter {name!r}")
    return parameter


class WeightNorm(Rule):
    """weight = weight_g * weight_v / norm(weight_v)."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = dim

    def compute(self, module: Module) -> Tensor:
        """Of norm and direction."""
        g, v = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return ops.mul(v, ops.div(g, norm_except(v, self.dim)))

    def remove(self, module: Module) -> None:
        """Leave a parameter, without norm and direction."""
        weight = Parameter(self.compute(module).detach())
        for part in "gv":
            delattr(module, f"{self.name}_{part}")
        detach(module, self.name, weight)


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    """Replace a parameter by its norm ``<name>_g`` and its direction ``<name>_v``.

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
        `module`, which computes the parameter whenever it is asked for.

    Raises
    ------
    ValueError
        If there is no such parameter.
    """
    weight = parameter_of("weight_norm", module, name)
    with no_grad():
        norm = norm_except(weight, dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(norm))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    attach(module, name, WeightNorm(name, dim))
    return module


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    """Undo :func:`weight_norm`; the parameter keeps its value."""
    rule = rule_of(module, name, WeightNorm)
    if rule is None:
        raise ValueError(
            f"remove_weight_norm: {type(module).__name__} has no WeightNorm of {name!r}"
        )
    rule.remove(module)
    return module
