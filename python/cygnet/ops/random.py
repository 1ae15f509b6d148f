"""Ops that draw random numbers."""

from __future__ import annotations

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, wrap
from cygnet.random import default_generator
from cygnet.tensor import Array, Tensor


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, cell: Array | None = None
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
    input = as_tensor(input, "dropout", "input")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}, expected 0 <= p <= 1")
    if not training or p == 0:
        return input
    state = default_generator.cell("dropout") if cell is None else cell
    output, mask = kernels.dropout_forward(input._array, state, p)
    return record(
        wrap(output), (input,), lambda grad: (_dropout_backward(grad, mask, p),), "dropout"
    )


def _dropout_backward(grad: Tensor, mask: Array, p: float) -> Tensor:
    output = wrap(kernels.dropout_backward(grad._array, mask, p))
    return record(
        output, (grad,), lambda again: (_dropout_backward(again, mask, p),), "dropout_backward"
    )
