"""What all ops do with NaN, with infinities, with nothing, and with other numbers of threads.

    python -m tests.numbers           # all samples of all rows of the table, a minute or two
    python -m tests.numbers conv lstm # of those whose name holds one of these

NaN: an element of an input is changed, which shows the elements of the results that depend on it.
Where it is NaN, these must be NaN. The same from an element of the incoming gradient to the
gradients. Infinities: with one in an input of the first sample, NaN and both infinities stand
where those of the reference in double precision stand. Threads: 1, 2, 3, 4 and 7 give the same
bits, forward and gradients.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import cygnet
from cygnet import as_tensor, kernels
from tests.op_cases import CASES, Case, Sample
from tests.test_op_cases import Run, check_bits, in_tuple, probe_of, references

THREADS = (2, 3, 4, 7)

# Why NaN does not reach what depends on an input: by the row's name and the number of the input.
_BY_NAME = "its purpose is to keep NaN out"
_NO_BIN = "it lies in no bin, as in PyTorch"
_SORTED = "NaN counts as the largest: all others move by a place, as in PyTorch"
_PLACES = "the input says which elements are taken, not their values"
_OUTSIDE = "a place that is no number counts as one outside, or as -1, as PyTorch documents it"
EXCEPTIONS: dict[tuple[str, int], str] = {
    ("fmax", 0): _BY_NAME,
    ("fmax", 1): _BY_NAME,
    ("fmin", 0): _BY_NAME,
    ("fmin", 1): _BY_NAME,
    ("nansum", 0): _BY_NAME,
    ("nanmean", 0): _BY_NAME,
    ("nan_to_num", 0): _BY_NAME,
    ("sign", 0): "neither above nor below 0: 0, as in PyTorch",
    ("sgn", 0): "neither above nor below 0: 0, as in PyTorch",
    ("heaviside", 0): "neither above nor below 0: 0, as in PyTorch",
    ("copysign", 1): "NaN has a sign",
    ("histc", 0): _NO_BIN,
    ("histogram", 0): _NO_BIN,
    ("histogram at edges", 0): _NO_BIN,
    ("histogram at edges", 1): "an edge that is no number bounds no bin",
    ("histogramdd", 0): _NO_BIN,
    ("mode of floats", 0): "NaN equals nothing, so others come more often",
    ("nanmedian", 0): _BY_NAME,
    ("nanmedian along", 0): _BY_NAME,
    ("nanmedian of numbers", 0): _BY_NAME,
    ("nanquantile", 0): _BY_NAME,
    ("nanquantile several", 0): _BY_NAME,
    ("linalg.cholesky_ex", 0): "its info tells of it",
    ("slogdet", 0): "the logarithm is NaN, the sign is that of numbers",
    ("renorm", 0): "a norm that is no number is not above the largest, as in PyTorch",
    ("sort", 0): _SORTED,
    ("msort", 0): _SORTED,
    ("topk", 0): _SORTED,
    ("kthvalue", 0): _SORTED,
    **{(f"max_unpool{n}d", 0): _PLACES for n in (1, 2, 3)},
    **{(f"nn.MaxUnpool{n}d", 0): _PLACES for n in (1, 2, 3)},
    **{
        (f"{op} {how}", 1): _OUTSIDE
        for op in ("grid_sample", "projective_transform")
        for how in ("bilinear", "nearest", "bicubic", "large")
    },
}

# Why an infinity in an input leaves other infinities and NaN than in the reference: by the first
# words of the row's name.
_ZEROS = "the reference multiplies with the zeros of a matrix; the op only adds what has a weight"
_BRACKETS = "the reference adds or multiplies in another order, so that infinities meet"
_FACTORS = "what is left of a matrix with an infinity depends on the order of the elimination"
_SERIES = "the reference's series does not converge; checked against the limit of the function"
INFINITIES: dict[str, str] = {
    **dict.fromkeys(
        ("interpolate", "upsample", "nn.Upsample", "grid_sample", "projective_transform"), _ZEROS
    ),
    **dict.fromkeys(("conv1d channels last", "conv_transpose", "nn.ConvTranspose2d"), _ZEROS),
    "nn.Upsampling": _ZEROS,
    "gradient at points": _BRACKETS,
    **dict.fromkeys(("einsum ij,jk,kl->il", "einsum bn,anm,bm->ba", "bilinear"), _BRACKETS),
    "nn.MultiheadAttention": _BRACKETS,
    **dict.fromkeys(
        ("linalg.solve_triangular", "triangular_solve", "cholesky_", "logdet"), _FACTORS
    ),
    **dict.fromkeys(("qr", "linalg.qr", "geqrf", "orgqr", "ormqr"), _FACTORS),
    **dict.fromkeys(("i0", "special.i0e", "special.i1e", "igamma", "polygamma"), _SERIES),
    **dict.fromkeys(("erfinv", "special.erfcx", "special.entr", "special.zeta"), _SERIES),
    "nan_to_num": "the largest number of float32 is not that of float64",
    "pow 0.5": "a square root, as in PyTorch",
    "nextafter": "the largest number of float32 is not that of float64",
    "type_as": "the input only gives its type",
    "gumbel_softmax": "the reference draws no noise",
    "dropout of all": "the reference multiplies with zero",
    "nn.Dropout of all": "the reference multiplies with zero",
    **dict.fromkeys(
        ("binary_cross_entropy_with_logits", "nn.BCEWithLogitsLoss"),
        "the reference subtracts infinities where the loss has a limit",
    ),
}


def results(case: Case, sample: Sample, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Those of the op without gradients."""
    cygnet.manual_seed(0)
    with cygnet.no_grad():
        outputs = in_tuple(case.function(*map(as_tensor, arrays), **sample.options))
        return [np.array(output.numpy()) for output in outputs]


def gradients(
    case: Case, sample: Sample, arrays: Sequence[np.ndarray], probe: np.ndarray
) -> list[np.ndarray]:
    """Those of the inputs, from an incoming gradient."""
    cygnet.manual_seed(0)
    inputs = [
        as_tensor(a).requires_grad_(i.differentiable)
        for a, i in zip(arrays, sample.inputs, strict=True)
    ]
    in_tuple(case.function(*inputs, **sample.options))[0].backward(as_tensor(probe))
    return [np.array(each.grad.numpy()) for each in inputs if each.grad is not None]


def moved(kind: str, value: float) -> list[float]:
    """Other values that the op takes in the place of one."""
    if kind == "probability":
        return [value / 2, (1 + value) / 2]
    if kind == "positive":
        return [value / 2, value * 2]
    return [value - 1.5, value + 1.5, value - 10, value + 10]


def depends(base: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Which elements differ in one of the others by more than rounding."""
    found = np.zeros(base.shape, bool)
    for other in others:
        if other.shape == base.shape:
            found |= np.abs(other - base) > 1e-4 * (1 + np.abs(base))
    return found


def put(arrays: Sequence[np.ndarray], which: int, place: int, value: float) -> list[np.ndarray]:
    changed = [a.copy() for a in arrays]
    changed[which].reshape(-1)[place] = value
    return changed


def places_in(size: int) -> set[int]:
    """The last element and one at random."""
    return {size - 1, int(np.random.default_rng(1).integers(size))}


def stopped(base: list[np.ndarray], others: list[list[np.ndarray]], got: list[np.ndarray]) -> int:
    """How many floats depend on what was changed, and are not NaN."""
    count = 0
    for i, (before, now) in enumerate(zip(base, got, strict=True)):
        if before.dtype.kind == "f" and before.shape == now.shape:
            needed = depends(before, [other[i] for other in others])
            count += int(np.count_nonzero(needed & ~np.isnan(now)))
    return count


def lost_nan(case: Case, sample: Sample) -> Iterator[str]:
    """Where a NaN in an input, or in the incoming gradient, does not reach what depends on it."""
    arrays = sample.draw(np.float32)
    base = results(case, sample, arrays)
    for which, (a, drawn) in enumerate(zip(arrays, sample.inputs, strict=True)):
        if a.dtype.kind != "f" or not a.size or (case.name, which) in EXCEPTIONS:
            continue
        for place in places_in(a.size):
            value = float(a.reshape(-1)[place])
            try:
                others = [
                    results(case, sample, put(arrays, which, place, other))
                    for other in moved(drawn.kind, value)
                ]
                got = results(case, sample, put(arrays, which, place, np.nan))
            except cygnet.linalg.LinAlgError:  # it has no factors: an error is no silent number
                continue
            if count := stopped(base, others, got):
                yield f"{case.name} {sample}: NaN at {place} of input {which}: {count} are not"
    if not case.gradient or not base[0].size:
        return
    probe = probe_of(base[0].shape, base[0].dtype)
    first = gradients(case, sample, arrays, probe)
    for place in places_in(probe.size):
        given = float(probe.reshape(-1)[place])
        others = [
            gradients(case, sample, arrays, put([probe], 0, place, other)[0])
            for other in (given + 1.5, given - 10)
        ]
        got = gradients(case, sample, arrays, put([probe], 0, place, np.nan)[0])
        if count := stopped(first, others, got):
            yield f"{case.name} {sample}: NaN at {place} of the gradient: {count} are not"


def other_infinities(case: Case, sample: Sample) -> Iterator[str]:
    """Where an infinity in an input leaves NaN or infinities at other places than the reference."""
    if case.name.startswith(tuple(INFINITIES)):
        return
    arrays = sample.draw(np.float32)
    for which, a in enumerate(arrays):
        if a.dtype.kind != "f" or not a.size:
            continue
        for value in (np.inf, -np.inf):
            changed = put(arrays, which, a.size - 1, value)
            try:
                got = results(case, sample, changed)
            except (cygnet.linalg.LinAlgError, ValueError):  # an error is no silent number
                continue
            try:
                with np.errstate(all="ignore"):
                    expected = references(case, sample, changed)
            except (np.linalg.LinAlgError, ValueError):  # NumPy has none
                continue
            for mine, reference in zip(got, expected, strict=True):
                if mine.dtype.kind == "f" and any(
                    not np.array_equal(holds(mine), holds(reference))
                    for holds in (np.isnan, np.isposinf, np.isneginf)
                ):
                    yield f"{case.name} {sample}: {value} in input {which}: {mine} for {reference}"


def check_threads(case: Case, sample: Sample) -> None:
    """That the number of threads changes no bit."""
    arrays = sample.draw(np.float32)
    before = kernels.num_threads()
    try:
        kernels.set_num_threads(1)
        cygnet.manual_seed(0)
        one = Run(case, sample, arrays).all()
        for count in THREADS:
            kernels.set_num_threads(count)
            cygnet.manual_seed(0)
            check_bits(Run(case, sample, arrays).all(), one, f"{case.name} {sample} {count}")
    finally:
        kernels.set_num_threads(before)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.numbers")
    parser.add_argument("names", nargs="*", help="parts of names of rows; default all")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    samples = failures = 0
    cases = [c for c in CASES if not options.names or any(n in c.name for n in options.names)]
    for case in cases:
        for failure in other_infinities(case, case.samples[0]):
            failures += 1
            print(failure, flush=True)
        for sample in case.samples:
            samples += 1
            for failure in lost_nan(case, sample):
                failures += 1
                print(failure, flush=True)
            check_threads(case, sample)
    print(f"{len(cases)} rows, {samples} samples, {failures} failures, threads 1 and {THREADS}")
    return 1 if failures else 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
