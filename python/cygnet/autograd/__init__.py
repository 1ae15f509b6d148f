"""Automatic differentiation: the tape, its modes, user-written functions and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cygnet.autograd.function import Function
from cygnet.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from cygnet.autograd.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from cygnet.autograd.tape import (
    Memory,
    Node,
    Output,
    accumulate,
    backward,
    grad,
    memory_of,
    modified,
    needs_gradient,
    record,
    record_several,
    record_view,
)

if TYPE_CHECKING:
    from cygnet.tensor import Tensor

__all__ = [
    "Function",
    "GradcheckError",
    "Memory",
    "Node",
    "Output",
    "Variable",
    "accumulate",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "memory_of",
    "modified",
    "needs_gradient",
    "no_grad",
    "record",
    "record_several",
    "record_view",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:  # noqa: N802 (PyTorch's name)
    """The tensor's memory as a new leaf, as old programs ask for; tensors need no wrapping."""
    return data.detach().requires_grad_(requires_grad)
