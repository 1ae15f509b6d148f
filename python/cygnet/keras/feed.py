"""What users give to `fit`, `evaluate` and `predict`, as batches of x, y and sample_weight."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cygnet.data import DataLoader, Dataset, TensorDataset
from cygnet.keras import tree
from cygnet.kernels import ShapeError
from cygnet.ops import where
from cygnet.ops.create import as_tensor, tensor
from cygnet.random import Generator
from cygnet.tensor import Tensor

__all__ = ["ArrayFeed", "Feed", "feed_of", "split"]

Batch = tuple[Any, Any, Any]


class Feed:
    """Batches of one kind of data.

    Parameters
    ----------
    op : str
        For messages.
    source : iterable
        Gives batches: x, (x,), (x, y) or (x, y, sample_weight).
    steps : int, optional
        How many batches one pass has, where that is known.
    class_weight : dict of int to float, optional
        Factors of the samples' weights, by their labels.
    """

    def __init__(
        self, op: str, source: Iterable[Any], steps: int | None = None, class_weight: Any = None
    ) -> None:
        self.op = op
        self.source = source
        self.steps = steps
        self.class_weights = _class_weights(op, class_weight)

    def __len__(self) -> int:
        if self.steps is None:
            raise TypeError(f"{self.op}: the number of batches is not known")
        return self.steps

    @property
    def generators(self) -> Sequence[Generator]:
        """What draws the orders of the passes, but for the default generator."""
        return getattr(self.source, "generators", ())

    def __iter__(self) -> Iterator[Batch]:
        return self.iterate_from(0)

    def iterate_from(self, start: int) -> Iterator[Batch]:
        """A pass without its first batches; its order is drawn at once."""
        if hasattr(self.source, "iterate_from"):
            return self._unpacked(self.source.iterate_from(start))
        batches = iter(self.source)
        next(itertools.islice(batches, start, start), None)  # reads them now, not with the first
        return self._unpacked(batches)

    def _unpacked(self, batches: Iterator[Any]) -> Iterator[Batch]:
        for batch in batches:
            yield self.unpacked(batch)
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def unpacked(self, batch: Any) -> Batch:
        """A batch as (x, y, sample_weight) of tensors; None where a part is missing."""
        x, y, weight = parts_of(self.op, batch)
        x, y = as_tensors(x), as_tensors(y)
        return x, y, self.weighted(y, as_tensors(weight))

    def weighted(self, y: Any, weight: Any) -> Any:
        """The samples' weights, with the weights of their classes."""
        if self.class_weights is None:
            return weight
        if not isinstance(y, Tensor):
            raise ValueError(f"{self.op}: class_weight needs targets of one output")
        labels = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y
        labels = labels.reshape(-1).to("int64")
        count = len(self.class_weights)
        inside = (labels >= 0) & (labels < count)
        factors = where(inside, self.class_weights[where(inside, labels, 0)], 1.0)
        return factors if weight is None else factors * weight.reshape(-1)


class ArrayFeed(Feed):
    """Batches of arrays, by Cygnet's loader.

    Parameters
    ----------
    op : str
        For messages.
    x, y, weight
        Structures of arrays (N, ...); y and weight may be None.
    batch_size : int
    shuffle : bool
        Whether each pass has its own order.
    class_weight : dict, optional
    """

    def __init__(
        self,
        op: str,
        x: Any,
        y: Any,
        weight: Any,
        batch_size: int,
        shuffle: bool = False,
        class_weight: Any = None,
    ) -> None:
        self.structure = (x, y, weight)
        leaves = [leaf for leaf in tree.flatten(self.structure) if leaf is not None]
        self.loader = DataLoader(TensorDataset(*leaves), batch_size, shuffle)
        super().__init__(op, self.loader, len(self.loader), class_weight)
        # The usual case: one array each, in this order.
        self._simple = isinstance(x, Tensor) and weight is None and self.class_weights is None
        self._with_y = isinstance(y, Tensor)
        self._simple = self._simple and (y is None or self._with_y)

    def unpacked(self, batch: Any) -> Batch:
        """A batch of the loader in the structure of the data."""
        if self._simple:
            return (batch[0], batch[1], None) if self._with_y else (batch[0], None, None)
        leaves = iter(batch)
        x, y, weight = tree.map_structure(
            lambda leaf: None if leaf is None else next(leaves), self.structure
        )
        return x, y, self.weighted(y, weight)


def parts_of(op: str, batch: Any) -> Batch:
    """x, y and sample_weight of a batch as generators give it."""
    if not isinstance(batch, tuple):
        if isinstance(batch, list) and len(batch) in (2, 3):
            batch = tuple(batch)  # of a loader
        else:
            return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"{op}: a batch expected x, (x, y) or (x, y, sample_weight), got {len(batch)} parts"
        )
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


def as_tensors(structure: Any) -> Any:
    """The structure with a tensor for each array; floating-point ones become float32."""
    return tree.map_structure(_as_tensor, structure)


def _as_tensor(value: Any) -> Any:
    if value is None or isinstance(value, Tensor):
        return value
    if hasattr(value, "to_numpy"):  # of pandas
        value = value.to_numpy()
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"data expected numbers, got an array of objects such as {array.flat[0]!r}")
    if array.dtype.kind == "f":
        return as_tensor(array.astype(np.float32, copy=False))
    if array.dtype.kind in "iu" and array.dtype not in (np.int64, np.int32, np.uint8):
        return as_tensor(array.astype(np.int64))
    return as_tensor(np.require(array, requirements="C"))


def _as_data(op: str, name: str, data: Any) -> Any:
    """A structure of tensors of what is given as x, y or sample_weight."""
    if data is None:
        return None
    if isinstance(data, dict):
        return {key: _as_data(op, f"{name}[{key!r}]", value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        if data and all(getattr(each, "ndim", 0) for each in data):
            return type(data)(_as_data(op, name, each) for each in data)
        if data and any(_holds_arrays(each) for each in data):
            return type(data)(_as_data(op, name, each) for each in data)
        try:
            data = np.asarray(data)
        except ValueError as error:
            raise ShapeError(f"{op}: argument {name} is not rectangular: {error}") from None
    try:
        result = _as_tensor(data)
    except TypeError as error:
        raise TypeError(f"{op}: argument {name}: {error}") from None
    if result.ndim == 0:
        raise ValueError(f"{op}: argument {name} expected samples along an axis, got a number")
    return result


def _holds_arrays(part: Any) -> bool:
    """Whether a part of a structure is itself a structure of arrays, not a row of numbers."""
    if isinstance(part, list | tuple):
        return any(getattr(each, "ndim", 0) or _holds_arrays(each) for each in part)
    return isinstance(part, dict)


def _check_lengths(op: str, **parts: Any) -> int:
    counts = {
        name: {len(leaf) for leaf in tree.flatten(part) if leaf is not None}
        for name, part in parts.items()
    }
    sizes = set().union(*counts.values())
    if len(sizes) > 1:
        told = ", ".join(
            f"{name} has {' and '.join(map(str, sorted(found)))}"
            for name, found in counts.items()
            if found
        )
        raise ValueError(f"{op}: arrays expected as many samples each: {told}")
    count: int = sizes.pop() if sizes else 0
    if count == 0:
        raise ValueError(f"{op}: argument x is empty")
    return count


def is_arrays(x: Any) -> bool:
    """Whether `x` is arrays, which `y` and `sample_weight` go with, and not batches."""
    if isinstance(x, Dataset | DataLoader | Iterator):
        return False
    return isinstance(x, Tensor | np.ndarray | list | tuple | dict) or hasattr(x, "__array__")


def arrays_of(op: str, x: Any, y: Any, weight: Any) -> Batch:
    """Structures of tensors, checked to be of one length."""
    x, y = _as_data(op, "x", x), _as_data(op, "y", y)
    weight = _as_data(op, "sample_weight", weight)
    _check_lengths(op, x=x, y=y, sample_weight=weight)
    return x, y, weight


def split(op: str, arrays: Batch, share: float) -> tuple[Batch, Batch]:
    """The first samples, and the last `share` of them, as Keras splits."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"{op}: argument validation_split expected in [0, 1), got {share}")
    count = len(next(leaf for leaf in tree.flatten(arrays[0]) if leaf is not None))
    kept = math.floor(count * (1.0 - share))
    if not 0 < kept < count:
        raise ValueError(
            f"{op}: argument validation_split {share} leaves one part of {count} samples empty"
        )

    def part(where: slice) -> Batch:
        return tree.map_structure(  # type: ignore[no-any-return]
            lambda leaf: None if leaf is None else leaf[where], arrays
        )

    return part(slice(None, kept)), part(slice(kept, None))


def feed_of(
    op: str,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    class_weight: Any = None,
) -> Feed:
    """The batches of arrays, lists, dicts, datasets, loaders, sequences of batches or generators.

    Raises
    ------
    ValueError
        If arrays differ in length or are empty, or `y` or `sample_weight` come beside batches.
    TypeError
        For anything else.
    """
    if batch_size is not None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer):
            raise TypeError(f"{op}: argument batch_size expected an int, got {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"{op}: argument batch_size expected at least 1, got {batch_size}")
    if isinstance(x, Feed):
        return x
    if is_arrays(x):
        arrays = arrays_of(op, x, y, sample_weight)
        return ArrayFeed(op, *arrays, int(batch_size or 32), shuffle, class_weight)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"{op}: argument {name} expected None: {type(x).__name__} x gives batches with it"
            )
    if isinstance(x, DataLoader):
        return Feed(op, x, _length(x), class_weight)
    if isinstance(x, Dataset):
        loader = DataLoader(x, int(batch_size or 32), shuffle)
        return Feed(op, loader, _length(loader), class_weight)
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):  # keras.utils.Sequence
        return Feed(op, _Indexed(x, shuffle), len(x), class_weight)
    if isinstance(x, Iterable):
        return Feed(op, x, _length(x), class_weight)
    raise TypeError(f"{op}: argument x expected arrays, a dataset or a generator, got {x!r}")


class _Indexed:
    """The batches of an object with `__getitem__` and `__len__`, such as `keras.utils.Sequence`."""

    def __init__(self, batches: Any, shuffle: bool) -> None:
        self._batches = batches
        self._shuffle = shuffle

    def __iter__(self) -> Iterator[Any]:
        order = DataLoader(range(len(self._batches)), None, self._shuffle)
        for index in order:
            yield self._batches[int(index)]

    def on_epoch_end(self) -> None:
        if hasattr(self._batches, "on_epoch_end"):
            self._batches.on_epoch_end()


def _length(batches: Any) -> int | None:
    try:
        count = len(batches)
    except TypeError:
        return None
    return int(count)


def _class_weights(op: str, class_weight: Any) -> Tensor | None:
    """Weights by label, 1 for those that the dict leaves out."""
    if class_weight is None:
        return None
    if not isinstance(class_weight, dict):
        raise TypeError(f"{op}: argument class_weight expected a dict, got {class_weight!r}")
    if not class_weight or not all(
        isinstance(label, int | np.integer) and label >= 0 for label in class_weight
    ):
        raise ValueError(f"{op}: argument class_weight expected labels from 0, got {class_weight}")
    weights = [1.0] * (max(class_weight) + 1)
    for label, weight in class_weight.items():
        weights[label] = float(weight)
    return tensor(weights, dtype="float32")
