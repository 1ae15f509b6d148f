"""Distances and similarities of vectors, and the losses made of them.

`reduction`, `size_average` and `reduce` are as in `cygnet.ops.loss`.
"""

from __future__ import annotations

from collections.abc import Callable

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import expand
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, floating, normalized_axis, operands
from cygnet.ops.diagonal import triu_indices
from cygnet.ops.elementwise import (
    add,
    div,
    eq,
    lt,
    minimum,
    mul,
    sqrt,
    sub,
    where,
)
from cygnet.ops.loss import at_least_zero, check_old_reduction, reduced
from cygnet.ops.rows import index_select
from cygnet.ops.shape import common_shape, unsqueeze
from cygnet.ops.vector_norm import vector_norm
from cygnet.tensor import Tensor

__all__ = [
    "cdist",
    "cosine_embedding_loss",
    "cosine_similarity",
    "margin_ranking_loss",
    "normalize",
    "pairwise_distance",
    "pdist",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


@composed
def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    """The vectors along `dim` divided by their p-norms, or by `eps` where that is larger.

    `out` must stay None (PyTorch would write the result there).
    """
    op = "normalize"
    if out is not None:
        raise ValueError(f"{op}: argument out expected None, got {type(out).__name__}")
    x = floating(op, input)
    norm = vector_norm(x, p, normalized_axis(op, dim, x.ndim), keepdim=True)
    return div(x, where(lt(norm, eps), eps, norm))


@composed
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) along `dim`.

    Parameters
    ----------
    x1, x2 : Tensor
        They broadcast.
    dim : int
        The axis, of the broadcast shape, that disappears. Default 1.
    eps : float
        Default 1e-8.

    Raises
    ------
    ShapeError, IndexError
    """
    op = "cosine_similarity"
    x1, x2 = operands(op, x1, x2, floating=True)
    shape = common_shape(op, [x1.shape, x2.shape])
    axis = normalized_axis(op, dim, len(shape))

    def unit(x: Tensor) -> Tensor:
        x = expand(x, shape)
        norm = vector_norm(x, 2.0, axis, keepdim=True)
        return div(x, where(lt(norm, eps), eps, norm))

    return sum_(mul(unit(x1), unit(x2)), axis)


@composed
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    Parameters
    ----------
    x1, x2 : Tensor
        (N, D) or (D,); they broadcast.
    p : float
        Default 2.
    eps : float
        Default 1e-6.
    keepdim : bool
        Whether the last axis stays, with size 1. Default False.

    Raises
    ------
    ShapeError
    """
    op = "pairwise_distance"
    x1, x2 = operands(op, x1, x2, floating=True)
    if not common_shape(op, [x1.shape, x2.shape]):
        raise kernels.ShapeError(f"{op}: x1 and x2 have no dimensions, expected at least 1")
    return vector_norm(add(sub(x1, x2), eps), p, -1, keepdim)


@composed
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of every two rows.

    Parameters
    ----------
    input : Tensor
        (N, D).
    p : float
        At least 0; 0 counts the elements that differ. Default 2.

    Returns
    -------
    Tensor
        (N (N - 1) / 2,): of rows 0 and 1, 0 and 2 and so on, then of 1 and 2 and so on.

    Raises
    ------
    ShapeError, ValueError
    """
    op = "pdist"
    x = floating(op, input)
    if x.ndim != 2:
        raise kernels.ShapeError(f"{op}: input has shape {x.shape}, expected (N, D)")
    if not p >= 0:
        raise ValueError(f"{op}: argument p expected at least 0, got {p}")
    first, second = triu_indices(x.shape[0], x.shape[0], 1)
    return vector_norm(sub(index_select(x, 0, first), index_select(x, 0, second)), p, -1)


@composed
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1.

    Parameters
    ----------
    input1, input2 : Tensor
        (N, D) or (D,).
    target : Tensor
        (N,) or (), of 1 and -1.
    margin : float
        Default 0.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "cosine_embedding_loss"
    check_old_reduction(op, size_average, reduce)
    x1, x2 = operands(op, input1, input2, floating=True)
    y = as_tensor(target, op, "target")
    if x1.shape != x2.shape or y.ndim > 1 or x1.ndim != y.ndim + 1:
        raise kernels.ShapeError(
            f"{op}: input1, input2 and target have shapes {x1.shape}, {x2.shape} and {y.shape}, "
            "expected (N, D), (N, D) and (N,), or all without N"
        )
    common_shape(op, [x1.shape[:-1], y.shape])
    # The small number keeps the root of two zero vectors from 0.
    squares = [add(sum_(mul(x, x), -1), 1e-12) for x in (x1, x2)]
    cosine = div(sum_(mul(x1, x2), -1), sqrt(mul(*squares)))
    near = where(eq(y, 1), sub(1.0, cosine), 0.0)
    far = where(eq(y, -1), at_least_zero(sub(cosine, margin)), 0.0)
    return reduced(op, add(near, far), reduction)


@composed
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): the target 1 ranks input1 higher, -1 input2.

    The three have the same number of dimensions and broadcast.
    """
    op = "margin_ranking_loss"
    check_old_reduction(op, size_average, reduce)
    x1, x2 = operands(op, input1, input2)
    y = as_tensor(target, op, "target")
    if not x1.ndim == x2.ndim == y.ndim:
        raise kernels.ShapeError(
            f"{op}: input1, input2 and target have shapes {x1.shape}, {x2.shape} and {y.shape}, "
            "expected one number of dimensions"
        )
    common_shape(op, [x1.shape, x2.shape, y.shape])
    return reduced(op, at_least_zero(sub(margin, mul(y, sub(x1, x2)))), reduction)


@composed
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with `pairwise_distance` d.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        (N, D) or (D,).
    margin : float
        Above 0. Default 1.
    p, eps : float
        Of the distance. Default 2 and 1e-6.
    swap : bool
        Whether the smaller of d(anchor, negative) and d(positive, negative) counts. Default False.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, ValueError

    References
    ----------
    V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional
    neural networks", BMVC 2016.
    """
    op = "triplet_margin_loss"
    check_old_reduction(op, size_average, reduce)
    return _triplet(
        op,
        (anchor, positive, negative),
        lambda a, b: pairwise_distance(a, b, p, eps),
        margin,
        swap,
        reduction,
    )


@composed
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with another distance; `pairwise_distance` by default."""
    return _triplet(
        "triplet_margin_with_distance_loss",
        (anchor, positive, negative),
        distance_function or pairwise_distance,
        margin,
        swap,
        reduction,
    )


def _triplet(
    op: str,
    tensors: tuple[Tensor, Tensor, Tensor],
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    names = ("anchor", "positive", "negative")
    anchor, positive, negative = (
        as_tensor(x, op, name) for x, name in zip(tensors, names, strict=True)
    )
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise kernels.ShapeError(
            f"{op}: anchor, positive and negative have shapes {anchor.shape}, {positive.shape} and "
            f"{negative.shape}, expected one number of dimensions"
        )
    if not margin > 0:
        raise ValueError(f"{op}: argument margin expected above 0, got {margin}")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(op, at_least_zero(add(sub(near, far), margin)), reduction)


@composed
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm of the difference of each pair of rows.

    Parameters
    ----------
    x1 : Tensor
        (..., P, D).
    x2 : Tensor
        (..., R, D); the leading sizes broadcast.
    p : float
        Default 2.
    compute_mode : str, optional
        Accepted for PyTorch's sake: the differences themselves are always taken.

    Returns
    -------
    Tensor
        (..., P, R)

    Raises
    ------
    ShapeError
    """
    a, b = operands("cdist", x1, x2, floating=True)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise kernels.ShapeError(
            f"cdist: x1 and x2 have shapes {a.shape} and {b.shape}, expected (..., P, D) and "
            "(..., R, D)"
        )
    return vector_norm(sub(unsqueeze(a, -2), unsqueeze(b, -3)), p, -1)
