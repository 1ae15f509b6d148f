"""Penalties on the size of parameters, to be added to a loss."""

from __future__ import annotations

from collections.abc import Iterable

from cygnet.tensor import Tensor

__all__ = ["l1_penalty", "l2_penalty"]


def l1_penalty(params: Iterable[Tensor], strength: float) -> Tensor:
    """strength times the sum of the parameters' magnitudes; it drives many of them to zero.

    Parameters
    ----------
    params : iterable of Tensor
        At least one, floating-point, all of one type.
    strength : float

    Returns
    -------
    Tensor
        A single number, differentiable.

    Raises
    ------
    ValueError
        If there is no parameter.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    Examples
    --------
    >>> import cygnet
    >>> from cygnet.optim import l1_penalty
    >>> w = cygnet.tensor([2.0, -1.0], requires_grad=True)
    >>> (w.sum() + l1_penalty([w], 0.5)).item()
    2.5
    """
    return strength * _total("l1_penalty", [param.abs().sum() for param in params])


def l2_penalty(params: Iterable[Tensor], strength: float) -> Tensor:
    """strength times the sum of the parameters' squares.

    Its gradient is that of ``weight_decay=2 * strength`` in the optimizers without decoupled
    decay, which costs no pass of its own.

    Parameters
    ----------
    params : iterable of Tensor
        At least one, floating-point, all of one type.
    strength : float

    Returns
    -------
    Tensor
        A single number, differentiable.

    Raises
    ------
    ValueError
        If there is no parameter.
    """
    return strength * _total("l2_penalty", [(param * param).sum() for param in params])


def _total(op: str, parts: list[Tensor]) -> Tensor:
    if not parts:
        raise ValueError(f"{op}: params is empty, expected at least one parameter")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
