"""What older programs ask of Keras's backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet.keras import ops, random
from cygnet.keras.layer import clear_session
from cygnet.keras.variable import Variable
from cygnet.tensor import Tensor

# Names here, and in keras.ops where they differ.
_OF_OPS = {
    **dict.fromkeys(
        [
            "abs",
            "all",
            "any",
            "binary_crossentropy",
            "cast",
            "categorical_crossentropy",
            "cos",
            "cumprod",
            "cumsum",
            "dot",
            "elu",
            "equal",
            "exp",
            "greater",
            "greater_equal",
            "hard_sigmoid",
            "less",
            "less_equal",
            "log",
            "logsumexp",
            "max",
            "maximum",
            "mean",
            "min",
            "minimum",
            "not_equal",
            "ones_like",
            "prod",
            "relu",
            "reshape",
            "round",
            "sigmoid",
            "sign",
            "sin",
            "softmax",
            "softplus",
            "softsign",
            "sparse_categorical_crossentropy",
            "sqrt",
            "square",
            "squeeze",
            "stack",
            "std",
            "stop_gradient",
            "sum",
            "tanh",
            "tile",
            "transpose",
            "var",
            "zeros_like",
        ],
        "",
    ),
    "flatten": "ravel",
    "int_shape": "shape",
    "ndim": "ndim",
    "permute_dimensions": "transpose",
    "pow": "power",
    "shape": "shape",
    "switch": "where",
}
_LAST = ["argmax", "argmin", "concatenate", "expand_dims"]  # whose axis is -1 by default
globals().update({name: getattr(ops, of or name) for name, of in _OF_OPS.items()})
random_normal, random_uniform = random.normal, random.uniform

__all__ = [
    *_LAST,
    *_OF_OPS,
    "backend",
    "clear_session",
    "clip",
    "epsilon",
    "floatx",
    "get_value",
    "image_data_format",
    "random_normal",
    "random_uniform",
    "set_value",
]


def _along_last(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)

    def along(x: Any, axis: int = -1) -> Any:
        return function(x, axis)

    along.__name__ = along.__qualname__ = name
    along.__doc__ = f"`keras.ops.{name}`, by default along the last axis."
    return along


globals().update({name: _along_last(name) for name in _LAST})


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """Each number, but at least `min_value` and at most `max_value`."""
    return ops.clip(x, min_value, max_value)


def backend() -> str:
    """The name of what computes: "cygnet"."""
    return "cygnet"


def image_data_format() -> str:
    """Where the channels of images stand by default: "channels_last"."""
    return "channels_last"


def floatx() -> str:
    """The type of weights by default: "float32"."""
    return "float32"


def epsilon() -> float:
    """What losses clip probabilities to: 1e-7."""
    return 1e-7


def get_value(x: Any) -> Any:
    """The value of a variable, tensor or learning rate, as an array of its own or a number."""
    return x.numpy().copy() if isinstance(x, Tensor) else x


def set_value(x: Any, value: Any) -> None:
    """Assign to a variable."""
    if not isinstance(x, Variable):
        raise TypeError(
            f"backend.set_value: expected a Variable, got {type(x).__name__}; learning rates are "
            "set by optimizer.learning_rate = value"
        )
    x.assign(value)
