"""Automatic differentiation: the tape, its modes, user-written functions and checks."""

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

__all__ = [
    "Function",
    "GradcheckError",
    "Memory",
    "Node",
    "Output",
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
