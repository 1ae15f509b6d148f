"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cygnet import kernels
from cygnet.autograd.tape import grad, listed

if TYPE_CHECKING:
    from cygnet.tensor import Array, Tensor


class GradcheckError(RuntimeError):
    """A gradient that differs from its finite differences."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compares the gradient of a function with central differences, element by element.

    Parameters
    ----------
    func : callable
        Tensors to a tensor or a tuple of tensors.
    inputs : Tensor or sequence
        Its arguments. Those that require a gradient are checked; they must be float64, since
        differences of float32 are too coarse.
    eps : float
        How far an element is moved to either side. Default 1e-6.
    atol, rtol : float
        Passes if |analytical - numerical| <= atol + rtol * |numerical|. Default 1e-5, 1e-3.
    raise_exception : bool
        Raises for a difference, the default, or returns False.

    Returns
    -------
    bool

    Raises
    ------
    GradcheckError
        With the argument, the result, and both Jacobians.
    ValueError
        If no input requires a gradient, or one that does is not float64.

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.randn(3, dtype="float64", requires_grad=True)
    >>> cygnet.autograd.gradcheck(lambda x: (x * x).exp(), x)
    True
    """
    arguments = listed(inputs)
    checked = [i for i, x in enumerate(arguments) if getattr(x, "requires_grad", False)]
    if not checked:
        raise ValueError("gradcheck: inputs has no tensor that requires a gradient")
    for i in checked:
        if arguments[i].dtype != np.float64:
            raise ValueError(
                f"gradcheck: inputs[{i}] is {arguments[i].dtype}, expected float64: differences of "
                "other types are too coarse"
            )
    results = [y for y in listed(func(*arguments)) if y.dtype.kind == "f"]
    for number, result in enumerate(results):
        for i in checked:
            analytical = _jacobian(result, arguments[i])
            numerical = _differences(func, arguments, i, number, eps)
            if not np.allclose(analytical, numerical, rtol, atol, equal_nan=True):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"gradcheck: the gradient of result {number} with respect to input {i} is "
                    f"wrong (columns are elements of the result)\nnumerical:\n{numerical}\n"
                    f"analytical:\n{analytical}"
                )
    return True


def _jacobian(result: Tensor, x: Tensor) -> Array:
    """The derivatives, (elements of x, elements of the result), by the tape."""
    jacobian = np.zeros((x.numel(), result.numel()))
    for column in range(result.numel()) if result.requires_grad else ():
        seed = np.zeros(result.numel(), result.dtype)
        seed[column] = 1
        seeds = result._wrap(seed.reshape(result.shape))
        (part,) = grad(result, x, seeds, retain_graph=True, allow_unused=True)
        if part is not None:
            jacobian[:, column] = part._array.reshape(-1)
    return jacobian


def _differences(
    func: Callable[..., Any], arguments: list[Any], which: int, number: int, eps: float
) -> Array:
    """The same by differences."""
    x = arguments[which]
    columns = []
    for element in np.ndindex(x.shape):
        sides = []
        for step in (eps, -eps):
            moved = kernels.contiguous(x._array, always_copy=True)
            moved[element] += step
            changed = [*arguments[:which], x._wrap(moved).requires_grad_(), *arguments[which + 1 :]]
            floats = [y for y in listed(func(*changed)) if y.dtype.kind == "f"]
            sides.append(floats[number]._array.reshape(-1).copy())
        columns.append((sides[0] - sides[1]) / (2 * eps))
    size = listed(func(*arguments))[number].numel() if not columns else columns[0].size
    return np.array(columns).reshape(len(columns), size)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """`gradcheck` of the gradient of a function: its second derivatives.

    Parameters
    ----------
    func, inputs, eps, atol, rtol, raise_exception
        See `gradcheck`.
    grad_outputs : Tensor or sequence of Tensor, optional
        The gradients of the results that the gradient is taken with. Default: normal numbers, the
        same in every call.
    """
    arguments = listed(inputs)
    checked = [i for i, x in enumerate(arguments) if getattr(x, "requires_grad", False)]
    if grad_outputs is None:
        generator = np.random.default_rng(0)
        floats = [y for y in listed(func(*arguments)) if y.dtype.kind == "f"]
        seeds = [y._wrap(np.array(generator.standard_normal(y.shape))) for y in floats]
    else:
        seeds = listed(grad_outputs)
    seeds = [seed.detach().requires_grad_() for seed in seeds]

    def gradient(*both: Any) -> tuple[Any, ...]:
        changed, weights = both[: len(arguments)], both[len(arguments) :]
        results = [y for y in listed(func(*changed)) if y.dtype.kind == "f"]
        parts = grad(
            results,
            [changed[i] for i in checked],
            list(weights),
            create_graph=True,
            allow_unused=True,
        )
        return tuple(part for part in parts if part is not None)

    return gradcheck(
        gradient,
        [*arguments, *seeds],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )
