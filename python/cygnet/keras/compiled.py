"""Losses and metrics of the outputs of a model, as `compile` is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cygnet.keras import losses, metrics, tree
from cygnet.recorder import used
from cygnet.tensor import Tensor

__all__ = ["CompiledLoss", "CompiledMetrics", "figures_of"]


def figures_of(metric: Any) -> dict[str, Any]:
    """A metric's result by its name, or its results by theirs."""
    result = metric.result()
    return dict(result) if isinstance(result, dict) else {metric.name: result}


def _by_output(op: str, what: str, given: Any, structure: Any, names: list[str]) -> list[Any]:
    """What is given for each output: by names, in a list, or once for all."""
    if isinstance(given, dict):
        keys = list(structure) if isinstance(structure, dict) else names
        unknown = [key for key in given if key not in keys]
        if unknown:
            raise ValueError(
                f"{op}: {what} names {', '.join(map(repr, unknown))}, the outputs are "
                f"{', '.join(map(repr, keys))}"
            )
        by_name = {key: given.get(key) for key in keys}
        return tree.flatten(by_name) if isinstance(structure, dict) else list(by_name.values())
    count = len(names)
    if isinstance(given, list | tuple) and count > 1:
        if len(given) != count:
            raise ValueError(f"{op}: {what} has {len(given)} entries for {count} outputs")
        return list(given)
    if isinstance(given, list | tuple) and len(given) == 1 and what == "loss":
        given = given[0]
    return [given] * count


def aligned(op: str, what: str, given: Any, structure: Any, names: list[str]) -> list[Any]:
    """Targets or weights in the order of the outputs."""
    if given is None:
        return [None] * len(names)
    if isinstance(structure, Tensor):
        if isinstance(given, dict) and len(given) == 1:
            given = next(iter(given.values()))
        if isinstance(given, list | tuple) and len(given) == 1:
            given = given[0]
        return [given]
    if isinstance(given, Tensor):
        return [given] * len(names) if what == "sample_weight" else _wrong_number(op, what, names)
    found = _by_output(op, what, given, structure, names)
    return found if len(found) == len(names) else _wrong_number(op, what, names)


def _wrong_number(op: str, what: str, names: list[str]) -> Any:
    raise ValueError(f"{op}: {what} expected one entry for each of the outputs {', '.join(names)}")


def output_names(structure: Any, names: list[str]) -> list[str]:
    """Names of the outputs: of a graph's layers, of a dict's keys, or numbers."""
    if isinstance(structure, dict):
        return sorted(structure)
    count = len(tree.flatten(structure))
    if len(names) == count and len(set(names)) == count:
        return names
    return [f"output_{place + 1}" for place in range(count)]


class CompiledLoss:
    """The loss of a model: the sum of its outputs' losses, each times a weight.

    Parameters
    ----------
    loss : str, callable, or list or dict of them
    weights : list or dict of float, optional
    names : list of str
        Of the outputs, if the model is a graph.
    """

    def __init__(self, loss: Any, weights: Any, names: list[str]) -> None:
        for each in tree.flatten(loss):
            _as_loss(each)  # unknown names are told of at once
        self._loss, self._weights, self._names = loss, weights, names
        self._losses: list[Any] | None = None

    def _resolve(self, y_pred: Any) -> None:
        names = output_names(y_pred, self._names)
        given = _by_output("compile", "loss", self._loss, y_pred, names)
        self._losses = [_as_loss(each) for each in given]
        self._factors = (
            [None] * len(names)
            if self._weights is None
            else _by_output("compile", "loss_weights", self._weights, y_pred, names)
        )
        self.names = names

    def __call__(self, y_true: Any, y_pred: Any, weight: Any) -> tuple[Any, list[Any]]:
        """The loss, and the losses of the outputs where there are several."""
        if self._losses is None:
            self._resolve(y_pred)
        assert self._losses is not None
        alone = isinstance(y_pred, Tensor) and isinstance(y_true, Tensor)
        if alone and self._factors[0] is None:  # the usual case
            return used(self._losses[0])(y_true, y_pred, weight), []
        names = self.names
        if y_true is None:
            raise ValueError("fit: the targets y are missing: the model has a loss")
        targets = aligned("fit", "y", y_true, y_pred, names)
        weights = aligned("fit", "sample_weight", weight, y_pred, names)
        total: Any = None
        parts: list[Any] = []
        for function, factor, target, output, each in zip(
            self._losses, self._factors, targets, tree.flatten(y_pred), weights, strict=True
        ):
            if function is None or target is None:
                parts.append(None)
                continue
            value = used(function)(target, output, each)
            parts.append(value)
            if factor is not None:
                value = value * float(factor)
            total = value if total is None else total + value
        return total, parts if len(parts) > 1 else []


def _as_loss(identifier: Any) -> Any:
    """A loss of targets, outputs and weights that gives one number."""
    found = losses.get(identifier)
    if found is None or isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))


class CompiledMetrics:
    """The metrics of a model's outputs.

    Parameters
    ----------
    given : list, or list or dict of lists
        Names, metrics or functions, for each output.
    names : list of str
        Of the outputs, if the model is a graph.
    loss : object
        What `compile` was told; 'accuracy' depends on it.
    weighted : bool
        Whether samples' weights count.
    """

    def __init__(self, given: Any, names: list[str], loss: Any, weighted: bool = False) -> None:
        self._given = given
        self._names = names
        self._loss = loss
        self._weighted = weighted
        self._by_output: list[list[Any]] | None = None
        self.is_given = bool(tree.flatten(given if given is not None else []))
        self.name = "weighted_compile_metrics" if weighted else "compile_metrics"
        self._waiting: Mapping[str, Any] = {}  # the state of metrics that the first batch makes
        self.metrics: list[Any] = []
        for each in tree.flatten(given if given is not None else []):
            if isinstance(each, str):
                metrics.check_name(each)

    def _resolve(self, y_true: list[Any], y_pred: Any, names: list[str]) -> None:
        outputs = tree.flatten(y_pred)
        given = self._given
        if len(outputs) == 1 and not isinstance(given, dict):
            lists: list[Any] = [given]
        else:
            lists = _by_output("compile", "metrics", given, y_pred, names)
        found_losses = _by_output("compile", "loss", self._loss, y_pred, names)
        self._by_output = []
        for name, identifiers, target, output, loss in zip(
            names, lists, y_true, outputs, found_losses, strict=True
        ):
            if identifiers is None:
                identifiers = []
            if isinstance(identifiers, str) or not isinstance(identifiers, Iterable):
                identifiers = [identifiers]
            found = [metrics.resolve(each, target, output, loss) for each in identifiers]
            if len(outputs) > 1:
                for metric in found:
                    metric.name = f"{name}_{metric.name}"
            self._by_output.append(found)
        self.metrics = [metric for each in self._by_output for metric in each]
        self.load_state_dict(self._waiting)

    def state_dict(self) -> dict[str, Any]:
        """The states of the metrics; their results serve where no batch follows."""
        return {"states": [each.state_dict() for each in self.metrics], "result": self.result()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called; at the latest with the first batch."""
        self._waiting = state_dict
        for metric, state in zip(self.metrics, state_dict.get("states", ()), strict=False):
            metric.load_state_dict(state)

    def reset_state(self) -> None:
        """Forget all batches, and what `load_state_dict` keeps for metrics to come."""
        self._waiting = {}
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The metrics' results by their names."""
        if self._by_output is None:
            return dict(self._waiting.get("result", {}))
        return {
            name: value for metric in self.metrics for name, value in figures_of(metric).items()
        }

    def update_state(self, y_true: Any, y_pred: Any, weight: Any = None) -> None:
        """Add a batch."""
        if self._by_output is None:
            names = output_names(y_pred, self._names)
            self._resolve(aligned("fit", "y", y_true, y_pred, names), y_pred, names)
        assert self._by_output is not None
        if not self.metrics:
            return
        if not self._weighted:
            weight = None
        if isinstance(y_pred, Tensor) and isinstance(y_true, Tensor):  # the usual case
            for metric in self._by_output[0]:
                metric.update_state(y_true, y_pred, weight)
            return
        names = output_names(y_pred, self._names)
        targets = aligned("fit", "y", y_true, y_pred, names)
        weights = aligned("fit", "sample_weight", weight, y_pred, names)
        for found, target, output, each in zip(
            self._by_output, targets, tree.flatten(y_pred), weights, strict=True
        ):
            if target is not None:
                for metric in found:
                    metric.update_state(target, output, each)
