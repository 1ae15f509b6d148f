"""What all distributions share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from cygnet import kernels
from cygnet.autograd import no_grad
from cygnet.distributions.constraints import Constraint
from cygnet.dtypes import finfo, get_default_dtype
from cygnet.ops import broadcast_tensors, tensor
from cygnet.tensor import FLOATS, Tensor

__all__ = ["Distribution"]

Shape = tuple[int, ...]


class Distribution:
    """Base of the distributions: a batch of independent ones, each of events of one shape.

    Parameters
    ----------
    batch_shape : tuple of int
        Default ().
    event_shape : tuple of int
        Of a single sample. Default ().
    validate_args : bool, optional
        Whether parameters, and the values given to `log_prob`, are checked, which reads them; a
        recording leaves it out. Default True, see `set_default_validate_args`.

    Attributes
    ----------
    batch_shape, event_shape : tuple of int
    arg_constraints : dict
        The set that each parameter lies in.
    support : Constraint
        The set that samples lie in.
    has_rsample : bool
        Whether samples have a gradient with respect to the parameters.
    mean, mode, variance, stddev : Tensor
        Of the batch's shape and the event's.

    Raises
    ------
    ValueError
        If a parameter is not in its set.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = None
    _validate_args = True

    def __init__(
        self,
        batch_shape: Iterable[int] = (),
        event_shape: Iterable[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = tuple(batch_shape)
        self._event_shape = tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if not self._checks:
            return
        for name, constraint in self.arg_constraints.items():
            if name in vars(self) and not constraint.check(vars(self)[name]).all().item():
                raise ValueError(
                    f"{type(self).__name__}: {name} expected {constraint}, got {vars(self)[name]}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their arguments."""
        Distribution._validate_args = bool(value)

    @property
    def _checks(self) -> bool:
        return self._validate_args and not kernels.is_recording()

    @property
    def batch_shape(self) -> Shape:
        """The shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of a single sample."""
        return self._event_shape

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """Samples without gradient, of shape sample_shape + batch_shape + event_shape; drawn from
        the default generator.
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """Samples as `sample` gives, through which gradients flow to the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`, which broadcasts with
        the batch.
        """
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Tensor:
        """The entropy in nats, of the batch's shape."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a sample of at most `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that a sample can have, along a new first dimension.

        Parameters
        ----------
        expand : bool
            Whether to repeat them for the whole batch. Default True.
        """
        raise NotImplementedError(f"{type(self).__name__} has no enumerate_support")

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def expand(self, batch_shape: Iterable[int]) -> Self:
        """The distribution with parameters expanded to a larger batch."""
        shape = tuple(batch_shape)
        parameters = {
            name: vars(self)[name].expand(shape + self._parameter_shape)
            for name in self.arg_constraints
            if name in vars(self)
        }
        expanded = type(self)(**parameters, validate_args=False)
        expanded._validate_args = self._validate_args
        return expanded

    @property
    def _parameter_shape(self) -> Shape:
        """The dimensions of a parameter beyond the batch's."""
        return ()

    def _extended_shape(self, sample_shape: Iterable[int] = ()) -> Shape:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError unless `value` can be a sample."""
        if not self._checks:
            return
        kind = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{kind}: value expected a Tensor, got {type(value).__name__}")
        event, own = len(self._event_shape), (*self._batch_shape, *self._event_shape)
        pairs = zip(reversed(value.shape), reversed(own), strict=False)
        fits = value.ndim >= event and all(
            a == b or (i >= event and 1 in (a, b)) for i, (a, b) in enumerate(pairs)
        )
        if not fits:
            raise ValueError(
                f"{kind}: value has shape {tuple(value.shape)}, expected one that broadcasts with "
                f"{own}, batch_shape + event_shape"
            )
        if self.support is not None and not self.support.check(value).all().item():
            raise ValueError(f"{kind}: value expected {self.support}, got {value}")

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            if name in vars(self):
                value = vars(self)[name]
                shown = value.item() if value.numel() == 1 else tuple(value.shape)
                parts.append(f"{name}: {shown}")
        return f"{type(self).__name__}({', '.join(parts)})"


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as floating-point tensors of one shape; numbers take the type of the
    tensors.
    """
    dtype = next(
        (each.dtype for each in values if isinstance(each, Tensor) and each.dtype in FLOATS),
        get_default_dtype(),
    )
    tensors = [
        (each if each.dtype in FLOATS else each.to(dtype))
        if isinstance(each, Tensor)
        else tensor(each, dtype=dtype)
        for each in values
    ]
    return tuple(broadcast_tensors(*tensors)) if len(tensors) > 1 else tuple(tensors)


def clamped(probs: Tensor) -> Tensor:
    """Probabilities whose logarithm, and that of the rest, is finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def sum_last(value: Tensor, ndims: int) -> Tensor:
    """The sum over the last dimensions."""
    return value.sum(tuple(range(-ndims, 0))) if ndims else value
