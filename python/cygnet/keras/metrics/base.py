"""What Keras's metrics share: how they are spelled, state of users' own, means of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.dtypes import NAMES
from cygnet.keras.attached import masks
from cygnet.keras.lookup import Configurable, snake_case
from cygnet.keras.variable import Variable
from cygnet.tensor import Array, Tensor
from cygnet.train import metrics as core
from cygnet.train.metrics.base import array_of, same_rank

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Spelled", "Sum"]


class Metric(Configurable, core.Metric):
    """Base of the metrics. Those of users make their state with `add_weight`, and define
    `update_state` and `result`.

    Parameters
    ----------
    dtype : str or dtype, optional
        Of the variables. Default float32.
    name : str, optional
        Default: made from the name of the class.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = NAMES[np.dtype(dtype or "float32")]
        self._variables: list[Variable] = []

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable that batches change; `reset_state` sets it to 0."""
        from cygnet.keras import initializers

        variable = Variable(
            initializers.get(initializer or "zeros"),
            tuple(shape),
            dtype or self.dtype,
            trainable=False,
            name=name,
        )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Keras 2's form of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """What batches change."""
        return list(self._variables)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch: `y_true`, `y_pred` and perhaps `sample_weight`."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self._variables:
            variable.assign(ops.zeros_like(variable))

    def reset_states(self) -> None:
        """Keras 2's name of `reset_state`."""
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def state_dict(self) -> dict[str, Any]:
        """What the batches so far have left: copies."""
        return {**super().state_dict(), "variables": [v.numpy().copy() for v in self._variables]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        super().load_state_dict(state_dict)
        for variable, value in zip(self._variables, state_dict["variables"], strict=True):
            variable.assign(value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Spelled(Metric):
    """Keras's spelling of a metric of `cygnet.train.metrics`, which is the next base class."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : Tensor or array_like
        sample_weight : Tensor or array_like, optional
            How much each sample counts.
        """
        self.update(y_pred, y_true, sample_weight)

    def reset_state(self) -> None:
        self.reset()

    reset_state.__doc__ = Metric.reset_state.__doc__

    def result(self) -> Tensor:
        """The value of all batches since `reset_state`, float32."""
        return Tensor._wrap(np.array(super().result(), np.float32))

    @property
    def variables(self) -> list[Any]:
        """What batches change: copies."""
        return [Tensor._wrap(np.asarray(value)) for value in core.Metric.state_dict(self).values()]

    def _begin(self, name: str | None, dtype: Any) -> None:
        Metric.__init__(self, dtype, name)
        self.reset()


class Mean(Spelled, core.Mean):
    """The mean of values, weighted by `sample_weight`; 0 before the first.

    Parameters
    ----------
    name : str
        Default "mean".
    dtype : optional
    """

    _of_nothing = 0.0

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        self._begin(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values, one or several for each sample, with weights."""
        self.add(array_of(values), sample_weight)


class Sum(Mean):
    """The sum of values, weighted by `sample_weight`.

    Parameters
    ----------
    name : str
        Default "sum".
    dtype : optional
    """

    _sums_places = True

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> Tensor:
        """The sum of all batches since `reset_state`, float32."""
        return Tensor._wrap(np.array(self.total, np.float32))


class MeanMetricWrapper(Mean):
    """The mean of what a function gives for each sample.

    Parameters
    ----------
    fn : callable
        Of `y_true` and `y_pred`.
    name : str, optional
        Default: that of the function.
    dtype : optional
    **kwargs
        Further arguments of the function.
    """

    def __init__(self, fn: Any, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or getattr(fn, "name", None) or getattr(fn, "__name__", None), dtype)
        self._fn = fn
        self._options = kwargs
        for key, value in kwargs.items():
            setattr(self, key, value)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : Tensor or array_like
        sample_weight : Tensor or array_like, optional
            A factor for each sample, or for each of its values.
        """
        if masks:
            sample_weight = _masked(y_pred, sample_weight)
        self.add(self._values(y_true, y_pred), sample_weight)

    def _values(self, y_true: Any, y_pred: Any) -> Array:
        with no_grad():
            return array_of(self._fn(y_true, y_pred, **self._options))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        config = {"name": self.name, "dtype": self.dtype, **self._options}
        if type(self) is MeanMetricWrapper:
            config["fn"] = getattr(self._fn, "__name__", str(self._fn))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The metric that `get_config` told of."""
        if isinstance(config.get("fn"), str):
            from cygnet.keras.losses import get

            config = {**config, "fn": get(config["fn"])}
        return cls(**config)


def _masked(y_pred: Any, sample_weight: Any) -> Any:
    """The weights times the mask of the predictions, if they have one."""
    mask = masks.of(y_pred)
    if mask is None:
        return sample_weight
    kept = mask._array.astype(np.float64)
    if sample_weight is None:
        return kept
    kept, weight = same_rank(kept, array_of(sample_weight))
    return kept * weight
