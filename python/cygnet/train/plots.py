"""Pictures of what was trained: curves, confusion matrices and images.

They need matplotlib (``pip install cygnet[plot]``), which is imported when something is drawn. Each
function returns a figure, which a notebook shows, and writes it where `path` is given. The two
colours and the one-hued scale are told apart by colour-blind readers and in grey print.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from cygnet.tensor import Array
from cygnet.train.metrics.base import array_of

__all__ = ["plot_confusion_matrix", "plot_curves", "plot_images", "plot_misclassified"]

_TRAINING, _VALIDATION = "#0072b2", "#d55e00"  # Okabe and Ito's blue and vermilion
_SCALE = "Blues"
_DPI = 120
_ROW = 3  # panels in a row
_READABLE = 30  # classes up to which a confusion matrix shows its numbers


def plot_curves(
    epochs: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    *,
    log: bool = False,
    path: str | PathLike[str] | None = None,
) -> Any:
    """One panel a figure over the epochs, training and validation together.

    Parameters
    ----------
    epochs : sequence of int
        Their numbers, from 0; shown from 1.
    curves : mapping of str to sequence of float
        Names that begin with ``val_`` are drawn into the panel of the name without it.
    log : bool, default False
        Whether panels of positive values that span a power of ten get a logarithmic scale.
    path : path-like, optional
        Where to write the picture; its ending names the format.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no epoch or no curve.
    """
    if not len(epochs) or not curves:
        raise ValueError("plot_curves: there is no finished epoch to draw")
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    columns = min(len(names), _ROW)
    rows = -(-len(names) // columns)
    figure = _figure(4.2 * columns, 3.1 * rows)
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    numbers = [epoch + 1 for epoch in epochs]
    # Single epochs would be invisible as lines, and many as points.
    style: dict[str, Any] = {"linewidth": 1.6, "markersize": 3.5 if len(epochs) <= 30 else 0}
    for index, name in enumerate(names):
        panel = figure.add_subplot(rows, columns, index + 1)
        drawn = [
            (label, curves[key], colour, marker)
            for label, key, colour, marker in (
                ("training", name, _TRAINING, "o"),
                ("validation", f"val_{name}", _VALIDATION, "s"),
            )
            if key in curves
        ]
        for label, curve, colour, marker in drawn:
            panel.plot(numbers, curve, color=colour, marker=marker, label=label, **style)
        panel.set_title(name.replace("_", " "), fontsize=11)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        if len(epochs) == 1:
            panel.set_xlim(numbers[0] - 0.5, numbers[0] + 0.5)
        values = [value for _, curve, *_ in drawn for value in curve if math.isfinite(value)]
        if log and values and 0 < 10 * min(values) <= max(values):
            panel.set_yscale("log")
            few = max(values) < 300 * min(values)
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(which="both", alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        if len(drawn) > 1:
            panel.legend(frameon=False, fontsize=9)
    return _saved(figure, path)


def plot_confusion_matrix(
    labels: Any,
    predictions: Any = None,
    *,
    classes: Sequence[str] | None = None,
    normalize: str | None = None,
    path: str | PathLike[str] | None = None,
) -> Any:
    """How often each class was taken for each.

    Parameters
    ----------
    labels : array_like
        The right classes (N,), int or str; or, without `predictions`, the matrix (C, C) itself,
        with a row for each right class and a column for each predicted one.
    predictions : array_like, optional
        Predicted classes (N,), or scores (N, C) of which the highest counts.
    classes : sequence of str, optional
        Names of the classes. Default: the labels.
    normalize : {None, "true", "pred", "all"}, default None
        Whether per cents are shown instead of numbers: of the right class (its row; the diagonal
        is the recall), of the predicted class (its column; the precision) or of all samples.
    path : path-like, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If shapes do not fit, or `normalize` is none of these.
    """
    matrix, names = _confusion(labels, predictions)
    if classes is not None:
        names = [str(name) for name in classes]
    size = len(matrix)
    if len(names) != size:
        raise ValueError(
            f"plot_confusion_matrix: argument classes expected {size} names, got {len(names)}"
        )
    sums: dict[str | None, tuple[Any, str]] = {
        None: (None, ""),
        "true": (matrix.sum(1, keepdims=True), "\n% of the right class"),
        "pred": (matrix.sum(0, keepdims=True), "\n% of the predicted class"),
        "all": (matrix.sum(), "\n% of all"),
    }
    if normalize not in sums:
        raise ValueError(
            "plot_confusion_matrix: argument normalize expected None, 'true', 'pred' or 'all', "
            f"got {normalize!r}"
        )
    whole, unit = sums[normalize]
    shown = matrix if whole is None else 100 * matrix / np.maximum(whole, 1e-300)
    text = _count if whole is None else _percent
    # The colours are shares of the right class, by their roots: few errors among many hits show.
    shade = np.sqrt(matrix / np.maximum(matrix.sum(1, keepdims=True), 1e-300))

    side = min(max(3.4, 1.5 + 0.5 * size), 12.0)
    figure = _figure(side, side)
    panel = figure.add_subplot()
    panel.imshow(shade, cmap=_SCALE, vmin=0, vmax=1)
    font = min(10.0, 72 * (side - 1.5) / size / 3.2)
    panel.set_xlabel("predicted class")
    panel.set_ylabel("right class")
    every = 1 if size <= 2 * _READABLE else -(-size // _READABLE)
    ticks = range(0, size, every)
    shown_names = [names[tick] for tick in ticks]
    longest = max(map(len, shown_names))
    tilted = longest * font * 0.65 > 72 * (side - 1.5) / size * every
    panel.set_xticks(ticks, shown_names, fontsize=max(font, 6), rotation=90 if tilted else 0)
    panel.set_yticks(ticks, shown_names, fontsize=max(font, 6))
    panel.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    panel.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=1 if size <= _READABLE else 0)
    panel.tick_params(which="both", length=0)
    panel.spines[:].set_visible(False)
    if size <= _READABLE:
        for (row, column), value in np.ndenumerate(shown):
            if matrix[row, column]:
                panel.text(
                    column,
                    row,
                    text(value),
                    ha="center",
                    va="center",
                    fontsize=font,
                    color="white" if shade[row, column] > 0.6 else "black",
                )
    right = np.trace(matrix) / max(matrix.sum(), 1e-300)
    panel.set_title(f"{_percent(100 * right)} % right of {_count(matrix.sum())}{unit}", fontsize=11)
    return _saved(figure, path)


def plot_images(
    images: Any,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    channels_last: bool | None = None,
    path: str | PathLike[str] | None = None,
) -> Any:
    """Images side by side.

    Parameters
    ----------
    images : array_like
        (N, H, W), (N, C, H, W) or (N, H, W, C) with 1, 3 or 4 channels. Of uint8 from 0 to 255;
        other numbers from the smallest, black, to the largest, white.
    titles : sequence of str, optional
        One an image.
    columns : int, optional
        Images in a row. Default: as many as give about a square.
    channels_last : bool, optional
        Where the channels are, if both ends could be. Default: the front then.
    path : path-like, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the shape is none of these, or there is another number of titles than of images.
    """
    pixels = _pixels("plot_images", images, channels_last)
    count = len(pixels)
    if titles is not None and len(titles) != count:
        raise ValueError(f"plot_images: argument titles expected {count} titles, got {len(titles)}")
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = -(-count // columns)
    ratio = pixels.shape[1] / pixels.shape[2]
    written = [title.split("\n") for title in titles or [""]]
    lines = max(map(len, written)) if titles else 0
    longest = max(len(line) for title in written for line in title)
    font = min(8.0, 72 * 1.15 / (0.6 * max(longest, 1)))
    figure = _figure(1.15 * columns, rows * (1.1 * min(ratio, 3) + 0.18 * lines + 0.04))
    for index, image in enumerate(pixels):
        panel = figure.add_subplot(rows, columns, index + 1)
        panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_axis_off()
        if titles is not None:
            panel.set_title(titles[index], fontsize=font, pad=3)
    return _saved(figure, path)


def plot_misclassified(
    images: Any,
    labels: Any,
    predictions: Any,
    probabilities: Any = None,
    *,
    classes: Sequence[str] | None = None,
    count: int = 25,
    channels_last: bool | None = None,
    path: str | PathLike[str] | None = None,
) -> Any:
    """The images that were taken for another class, the worst first, with both classes.

    Parameters
    ----------
    images : array_like
        As :func:`plot_images` takes them.
    labels, predictions : array_like
        The right and the predicted classes, int (N,).
    probabilities : array_like, optional
        (N, C): the less the right class got, the worse is the mistake. Without them the images
        come in their order.
    classes : sequence of str, optional
        Names of the classes.
    count : int, default 25
        The most to show.
    channels_last, path
        As in :func:`plot_images`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If shapes do not fit, or `count` is below 1.
    """
    images, labels, predictions = (array_of(each) for each in (images, labels, predictions))
    if labels.ndim != 1 or predictions.shape != labels.shape or len(images) != len(labels):
        raise ValueError(
            "plot_misclassified: images, labels and predictions expected one length and labels "
            f"(N,), got shapes {images.shape}, {labels.shape} and {predictions.shape}"
        )
    if count < 1:
        raise ValueError(f"plot_misclassified: argument count expected at least 1, got {count}")
    wrong = np.flatnonzero(labels != predictions)
    shares = None if probabilities is None else array_of(probabilities)
    if shares is not None:
        if shares.ndim != 2 or len(shares) != len(labels):
            raise ValueError(
                f"plot_misclassified: argument probabilities expected shape ({len(labels)}, C), "
                f"got {shares.shape}"
            )
        wrong = wrong[np.argsort(shares[wrong, labels[wrong]], kind="stable")]
    chosen = wrong[:count]
    if not len(chosen):
        figure = _figure(3.4, 1.0)
        figure.text(0.5, 0.5, f"no mistake among {len(labels):,}", ha="center", va="center")
        return _saved(figure, path)
    titles = []
    gap = ", " if classes is None else "\n"
    for index in chosen:
        right, taken = (
            str(each if classes is None else classes[each])
            for each in (labels[index], predictions[index])
        )
        certain = ""
        if shares is not None:
            certain = f"{gap}{_percent(100 * shares[index, predictions[index]])} %"
        titles.append(f"{right} as {taken}{certain}")
    figure = plot_images(images[chosen], titles, channels_last=channels_last)
    more = "" if len(chosen) == len(wrong) else f", the worst {len(chosen)}"
    figure.suptitle(f"{len(wrong):,} of {len(labels):,} wrong{more}", fontsize=10)
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, 2.6), height + 0.3)
    return _saved(figure, path)


def figure_class(who: str = "plots need") -> Any:
    """Matplotlib's class of figures, imported now; an ImportError says `who` matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{who} matplotlib: pip install cygnet[plot]") from error
    return Figure


def _figure(width: float, height: float) -> Any:
    return figure_class()(figsize=(width, height), layout="constrained")


def _saved(figure: Any, path: str | PathLike[str] | None) -> Any:
    if path is not None:
        figure.savefig(path, dpi=_DPI)
    return figure


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    """Per cents; only all and nothing are rounded to 100 and 0."""
    if 0 < value < 0.05:
        return "<.1"
    digits = 0 if value in (0.0, 100.0) or 10 <= value < 98.5 else 1
    return f"{min(value, 99.9) if value < 100 else value:.{digits}f}"


def _confusion(labels: Any, predictions: Any) -> tuple[Array, list[str]]:
    """The matrix and the names of its classes."""
    right = array_of(labels)
    if predictions is None:
        if right.ndim != 2 or right.shape[0] != right.shape[1] or not len(right):
            raise ValueError(
                "plot_confusion_matrix: a matrix expected shape (C, C), got "
                f"{right.shape}; or give predictions"
            )
        return right.astype(np.float64), [str(name) for name in range(len(right))]
    taken = array_of(predictions)
    if taken.ndim == 2:
        count = taken.shape[1]
        taken = taken.argmax(1)
    else:
        count = 0
    if right.ndim != 1 or right.shape != taken.shape or not len(right):
        raise ValueError(
            "plot_confusion_matrix: labels and predictions expected one shape (N,), got "
            f"{right.shape} and {taken.shape}"
        )
    values, codes = np.unique(np.concatenate([right, taken]), return_inverse=True)
    if values.dtype.kind in "iub" and values[0] >= 0:  # classes that never come have a place too
        count = max(count, int(values[-1]) + 1)
        names, codes = [str(name) for name in range(count)], values.astype(np.int64)[codes]
    else:
        names = [str(name) for name in values]
    size = len(names)
    pairs = codes[: len(right)] * size + codes[len(right) :]
    return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.float64), names


def _pixels(op: str, images: Any, channels_last: bool | None) -> Array:
    """Images as (N, H, W) or (N, H, W, 3 or 4), from 0 to 1."""
    array = array_of(images)
    counts = (1, 3, 4)
    if array.ndim == 4:
        last = channels_last
        if last is None:
            last = array.shape[1] not in counts
        if not last:
            array = np.moveaxis(array, 1, -1)
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] not in counts):
        raise ValueError(
            f"{op}: argument images expected shape (N, H, W), (N, C, H, W) or (N, H, W, C) with 1, "
            f"3 or 4 channels, got {array_of(images).shape}"
        )
    if not array.size:
        raise ValueError(f"{op}: argument images is empty, of shape {array.shape}")
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype == np.uint8:
        return array / 255
    array = array.astype(np.float64)
    low, high = np.nanmin(array), np.nanmax(array)
    scaled: Array = (array - low) / (high - low if high > low else 1.0)
    return scaled
