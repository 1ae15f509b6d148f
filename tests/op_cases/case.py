"""What a row of the table is made of.

A row is a `Case`: an op on tensors, its float64 NumPy reference, and samples of arguments. A sample
is a list of `Input`s (how to draw an array) and the options that op and reference both take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import cygnet


@dataclass(frozen=True)
class Input:
    """How to draw one array; `kind` names the range, see `draw`."""

    shape: tuple[int, ...]
    kind: str = "normal"
    high: int = 0
    fixed: bool = False

    @property
    def differentiable(self) -> bool:
        """Whether the op has a gradient for this argument."""
        return not self.fixed and self.kind not in ("labels", "mask", "order")

    def draw(
        self, generator: np.random.Generator, dtype: Any = np.float64, integers: bool = False
    ) -> np.ndarray:
        """An array of float `dtype`, or of int64 labels or bool; `integers` draws small whole numbers."""
        shape, count = self.shape, int(np.prod(self.shape))
        match self.kind:
            case "labels":
                return generator.integers(0, self.high, shape)
            case "order":
                places = np.arange(shape[self.high]).reshape(
                    [-1 if i == self.high else 1 for i in range(len(shape))]
                )
                return generator.permuted(np.broadcast_to(places, shape), axis=self.high)
            case "mask":
                return generator.integers(0, 2, shape).astype(bool)
            case "distinct":  # no two closer than 0.25: a finite difference crosses no tie
                values = (generator.permutation(count) - count // 2).reshape(shape) * 0.25
                return np.asarray(values * 4 if integers else values).astype(dtype)
        if integers:
            low, high = (1, 5) if self.kind in ("positive", "probability") else (-4, 5)
            return generator.integers(low, high, shape).astype(dtype)
        match self.kind:
            case "normal":
                values = generator.standard_normal(shape)
            case "positive":
                values = generator.uniform(0.5, 2.0, shape)
            case "probability":
                values = generator.uniform(0.05, 0.95, shape)
            case "kinked":  # at least 0.1 from zero, where relu and abs have their kink
                values = generator.standard_normal(shape)
                values = np.where(values < 0, values - 0.1, values + 0.1)
            case "wide":  # far into the tails of exp, tanh and sigmoid
                values = generator.uniform(-30.0, 30.0, shape)
            case _:
                raise ValueError(f"unknown kind {self.kind!r}")
        return np.asarray(values).astype(dtype)


def x(*shape: int) -> Input:
    """Standard normal numbers."""
    return Input(shape)


def positive(*shape: int) -> Input:
    """Numbers in [0.5, 2)."""
    return Input(shape, "positive")


def probability(*shape: int) -> Input:
    """Numbers in [0.05, 0.95)."""
    return Input(shape, "probability")


def kinked(*shape: int) -> Input:
    """Normal numbers that keep 0.1 away from zero."""
    return Input(shape, "kinked")


def wide(*shape: int) -> Input:
    """Numbers in [-30, 30)."""
    return Input(shape, "wide")


def distinct(*shape: int) -> Input:
    """Multiples of 0.25, no two alike."""
    return Input(shape, "distinct")


def labels(*shape: int, below: int) -> Input:
    """int64 in [0, below)."""
    return Input(shape, "labels", below)


def orders(*shape: int, axis: int = 0) -> Input:
    """int64: 0, 1, ... in another order, along an axis."""
    return Input(shape, "order", axis)


def mask(*shape: int) -> Input:
    """Booleans."""
    return Input(shape, "mask")


def fixed(argument: Input) -> Input:
    """An argument that the op gives no gradient."""
    return replace(argument, fixed=True)


@dataclass(frozen=True)
class Sample:
    """Arguments of one call."""

    inputs: tuple[Input, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = ",".join("x".join(map(str, i.shape)) or "0d" for i in self.inputs)
        options = ",".join(
            f"{name}={value}".replace(" ", "") for name, value in self.options.items()
        )
        return f"{shapes};{options}" if options else shapes

    def draw(
        self, dtype: Any = np.float64, *, seed: int = 0, integers: bool = False
    ) -> list[np.ndarray]:
        """The arrays; the same numbers, rounded, for either dtype."""
        generator = np.random.default_rng(seed)
        return [i.draw(generator, dtype, integers) for i in self.inputs]


def s(*inputs: Input, **options: Any) -> Sample:
    """A sample."""
    return Sample(inputs, options)


@dataclass(frozen=True)
class Case:
    """A row.

    Attributes
    ----------
    name : str
        Unique; the public name of the op, method or module, then the variant where there are several
        rows.
    reference : callable
        float64 arrays and the sample's options to the array or arrays that the op gives.
    samples : sequence of Sample
    function : callable
        Tensors and options to a tensor or several; default: the op of that name.
    exact : bool
        A copy or a choice: the result is the reference's to the bit, for any input.
    integers : bool
        A sum of products: exact where the inputs are small integers.
    gradient : bool
        Whether the float inputs have a gradient.
    second : bool
        Whether that gradient has a gradient; a row without one gives its reason.
    float32 : tuple of float
        Relative and absolute tolerance; the absolute one times max(1, max|reference|).
    layout_bits : bool
        Whether a strided input gives the bits of a contiguous one; else it agrees within the tolerance.
    recorded : bool
        Whether a recording can be replayed with other numbers: not where the size of the result
        depends on them.
    reason : str
        Why a row departs from the default in tolerance, bits or second derivatives.
    """

    name: str
    reference: Callable[..., Any]
    samples: Sequence[Sample]
    function: Callable[..., Any]
    exact: bool = False
    integers: bool = False
    gradient: bool = True
    second: bool = True
    float32: tuple[float, float] = (1.3e-6, 1e-5)
    layout_bits: bool = True
    recorded: bool = True
    reason: str = ""


def op(name: str) -> Callable[..., Any]:
    """The op of that name, looked up when it is called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(cygnet.ops, name)(*arguments, **options)

    return call


def case(
    name: str,
    reference: Callable[..., Any],
    samples: Sequence[Sample | Input],
    function: Callable[..., Any] | None = None,
    **rest: Any,
) -> Case:
    """A row; an `Input` in the place of a sample stands for that one argument."""
    rows = [i if isinstance(i, Sample) else s(i) for i in samples]
    return Case(name, reference, rows, function or op(name), **rest)
