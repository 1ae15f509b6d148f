"""What older programs ask of Keras's backend."""

from __future__ import annotations

from typing import Any

from cygnet.keras.layer import clear_session
from cygnet.keras.variable import Variable
from cygnet.tensor import Tensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_value",
    "image_data_format",
    "set_value",
]


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
    """The value of a variable, tensor or learning rate, as an array or number."""
    return x.numpy() if isinstance(x, Tensor) else x


def set_value(x: Any, value: Any) -> None:
    """Assign to a variable."""
    if not isinstance(x, Variable):
        raise TypeError(
            f"backend.set_value: expected a Variable, got {type(x).__name__}; learning rates are "
            "set by optimizer.learning_rate = value"
        )
    x.assign(value)
