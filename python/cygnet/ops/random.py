"""Ops that draw random numbers."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import no_grad
from cygnet.dtypes import NAMES, DType, get_default_dtype, promote_types
from cygnet.ops.common import Shape, as_tensor, cast, sizes, wrap
from cygnet.ops.create import check_options, finished, named, requested_size
from cygnet.ops.elementwise import add, mul
from cygnet.ops.inplace import copy_
from cygnet.ops.rounding import floor
from cygnet.ops.special import tan
from cygnet.random import Generator, default_generator
from cygnet.tensor import FLOATS, Array, Tensor, as_dtype

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def cell_of(generator: Generator | None) -> Array:
    """What a kernel draws from."""
    return (default_generator if generator is None else generator).cell("random")


def _drawn(
    op: str,
    kernel: Any,
    size: Shape,
    dtype: DType,
    generator: Generator | None,
    *parameters: float,
) -> Array:
    """An array that one of the kernels `uniform`, `normal` and `exponential` has filled."""
    if dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: dtype is {dtype}, expected float32 or float64")
    array: Array = kernel(kernels.empty(size, NAMES[dtype]), cell_of(generator), *parameters)
    return array


def _floats(op: str, name: str, value: Tensor) -> Tensor:
    value = as_tensor(value, op, name)
    if value.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: {name} is {value.dtype}, expected float32 or float64")
    return value


def _sized(name: str, kernel: Any, doc: str) -> Callable[..., Tensor]:
    """rand or randn."""

    def function(
        *size: Any,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        shape = requested_size(name, size, options)
        check_options(name, device, options)
        wanted = get_default_dtype() if dtype is None else as_dtype(dtype, name)
        return finished(_drawn(name, kernel, shape, wanted, generator), requires_grad)

    return named(function, name, doc)


def _like(name: str, kernel: Any, doc: str) -> Callable[..., Tensor]:
    """rand_like or randn_like."""

    def function(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        input = as_tensor(input, name, "input")
        check_options(name, device, options)
        wanted = input.dtype if dtype is None else as_dtype(dtype, name)
        return finished(_drawn(name, kernel, input.shape, wanted, generator), requires_grad)

    return named(function, name, doc)


_UNIFORM, _NORMAL = "Uniform random numbers in [0, 1)", "Standard normal random numbers"
rand = _sized("rand", kernels.uniform, f"{_UNIFORM}, of the default type by default.")
randn = _sized("randn", kernels.normal, f"{_NORMAL}, of the default type by default.")
rand_like = _like("rand_like", kernels.uniform, f"{_UNIFORM} in the shape and type of `input`.")
randn_like = _like("randn_like", kernels.normal, f"{_NORMAL} in the shape and type of `input`.")


def _integers(
    op: str,
    low: Any,
    high: Any,
    size: Shape,
    dtype: Any,
    generator: Generator | None,
    requires_grad: bool,
) -> Tensor:
    first, end = operator.index(low), operator.index(high)
    if not -(2**63) <= first < end <= 2**63 - 1:
        raise ValueError(f"{op}: low is {low} and high is {high}, expected low < high within int64")
    array = kernels.integers(kernels.empty(size, "int64"), cell_of(generator), first, end)
    output = wrap(array).to(as_dtype(dtype, op))
    return output.requires_grad_() if requires_grad else output


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = np.int64,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Integers drawn uniformly from [low, high).

    Parameters
    ----------
    low : int
        Default 0, also in the form ``randint(high, size)``.
    high : int
        Above every result.
    size : sequence of int
    generator : Generator, optional
        Default: the default generator.
    dtype : dtype
        Default int64.
    device : device or str, optional
        The CPU.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        Unless low < high.
    """
    check_options("randint", device, options)
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint: expected (high, size) or (low, high, size)")
    shape = sizes("randint", (size,))
    return _integers("randint", low, high, shape, dtype, generator, requires_grad)


def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Integers drawn uniformly from [low, high) in the shape and type of `input`; with one bound,
    from [0, bound).
    """
    input = as_tensor(input, "randint_like", "input")
    check_options("randint_like", device, options)
    if high is None:
        low, high = 0, low
    wanted = input.dtype if dtype is None else dtype
    return _integers("randint_like", low, high, input.shape, wanted, generator, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A random permutation of 0 ... n - 1, int64 by default.

    Raises
    ------
    ValueError
        If n is negative.
    """
    check_options("randperm", device, options)
    order = wrap(kernels.permutation(cell_of(generator), n))
    order = order if dtype is None else order.to(as_dtype(dtype, "randperm"))
    return order.requires_grad_() if requires_grad else order


def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Ones with the given probabilities, else zeros; no gradient passes.

    Parameters
    ----------
    input : Tensor
        The probabilities, float32 or float64, 0 to 1.
    p : float or Tensor, optional
        Probabilities in their stead, that broadcast to the shape of `input`; the result then has
        the type of `input`, which may be any.
    generator : Generator, optional
        Default: the default generator.

    Raises
    ------
    ValueError
        If there is a number outside [0, 1].
    """
    input = as_tensor(input, "bernoulli", "input")
    if p is None:
        probabilities = _floats("bernoulli", "input", input)._array
    elif isinstance(p, Tensor):
        given = _floats("bernoulli", "p", p)._array
        try:
            probabilities = np.broadcast_to(given, input.shape)
        except ValueError:
            raise kernels.ShapeError(
                f"bernoulli: p has shape {p.shape}, which does not broadcast to {input.shape}"
            ) from None
    else:
        probabilities = kernels.full(input.shape, p, "float64")
    return cast(wrap(kernels.bernoulli(probabilities, cell_of(generator))), input.dtype)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of the Poisson distributions whose means are the elements; no gradient passes.

    Raises
    ------
    ValueError
        If there is a mean below 0, infinite or NaN.
    """
    means = _floats("poisson", "input", input)
    return wrap(kernels.poisson(means._array, cell_of(generator)))


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn in proportion to the weights of a row.

    Parameters
    ----------
    input : Tensor
        (classes,) or (rows, classes), float32 or float64: weights of at least 0, one of each row
        above it.
    num_samples : int
        How many are drawn from each row, at least 1; without replacement at most as many as there
        are classes.
    replacement : bool
        Whether an index can be drawn again. Default False: indices of weight 0 come last.
    generator : Generator, optional
        Default: the default generator.

    Returns
    -------
    Tensor
        int64 (num_samples,) or (rows, num_samples).

    Raises
    ------
    ShapeError, ValueError
    """
    input = _floats("multinomial", "input", input)
    if input.ndim not in (1, 2):
        raise kernels.ShapeError(
            f"multinomial: input has shape {input.shape}, expected 1 or 2 dimensions"
        )
    rows = input._array if input.ndim == 2 else input._array[np.newaxis]
    drawn = kernels.multinomial(rows, cell_of(generator), num_samples, replacement)
    return wrap(drawn if input.ndim == 2 else drawn[0])


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Normally distributed numbers; no gradient passes.

    Parameters
    ----------
    mean, std : float or Tensor
        Tensors broadcast; of a negative deviation in a tensor the sign has no effect.
    size : sequence of int, optional
        The shape where both are numbers; nothing else has one.
    generator : Generator, optional
        Default: the default generator.
    dtype : dtype, optional
        Only with `size`. Default: the default type; of tensors their type.
    device : device or str, optional
        The CPU.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        If a number `std` is negative.
    """
    check_options("normal", device, options)
    tensors = [_floats("normal", "mean or std", x) for x in (mean, std) if isinstance(x, Tensor)]
    if isinstance(std, int | float) and not std >= 0:
        raise ValueError(f"normal: std is {std}, expected at least 0")
    if bool(tensors) == (size is not None):
        raise TypeError("normal: size expected with two numbers, and only with them")
    if size is not None:
        wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "normal")
        array = _drawn("normal", kernels.normal, sizes("normal", (size,)), wanted, generator)
    else:
        shape = np.broadcast_shapes(*(tensor.shape for tensor in tensors))
        wanted = functools.reduce(promote_types, (tensor.dtype for tensor in tensors))
        array = _drawn("normal", kernels.normal, shape, wanted, generator)
    with no_grad():
        output = add(mul(wrap(array), std), mean)
    return output.requires_grad_() if requires_grad else output


def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with normally distributed numbers; returns it.

    Raises
    ------
    ValueError
        If std is negative.
    """
    values = _drawn("normal_", kernels.normal, input.shape, input.dtype, generator, mean, std)
    return copy_(input, wrap(values))


def uniform_(
    input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with uniform random numbers in [from_, to); returns it.

    Raises
    ------
    ValueError
        Unless from_ <= to.
    """
    values = _drawn("uniform_", kernels.uniform, input.shape, input.dtype, generator, from_, to)
    return copy_(input, wrap(values))


def exponential_(
    input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with exponentially distributed numbers of rate `lambd`; returns it.

    Raises
    ------
    ValueError
        Unless lambd > 0.
    """
    values = _drawn("exponential_", kernels.exponential, input.shape, input.dtype, generator, lambd)
    return copy_(input, wrap(values))


def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with numbers whose logarithms are normally distributed; returns it.

    Raises
    ------
    ValueError
        If std is negative.
    """
    values = _drawn("log_normal_", kernels.normal, input.shape, input.dtype, generator, mean, std)
    return copy_(input, wrap(kernels.exp(values)))


def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with numbers of Cauchy's distribution; returns it.

    Raises
    ------
    ValueError
        Unless sigma > 0.
    """
    if not sigma > 0:
        raise ValueError(f"cauchy_: sigma is {sigma}, expected above 0")
    share = _drawn("cauchy_", kernels.uniform, input.shape, input.dtype, generator, -0.5, 0.5)
    with no_grad():
        values = add(mul(tan(mul(wrap(share), math.pi)), sigma), median)
    return copy_(input, values)


def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with the numbers 1, 2, ... of trials of probability `p` up to the first
    success; returns it.

    Raises
    ------
    ValueError
        Unless 0 < p < 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"geometric_: p is {p}, expected between 0 and 1")
    rate = -math.log1p(-p)
    wait = _drawn(
        "geometric_", kernels.exponential, input.shape, np.dtype(np.float64), generator, rate
    )
    with no_grad():
        values = cast(add(floor(wrap(wait)), 1.0), input.dtype)
    return copy_(input, values)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with ones with probability `p`, a number or a tensor, and else zeros;
    returns it.

    Raises
    ------
    ValueError
        If there is a probability outside [0, 1].
    """
    return copy_(input, bernoulli(input, p, generator=generator))


def random_(
    input: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fills the tensor with integers drawn uniformly from [from_, to); returns it.

    With one bound they are from [0, bound), with none from 0 to the largest number of the type; of
    a floating-point type to the largest up to which it has every integer.

    Raises
    ------
    ValueError
        Unless from_ < to.
    """
    if to is None:
        from_, to = 0, from_ or _largest(input.dtype) + 1
    values = _integers("random_", from_, to, input.shape, np.int64, generator, False)
    return copy_(input, values)


def _largest(dtype: DType) -> int:
    if dtype in FLOATS:
        return int(2 ** (np.finfo(dtype).nmant + 1))
    return 1 if dtype.kind == "b" else min(int(np.iinfo(dtype).max), 2**63 - 2)
