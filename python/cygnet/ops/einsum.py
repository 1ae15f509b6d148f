"""Einstein's sum convention, by permutations and matrix products."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, sum, to_shape
from cygnet.ops.common import as_tensor, cast
from cygnet.ops.products import _product
from cygnet.ops.shape import diagonal, permute
from cygnet.tensor import Tensor

__all__ = [
    "einsum",
]

OP = "einsum"
LETTERS = string.ascii_uppercase + string.ascii_lowercase  # the numbers of the list form


@composed
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products over named dimensions.

    Parameters
    ----------
    equation : str
        For each operand a letter a dimension, separated by commas, with '...' for dimensions that
        broadcast; after '->' the letters of the result. Without it they are '...' and those that
        come once, in the order of the alphabet. A letter that comes twice in an operand takes its
        diagonal; one that is not in the result is summed over.
    *operands : Tensor
        Or one sequence of them. Also accepted: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``, where
        numbers from 0 to 51 stand for letters and Ellipsis for '...'.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the equation is not as said above.
    ShapeError
        If it does not fit the operands.

    Notes
    -----
    Several operands are multiplied from left to right.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.einsum("ij,jk->ik", cygnet.ones(2, 3), cygnet.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    tensors = [as_tensor(x, OP, f"operands[{i}]") for i, x in enumerate(operands)]
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ValueError(f"{OP}: equation has {len(terms)} operands, {len(tensors)} were given")
    rank = max(
        (
            x.ndim - len(term.replace("...", ""))
            for term, x in zip(terms, tensors, strict=True)
            if "..." in term
        ),
        default=0,
    )
    # A dimension of '...' gets a digit-like name, counted from the last one.
    spread = [chr(ord("\u0100") + i) for i in range(rank)]
    labels = [_labels(term, x, spread) for term, x in zip(terms, tensors, strict=True)]
    if arrow:
        result = _result(right, spread, labels)
    else:
        letters = [name for term in terms for name in term.replace("...", "")]
        result = spread + sorted(name for name in set(letters) if letters.count(name) == 1)
    return _evaluated(tensors, labels, result)


def _from_lists(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The list form as an equation and operands."""

    def term(numbers: Sequence[Any]) -> str:
        for n in numbers:
            if n is not Ellipsis and not (isinstance(n, int) and 0 <= n < len(LETTERS)):
                raise ValueError(
                    f"{OP}: a list has {n!r}, expected 0 to {len(LETTERS) - 1} or '...'"
                )
        return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)

    pairs = len(arguments) // 2
    equation = ",".join(term(arguments[2 * i + 1]) for i in range(pairs))
    if len(arguments) % 2:
        equation += "->" + term(arguments[-1])
    return equation, tuple(arguments[: 2 * pairs : 2])


def _labels(term: str, operand: Tensor, spread: list[str]) -> list[str]:
    """The name of each dimension of an operand."""
    before, dots, after = term.partition("...")
    if not all(name.isalpha() and name.isascii() for name in before + after):
        raise ValueError(f"{OP}: equation has the operand {term!r}, expected letters and one '...'")
    count = operand.ndim - len(before) - len(after)
    if count < 0 or (count and not dots):
        raise kernels.ShapeError(
            f"{OP}: the operand {term!r} has shape {operand.shape}, expected "
            f"{len(before) + len(after)} dimensions"
        )
    return [*before, *spread[len(spread) - count :], *after]


def _result(term: str, spread: list[str], labels: list[list[str]]) -> list[str]:
    before, dots, after = term.partition("...")
    names = [*before, *(spread if dots else ()), *after]
    known = {name for row in labels for name in row}
    if len(set(names)) != len(names) or not set(before + after) <= known:
        raise ValueError(
            f"{OP}: equation has the result {term!r}, expected each letter once and in an operand"
        )
    return names


def _evaluated(tensors: list[Tensor], labels: list[list[str]], result: list[str]) -> Tensor:
    sizes: dict[str, int] = {}
    for tensor, names in zip(tensors, labels, strict=True):
        for name, size in zip(names, tensor.shape, strict=True):
            known = sizes.setdefault(name, size)
            if known == 1:
                sizes[name] = size
            elif size not in (1, known):
                raise kernels.ShapeError(f"{OP}: a dimension has the sizes {known} and {size}")
    total, names = _distinct(tensors[0], labels[0], sizes)
    for i in range(1, len(tensors)):
        other, theirs = _distinct(tensors[i], labels[i], sizes)
        needed = {*result, *(name for row in labels[i + 1 :] for name in row)}
        total, names = _contracted(total, names, other, theirs, needed)
    total, names = _summed(total, names, set(result))
    for name in result:  # a '...' that no operand filled
        if name not in names:
            total, names = to_shape(total, (*total.shape, 1)), [*names, name]
    return permute(total, [names.index(name) for name in result])


def _distinct(tensor: Tensor, names: list[str], sizes: dict[str, int]) -> tuple[Tensor, list[str]]:
    """The tensor with the diagonal of each name that comes twice, its sizes those of all."""
    names = list(names)
    tensor = expanded(tensor, tuple(sizes[name] for name in names))
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            tensor = diagonal(tensor, 0, first, second)
            del names[second], names[first]
            names.append(name)
    return tensor, names


def _summed(tensor: Tensor, names: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    """Summed over the dimensions whose names are not needed."""
    axes = [i for i, name in enumerate(names) if name not in needed]
    if not axes:
        return tensor, names
    total = cast(sum(tensor, axes), tensor.dtype)
    return total, [name for name in names if name in needed]


def _contracted(
    a: Tensor, a_names: list[str], b: Tensor, b_names: list[str], needed: set[str]
) -> tuple[Tensor, list[str]]:
    """The product of two operands, summed over the names that nothing else needs: as matrix
    products (batch, rows, depth) and (batch, depth, columns).
    """
    a, a_names = _summed(a, a_names, needed | set(b_names))
    b, b_names = _summed(b, b_names, needed | set(a_names))
    shared = [name for name in a_names if name in b_names]
    batch = [name for name in shared if name in needed]
    depth = [name for name in shared if name not in needed]
    rows = [name for name in a_names if name not in shared]
    columns = [name for name in b_names if name not in shared]

    def grouped(x: Tensor, names: list[str], *groups: list[str]) -> Tensor:
        order = [names.index(name) for group in groups for name in group]
        shape = [math.prod(x.shape[names.index(name)] for name in group) for group in groups]
        return reshape(permute(x, order), shape)

    left = grouped(a, a_names, batch, rows, depth)
    right = grouped(b, b_names, batch, depth, columns)
    size = {**dict(zip(a_names, a.shape, strict=True)), **dict(zip(b_names, b.shape, strict=True))}
    kept = batch + rows + columns
    return to_shape(_product(left, right, OP), tuple(size[name] for name in kept)), kept
