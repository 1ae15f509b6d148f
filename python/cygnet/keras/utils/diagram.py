"""Models as pictures: a box for each layer, arrows for what goes from one to the next.

Drawn with matplotlib (``pip install cygnet[plot]``), so that no program beside Python is needed.
"""

from __future__ import annotations

from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np

from cygnet.keras import tree
from cygnet.keras.layer import Layer
from cygnet.keras.utils.layered import Route, layered
from cygnet.train.plots import figure_class

__all__ = ["plot_model"]

_POINTS = 72.0  # an inch
_FONT = 9.0
_LINE = 1.5 * _FONT
_MARGIN = 6.0
_DIRECTIONS = ("TB", "BT", "LR", "RL")
_HEAD, _INPUT_HEAD, _EDGE = "#30404f", "#0072b2", "#606060"


def plot_model(
    model: Any,
    to_file: str | PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw the layers of a model and what goes from one to the next.

    Parameters
    ----------
    model : Model
        Built. One without a graph (a subclass with its own `call`) is a single box.
    to_file : path-like, optional
        Default "model.png"; the ending names the format (png, pdf, svg). None: no file.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What the boxes tell beside the kind of the layer. Default False.
    rankdir : {"TB", "BT", "LR", "RL"}
        From top to bottom, from left to right, or reversed.
    expand_nested : bool, default False
        Whether models inside of it are drawn layer by layer.
    dpi : float, default 200
        Points of a picture an inch.
    splines
        Has no effect: arrows are curves.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the model is not built, or `rankdir` is none of these.
    """
    if kwargs:
        raise TypeError(f"plot_model: unknown argument {next(iter(kwargs))!r}")
    if rankdir not in _DIRECTIONS:
        raise ValueError(
            f"plot_model: argument rankdir expected one of {', '.join(_DIRECTIONS)}, got "
            f"{rankdir!r}"
        )
    if not model.built:
        raise ValueError(
            f"plot_model: model {model.name!r} is not built yet: call it on data, or build it with "
            "the shape of its inputs"
        )
    Figure = figure_class("plot_model needs")  # noqa: N806 (a class)
    diagram = _Diagram(expand_nested)
    diagram.add(model)
    boxes = [
        _Box(
            layer, show_layer_names, show_shapes, show_dtype, show_layer_activations, show_trainable
        )
        for layer in diagram.layers
    ]
    sideways = rankdir in ("LR", "RL")
    sizes = [(box.height, box.width) if sideways else (box.width, box.height) for box in boxes]
    centres, routes = layered(sizes, diagram.edges, gap=18.0, rank_gap=30.0 if sideways else 22.0)

    # The picture's axes go to the right and upwards.
    def turned(point: tuple[float, float]) -> tuple[float, float]:
        across, along = point
        along = -along if rankdir in ("TB", "RL") else along
        return (along, -across) if sideways else (across, along)

    centres = [turned(centre) for centre in centres]
    reach = [
        (x + side * box.width / 2, y + side * box.height / 2)
        for (x, y), box in zip(centres, boxes, strict=True)
        for side in (-1, 1)
    ]
    reach += [point for route in routes for point in map(turned, route)]
    (left, low), (right, high) = np.min(reach, axis=0) - _MARGIN, np.max(reach, axis=0) + _MARGIN

    figure = Figure(figsize=((right - left) / _POINTS, (high - low) / _POINTS))
    panel = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(low, high))
    panel.set_axis_off()
    for route in routes:
        _draw_edge(panel, [turned(point) for point in route], sideways)
    for box, centre in zip(boxes, centres, strict=True):
        box.draw(panel, *centre)
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi)
    return figure


class _Diagram:
    """Which layers are drawn, and the edges between them."""

    def __init__(self, expand_nested: bool) -> None:
        self.layers: list[Layer] = []
        self.edges: list[tuple[int, int]] = []
        self._expand = expand_nested
        self._ends: dict[int, tuple[list[int], list[int]]] = {}  # boxes that begin and end a layer

    def add(self, layer: Layer, outermost: bool = True) -> tuple[list[int], list[int]]:
        """Adds a layer, or those of a model; gives the boxes that it begins and ends with."""
        if id(layer) in self._ends:
            return self._ends[id(layer)]
        graph = _graph_of(layer) if outermost or self._expand else None
        if graph is None:
            self.layers.append(layer)
            first = last = [len(self.layers) - 1]
        else:
            made = {}  # the boxes that a KerasTensor comes from
            first = []
            for tensor in tree.flatten(graph.inputs):
                begins, ends = self.add(tensor.node.layer, False)
                made[id(tensor)] = ends
                first += begins
            for node in graph.nodes:
                begins, ends = self.add(node.layer, False)
                made.update({id(output): ends for output in node.outputs})
                for tensor in node.inputs:
                    new = [(source, target) for source in made[id(tensor)] for target in begins]
                    self.edges += [edge for edge in new if edge not in self.edges]
            last = [box for tensor in tree.flatten(graph.outputs) for box in made[id(tensor)]]
        self._ends[id(layer)] = first, last
        return first, last


class _Box:
    """The text of a layer and its size, in points."""

    def __init__(
        self, layer: Any, names: bool, shapes: bool, dtype: bool, activations: bool, trainable: bool
    ) -> None:
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import TextPath

        kind = type(layer).__name__
        self.title = f"{layer.name} ({kind})" if names else kind
        self.is_input = kind == "InputLayer"
        self.lines = []
        activation = getattr(layer, "activation", None)
        if activations and activation is not None:
            self.lines.append(f"activation: {getattr(activation, '__name__', activation)}")
        if shapes:
            self.lines += [f"{what}: {_shapes(layer, what)}" for what in ("input", "output")]
        if dtype:
            self.lines.append(f"dtype: {layer.dtype}")
        if trainable and layer.weights:
            self.lines.append(f"trainable: {'yes' if layer.trainable else 'no'}")
        bold, plain = FontProperties(weight="bold"), FontProperties()
        widths = [
            TextPath((0, 0), line, size=_FONT, prop=font).get_extents().width
            for line, font in ((self.title, bold), *((line, plain) for line in self.lines))
        ]
        self.width = max(max(widths) + 14, 56.0)
        self.height = _LINE * (1 + len(self.lines)) + 8 + (4 if self.lines else 0)

    def draw(self, panel: Any, x: float, y: float) -> None:
        """Draws it around a centre."""
        from matplotlib.patches import Rectangle

        left, top = x - self.width / 2, y + self.height / 2
        colour = _INPUT_HEAD if self.is_input else _HEAD
        head = _LINE + (6 if self.lines else 8)
        panel.add_patch(
            Rectangle((left, y - self.height / 2), self.width, self.height, fc="white", ec=colour)
        )
        panel.add_patch(Rectangle((left, top - head), self.width, head, fc=colour, ec=colour))
        style = {"ha": "center", "va": "center", "fontsize": _FONT}
        panel.text(x, top - head / 2, self.title, color="white", weight="bold", **style)
        for index, line in enumerate(self.lines):
            panel.text(x, top - head - 3 - _LINE * (index + 0.5), line, color="black", **style)


def _draw_edge(panel: Any, route: Route, sideways: bool) -> None:
    """A curve through the points that leaves and enters boxes straight, with a head."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    vertices, codes = [route[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(route):
        if sideways:
            vertices += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        else:
            vertices += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)]
        codes += [Path.CURVE4] * 3
    panel.add_patch(
        FancyArrowPatch(
            path=Path(vertices, codes),
            arrowstyle="-|>",
            mutation_scale=9,
            color=_EDGE,
            linewidth=1.1,
            zorder=0,
        )
    )


def _graph_of(layer: Any) -> Any:
    """The graph of a functional or sequential model; None of anything else."""
    whole = getattr(layer, "_whole_graph", None)
    return whole() if whole is not None else getattr(layer, "_graph", None)


def _shapes(layer: Any, what: str) -> str:
    """The shapes of a layer's inputs or outputs."""
    try:
        tensors = tree.flatten(getattr(layer, what))
    except AttributeError:  # it was called on data alone
        return "?"
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
