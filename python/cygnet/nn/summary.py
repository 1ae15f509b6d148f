"""A table of a model's layers: shapes, parameters, work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cygnet.autograd import no_grad
from cygnet.nn.module import Module
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["LayerSummary", "Summary", "summary"]


@dataclass(frozen=True)
class LayerSummary:
    """One module of the table.

    Attributes
    ----------
    path : str
        Dotted name in the model; empty for the model itself.
    type : str
        Name of the class.
    output_shape : tuple of int or None
        Shape of the (last) output with batch size 1; None if the module was not called or gave
        something else than a tensor.
    parameters : int
        Numbers in parameters that no earlier row counts.
    multiply_adds : int
        Of linear and convolution layers, for one sample, over all calls.
    """

    path: str
    type: str
    output_shape: tuple[int, ...] | None
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """What :func:`summary` found; ``str()`` is the table.

    Attributes
    ----------
    title : str
        Name of the model's class.
    layers : tuple of LayerSummary
        Modules without children, and others that have parameters of their own.
    parameters, trainable_parameters : int
        Numbers in all parameters, each counted once.
    parameter_bytes, output_bytes : int
        Bytes of parameters, and of the layers' outputs for one sample.
    multiply_adds : int
        For one sample.
    """

    title: str
    input_shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]
    parameters: int
    trainable_parameters: int
    parameter_bytes: int
    output_bytes: int
    multiply_adds: int

    def __str__(self) -> str:
        header = ("Layer", "Type", "Output shape", "Parameters", "Multiply-adds")
        rows = [
            (
                layer.path or "(model)",
                layer.type,
                _shape_text(layer.output_shape),
                f"{layer.parameters:,}" if layer.parameters else "-",
                f"{layer.multiply_adds:,}" if layer.multiply_adds else "-",
            )
            for layer in self.layers
        ]
        total = ("Total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        widths = [max(map(len, column)) for column in zip(header, *rows, total, strict=True)]
        aligned = [
            "  ".join(
                cell.rjust(width) if index > 2 else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (header, *rows, total)
        ]
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        frozen = self.parameters - self.trainable_parameters
        return "\n".join(
            [
                f"{self.title}, input {_shape_text((1, *self.input_shape))}",
                rule,
                aligned[0],
                rule,
                *aligned[1:-1],
                rule,
                aligned[-1],
                f"Trainable {self.trainable_parameters:,}, frozen {frozen:,}. "
                f"Parameters {_bytes_text(self.parameter_bytes)}, "
                f"outputs {_bytes_text(self.output_bytes)} a sample.",
            ]
        )

    __repr__ = __str__


def summary(model: Module, input_shape: Sequence[int], dtype: DTypeLike | None = None) -> Summary:
    """Run `model` once on zeros and tabulate its layers.

    The model is run in evaluation mode and without gradients, and left as it was.

    Parameters
    ----------
    model : Module
    input_shape : sequence of int
        Shape of one sample, without the batch axis.
    dtype : dtype, optional
        Of the input; default: that of the model's first parameter, float32 if it has none.

    Returns
    -------
    Summary
        Print it.

    Raises
    ------
    TypeError, ValueError
        If `model` is no module or `input_shape` no sequence of sizes.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: argument model expected a Module, got {type(model).__name__}")
    try:
        shape = tuple(int(size) for size in input_shape)
    except TypeError:
        raise TypeError(
            f"summary: argument input_shape expected a sequence of sizes, got {input_shape!r}"
        ) from None
    if any(size < 0 for size in shape):
        raise ValueError(f"summary: argument input_shape expected sizes >= 0, got {shape}")
    if dtype is None:
        dtype = next((parameter.dtype for parameter in model.parameters()), np.dtype(np.float32))

    outputs: dict[int, Tensor] = {}
    work: dict[int, int] = {}
    watched = [module for _, module in model.named_modules()]
    modes = [module.training for module in watched]

    def watch(module: Module) -> None:
        forward = module.forward

        def watched_forward(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            if isinstance(output, Tensor):
                outputs[id(module)] = output
                work[id(module)] = work.get(id(module), 0) + _multiply_adds(module, output)
            return output

        module.__dict__["forward"] = watched_forward

    own = [module.__dict__.get("forward") for module in watched]
    try:
        for module in watched:
            watch(module)
        model.eval()
        with no_grad():
            model(as_tensor(np.zeros((1, *shape), dtype)))
    finally:
        for module, mode, forward in zip(watched, modes, own, strict=True):
            module.training = mode
            if forward is None:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = forward

    layers: list[LayerSummary] = []
    seen: set[int] = set()
    for path, module in model.named_modules():
        parameters = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, parameters))
        if parameters or not any(True for _ in module.children()):
            output = outputs.get(id(module))
            layers.append(
                LayerSummary(
                    path,
                    type(module).__name__,
                    None if output is None else tuple(output.shape),
                    sum(parameter.numel() for parameter in parameters),
                    work.get(id(module), 0),
                )
            )
    everything = list(model.parameters())
    leaves = [module for module in watched if not any(True for _ in module.children())]
    return Summary(
        title=type(model).__name__,
        input_shape=shape,
        layers=tuple(layers),
        parameters=sum(parameter.numel() for parameter in everything),
        trainable_parameters=sum(p.numel() for p in everything if p.requires_grad),
        parameter_bytes=sum(parameter._array.nbytes for parameter in everything),
        output_bytes=sum(
            outputs[id(module)]._array.nbytes for module in leaves if id(module) in outputs
        ),
        multiply_adds=sum(work.values()),
    )


def _multiply_adds(module: Module, output: Tensor) -> int:
    """A weight (out, ...) is used whole for every output position: linear and convolution."""
    weight = module._parameters.get("weight")
    if weight is None or weight.ndim < 2 or not weight.shape[0]:
        return 0
    return output.numel() // weight.shape[0] * weight.numel()


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else "(" + ", ".join(map(str, shape)) + ")"


def _bytes_text(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} GB"
