"""Modules: each called with the parameters of a sample, against the reference of its function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cygnet import Tensor, nn
from tests.op_cases.case import Case, Sample, case, x

SMALL = 600  # numbers in a sample: the kernels' edges are tested by the functions' rows
ENOUGH = 8
Make = Callable[..., nn.Module]


def call(net: nn.Module, tensors: Sequence[Tensor], **options: Any) -> Any:
    """The module's result, with the last of the tensors in the place of its parameters."""
    floats = [t for t in tensors if t.dtype.kind == "f"]
    if floats:
        net.to(floats[0].dtype)
    names = [name for name, _ in net.named_parameters()]
    count = len(tensors) - len(names)
    for name, tensor in zip(names, tensors[count:], strict=True):
        path, _, attribute = name.rpartition(".")
        net.get_submodule(path).__dict__[attribute] = tensor
    return net(*tensors[:count], **options)


def few(samples: Sequence[Sample]) -> list[Sample]:
    """The first samples that are small."""
    small = [i for i in samples if sum(int(np.prod(a.shape)) for a in i.inputs) <= SMALL]
    return small[:ENOUGH]


def mirrored(
    name: str,
    row: Case,
    make: Make,
    samples: Sequence[Sample] | None = None,
    before: Callable[..., Any] = lambda *tensors: tensors,
    **rest: Any,
) -> Case:
    """The row of a module that does what the function of `row` does.

    `make` takes the shapes of the sample's arrays and its options; `before` makes what the module
    and its parameters are from the sample's tensors.
    """

    def function(*tensors: Tensor, **options: Any) -> Any:
        given = before(*tensors)
        return call(make([t.shape for t in given], **options), given)

    samples = few(row.samples) if samples is None else samples
    return replace(row, name=f"nn.{name}", samples=samples, function=function, **rest)


def composed(
    name: str,
    make: Make,
    reference: Callable[..., Any],
    samples: Sequence[Sample],
    arguments: Callable[..., dict[str, Any]] = lambda **options: {},
) -> Case:
    """The row of a module with many parameters, which are added to the samples.

    `make` takes the sample's options, as does `reference`, with the parameters by name as `p`;
    `arguments` gives those that the call itself takes, by name.
    """

    def with_parameters(sample: Sample) -> Sample:
        shapes = [p.shape for p in make(**sample.options).parameters()]
        return Sample((*sample.inputs, *(x(*shape) for shape in shapes)), sample.options)

    def function(*tensors: Tensor, **options: Any) -> Any:
        net = make(**options)
        masks = arguments(**options)
        count = len(tensors) - len(list(net.parameters())) - len(masks)
        named = dict(zip(masks, tensors[count:], strict=False))
        return call(net, (*tensors[:count], *tensors[count + len(masks) :]), **named)

    def of_arrays(*arrays: np.ndarray, **options: Any) -> Any:
        names = [name for name, _ in make(**options).named_parameters()]
        count = len(arrays) - len(names)
        p = dict(zip(names, arrays[count:], strict=True))
        return reference(*arrays[:count], p=p, **options)

    return case(
        f"nn.{name}", of_arrays, [with_parameters(i) for i in samples], function,
        float32=(1e-5, 1e-5), layout_bits=False,
        reason="several sums, one after another, whose order follows the memory order",
    )  # fmt: skip
