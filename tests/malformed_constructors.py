"""Valid arguments of the constructors of modules, optimizers, schedules, loaders and layers.

A class is made with each of its arguments, whether it must be given or not, replaced as in
`tests.malformed_calls`. It must say which class and argument is wrong, or make an object; a module
or layer that is made is called with a small input.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

import cygnet
from cygnet import data, keras, nn, optim, train

FAMILIES = {
    "nn": nn,
    "optim": optim,
    "lr_scheduler": optim.lr_scheduler,
    "keras.layers": keras.layers,
    "data": data,
    "train": train,
}

# Classes without a constructor of their own, or that write files wherever they are told to.
LEFT_OUT = {
    # Tensors, whose errors name what makes them.
    *("nn.Buffer", "nn.KeyValueCache", "nn.Parameter", "nn.UninitializedBuffer"),
    "nn.UninitializedParameter",
    *("data.DownloadError", "nn.RNNBase", "nn.RNNCellBase", "nn.Module", "optim.Optimizer"),
    "lr_scheduler.LRScheduler",
    "train.CallbackList",  # its errors name its `callbacks`, as those of `fit` do
    *("train.BackupAndRestore", "train.CSVLogger", "train.ModelCheckpoint", "train.TensorBoard"),
}

# A schedule that is to continue finds no key in the optimizer, as in PyTorch.
ALLOWED = (TypeError, ValueError, IndexError, RuntimeError, MemoryError, KeyError)

CLASSES = [
    f"{family}.{name}"
    for family, module in FAMILIES.items()
    for name in sorted(vars(module).get("__all__", dir(module)))
    if isinstance(getattr(module, name), type) and f"{family}.{name}" not in LEFT_OUT
]

# A valid argument of each name; all others are 2.
EXAMPLES: dict[str, Any] = {
    "activation": "relu",
    "axes": 1,
    "bias": True,
    "cutoffs": [1],
    "data_source": [1, 2, 3],
    "dataset": [1, 2, 3],
    "datasets": [[1, 2], [3]],
    "dims": (1, 2),
    "drop_last": False,
    "factor": 0.1,
    "filters": 2,
    "gamma": 0.5,
    "height_factor": 0.1,
    "indices": [0, 1],
    "lengths": [2, 3],
    "losses": [1.0, 2.0],
    "base_lr": 0.1,
    "max_lr": 0.2,
    "milestones": [1, 2],
    "mode": "LSTM",
    "n_classes": 3,
    "name": "name",
    "rate": 0.5,
    "rates": [0.1, 0.2],
    "sampler": [1, 2, 3],
    "scale": 0.5,
    "smooth": [1.0, 2.0],
    "stddev": 0.1,
    "suggestion": 0.1,
    "target_shape": (2, 3),
    "tokens": ["a", "b"],
    "unflattened_size": (1, 3),
    "value": 0.5,
    "weights": [0.5, 0.5],
    "width_factor": 0.1,
}


def optimizer() -> Any:
    return optim.SGD([nn.Parameter(cygnet.ones(2))], lr=0.1)


# What has to be made anew.
MADE: dict[str, Any] = {
    "cell": lambda: keras.layers.GRUCell(2),
    "cells": lambda: [keras.layers.GRUCell(2)],
    "decoder_layer": lambda: nn.TransformerDecoderLayer(2, 2),
    "encoder_layer": lambda: nn.TransformerEncoderLayer(2, 2),
    "function": lambda: abs,
    "layer": lambda: keras.layers.GRU(2),
    "loss": nn.MSELoss,
    "lr_lambda": lambda: lambda epoch: 0.5**epoch,
    "model": lambda: nn.Linear(2, 2),
    "optimizer": optimizer,
    "params": lambda: [nn.Parameter(cygnet.ones(2, 2))],
    "schedule": lambda: lambda epoch: 0.1,
    "schedulers": lambda: [optim.lr_scheduler.ConstantLR(optimizer())],
}


def schedules() -> dict[str, Any]:
    """Of one optimizer, as `SequentialLR` wants them."""
    common = optimizer()
    parts = [optim.lr_scheduler.ConstantLR(common) for _ in range(3)]
    return {"optimizer": common, "schedulers": parts}


# What else a valid construction is given, beside what has no default; a list of what `*` takes.
RECURRENT = {"input_size": 4, "hidden_size": 2, "num_layers": 1, "bias": True}
RECURRENT |= {"batch_first": True, "dropout": 0.0, "bidirectional": False}
GIVEN: dict[str, Any] = {
    "nn.GRU": lambda: RECURRENT,
    "nn.LSTM": lambda: {**RECURRENT, "proj_size": 0},
    "data.BucketBatchSampler": lambda: {"batch_size": 2},
    "data.StackDataset": lambda: {"args": [[1, 2], [3, 4]]},
    "data.TensorDataset": lambda: {"tensors": [cygnet.ones(2, 3), cygnet.ones(2)]},
    "keras.layers.InputLayer": lambda: {"shape": (3, 4)},
    "lr_scheduler.OneCycleLR": lambda: {"total_steps": 10},
    "lr_scheduler.SequentialLR": schedules,
}


def found(name: str) -> Any:
    family, _, kind = name.rpartition(".")
    return getattr(FAMILIES[family], kind)


def example(name: str) -> Any:
    return MADE[name]() if name in MADE else EXAMPLES.get(name, 2)


def valid(name: str) -> dict[str, Any]:
    """Arguments that a class can be made with."""
    needed = {
        p.name: example(p.name)
        for p in inspect.signature(found(name)).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    return needed | GIVEN.get(name, dict)()


def construct(name: str, keywords: dict[str, Any]) -> Any:
    """What the class makes of the arguments; a list of what `*` takes is taken apart."""
    kind = found(name)
    keywords = dict(keywords)
    for parameter in inspect.signature(kind).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and parameter.name in keywords:
            several = keywords.pop(parameter.name)
            several = several if isinstance(several, list | tuple) else [several]
            return kind(*several, **keywords)
    return kind(**keywords)


def calls(name: str, others: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Class of the malformed argument, its name and all arguments of calls of a constructor."""
    defaults = {
        p.name: p.default
        for p in inspect.signature(found(name)).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    for argument, value in {**defaults, **valid(name)}.items():
        seen: set[str] = set()
        for kind, other in others(value):
            if kind in seen and kind not in ("no number", "no whole number"):
                continue
            seen.add(kind)
            yield kind, argument, {**valid(name), argument: other}
    yield "of no such name", "nonsense", {**valid(name), "nonsense": 1}


def used(made: Any) -> None:
    """A first call of what a constructor made."""
    if isinstance(made, nn.Module) and not isinstance(made, keras.layers.Layer):
        made(cygnet.as_tensor(np.ones((2, 2, 4), np.float32)))
    elif isinstance(made, keras.layers.Layer):
        made(cygnet.as_tensor(np.ones((2, 3, 4), np.float32)))
