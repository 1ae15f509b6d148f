"""Pruning: parameters of which a mask leaves out elements.

A pruned parameter ``<name>`` is computed, whenever it is asked for, as ``<name>_orig``, the
parameter that is trained, times ``<name>_mask``, a buffer of zeros and ones. `amount` is the number
of elements, or of channels, that are pruned, or as a float the share of those that are left.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.kernels import ShapeError
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.computed import Rule, attach, detach, rule_of, rules_of
from cygnet.nn.utils.convert import parameters_to_vector
from cygnet.nn.utils.weight_norm import parameter_of
from cygnet.ops.common import normalized_axis
from cygnet.tensor import Tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

_M = TypeVar("_M", bound=Module)

_PARTS = ("mask", "orig")


class BasePruningMethod(Rule, ABC):
    """A way to choose what is pruned; a subclass defines `compute_mask` and ``PRUNING_TYPE``.

    That is 'unstructured' for single elements, 'structured' for slices along the axis ``dim``, and
    'global' for a mask of the whole tensor: what is left of a tensor that is pruned already, or the
    tensor itself, is what `compute_mask` gets.
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    _tensor_name: str = ""

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor of importances.

        Parameters
        ----------
        t : Tensor
        default_mask : Tensor
            The mask so far, of the same shape.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned parameter."""
        mask, original = (getattr(module, f"{self._tensor_name}_{part}") for part in _PARTS)
        return ops.mul(mask.to(original.dtype), original)

    def compute(self, module: Module) -> Tensor:
        """By `apply_mask`, which a subclass may define."""
        return self.apply_mask(module)

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a parameter.

        Parameters
        ----------
        module : Module
        name : str
        *args, **kwargs
            Those of the class.
        importance_scores : Tensor, optional
            What decides about each element. Default: the parameter itself.

        Returns
        -------
        BasePruningMethod
            A `PruningContainer` if the parameter was pruned before.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        before = rule_of(module, name, BasePruningMethod)  # type: ignore[type-abstract]
        if before is None:
            parameter_of(cls.__name__, module, name)
        tensor = getattr(module, name)
        scores = tensor if importance_scores is None else importance_scores
        if scores.shape != tensor.shape:
            raise ShapeError(
                f"{cls.__name__}: importance_scores has shape {scores.shape}, expected "
                f"{tensor.shape}"
            )
        with no_grad():
            if before is not None:
                container = PruningContainer(*getattr(before, "_methods", (before,)), method)
                given = getattr(module, f"{name}_mask").clone()
                mask = container.compute_mask(scores.detach(), given)
                method = container
            else:
                mask = method.compute_mask(scores.detach(), ops.ones_like(tensor.detach()))
                del module._parameters[name]
                module.register_parameter(f"{name}_orig", tensor)
            module.register_buffer(f"{name}_mask", mask.detach(), _replace=True)
        attach(module, name, method)
        return method

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """A tensor times the mask of it, or of the importances of its elements."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise ShapeError(
                f"prune: importance_scores has shape {scores.shape}, expected {t.shape}"
            )
        with no_grad():
            given = ops.ones_like(t.detach()) if default_mask is None else default_mask
            mask = self.compute_mask(scores.detach(), given)
        return ops.mul(t, mask.to(t.dtype))

    def remove(self, module: Module) -> None:
        """Make the pruned value of the parameter its own; the mask goes."""
        name = self._tensor_name
        original: Parameter = getattr(module, f"{name}_orig")
        with no_grad():
            original.data = self.apply_mask(module).detach()
        for part in _PARTS:
            delattr(module, f"{name}_{part}")
        detach(module, name, original)


class PruningContainer(BasePruningMethod):
    """Methods that were applied to one parameter one after another.

    Parameters
    ----------
    *args : BasePruningMethod
        All of the same parameter.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Append a method."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(
                "add_pruning_method: method expected a BasePruningMethod, got "
                f"{type(method).__name__}"
            )
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"add_pruning_method: method prunes {method._tensor_name!r}, expected "
                f"{self._tensor_name!r}"
            )
        self._methods += (method,)

    def __len__(self) -> int:
        return len(self._methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask by the last method, of what `default_mask` leaves."""
        method = self._methods[-1]
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "global":
            return method.compute_mask(t, mask)
        if method.PRUNING_TYPE == "unstructured":
            left = ops.eq(default_mask, 1)
            new = mask.clone()
            new[left] = method.compute_mask(t[left], mask[left]).to(t.dtype)
            return new
        if method.PRUNING_TYPE != "structured":
            raise ValueError(
                f"{type(method).__name__}: PRUNING_TYPE is {method.PRUNING_TYPE!r}, expected "
                "'unstructured', 'structured' or 'global'"
            )
        axis = normalized_axis(type(method).__name__, getattr(method, "dim"), t.ndim)  # noqa: B009
        kept = ops.masked_select(
            ops.arange(t.shape[axis]), ops.ne(ops.sum(mask, _others(t, axis)), 0)
        )
        part = method.compute_mask(t.index_select(axis, kept), mask.index_select(axis, kept))
        return ops.index_copy(mask, axis, kept, part.to(t.dtype))


def _others(t: Tensor, axis: int) -> tuple[int, ...]:
    return tuple(each for each in range(t.ndim) if each != axis)


class _OfAmount(BasePruningMethod):
    """Methods that prune so many elements or channels."""

    def __init__(self, amount: float) -> None:
        name = type(self).__name__
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            raise TypeError(f"{name}: amount expected a number, got {type(amount).__name__}")
        if not amount >= 0 or (isinstance(amount, float) and not amount <= 1):
            raise ValueError(f"{name}: amount is {amount}, expected a count, or a share of 0 to 1")
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of `size` are pruned."""
        count = round(self.amount * size) if isinstance(self.amount, float) else self.amount
        if count > size:
            raise ValueError(
                f"{type(self).__name__}: amount is {self.amount}, expected at most {size}"
            )
        return count


class Identity(BasePruningMethod):
    """Prunes nothing."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`."""
        return default_mask


class _Unstructured(_OfAmount):
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask` without the elements of the lowest rank."""
        count = self._count(t.numel())
        if not count:
            return default_mask
        lowest = ops.topk(self._rank(t).reshape(-1), count, largest=False)[1]
        return ops.index_fill(default_mask.reshape(-1), 0, lowest, 0).reshape(t.shape)

    def _rank(self, t: Tensor) -> Tensor:
        raise NotImplementedError


class RandomUnstructured(_Unstructured):
    """Prunes elements at random.

    Parameters
    ----------
    amount : int or float
    """

    def _rank(self, t: Tensor) -> Tensor:
        return ops.rand(t.shape)


class L1Unstructured(_Unstructured):
    """Prunes the elements of the smallest magnitude.

    Parameters
    ----------
    amount : int or float
    """

    def _rank(self, t: Tensor) -> Tensor:
        return ops.abs(t)


class _Structured(_OfAmount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask` without the channels of the lowest rank."""
        name = type(self).__name__
        if t.ndim < 2:
            raise ShapeError(
                f"{name}: the tensor has shape {t.shape}, expected 2 dimensions or more"
            )
        axis = normalized_axis(name, self.dim, t.ndim)
        count = self._count(t.shape[axis])
        if not count:
            return default_mask
        lowest = ops.topk(self._rank(t, axis), count, largest=False)[1]
        return ops.index_fill(default_mask, axis, lowest, 0)

    def _rank(self, t: Tensor, axis: int) -> Tensor:
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prunes channels at random.

    Parameters
    ----------
    amount : int or float
    dim : int, default -1
        The axis of the channels.
    """

    def _rank(self, t: Tensor, axis: int) -> Tensor:
        return ops.rand(t.shape[axis])


class LnStructured(_Structured):
    """Prunes the channels of the smallest norm.

    Parameters
    ----------
    amount : int or float
    n : float or str
        The p of the norm; 'fro' is 2.
    dim : int, default -1
        The axis of the channels.
    """

    def __init__(self, amount: float, n: float | str, dim: int = -1) -> None:
        super().__init__(amount, dim)
        if n != "fro" and (isinstance(n, str) or math.isnan(n)):
            raise ValueError(f"LnStructured: n is {n!r}, expected a number or 'fro'")
        self.n = n

    def _rank(self, t: Tensor, axis: int) -> Tensor:
        rows = t.movedim(axis, 0).reshape(t.shape[axis], -1)
        return ops.norm(rows, 2.0 if self.n == "fro" else self.n, 1)


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask leaves out.

    Parameters
    ----------
    mask : Tensor
        Of zeros and ones, of the parameter's shape.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks together."""
        if self.mask.shape != default_mask.shape:
            raise ShapeError(
                f"CustomFromMask: mask has shape {self.mask.shape}, expected {default_mask.shape}"
            )
        return ops.mul(default_mask, self.mask.to(default_mask.dtype))


def identity(module: _M, name: str) -> _M:
    """Prune nothing of a parameter, but give it a mask; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: _M, name: str, amount: float) -> _M:
    """Prune elements of a parameter at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: _M, name: str, amount: float, importance_scores: Tensor | None = None
) -> _M:
    """Prune the elements of a parameter whose magnitude, or that of their importance, is smallest.

    Parameters
    ----------
    module : Module
    name : str
    amount : int or float
    importance_scores : Tensor, optional
        Of the parameter's shape. Default: the parameter.

    Returns
    -------
    Module
        `module`.

    Examples
    --------
    >>> import cygnet
    >>> from cygnet.nn.utils import prune
    >>> layer = prune.l1_unstructured(cygnet.nn.Linear(5, 4), "weight", amount=0.3)
    >>> int((layer.weight == 0).sum())
    6
    >>> sorted(layer.state_dict())
    ['bias', 'weight_mask', 'weight_orig']
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: _M, name: str, amount: float, dim: int) -> _M:
    """Prune channels, slices of a parameter along the axis `dim`, at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: _M,
    name: str,
    amount: float,
    n: float | str,
    dim: int,
    importance_scores: Tensor | None = None,
) -> _M:
    """Prune the slices of a parameter along the axis `dim` whose n-norm is smallest; returns the
    module.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: _M, name: str, mask: Tensor) -> _M:
    """Prune what a mask of a parameter's shape leaves out; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune elements of several parameters, as if they were one.

    Parameters
    ----------
    parameters : iterable of (Module, str)
    pruning_method : class of BasePruningMethod
        An unstructured one.
    importance_scores : mapping of (Module, str) to Tensor, optional
        What decides about the elements. Default: the parameters.
    **kwargs
        The arguments of the class, such as `amount`.

    Raises
    ------
    TypeError
        If `parameters` or `importance_scores` is of another type or the method is not unstructured.
    """
    op = "global_unstructured"
    if not isinstance(parameters, Iterable):
        raise TypeError(f"{op}: parameters expected an iterable, got {type(parameters).__name__}")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, Mapping):
        raise TypeError(f"{op}: importance_scores expected a dict, got {type(scores).__name__}")
    places = list(parameters)
    method: BasePruningMethod = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"{op}: pruning_method is {method.PRUNING_TYPE}, expected an unstructured one"
        )
    with no_grad():
        tensors = [getattr(module, name).detach() for module, name in places]
        ranked = [scores.get(each, t) for each, t in zip(places, tensors, strict=True)]
        masks = [
            getattr(module, f"{name}_mask", ops.ones_like(tensor))
            for (module, name), tensor in zip(places, tensors, strict=True)
        ]
        mask = PruningContainer(method).compute_mask(
            parameters_to_vector(ranked), parameters_to_vector(masks)
        )
    start = 0
    for (module, name), tensor in zip(places, tensors, strict=True):
        end = start + tensor.numel()
        custom_from_mask(module, name, mask[start:end].reshape(tensor.shape))
        start = end


def remove(module: _M, name: str) -> _M:
    """Make the pruned value of a parameter its own, without mask; returns the module.

    Raises
    ------
    ValueError
        If it is not pruned.
    """
    method = rule_of(module, name, BasePruningMethod)  # type: ignore[type-abstract]
    if method is not None:
        method.remove(module)
        return module
    raise ValueError(f"remove: {type(module).__name__}.{name} is not pruned")


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one in it, is pruned."""
    rules = (rule for each in module.modules() for rule in rules_of(each).values())
    return any(isinstance(rule, BasePruningMethod) for rule in rules)
