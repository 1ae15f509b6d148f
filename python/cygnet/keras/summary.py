"""The table that `Model.summary` prints."""

from __future__ import annotations

from typing import Any

from cygnet.keras import tree
from cygnet.keras.layer import Layer

__all__ = ["table"]


def table(
    model: Any,
    line_length: int | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: tuple[str, str] | None,
) -> str:
    """See `Model.summary`."""
    if not model.built:
        raise ValueError(
            f"summary: model {model.name!r} has no weights yet: call it on data, or build it with "
            "the shape of its inputs"
        )
    branched = model._graph is not None and any(len(node.inputs) > 1 for node in model._graph.nodes)
    headings = ["Layer (type)", "Output shape", "Param #"]
    headings += ["Connected to"] if branched else []
    headings += ["Trainable"] if show_trainable else []
    rows = [
        _row(layer, depth, branched, show_trainable)
        for layer, depth in _listed(model, expand_nested, layer_range)
    ]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    total = sum(widths) + 2 * (len(widths) - 1)
    if line_length is not None and line_length > total:
        widths[0] += line_length - total
        total = line_length

    def line(cells: list[str]) -> str:
        return "  ".join(
            cell.rjust(width) if heading == "Param #" else cell.ljust(width)
            for cell, width, heading in zip(cells, widths, headings, strict=True)
        ).rstrip()

    trained = sum(weight.numel() for weight in model.trainable_weights)
    fixed = sum(weight.numel() for weight in model.non_trainable_weights)
    size = sum(weight._array.nbytes for weight in model.weights)
    return "\n".join(
        [
            f'Model: "{model.name}"',
            "─" * total,
            line(headings),
            "═" * total,
            *(line(row) for row in rows),
            "═" * total,
            f"Total params: {trained + fixed:,} ({_bytes(size)})",
            f"Trainable params: {trained:,}",
            f"Non-trainable params: {fixed:,}",
            "─" * total,
        ]
    )


def _listed(
    model: Any, expand_nested: bool, layer_range: tuple[str, str] | None, depth: int = 0
) -> list[tuple[Layer, int]]:
    layers = model.layers
    if layer_range is not None:
        names = [layer.name for layer in layers]
        for name in layer_range:
            if name not in names:
                raise ValueError(f"summary: layer_range names {name!r}, which is no layer")
        first, last = map(names.index, layer_range)
        layers = layers[first : last + 1]
    rows = []
    for layer in layers:
        rows.append((layer, depth))
        if expand_nested and hasattr(layer, "layers"):
            rows += _listed(layer, True, None, depth + 1)
    return rows


def _row(layer: Layer, depth: int, branched: bool, show_trainable: bool) -> list[str]:
    cells = [
        "  " * depth + f"{layer.name} ({type(layer).__name__})",
        _output_shape(layer),
        f"{sum(weight.numel() for weight in layer.weights):,}",
    ]
    if branched:
        sources = layer._nodes[0][0].inputs if layer._nodes else []
        names = [source.node.layer.name if source.node else source.name for source in sources]
        cells.append(", ".join(names) or "-")
    if show_trainable:
        cells.append("-" if not layer.weights else "yes" if layer.trainable else "no")
    return cells


def _output_shape(layer: Any) -> str:
    try:
        outputs = tree.flatten(layer.output)
    except AttributeError:  # it was called on data alone
        return "?"
    return ", ".join(str(output.shape) for output in outputs)


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}" if unit != "B" else f"{count} B"
        count /= 1024
    return f"{count:.2f} GB"
