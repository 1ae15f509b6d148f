"""Dropout and its kin, and activations with chance.

`cell` is the random state (key, draw) to use and advance, by default that of the default
generator's stream 'dropout'. `inplace` is accepted; the result is always new.
"""

from __future__ import annotations

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.activation import SELU_ALPHA, SELU_SCALE, leaky_relu
from cygnet.ops.common import Shape, as_tensor, floating, normalized_axis, wrap
from cygnet.ops.create import ones
from cygnet.ops.elementwise import add, div, ge, le, log, mul, neg, sub, where
from cygnet.ops.gather import scatter_along
from cygnet.ops.reduce import max as max_
from cygnet.ops.softmax import softmax
from cygnet.random import default_generator
from cygnet.tensor import Array, Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "gumbel_softmax",
    "rrelu",
]


def _checked(op: str, input: Tensor, p: float) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{op}: p is {p}, expected 0 <= p <= 1")
    return as_tensor(input, op, "input")


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """Sets each element to zero with probability `p` and scales the others by 1 / (1 - p).

    Parameters
    ----------
    input : Tensor
        Any shape, float32 or float64.
    p : float
        0 <= p <= 1. Default 0.5.
    training : bool
        With False, the input itself is returned. Default True.
    cell : numpy.ndarray, optional
        The random state (key, draw) to use and advance. Default: the default generator's stream
        'dropout'.

    Raises
    ------
    ValueError
        If p is no probability.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR
    15 (2014).
    """
    input = _checked("dropout", input, p)
    if not training or p == 0:
        return input
    state = default_generator.cell("dropout") if cell is None else cell
    output, mask = kernels.dropout_forward(input._array, state, p)
    return record(
        wrap(output),
        (input,),
        lambda grad: (_dropout_backward(grad, mask, p),),
        "dropout",
        saved=(),
    )


def _dropout_backward(grad: Tensor, mask: Array, p: float) -> Tensor:
    output = wrap(kernels.dropout_backward(grad._array, mask, p))
    return record(
        output,
        (grad,),
        lambda again: (_dropout_backward(again, mask, p),),
        "dropout_backward",
        saved=(),
    )


def _uniform(shape: Shape, like: Tensor, stream: str, cell: Array | None) -> Tensor:
    """Random numbers in [0, 1)."""
    state = default_generator.cell(stream) if cell is None else cell
    return wrap(kernels.uniform(kernels.empty(shape, NAMES[like.dtype]), state))


def _of_channels(op: str, input: Tensor, unbatched: int) -> Shape:
    """The shape of one number for each channel of each image; `unbatched` is the number of
    dimensions of an input without batch.
    """
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected at least 2 dimensions"
        )
    kept = 1 if input.ndim == unbatched else 2
    return input.shape[:kept] + (1,) * (input.ndim - kept)


def _feature_dropout(
    op: str, input: Tensor, p: float, training: bool, cell: Array | None, unbatched: int
) -> Tensor:
    input = _checked(op, input, p)
    shape = _of_channels(op, input, unbatched)
    if not training or p == 0:
        return input
    return mul(input, dropout(ones(shape, dtype=input.dtype), p, cell=cell))


@composed
def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, L) or (C, L) inputs.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
    """
    return _feature_dropout("dropout1d", input, p, training, cell, 2)


@composed
def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, H, W) inputs; three dimensions count as (N, C, L), as
    in PyTorch.
    """
    return _feature_dropout("dropout2d", input, p, training, cell, 0)


@composed
def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W) inputs."""
    return _feature_dropout("dropout3d", input, p, training, cell, 4)


def alpha_dropped(
    input: Tensor, shape: Shape, p: float, training: bool, cell: Array | None
) -> Tensor:
    """`alpha_dropout` with one decision for what broadcasts from `shape`."""
    if not training or p == 0:
        return input
    if p == 1:
        return mul(input, 0.0)
    lowest = -SELU_ALPHA * SELU_SCALE  # what the scaled ELU gives for -infinity
    scale = ((lowest * lowest * p + 1) * (1 - p)) ** -0.5
    kept = ge(_uniform(shape, input, "dropout", cell), p)
    return add(mul(where(kept, input, lowest), scale), -lowest * scale * p)


@composed
def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """Dropout for `selu` networks: mean and variance of the input stay on average.

    Parameters
    ----------
    input : Tensor
        Any shape, float32 or float64.
    p : float
        Probability that an element takes the lowest value of `selu`. Default 0.5.
    training : bool
        With False (default), the input itself is returned.
    inplace : bool
    cell : numpy.ndarray, optional

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    """
    input = _checked("alpha_dropout", input, p)
    return alpha_dropped(input, input.shape, p, training, cell)


@composed
def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...) inputs."""
    input = _checked("feature_alpha_dropout", input, p)
    shape = _of_channels("feature_alpha_dropout", input, 0)
    return alpha_dropped(input, shape, p, training, cell)


@composed
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    cell: Array | None = None,
) -> Tensor:
    """input where it is positive, else input times a random slope.

    Parameters
    ----------
    input : Tensor
    lower, upper : float
        Between these the slopes are drawn, uniformly. Default 1/8 and 1/3.
    training : bool
        With False (default), every slope is the mean of lower and upper.
    inplace : bool
    cell : numpy.ndarray, optional

    References
    ----------
    B. Xu et al., "Empirical evaluation of rectified activations in convolution network", arXiv
    1505.00853.
    """
    if not lower <= upper:
        raise ValueError(f"rrelu: upper is {upper}, expected at least lower = {lower}")
    x = floating("rrelu", input)
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    slopes = add(mul(_uniform(x.shape, x, "random", cell), upper - lower), lower)
    return where(le(x, 0), mul(x, slopes), x)


@composed
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random category by `softmax` of logits and Gumbel noise, with a gradient.

    Parameters
    ----------
    logits : Tensor
        Logarithms of unnormalised probabilities.
    tau : float
        Temperature: the lower, the nearer is the result to a category. Default 1.
    hard : bool
        Whether the result is a category, 1 at its place and else 0, with the gradient of the soft
        one. Default False.
    eps : float
        Has no effect, as in PyTorch.
    dim : int
        The axis of the categories. Default the last.

    References
    ----------
    E. Jang, S. Gu, B. Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017.
    """
    x = floating("gumbel_softmax", logits)
    axis = normalized_axis("gumbel_softmax", dim, x.ndim)
    noise = neg(log(neg(log(_uniform(x.shape, x, "random", None)))))
    soft = softmax(div(add(x, noise), tau), axis)
    if not hard:
        return soft
    index = max_(soft.detach(), axis, keepdim=True)[1]
    category = scatter_along(ones(index.shape, dtype=x.dtype), index, axis, x.shape[axis])
    return add(sub(category, soft.detach()), soft)
