"""Matrix products and the linear layer."""

from __future__ import annotations

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import reshape
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.shape import stack, transpose
from cygnet.tensor import Tensor


def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str = "none"
) -> Tensor:
    """activation(input @ weight.T + bias) over the last dimension.

    Parameters
    ----------
    input : Tensor
        (..., in), float32 or float64.
    weight : Tensor
        (out, in).
    bias : Tensor, optional
        (out,).
    activation : str
        'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid' or 'tanh', fused into the
        product.

    Returns
    -------
    Tensor
        (..., out)

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    input, weight = as_tensor(input, "linear", "input"), as_tensor(weight, "linear", "weight")
    bias = bias if bias is None else as_tensor(bias, "linear", "bias")
    x, w = input._array, weight._array
    output = kernels.linear_forward(
        x, w, None if bias is None else bias._array, activation=activation
    )
    saved = None if activation == "none" else output

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        grads = kernels.linear_backward(
            grad._array,
            x,
            w,
            saved,
            activation=activation,
            need_input=input.requires_grad,
            need_weight=weight.requires_grad,
            need_bias=bias is not None and bias.requires_grad,
        )
        return tuple(None if g is None else wrap(g) for g in grads[: 2 if bias is None else 3])

    inputs = (input, weight) if bias is None else (input, weight, bias)
    return record(wrap(output), inputs, backward, "linear", once=True)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    a, b = as_tensor(input, "mm", "input"), as_tensor(mat2, "mm", "mat2")

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            mm(grad, transpose(b, 0, 1)) if a.requires_grad else None,
            mm(transpose(a, 0, 1), grad) if b.requires_grad else None,
        )

    return record(wrap(kernels.gemm(a._array, b._array)), (a, b), backward, "mm")


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of NumPy's ``@``: vectors, matrices, and stacks of matrices with equal
    leading sizes.

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    """
    a, b = as_tensor(input, "matmul", "input"), as_tensor(other, "matmul", "other")
    if a.ndim == 0 or b.ndim == 0:
        raise kernels.ShapeError(
            f"matmul: shapes {a.shape} and {b.shape}, expected at least 1 dimension each"
        )
    depth = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != depth:
        raise kernels.ShapeError(
            f"matmul: shapes {a.shape} and {b.shape} do not fit: {a.shape[-1]} != {depth}"
        )
    if b.ndim == 1:
        return reshape(matmul(a, reshape(b, (depth, 1))), a.shape[:-1])
    if a.ndim == 1:
        return reshape(matmul(reshape(a, (1, depth)), b), (*b.shape[:-2], b.shape[-1]))
    if b.ndim == 2:
        rows = reshape(a, (-1 if a.numel() else 0, depth)) if a.ndim > 2 else a
        return reshape(mm(rows, b), (*a.shape[:-1], b.shape[1]))
    if a.ndim == 2:
        return transpose(matmul(transpose(b, -1, -2), transpose(a, 0, 1)), -1, -2)
    if a.shape[:-2] != b.shape[:-2]:
        raise kernels.ShapeError(
            f"matmul: shapes {a.shape} and {b.shape} have different leading sizes"
        )
    lead = a.shape[:-2]
    a3 = reshape(a, (-1 if a.numel() else 0, *a.shape[-2:]))
    b3 = reshape(b, (-1 if b.numel() else 0, *b.shape[-2:]))
    products = [mm(a3[i], b3[i]) for i in range(len(a3))]
    if not products:
        return wrap(kernels.full((*lead, a.shape[-2], b.shape[-1]), 0.0, a.dtype.name))
    return reshape(stack(products), (*lead, a.shape[-2], b.shape[-1]))
