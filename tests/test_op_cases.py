"""Every row of the table: values, exactness, layouts, gradients, replays and threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor, kernels
from tests.op_cases import CASES, Case, Sample

FLOAT64 = (1e-7, 1e-7)
ROWS = [
    pytest.param(case, sample, id=f"{case.name}[{i}:{sample}]".replace(" ", "-"))
    for case in CASES
    for i, sample in enumerate(case.samples)
]
each = pytest.mark.parametrize(("case", "sample"), ROWS)
each_differentiable = pytest.mark.parametrize(
    ("case", "sample"), [row for row in ROWS if row.values[0].gradient]
)


def in_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def probe_of(shape: tuple[int, ...], dtype: Any, integers: bool = False) -> np.ndarray:
    """The gradient that is sent back through the op."""
    generator = np.random.default_rng(99)
    values = generator.integers(-3, 4, shape) if integers else generator.standard_normal(shape)
    return np.asarray(values).astype(dtype)


class Run:
    """The op on tensors around `arrays`, and its backward; results stay tensors until asked for."""

    def __init__(
        self, case: Case, sample: Sample, arrays: Sequence[np.ndarray], integers: bool = False
    ) -> None:
        self.inputs = [
            as_tensor(a).requires_grad_(case.gradient and i.differentiable)
            for a, i in zip(arrays, sample.inputs, strict=True)
        ]
        self.outputs = in_tuple(case.function(*self.inputs, **sample.options))
        if case.gradient:
            probe = probe_of(self.outputs[0].shape, self.outputs[0].dtype, integers)
            self.outputs[0].backward(as_tensor(probe))

    def values(self) -> list[np.ndarray]:
        return [output.detach().numpy() for output in self.outputs]

    def gradients(self) -> list[np.ndarray | None]:
        return [None if i.grad is None else i.grad.numpy() for i in self.inputs]

    def all(self) -> list[np.ndarray]:
        return [np.array(a) for a in (*self.values(), *self.gradients()) if a is not None]


def references(case: Case, sample: Sample, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    return [np.asarray(r) for r in in_tuple(case.reference(*wide, **sample.options))]


def check_close(
    actual: np.ndarray, expected: np.ndarray, tolerance: tuple[float, float], what: str = ""
) -> None:
    assert actual.shape == expected.shape, what
    scale = max(1.0, np.abs(expected).max(initial=0.0)) if np.isfinite(expected).all() else 1.0
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance[0], atol=tolerance[1] * scale, err_msg=what
    )


def check_bits(
    actual: Sequence[np.ndarray], expected: Sequence[np.ndarray], what: str = ""
) -> None:
    assert len(actual) == len(expected), what
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == e.dtype, what
        np.testing.assert_array_equal(a, e, err_msg=what)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@each
def test_forward(case: Case, sample: Sample, dtype: Any) -> None:
    arrays = sample.draw(dtype)
    values = Run(case, sample, arrays).values()
    expected = references(case, sample, arrays)
    assert len(values) == len(expected)
    for value, reference in zip(values, expected, strict=True):
        if reference.dtype.kind == "f":
            assert value.dtype == dtype
        if case.exact or reference.dtype.kind != "f":
            assert value.shape == reference.shape
            np.testing.assert_array_equal(value, reference.astype(value.dtype))
        else:
            check_close(value, reference, case.float32 if dtype == np.float32 else FLOAT64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@pytest.mark.parametrize(("case", "sample"), [row for row in ROWS if row.values[0].integers])
def test_small_integers_are_exact(case: Case, sample: Sample, dtype: Any) -> None:
    arrays = sample.draw(dtype, integers=True)
    run = Run(case, sample, arrays, integers=True)
    for value, reference in zip(run.values(), references(case, sample, arrays), strict=True):
        np.testing.assert_array_equal(value, reference)
    # A gradient of sums and products is one too: both types hold it exactly.
    other = Run(case, sample, [a.astype(np.float64) for a in arrays], integers=True)
    for gradient, reference in zip(run.gradients(), other.gradients(), strict=True):
        np.testing.assert_array_equal(gradient, reference)


def transposed(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.T).T if a.ndim else a


def channels_last(a: np.ndarray) -> np.ndarray:
    return (
        np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
        if a.ndim >= 3
        else transposed(a)
    )


def negative(a: np.ndarray) -> np.ndarray:
    flip = (slice(None, None, -1),) * a.ndim
    return a[flip].copy()[flip] if a.ndim else a


def sliced(a: np.ndarray) -> np.ndarray:
    room = np.full([2 * n + 1 for n in a.shape], 77, a.dtype)
    part = room[tuple(slice(1, 1 + 2 * n, 2) for n in a.shape)] if a.ndim else room
    part[...] = a
    return part


def misaligned(a: np.ndarray) -> np.ndarray:
    room = np.zeros(a.nbytes + 1, np.uint8)
    part = np.ndarray(a.shape, a.dtype, room.data, offset=1)
    part[...] = a
    return part


def read_only(a: np.ndarray) -> np.ndarray:
    part = a.copy()
    part.flags.writeable = False
    return part


def repeated(a: np.ndarray) -> np.ndarray:
    return np.broadcast_to(a[:1], a.shape) if a.ndim and a.shape[0] else a


LAYOUTS = (transposed, channels_last, negative, sliced, misaligned, read_only, repeated)


@each
def test_layouts(case: Case, sample: Sample) -> None:
    """Any memory order, alignment and repetition gives what contiguous arrays give."""
    arrays = sample.draw(np.float32)
    plain = Run(case, sample, [np.array(a, order="C") for a in arrays]).all()
    for layout in LAYOUTS:
        others = [layout(a) for a in arrays]
        if layout is repeated:
            plain = Run(case, sample, [np.array(a, order="C") for a in others]).all()
        strided = Run(case, sample, others).all()
        if case.layout_bits:
            check_bits(strided, plain, layout.__name__)
        else:
            assert case.reason
            for a, b in zip(strided, plain, strict=True):
                check_close(a, b, case.float32, layout.__name__)


def finite_difference(
    loss: Callable[[list[np.ndarray]], float],
    arrays: list[np.ndarray],
    which: int,
    directions: np.ndarray,
) -> np.ndarray:
    """Central differences of `loss` along each of `directions` in the argument `which`."""
    step = 1e-6
    slopes = []
    for direction in directions:
        sides = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[which] = arrays[which] + sign * step * direction
            sides.append(loss(moved))
        slopes.append((sides[0] - sides[1]) / (2 * step))
    return np.array(slopes)


@each_differentiable
def test_gradient(case: Case, sample: Sample) -> None:
    arrays = sample.draw(np.float64)
    run = Run(case, sample, arrays)
    probe = probe_of(run.outputs[0].shape, np.float64)

    def loss(at: list[np.ndarray]) -> float:
        return float((references(case, sample, at)[0] * probe).sum())

    for i, gradient in enumerate(run.gradients()):
        if not sample.inputs[i].differentiable:
            assert gradient is None
            continue
        assert (
            gradient is not None
            and gradient.shape == arrays[i].shape
            and gradient.dtype == np.float64
        )
        count = arrays[i].size
        if count <= 150:  # every element; of larger arrays a few random directions
            directions = np.eye(count).reshape(count, *arrays[i].shape)
        else:
            directions = np.random.default_rng(i).choice([-1.0, 1.0], (4, *arrays[i].shape))
            directions /= np.sqrt(count)
        slopes = finite_difference(loss, arrays, i, directions)
        products = np.array([(gradient * d).sum() for d in directions])
        scale = max(1.0, np.abs(slopes).max(initial=0), abs(loss(arrays)) * 1e-3)
        np.testing.assert_allclose(
            products, slopes, rtol=1e-5, atol=2e-6 * scale, err_msg=f"input {i}"
        )


@each_differentiable
def test_gradient_of_float32(case: Case, sample: Sample) -> None:
    arrays = sample.draw(np.float32)
    single = Run(case, sample, arrays).gradients()
    double = Run(
        case, sample, [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    ).gradients()
    for a, b in zip(single, double, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert a.dtype == np.float32
            # The probe is rounded too, and a gradient is a product of several rounded factors.
            check_close(a, b, (1e-5, 2e-5))


@pytest.mark.parametrize(
    ("case", "sample"),
    [row for row in ROWS if row.values[0].gradient and row.values[0].second],
)
def test_second_derivative(case: Case, sample: Sample) -> None:
    """The gradient of the sum of squares of the gradients, against its finite differences."""
    arrays = sample.draw(np.float64)
    which = [i for i, argument in enumerate(sample.inputs) if argument.differentiable]
    squared: dict[str, Any] = {}

    def squares(at: list[np.ndarray], create_graph: bool) -> Tensor:
        inputs = [as_tensor(a).requires_grad_(i in which) for i, a in enumerate(at)]
        output = in_tuple(case.function(*inputs, **sample.options))[0]
        probe = as_tensor(probe_of(output.shape, np.float64))
        gradients = cygnet.autograd.grad(
            output, [inputs[i] for i in which], probe, create_graph=create_graph
        )
        squared["inputs"] = inputs
        return sum(
            ((g * g).sum() for g in gradients if g is not None), cygnet.zeros((), dtype=np.float64)
        )

    total = squares(arrays, create_graph=True)
    inputs = [squared["inputs"][i] for i in which]
    if total.requires_grad:
        seconds = cygnet.autograd.grad(total, inputs, allow_unused=True)
    else:  # the op is linear in each input alone: its gradient is constant
        seconds = (None,) * len(inputs)
    generator = np.random.default_rng(5)
    for i, second in zip(which, seconds, strict=True):
        directions = generator.choice([-1.0, 1.0], (2, *arrays[i].shape)) / np.sqrt(
            max(1, arrays[i].size)
        )
        slopes = finite_difference(lambda at: squares(at, False).item(), arrays, i, directions)
        products = [
            0.0 if second is None else float((second.detach().numpy() * d).sum())
            for d in directions
        ]
        scale = max(1.0, np.abs(slopes).max(initial=0), abs(total.item()) * 1e-3)
        np.testing.assert_allclose(
            products, slopes, rtol=1e-5, atol=5e-6 * scale, err_msg=f"input {i}"
        )


@pytest.mark.parametrize(("case", "sample"), [row for row in ROWS if row.values[0].recorded])
def test_replay(case: Case, sample: Sample) -> None:
    """Recorded, its inputs overwritten and replayed, it gives the bits of an eager run."""
    arrays = sample.draw(np.float32, seed=1)
    with kernels.Recording() as recording:
        recorded = Run(case, sample, arrays)
    fresh = sample.draw(np.float32, seed=2)
    for array, values in zip(arrays, fresh, strict=True):
        array[...] = values
    recording.replay()
    check_bits(recorded.all(), Run(case, sample, fresh).all())


def test_the_table_names_every_row_once() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert not [
        case.name
        for case in CASES
        if not (case.layout_bits and case.second and case.recorded) and not case.reason
    ]


@pytest.mark.parametrize(
    ("case", "sample"),
    [row for row in ROWS if row.values[0].recorded and row.values[1] in row.values[0].samples[:2]],
)
@pytest.mark.parametrize("way", [cygnet.capture, cygnet.compile], ids=["capture", "compile"])
def test_captured(case: Case, sample: Sample, way: Callable[..., Any]) -> None:
    """Captured with its backward inside or behind it, it gives the bits of an eager run."""
    inside = way is cygnet.capture

    def function(*inputs: Tensor) -> Any:
        outputs = in_tuple(case.function(*inputs, **sample.options))
        if not (inside and case.gradient):
            return outputs
        leaves = [each for each in inputs if each.requires_grad]
        probe = as_tensor(probe_of(outputs[0].shape, outputs[0].dtype))
        gradients = cygnet.autograd.grad(outputs[0], leaves, probe, allow_unused=True)
        return *(output.detach() for output in outputs), *gradients

    step = way(function)
    kept = []
    for seed in (1, 2, 3, 4):
        arrays = sample.draw(np.float32, seed=seed)
        inputs = [
            as_tensor(a.copy()).requires_grad_(case.gradient and i.differentiable)
            for a, i in zip(arrays, sample.inputs, strict=True)
        ]
        results = step(*inputs)
        if not inside and case.gradient:
            results[0].backward(as_tensor(probe_of(results[0].shape, results[0].dtype)))
            results = *(each.detach() for each in results), *(each.grad for each in inputs)
        kept.append((results, Run(case, sample, arrays).all()))
    for results, expected in kept:
        check_bits([each.numpy() for each in results if each is not None], expected)
    assert step.recordings == 1, step.reason
