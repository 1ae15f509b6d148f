"""What ops share: arguments to tensors, type promotion, axes and sizes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from cygnet import kernels
from cygnet.autograd import Memory, is_grad_enabled, needs_gradient, record
from cygnet.dtypes import CATEGORY, NAMES, RANK, get_default_dtype
from cygnet.tensor import FLOATS, Array, Tensor, array_from

Number: TypeAlias = float | int | bool
Shape: TypeAlias = tuple[int, ...]
F = TypeVar("F", bound=Callable[..., Any])

wrap = Tensor._wrap

DEFAULT_FLOAT = FLOATS[0]


def as_tensor(value: Any, op: str, name: str) -> Tensor:
    """The tensor itself; arrays become tensors; anything else is a TypeError."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return wrap(array_from(value, None, op))
    raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}")


def highest_dtype(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """The type that numbers of all these types have together."""
    return max(dtypes, key=RANK.__getitem__)


def layer_operands(
    op: str, input: Any, weight: Any, bias: Any
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Input, weight and bias of a layer as tensors; the bias may be None."""
    return (
        input if isinstance(input, Tensor) else as_tensor(input, op, "input"),
        weight if isinstance(weight, Tensor) else as_tensor(weight, op, "weight"),
        bias if bias is None or isinstance(bias, Tensor) else as_tensor(bias, op, "bias"),
    )


# The activations that linear layers and convolutions take into their kernel.
FUSED_ACTIVATIONS = frozenset({"relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu"})


def with_activation(product: Callable[[str], Array], activation: str) -> tuple[Array, Array | None]:
    """The result of a product with a fused activation, and what the activation's gradient needs:
    that of 'gelu' and 'silu' the argument, the others' the result.
    """
    if activation in ("gelu", "silu"):
        saved = product("none")
        return getattr(kernels, activation)(saved), saved
    output = product(activation)
    return output, None if activation == "none" else output


def saved_by_product(
    inputs: tuple[Tensor, ...], result: Tensor, saved: Array | None
) -> tuple[Tensor, ...]:
    """The tensors whose values the gradient of a product uses: of the bias only for what the
    activation, if there is one, was taken of; of the result where `with_activation` kept it.
    """
    if saved is None:
        return inputs[:2]
    return (*inputs, result) if saved is result._array else inputs


def promoted(a: Tensor, b: Tensor) -> np.dtype[Any]:
    """The type of an op on two tensors: the higher one, but a 0-d tensor does not lift a tensor
    with dimensions within its category (bool, integer, float).
    """
    if (a.ndim == 0) != (b.ndim == 0) and CATEGORY[a.dtype.kind] == CATEGORY[b.dtype.kind]:
        return a.dtype if a.ndim else b.dtype
    return highest_dtype((a.dtype, b.dtype))


def operands(op: str, a: Any, b: Any, *, floating: bool = False) -> tuple[Tensor, Tensor]:
    """Two operands as tensors of one type.

    A Python number takes the tensor's type, unless it is of a higher category: a float beside an
    integer tensor makes both the default type, an int beside a bool tensor makes both int64. Two
    tensors take the type that `promoted` gives. With `floating`, integers take the default type.
    """
    if not isinstance(a, Tensor):
        a = _constant(op, "input", a, b)
    if not isinstance(b, Tensor):
        b = _constant(op, "other", b, a)
    if a.dtype == b.dtype and not (floating and a.dtype not in FLOATS):
        return a, b
    dtype = promoted(a, b)
    if floating and dtype not in FLOATS:
        dtype = get_default_dtype()
    return cast(a, dtype), cast(b, dtype)


def _constant(op: str, name: str, value: Any, other: Any) -> Tensor:
    if isinstance(value, np.ndarray) and value.ndim:
        return wrap(array_from(value, None, op))
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if not isinstance(value, int | float):
        raise TypeError(f"{op}: {name} must be a Tensor or a number, got {type(value).__name__}")
    kind = np.dtype(get_default_dtype() if isinstance(value, float) else type(value))
    dtype = other.dtype if isinstance(other, Tensor) else kind
    if CATEGORY[kind.kind] > CATEGORY[dtype.kind]:
        dtype = kind
    try:  # integers wrap around
        return wrap(np.array(value, dtype if dtype in FLOATS else kind).astype(dtype))
    except OverflowError:
        raise ValueError(f"{op}: {name} is {value}, which does not fit {dtype}") from None


def cast(tensor: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """The tensor in another type; differentiable between floating-point types."""
    if tensor.dtype == dtype:
        return tensor
    output = wrap(kernels.cast(tensor._array, NAMES[dtype]))
    if dtype not in FLOATS or tensor.dtype not in FLOATS:
        return output
    return record(output, (tensor,), lambda grad: (cast(grad, tensor.dtype),), "to", saved=())


def floating(op: str, input: Tensor) -> Tensor:
    """The argument `input` as a floating-point tensor; integers take the default type."""
    tensor = as_tensor(input, op, "input")
    return tensor if tensor.dtype in FLOATS else cast(tensor, get_default_dtype())


def recomputed(op: Callable[[Tensor], Tensor], output: Array, input: Tensor) -> Tensor:
    """The result of an op inside its gradient: the saved array, or, if it is differentiated again,
    computed anew. The op's record saves both result and input.
    """
    return op(input) if is_grad_enabled() else wrap(output)


def stand_in(tensor: Tensor, array: Array) -> Tensor:
    """A tensor around `array` at the place on the tape where `tensor`, no leaf, is now; it stays
    there when `tensor` is changed in place.
    """
    other = wrap(array)
    other._node, other.requires_grad = tensor._node, tensor.requires_grad
    other._memory = Memory()
    return other


def from_result(
    name: str,
    output: Array,
    input: Tensor,
    gradient: Callable[[Tensor, Tensor], Tensor],
    memory: Memory | None = None,
) -> Tensor:
    """Records an op whose gradient follows from its result.

    Parameters
    ----------
    name : str
    output : numpy.ndarray
        The result.
    input : Tensor
    gradient : callable
        The gradient of the result and the result to the gradient of the input. For second
        derivatives it gets the result on the tape.
    memory : Memory, optional
        That of the result, if it was recorded before.
    """
    result = wrap(output)
    if not needs_gradient(input):
        return result
    result._memory = memory
    before = input if input.is_leaf else stand_in(input, input._array)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if is_grad_enabled():
            return (gradient(grad, from_result(name, output, before, gradient, shared)),)
        return (gradient(grad, wrap(output)),)

    record(result, (input,), backward, name, saved=(result,))
    shared = result._memory
    return result


def normalized_axes(op: str, dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes as sorted non-negative numbers; None means all."""
    if dim is None:
        return tuple(range(ndim))
    return tuple(
        sorted(normalized_axis(op, d, ndim) for d in ([dim] if isinstance(dim, int) else dim))
    )


def normalized_axis(op: str, dim: int, ndim: int) -> int:
    """One axis as a non-negative number; IndexError if there is no such axis."""
    size = max(ndim, 1)
    try:
        if -size <= dim < size:
            return dim % size
    except TypeError:
        raise TypeError(f"{op}: dim must be an int, got {type(dim).__name__}") from None
    raise IndexError(f"{op}: dim is {dim}, expected {-size} to {size - 1} for {ndim} dimensions")


def also_named(name: str) -> Callable[[F], F]:
    """Lets an op whose sizes or dimensions come one by one take them as one keyword as well."""

    def decorated(function: F) -> F:
        @functools.wraps(function)
        def wrapped(input: Any, *args: Any, **options: Any) -> Any:
            return (
                function(input, options.pop(name), **options)
                if name in options
                else function(input, *args, **options)
            )

        return wrapped  # type: ignore[return-value]

    return decorated


_NUMPY_NAMES = (("axis", "dim"), ("keepdims", "keepdim"))


def numpy_named(function: F) -> F:
    """Lets an op take ``dim`` and ``keepdim`` by NumPy's names as well, as PyTorch does."""

    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        for theirs, ours in _NUMPY_NAMES:
            if theirs in options:
                options[ours] = options.pop(theirs)
        return function(*args, **options)

    return wrapped  # type: ignore[return-value]


def sizes(op: str, args: tuple[Any, ...]) -> Shape:
    """Sizes given one by one or as one sequence."""
    given = args[0] if len(args) == 1 and not hasattr(args[0], "__index__") else args
    try:
        return tuple(operator.index(size) for size in given)
    except TypeError:
        raise TypeError(f"{op}: sizes must be ints or one tuple of ints, got {args}") from None
