"""What metrics are: numbers that grow batch by batch and can be read at any time."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.recorder import refuse
from cygnet.tensor import Array, Tensor

__all__ = ["Mean", "Metric"]


def array_of(value: Any) -> Array:
    """The array of a Tensor; anything else as an array."""
    refuse("a metric is updated while calls are recorded: a replay would not do it")
    return value._array if isinstance(value, Tensor) else np.asarray(value)


def same_rank(a: Array, b: Array) -> tuple[Array, Array]:
    """The two with a last axis of size 1 that only one has added to the other, if that is a vector,
    or else taken from it.
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[:, None], b) if a.ndim == 1 else (a, b[..., 0])
    return a, b


def check_shapes(name: str, output: Array, target: Array) -> None:
    """Raises ShapeError unless output and target have one shape."""
    if output.shape != target.shape:
        raise ShapeError(
            f"{name}: target has shape {target.shape}, output has shape {output.shape}"
        )


def ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is 0."""
    return np.divide(
        a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=b != 0
    )


class Metric:
    """Base of the metrics; subclasses define `reset`, `update` and `result`.

    Parameters
    ----------
    name : str
        Under which histories and progress show it.
    """

    _states: ClassVar[tuple[str, ...]] = ()
    """The attributes, numbers or arrays, that batches change."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        for state in self._states:
            setattr(self, state, 0.0)

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        output, target : Tensor or array_like
        weight : Tensor or array_like, optional
            How much each sample counts.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def result(self) -> Any:
        """The value of all batches since `reset`."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def state_dict(self) -> dict[str, Any]:
        """What the batches so far have left: copies."""
        values = {state: getattr(self, state) for state in self._states}
        return {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned.

        Raises
        ------
        KeyError
            If a state is missing.
        """
        for name in self._states:
            value = state_dict[name]
            array = isinstance(value, Tensor | np.ndarray)
            setattr(self, name, array_of(value).copy() if array else value)

    def __repr__(self) -> str:
        value = self.result()
        shown = f"{value:.4g}" if isinstance(value, int | float) else value
        return f"{type(self).__name__}({self.name}={shown})"


class Mean(Metric):
    """A mean over samples; subclasses define `values`.

    Parameters
    ----------
    name : str
        Under which histories and progress show it.
    """

    _states = ("total", "count")
    _of_nothing: ClassVar[float] = math.nan
    """The mean before the first batch."""
    _sums_places: ClassVar[bool] = False
    """Whether several values of a sample are summed instead of averaged."""

    total: float
    count: float

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        output, target : Tensor or array_like
        weight : Tensor or array_like, optional
            A factor for each sample, or for each value of it.
        """
        self.add(self.values(array_of(output), array_of(target)), weight)

    def values(self, output: Array, target: Array) -> Array:
        """A number or bool for each sample, or several of which the mean is taken."""
        raise NotImplementedError(f"{type(self).__name__} defines no values")

    def add(self, values: Array, weight: Any = None) -> None:
        """Add values, one or several for each sample."""
        if weight is not None:
            self._add_weighted(values.astype(np.float64), array_of(weight).astype(np.float64))
        elif values.size:
            bools = values.dtype == bool
            total = np.count_nonzero(values) if bools else float(values.sum(dtype=np.float64))
            samples = len(values) if values.ndim else 1
            self.total += total if self._sums_places else total * samples / values.size
            self.count += samples

    def _add_weighted(self, values: Array, weight: Array) -> None:
        over = np.sum if self._sums_places else np.mean
        if not values.ndim:  # one number for the whole batch
            values = np.broadcast_to(values, weight.shape)
        values, weight = same_rank(values, weight)
        if values.ndim > weight.ndim:
            values = over(values, tuple(range(weight.ndim, values.ndim)))
        weight = np.broadcast_to(weight, values.shape)
        values = values * weight
        if values.ndim > 1:
            places = tuple(range(1, values.ndim))
            values, weight = over(values, places), over(weight, places)
        self.total += float(values.sum())
        self.count += float(weight.sum())

    def result(self) -> Any:
        """The mean of all batches since `reset`; NaN before the first."""
        return self.total / self.count if self.count else self._of_nothing
