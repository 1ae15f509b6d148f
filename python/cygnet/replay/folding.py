"""Batch normalisation taken into the layers before it, for plans that are frozen.

A model is run twice. In the first run `Observed` notes the calls of layers and normalisations; by
the recorded calls it then finds out which layers' results are read by nothing but a normalisation.
In the second run `Folded` gives these layers other weights, and the normalisations return their
input. The weights are computed by recorded ops: they depend on constants alone, so a frozen plan
does that once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from cygnet.autograd.modes import mode
from cygnet.ops.broadcast import reshape
from cygnet.ops.common import cast
from cygnet.ops.elementwise import add, div, mul, sqrt, sub
from cygnet.tensor import Array, Tensor

__all__ = ["Folded", "Observed"]

Compute = Callable[[Any, Any, str], Tensor]


class _Norm(NamedTuple):
    """What a batch normalisation in evaluation mode does to each channel."""

    mean: Tensor
    variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    eps: float


@dataclass
class _Product:
    """A call of a linear layer or convolution."""

    call: int  # the number of the kernel call
    activation: str
    layout: Any  # of the result; None if its channels cannot be scaled
    norms: list[_Norm] = field(default_factory=list)
    result: int | None = None  # the number of its memory in the second run


@dataclass
class _Follower:
    """A call of a batch normalisation."""

    buffer: int | None  # of the input
    layout: Any
    activation: str
    norm: _Norm
    product: _Product | None = None  # what does it


class _Following:
    """What both runs do alike."""

    def __init__(self, recording: Any) -> None:
        self._recording = recording

    def __enter__(self) -> None:
        mode.folding = self

    def __exit__(self, *error: object) -> None:
        mode.folding = None

    def takes_over(self, tensor: Tensor, result: Tensor) -> bool:
        """Gives a tensor that is written in place the memory of the result instead, if nothing but
        these two tensors knows either memory.
        """
        for each in (tensor, result):
            alone = sys.getrefcount(each._array) == 2 and not isinstance(
                each._array.base, np.ndarray
            )
            if not alone or not self._recording.holds(each._array):
                return False
        tensor._array = result._array
        return True


class Observed(_Following):
    """Notes the calls of a run that is recorded."""

    def __init__(self, recording: Any) -> None:
        super().__init__(recording)
        self._notes: list[_Product | _Follower] = []

    def product(
        self,
        compute: Compute,
        weight: Tensor,
        bias: Tensor | None,
        activation: str,
        axis: int,
        channels: int | None,
    ) -> Tensor:
        """Runs a layer.

        Parameters
        ----------
        compute : callable
            Makes the result from weight, bias and the name of an activation.
        weight, bias, activation
            What the model gave.
        axis, channels : int
            Where the weight and the result have the output channels; channels is None where these
            cannot be scaled.
        """
        result = compute(weight, bias, activation)
        layout = None if channels is None else _layout(result._array, channels)
        self._notes.append(_Product(len(self._recording) - 1, activation, layout))
        return result

    def absorbed(self, input: Tensor, activation: str, *norm: Any) -> bool:
        """Whether the layer before does this as well, so that the input is to be returned.

        Parameters
        ----------
        input : Tensor
        activation : str
        *norm
            Mean, variance, weight, bias and eps of a batch normalisation before the activation.
        """
        buffer = self._recording.buffer(input._array)
        if any(isinstance(t, Tensor) and self._recording.holds(t._array) for t in norm):
            buffer = None  # they are not yet there when the layer runs
        layout = _layout(input._array, 1)
        self._notes.append(_Follower(buffer, layout, activation, _Norm(*norm)))
        return False

    def found(self, results: list[Tensor]) -> list[_Product | _Follower]:
        """The calls, with what layers can do of those that follow; `results` are the model's."""
        kept = {self._recording.buffer(tensor._array) for tensor in results} | {None}
        made: dict[int, _Product] = {}  # by the number of the call that wrote the result
        for note in self._notes:
            if isinstance(note, _Product):
                made[note.call] = note
            elif note.buffer not in kept:
                writers, readers = self._recording.uses(note.buffer)
                product = made.get(writers[0]) if len(writers) == len(readers) == 1 else None
                if product is not None and _joined(product, note):
                    note.product = made[readers[0]] = product
        return self._notes


class Folded(_Following):
    """Does what was found, in a run of the same calls."""

    def __init__(self, recording: Any, notes: list[_Product | _Follower]) -> None:
        super().__init__(recording)
        self._notes = iter(notes)

    def product(
        self,
        compute: Compute,
        weight: Tensor,
        bias: Tensor | None,
        activation: str,
        axis: int,
        channels: int | None,
    ) -> Tensor:
        """Runs a layer, and what was folded into it; see `Observed.product`."""
        product: _Product = self._next(_Product)
        mode.folding = None  # the ops on weights are none of the model's
        for norm in product.norms:
            weight, bias = _folded(weight, bias, norm, axis)
        mode.folding = self
        result = compute(weight, bias, product.activation)
        product.result = self._recording.buffer(result._array)
        return result

    def absorbed(self, input: Tensor, activation: str, *norm: Any) -> bool:
        """Whether the input is to be returned; see `Observed.absorbed`."""
        product = self._next(_Follower).product
        if product is not None and product.result != self._recording.buffer(input._array):
            raise RuntimeError(_OTHER_CALLS)
        return product is not None

    def _next(self, kind: Any) -> Any:
        note = next(self._notes, None)
        if not isinstance(note, kind):
            raise RuntimeError(_OTHER_CALLS)
        return note


_OTHER_CALLS = "freeze: the model makes other calls each time it is called with the same arguments"


def _layout(array: Array, channels: int) -> Any:
    """How the elements lie, whatever the order of axes; equal ones have the same channels."""
    axes = sorted((s, n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    return array.ctypes.data, axes, array.shape[channels], array.strides[channels]


def _joined(product: _Product, follower: _Follower) -> bool:
    """Lets a layer do what follows it, if it can."""
    if product.activation != "none" or product.layout != follower.layout:
        return False
    product.norms.append(follower.norm)
    product.activation = follower.activation
    return True


def _folded(weight: Tensor, bias: Tensor | None, norm: _Norm, axis: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer with a batch normalisation behind it, computed in float64."""
    double = np.dtype(np.float64)
    mean, variance = cast(norm.mean, double), cast(norm.variance, double)
    scale = div(1.0, sqrt(add(variance, norm.eps)))
    if norm.weight is not None:
        scale = mul(scale, cast(norm.weight, double))
    shift = mul(sub(0.0 if bias is None else cast(bias, double), mean), scale)
    if norm.bias is not None:
        shift = add(shift, cast(norm.bias, double))
    shape = [1] * weight.ndim
    shape[axis] = -1
    scaled = mul(cast(weight, double), reshape(scale, tuple(shape)))
    return cast(scaled, weight.dtype), cast(shift, weight.dtype)
