"""Metrics by Keras's names, spelled Keras's way: `update_state(y_true, y_pred, sample_weight)`,
`result()` a Tensor, `reset_state()`.

The counting is that of `cygnet.train.metrics`, in float64. What is the mean of a loss is computed
by the functions of `cygnet.keras.losses`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.dtypes import NAMES
from cygnet.keras.attached import masks
from cygnet.keras.lookup import Configurable, Registry, snake_case
from cygnet.keras.variable import Variable
from cygnet.tensor import Array, Tensor
from cygnet.train import metrics as core
from cygnet.train.metrics.accuracy import class_hits, equal, labels_of, top_k_hits
from cygnet.train.metrics.base import array_of, check_shapes, same_rank


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


class _Ours(Metric):
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


# Means


class Mean(_Ours, core.Mean):
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
            config["fn"] = serialize(self._fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The metric that `get_config` told of."""
        return cls(**{**config, "fn": get(config["fn"])} if "fn" in config else config)


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


# Accuracies


def _tensor_of_hits(hits: Array) -> Tensor:
    return Tensor._wrap(hits.astype(np.float32))


def _equal_hits(y_true: Array, y_pred: Array) -> Array:
    y_true, y_pred = same_rank(y_true, y_pred)
    return equal("accuracy", y_pred, y_true)


def _binary_hits(y_true: Array, y_pred: Array, threshold: float = 0.5) -> Array:
    y_true, y_pred = same_rank(y_true, y_pred)
    check_shapes("binary_accuracy", y_pred, y_true)
    hits: Array = (y_pred > threshold) == y_true
    return hits


def _categorical_hits(y_true: Array, y_pred: Array) -> Array:
    check_shapes("categorical_accuracy", y_pred, y_true)
    return class_hits("categorical_accuracy", y_pred, y_true, -1)


def _sparse_hits(y_true: Array, y_pred: Array) -> Array:
    if y_true.shape == y_pred.shape:
        y_true = y_true[..., 0]
    return class_hits("sparse_categorical_accuracy", y_pred, y_true, -1)


def _top_k_hits(y_true: Array, y_pred: Array, k: int = 5) -> Array:
    check_shapes("top_k_categorical_accuracy", y_pred, y_true)
    return _sparse_top_k_hits(y_true.argmax(-1), y_pred, k)


def _sparse_top_k_hits(
    y_true: Array, y_pred: Array, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    name = "sparse_top_k_categorical_accuracy"
    labels = labels_of(name, y_pred, y_true, -1)
    rows = y_pred.reshape(-1, y_pred.shape[-1])
    if from_sorted_ids:
        hits: Array = (labels.reshape(-1, 1) == rows[:, :k]).any(1)
    else:
        hits = top_k_hits(name, rows, labels.reshape(-1), k)
    return hits.reshape(labels.shape)


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where `y_pred` equals `y_true`, else 0."""
    return _tensor_of_hits(_equal_hits(array_of(y_true), array_of(y_pred)))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where `y_pred` is above the threshold just if `y_true` is 1, else 0."""
    return _tensor_of_hits(_binary_hits(array_of(y_true), array_of(y_pred), threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """For scores (..., C) and one-hot targets: 1 where both are largest at one place, else 0."""
    return _tensor_of_hits(_categorical_hits(array_of(y_true), array_of(y_pred)))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """For scores (..., C) and labels (...) or (..., 1): 1 where the label has the highest score,
    else 0.
    """
    return _tensor_of_hits(_sparse_hits(array_of(y_true), array_of(y_pred)))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """For scores (..., C) and one-hot targets: 1 where the right class is among the k highest
    scores, else 0.
    """
    return _tensor_of_hits(_top_k_hits(array_of(y_true), array_of(y_pred), k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """For scores (..., C), or with `from_sorted_ids` labels from the best on, and labels (...): 1
    where the right class is among the k best, else 0.
    """
    hits = _sparse_top_k_hits(array_of(y_true), array_of(y_pred), k, from_sorted_ids)
    return _tensor_of_hits(hits)


class _Hits(MeanMetricWrapper):
    """The mean of hits, which are counted as bools."""

    _hits: ClassVar[Any]

    def _values(self, y_true: Any, y_pred: Any) -> Array:
        return self._hits(array_of(y_true), array_of(y_pred), **self._options)  # type: ignore[no-any-return]


class Accuracy(_Hits):
    """The mean of `accuracy`: how often predictions, such as labels, equal targets."""

    _hits = staticmethod(_equal_hits)

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_Hits):
    """The mean of `binary_accuracy`."""

    _hits = staticmethod(_binary_hits)

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(_Hits):
    """The mean of `categorical_accuracy`."""

    _hits = staticmethod(_categorical_hits)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_Hits):
    """The mean of `sparse_categorical_accuracy`."""

    _hits = staticmethod(_sparse_hits)

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_Hits):
    """The mean of `top_k_categorical_accuracy`."""

    _hits = staticmethod(_top_k_hits)

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(_Hits):
    """The mean of `sparse_top_k_categorical_accuracy`."""

    _hits = staticmethod(_sparse_top_k_hits)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )


_CLASSES = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanMetricWrapper,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    Sum,
    TopKCategoricalAccuracy,
)
_FUNCTIONS = (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
_REGISTRY = Registry(
    "metrics",
    {each.__name__: each for each in (*_CLASSES, *_FUNCTIONS)},
    {},
)
serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize
get = _REGISTRY.get

# Which of three metrics these mean depends on the shapes.
_BY_SHAPES: dict[str, tuple[Any, Any, Any]] = {
    "accuracy": (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy),
}
_BY_SHAPES["acc"] = _BY_SHAPES["accuracy"]


def check_name(name: str) -> None:
    """Raises ValueError, with the nearest names, unless a metric has that name."""
    if name not in _BY_SHAPES:
        _REGISTRY.find(name)


def resolve(identifier: Any, y_true: Any, y_pred: Any, loss: Any = None) -> Metric:
    """The metric that `compile` means.

    Parameters
    ----------
    identifier : str, callable, dict or Metric
        'accuracy' and 'crossentropy' depend on the shapes, as in Keras.
    y_true, y_pred : Tensor
        Targets and predictions of a batch.
    loss : optional
        That of the model, which as in Keras 3 does not matter.
    """
    if isinstance(identifier, str) and identifier in _BY_SHAPES:
        binary, sparse, categorical = _BY_SHAPES[identifier]
        true, pred = tuple(y_true.shape), tuple(y_pred.shape)
        if pred[-1:] == (1,):
            kind = binary
        else:
            kind = sparse if len(true) < len(pred) or true[-1:] == (1,) else categorical
        return kind(name=identifier)  # type: ignore[no-any-return]
    found: Metric = get(identifier)
    if not isinstance(found, Metric):
        found = MeanMetricWrapper(found)
    if isinstance(identifier, str):
        found.name = identifier
    return found
