"""What transforms have in common, those that hold others, and from arrays to tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.data.augmentation import current_cell, drawn
from cygnet.dtypes import NAMES
from cygnet.kernels import DTypeError, ShapeError
from cygnet.ops.common import wrap
from cygnet.ops.create import as_tensor
from cygnet.tensor import FLOATS, Tensor

__all__ = ["Compose", "Lambda", "RandomApply", "ToTensor", "Transform"]


class Transform:
    """Base of what changes one image: a subclass defines `apply`.

    It is called with a Tensor or an array of (C, H, W) and gives a Tensor; what it was given stays
    as it is, and no gradient goes back to it. Random numbers come from `drawn`: in a `DataLoader`
    over a `TransformedDataset` they follow from the seed, the epoch and the sample's index,
    elsewhere each call takes the next ones of the default generator's stream 'augmentation'.
    """

    _any_dtype = False  # whether `apply` takes integers too

    def apply(self, image: Tensor) -> Tensor:
        """The changed image."""
        raise NotImplementedError(f"{type(self).__name__} must define apply")

    def __call__(self, image: Any) -> Tensor:
        if isinstance(image, np.ndarray):
            image = as_tensor(image)
        elif not isinstance(image, Tensor):
            raise TypeError(
                f"{type(self).__name__}: image expected a Tensor or an array, got "
                f"{type(image).__name__}"
            )
        array = image._array
        if array.ndim != 3 or not array.size:
            raise ShapeError(
                f"{type(self).__name__}: image has shape {array.shape}, expected (C, H, W) above 0"
            )
        if not self._any_dtype and array.dtype not in FLOATS:
            raise DTypeError(
                f"{type(self).__name__}: image is {array.dtype}, expected float32 or float64; "
                "ToTensor makes such an image of bytes"
            )
        return self.apply(wrap(array) if image.requires_grad else image)

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k[0] != "_")
        return f"{type(self).__name__}({given})"


class Compose:
    """Transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet.data import transforms
    >>> change = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    >>> change(np.array([[0, 255]], np.uint8))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = checked_callables(type(self).__name__, transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {each!r}," for each in self.transforms)
        return f"{type(self).__name__}([{lines}\n])"


class RandomApply(Compose):
    """Transforms one after the other with a given probability, else none of them.

    Parameters
    ----------
    transforms : sequence of callable
    p : float
        Default 0.5.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = probability("RandomApply", p)

    def __call__(self, image: Any) -> Any:
        return super().__call__(image) if happens(self.p) else image


class Lambda:
    """A function as a transform.

    Parameters
    ----------
    lambd : callable
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = checked_callables("Lambda", [lambd], "lambd")[0]

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return f"Lambda({self.lambd!r})"


class ToTensor:
    """A picture as a tensor: (H, W, C) or (H, W) becomes (C, H, W), bytes 0 ... 255 float32 from 0
    to 1; other types keep their numbers.
    """

    def __call__(self, picture: Any) -> Tensor:
        array = np.asarray(picture._array if isinstance(picture, Tensor) else picture)
        if array.ndim not in (2, 3):
            raise ShapeError(
                f"ToTensor: picture has shape {array.shape}, expected (H, W) or (H, W, C)"
            )
        if array.dtype.kind not in "fiub":
            raise DTypeError(f"ToTensor: picture is {array.dtype}, expected numbers")
        planes = array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)
        image = as_tensor(planes).contiguous()
        return image.float() / 255 if array.dtype == np.uint8 else image

    def __repr__(self) -> str:
        return "ToTensor()"


def happens(p: float) -> bool:
    """Whether what has probability `p` happens."""
    return drawn((0.0, 1.0))[0] < p


def noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal numbers of the other tensor's type."""
    return wrap(kernels.normal(kernels.empty(shape, NAMES[like.dtype]), current_cell()))


def checked_callables(name: str, given: Any, argument: str = "transforms") -> list[Any]:
    """The callables as a list, each checked."""
    if not isinstance(given, Sequence):
        raise TypeError(f"{name}: {argument} expected a sequence, got {type(given).__name__}")
    for i, each in enumerate(given):
        if not callable(each):
            raise TypeError(f"{name}: {argument}[{i}] expected a callable, got {each!r}")
    return list(given)


def probability(name: str, p: Any) -> float:
    """The number, checked."""
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ValueError(f"{name}: p expected a number from 0 to 1, got {p!r}")
    return float(p)


def numbers(name: str, argument: str, value: Any, counts: Sequence[int]) -> tuple[float, ...]:
    """Several finite numbers, as many as one of `counts`."""
    given = [value] if isinstance(value, int | float) else value
    if isinstance(given, np.ndarray | Tensor):
        given = given.tolist()
    fits = isinstance(given, Sequence) and len(given) in counts
    if not fits or not all(isinstance(n, int | float) and math.isfinite(n) for n in given):
        wanted = " or ".join(map(str, counts))
        raise ValueError(f"{name}: {argument} expected {wanted} numbers, got {value!r}")
    return tuple(given)


def interval(
    name: str, argument: str, value: Any, center: float | None = None, low: float = -math.inf
) -> tuple[float, float]:
    """A range (low, high); one number is as much below `center` as above, but not below `low`."""
    ends = numbers(name, argument, value, (2,) if center is None else (1, 2))
    if len(ends) == 1:
        if ends[0] < 0:
            raise ValueError(f"{name}: {argument} expected a number of at least 0, got {value!r}")
        assert center is not None
        ends = (max(center - ends[0], low), center + ends[0])
    if not low <= ends[0] <= ends[1]:
        raise ValueError(
            f"{name}: {argument} expected two rising numbers"
            + (f" of at least {low:g}" if math.isfinite(low) else "")
            + f", got {value!r}"
        )
    return ends[0], ends[1]


def image_size(name: str, size: Any) -> tuple[int, int]:
    """(height, width); one number is both."""
    sizes = (size, size) if isinstance(size, int) else size
    if (
        not isinstance(sizes, Sequence)
        or len(sizes) not in (1, 2)
        or not all(isinstance(n, int) and n > 0 for n in sizes)
    ):
        raise ValueError(f"{name}: size expected one or two ints above 0, got {size!r}")
    return sizes[0], sizes[-1]
