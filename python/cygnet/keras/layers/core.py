"""Dense layers, shapes, activations by name, functions as layers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from cygnet.keras import activations
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import (
    Shape,
    Weighted,
    as_float,
    check_axes,
    checked_data_format,
    known,
)
from cygnet.keras.regularizers import L1L2
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.linear import linear
from cygnet.ops.shape import permuted
from cygnet.tensor import Tensor

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Flatten",
    "Identity",
    "Lambda",
    "Permute",
    "RepeatVector",
    "Reshape",
]


class Dense(Weighted):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Parameters
    ----------
    units : int
        Size of the result's last axis.
    activation : str or callable, optional
        Default: none.
    use_bias : bool
        Default True.
    kernel_initializer, bias_initializer : str or callable
        Default "glorot_uniform" and "zeros".
    kernel_regularizer, bias_regularizer, activity_regularizer : str or callable, optional
    kernel_constraint, bias_constraint : str or callable, optional
    **kwargs
        As of `Layer`.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.keras import layers
    >>> layer = layers.Dense(3, activation="relu")
    >>> layer(cn.ones(2, 5)).shape, layer.kernel.shape
    ((2, 3), (5, 3))
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int("Dense", "units", units)
        self.activation = activation
        self.use_bias = use_bias
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        features = known(self, "features", input_shape[-1], input_shape)
        self.kernel = self._weight("kernel", (features, self.units), axes=(1, 0))
        self.bias = self._weight("bias", (self.units,)) if self.use_bias else None

    def _check(self, shape: Sequence[int | None]) -> None:
        features = self.kernel.shape[0] if self.built else shape[-1] if len(shape) else None
        if len(shape) < 2 or shape[-1] != features:
            size = "" if features is None else f"(..., {features}), "
            raise ShapeError(
                f"Dense {self.name!r}: input expected {size}at least 2 axes, got shape "
                f"{tuple(shape)}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        kernel = self.kernel
        if inputs.ndim < 2 or inputs.shape[-1] != kernel.shape[0]:
            self._check(inputs.shape)
        inputs = as_float(inputs, kernel)
        output = linear(inputs, kernel, self.bias, activation=self._fused, transposed=True)
        return output if self._activate is None else self._activate(output)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check(input_shape)
        return (*input_shape[:-1], self.units)


class Activation(Layer):
    """A function of `keras.activations`, or another one, of the inputs.

    Parameters
    ----------
    activation : str or callable
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.__dict__["activation"] = activations.get(activation)

    def call(self, inputs: Tensor) -> Any:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if self.activation is activations.glu:  # which halves the last axis
            return super().compute_output_shape(input_shape)  # type: ignore[no-any-return]
        return tuple(input_shape)


class Identity(Layer):
    """The inputs themselves."""

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class ActivityRegularization(Layer):
    """The inputs themselves, which add ``l1 * sum(|x|) + l2 * sum(x²)`` to the loss.

    Parameters
    ----------
    l1, l2 : float
        Default 0.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _product(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]


class Flatten(Layer):
    """All axes but the batch's as one.

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
        With "channels_first" the channels of (N, C, ...) count fastest, as if they came last.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_data_format("Flatten", data_format)

    def call(self, inputs: Tensor) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = permuted(inputs, (0, *range(2, inputs.ndim), 1))
        shape = inputs.shape
        return inputs.reshape(shape[0], math.prod(shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))


class Reshape(Layer):
    """The same elements in another shape.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch; one size may be -1, which follows from the others.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: argument target_shape expected -1 at most once, got {target_shape}"
            )
        self.target_shape = shape

    def call(self, inputs: Tensor) -> Tensor:
        shape = self._completed(inputs.shape[1:])
        return inputs.reshape(inputs.shape[0], *shape)

    def _completed(self, sizes: Sequence[int | None]) -> Shape:
        target, total = self.target_shape, _product(sizes)
        if total is None:
            return tuple(None if size == -1 else size for size in target)
        rest = math.prod(size for size in target if size != -1)
        if total % max(rest, 1) or (rest != total and -1 not in target):
            raise ShapeError(
                f"Reshape {self.name!r}: input of {total} elements a sample, {tuple(sizes)}, does "
                f"not fit target_shape {target}"
            )
        return tuple(total // max(rest, 1) if size == -1 else size for size in target)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (input_shape[0], *self._completed(input_shape[1:]))


class Permute(Layer):
    """The axes in another order.

    Parameters
    ----------
    dims : sequence of int
        Of each axis of the result which of the input's it is; counted from 1, without the batch.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: argument dims expected each of 1 to {len(self.dims)} once, got {dims}"
            )

    def build(self, input_shape: Any) -> None:
        check_axes(self, input_shape, len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        check_axes(self, inputs.shape, len(self.dims) + 1)
        return permuted(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        check_axes(self, input_shape, len(self.dims) + 1)
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Each vector of (N, F) `n` times: (N, n, F).

    Parameters
    ----------
    n : int
    **kwargs
        As of `Layer`.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int("RepeatVector", "n", n)

    def call(self, inputs: Tensor) -> Tensor:
        check_axes(self, inputs.shape, 2, "batch, features")
        samples, features = inputs.shape
        return inputs.reshape(samples, 1, features).expand(samples, self.n, features)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        check_axes(self, input_shape, 2, "batch, features")
        return (input_shape[0], self.n, input_shape[1])


class Lambda(Layer):
    """A function as a layer. Files keep only functions that are registered or in Keras.

    Parameters
    ----------
    function : callable
        Of the inputs; it may take `mask` and `training`.
    output_shape : tuple or callable, optional
        Of the result, without the batch, or a function of the inputs' shape. Default: what comes
        out of zeros.
    mask : Tensor or callable, optional
        The result's mask, or a function of inputs and mask that gives it.
    arguments : dict, optional
        Further arguments of `function`.
    **kwargs
        As of `Layer`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments or {}
        self.__dict__.update(function=function, mask=mask, _output_shape=output_shape)
        if mask is not None:
            self.supports_masking = True
        taken = inspect.signature(function).parameters if callable(function) else {}
        self.__dict__["_passed"] = {"mask", "training"} & taken.keys()

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        given = {"mask": mask, "training": training}
        passed = {name: given[name] for name in self._passed}
        return self.function(inputs, **(passed | self.arguments))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self._output_shape
        if shape is None:
            return super().compute_output_shape(input_shape)
        if callable(shape):
            return tuple(shape(input_shape))
        first = input_shape[0]  # a size, or the first of several shapes
        batch = first if first is None or isinstance(first, int) else first[0]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
