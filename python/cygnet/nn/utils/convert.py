"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from cygnet import ops
from cygnet.kernels import ShapeError
from cygnet.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of `parameters`, one parameter after another, as a vector; differentiable."""
    return ops.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of `vec` into `parameters`, which keep their memory.

    PyTorch makes the parameters views of the vector instead.

    Raises
    ------
    ShapeError
        If `vec` is no vector, or has not as many elements as all parameters.
    """
    listed = list(parameters)
    total = sum(parameter.numel() for parameter in listed)
    if vec.shape != (total,):
        raise ShapeError(f"vector_to_parameters: vec has shape {vec.shape}, expected ({total},)")
    start = 0
    for parameter in listed:
        end = start + parameter.numel()
        parameter.data = vec.detach()[start:end].reshape(parameter.shape).to(parameter.dtype)
        start = end
