"""Models as files: configuration as JSON and arrays, no code."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from cygnet.io import load, save
from cygnet.keras import tree
from cygnet.keras.graph import Graph
from cygnet.keras.input import InputLayer
from cygnet.keras.layer import Layer
from cygnet.keras.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    deserialized,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
    serialized,
)
from cygnet.keras.symbolic import KerasTensor

__all__ = [
    "CustomObjectScope",
    "clone_model",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "load_model",
    "model_from_json",
    "register_keras_serializable",
    "serialize_keras_object",
]

_FORMAT = 1


def graph_config(graph: Graph) -> dict[str, Any]:
    """Layers and calls of a graph, tensors by the numbers of call and output."""
    starts = tree.flatten(graph.inputs)
    numbers = {id(tensor): ["input", place] for place, tensor in enumerate(starts)}
    for call, node in enumerate(graph.nodes):
        for place, output in enumerate(node.outputs):
            numbers[id(output)] = [call, place]

    def told(leaf: Any) -> Any:
        if isinstance(leaf, KerasTensor):
            return {"class_name": "__tensor__", "config": numbers[id(leaf)]}
        return serialized(leaf)

    def structure(value: Any) -> Any:
        mapped = tree.map_structure(told, value)
        return {"tuple": list(mapped)} if isinstance(value, tuple) else mapped

    called = list({id(node.layer): node.layer for node in graph.nodes}.values())
    places = {id(layer): place for place, layer in enumerate(called)}
    return {
        "inputs": tree.map_structure(
            lambda t: {"shape": list(t.shape), "dtype": t.dtype, "name": t.name}, starts
        ),
        "input_structure": tree.map_structure(lambda t: starts.index(t), graph.inputs),
        "layers": [serialized(layer) for layer in called],
        "nodes": [
            {
                "layer": places[id(node.layer)],
                "args": [structure(argument) for argument in node.args],
                "kwargs": {name: structure(value) for name, value in node.kwargs.items()},
            }
            for node in graph.nodes
        ],
        "outputs": tree.map_structure(lambda t: {"tensor": numbers[id(t)]}, graph.outputs),
    }


def graph_from_config(config: dict[str, Any]) -> tuple[Any, Any]:
    """Inputs and outputs of a new graph like the one that `graph_config` told of."""
    starts = [
        InputLayer(batch_shape=each["shape"], dtype=each["dtype"], name=each["name"]).output
        for each in config["inputs"]
    ]
    layers = [deserialized(layer) for layer in config["layers"]]
    made: list[list[KerasTensor]] = []

    def tensor(number: list[Any]) -> KerasTensor:
        first, place = number
        found: KerasTensor = starts[place] if first == "input" else made[first][place]
        return found

    def value(told: Any) -> Any:
        if isinstance(told, list):
            return [value(each) for each in told]
        if isinstance(told, dict):
            if told.get("class_name") == "__tensor__":
                return tensor(told["config"])
            if told.keys() == {"tuple"}:
                return tuple(value(each) for each in told["tuple"])
            if "class_name" not in told:
                return {key: value(each) for key, each in told.items()}
        return deserialized(told)

    for node in config["nodes"]:
        args = [value(argument) for argument in node["args"]]
        kwargs = {name: value(argument) for name, argument in node["kwargs"].items()}
        made.append(tree.flatten(layers[node["layer"]](*args, **kwargs)))

    def output(told: Any) -> Any:
        if isinstance(told, list):
            return [output(each) for each in told]
        if told.keys() == {"tensor"}:
            return tensor(told["tensor"])
        return {key: output(each) for key, each in told.items()}

    inputs = tree.map_structure(lambda place: starts[place], config["input_structure"])
    return inputs, output(config["outputs"])


# Weights


def _check_free(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise FileExistsError(f"save: {path} exists, and overwrite is False")


def save_weights(model: Layer, filepath: str | PathLike[str], overwrite: bool = True) -> None:
    """See `Model.save_weights`."""
    _check_free(Path(filepath), overwrite)
    _check_built(model, "save_weights")
    save({"format": _FORMAT, "weights": model.state_dict()}, filepath)


def _check_built(model: Layer, op: str) -> None:
    if not model.built and not model.weights:
        raise ValueError(
            f"{op}: model {model.name!r} has no weights yet: call it on data or build it first"
        )


def _read(filepath: str | PathLike[str], op: str) -> dict[str, Any]:
    content = load(filepath)
    if not isinstance(content, dict) or "format" not in content or "weights" not in content:
        raise ValueError(f"{op}: {filepath} was not written by Model.save or Model.save_weights")
    if content["format"] != _FORMAT:
        raise ValueError(
            f"{op}: {filepath} has format {content['format']}, this Cygnet reads {_FORMAT}"
        )
    return content


def load_weights(model: Layer, filepath: str | PathLike[str], skip_mismatch: bool = False) -> None:
    """See `Model.load_weights`."""
    weights = _read(filepath, "load_weights")["weights"]
    _check_built(model, "load_weights")
    _assign(model, weights, skip_mismatch, f"load_weights: {filepath}")


def _assign(model: Layer, weights: dict[str, Any], skip_mismatch: bool, where: str) -> None:
    if skip_mismatch:
        mine = model.state_dict()
        weights = {
            name: value
            for name, value in weights.items()
            if name in mine and mine[name].shape == value.shape
        }
    try:
        model.load_state_dict(weights, strict=not skip_mismatch)
    except RuntimeError as error:
        raise ValueError(f"{where}: model {model.name!r}: {error}") from None


# Whole models


def save_model(
    model: Any,
    filepath: str | PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> None:
    """Write a model to a file; see `Model.save`."""
    _check_free(Path(filepath), overwrite)
    _check_built(model, "save")
    content: dict[str, Any] = {
        "format": _FORMAT,
        "config": json.dumps(serialized(model)),
        "weights": model.state_dict(),
    }
    if model._graph is None and model.__dict__.get("_build_shape") is not None:
        content["build_shape"] = json.dumps(serialized(model._build_shape))
    if include_optimizer and model.compiled:
        try:
            content["compile"] = json.dumps(serialized(model._compile_arguments))
        except TypeError as error:  # a lambda
            warnings.warn(f"save: {filepath} says not how it is compiled: {error}", stacklevel=3)
    if "compile" in content and model.optimizer is not None and model.optimizer.built:
        content["optimizer"] = model.optimizer.state_dict()
    save(content, filepath)


def load_model(
    filepath: str | PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    filepath : path-like
    custom_objects : dict of str to class or function, optional
        What the configuration names beside Keras's own.
    compile : bool
        Whether the model is compiled as it was, with the optimizer's state. Default True.
    safe_mode : bool
        Has no effect: files hold no code.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or no model.
    """
    content = _read(filepath, "load_model")
    if "config" not in content:
        raise ValueError(
            f"load_model: {filepath} holds weights alone: make the model and call load_weights"
        )
    with custom_object_scope(custom_objects), _no_model_named(filepath):
        model = deserialized(json.loads(content["config"]))
        if not model.built and "build_shape" in content:
            model.build(_as_shape(json.loads(content["build_shape"])))
        _assign(model, content["weights"], False, f"load_model: {filepath}")
        if compile and "compile" in content:
            model.compile(**deserialized(json.loads(content["compile"])))
            if "optimizer" in content:
                model.optimizer.build(model.trainable_variables)
                model.optimizer.load_state_dict(content["optimizer"])
    return model


@contextmanager
def _no_model_named(filepath: str | PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (AttributeError, LookupError, RecursionError, TypeError) as error:
        raise ValueError(
            f"load_model: {filepath} describes no model: {type(error).__name__} {error}"
        ) from error


def _as_shape(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _as_shape(shape) for key, shape in told.items()}
    if told and isinstance(told[0], list):
        return [_as_shape(shape) for shape in told]
    return tuple(told)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that `Model.to_json` told of, with new weights."""
    with custom_object_scope(custom_objects):
        return deserialized(json.loads(json_string))


def clone_model(model: Any, clone_function: Callable[[Any], Any] | None = None) -> Any:
    """A model of the same architecture with new weights and layers."""
    if clone_function is not None:
        raise ValueError("clone_model: clone_function is not supported")
    return deserialized(serialized(model))
