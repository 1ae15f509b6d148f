"""Fully connected layers and changes of shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet.nn import functional, init
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.common import FUSED_ACTIVATIONS, as_tensor
from cygnet.tensor import Tensor, empty_array

__all__ = ["Bilinear", "Flatten", "Identity", "Linear", "Unflatten"]


def positive_int(op: str, name: str, value: Any, minimum: int = 1) -> int:
    """`value` as int, or an error that names op and argument."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{op}: argument {name} expected an int, got {type(value).__name__}")
    if value < minimum:
        raise ValueError(f"{op}: argument {name} expected at least {minimum}, got {value}")
    return int(value)


class Identity(Module):
    """Returns its input; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return `input`."""
        return input


class Linear(Module):
    """``input @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis of input (..., in_features) and output (..., out_features).
    bias : bool, default True
        Whether a bias is added.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_features, in_features)
    bias : Parameter of shape (out_features,) or None
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = positive_int("Linear", "in_features", in_features, 0)
        self.out_features = positive_int("Linear", "out_features", out_features, 0)
        dtype = float_dtype("Linear", device, dtype)
        self.weight = Parameter(empty_array((self.out_features, self.in_features), dtype))
        self.register_parameter(
            "bias", Parameter(empty_array((self.out_features,), dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform in ±1/sqrt(in_features)."""
        init.reset_weight_and_bias(self.weight, self.bias)

    fuses = FUSED_ACTIVATIONS

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return functional.linear(input, self.weight, self.bias)

    def forward_activated(self, input: Tensor, activation: str) -> Tensor:
        """The same with an activation in the same kernel."""
        return functional.linear(input, self.weight, self.bias, activation=activation)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """``sum(input1[..., i] * weight[:, i, j] * input2[..., j]) + bias``.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        Sizes of the last axes of both inputs and of the output.
    bias : bool, default True
        Whether a bias is added.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_features, in1_features, in2_features)
    bias : Parameter of shape (out_features,) or None
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = positive_int("Bilinear", "in1_features", in1_features)
        self.in2_features = positive_int("Bilinear", "in2_features", in2_features)
        self.out_features = positive_int("Bilinear", "out_features", out_features)
        dtype = float_dtype("Bilinear", device, dtype)
        shape = self.out_features, self.in1_features, self.in2_features
        self.weight = Parameter(empty_array(shape, dtype))
        self.register_parameter(
            "bias", Parameter(empty_array((self.out_features,), dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform in ±1/sqrt(in1_features)."""
        bound = self.in1_features**-0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Map (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """Joins the axes from `start_dim` to `end_dim` into one.

    Parameters
    ----------
    start_dim : int, default 1
        First axis: the batch axis stays.
    end_dim : int, default -1
        Last axis.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Flatten."""
        return as_tensor(input, "Flatten", "input").flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits an axis into several.

    Parameters
    ----------
    dim : int
        The axis.
    unflattened_size : sequence of int
        The sizes in its place; one may be -1, and follows from the others.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: argument dim expected an int, got {type(dim).__name__}")
        self.dim = dim
        self.unflattened_size = tuple(
            positive_int("Unflatten", "unflattened_size", size, -1) for size in unflattened_size
        )

    def forward(self, input: Tensor) -> Tensor:
        """Unflatten."""
        return as_tensor(input, "Unflatten", "input").unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
