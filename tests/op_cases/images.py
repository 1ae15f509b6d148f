"""Frames, windows, and images of another size."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, op, s, x
from tests.op_cases.shapes import options

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
WIDTHS = [((2, 3, 5), (1, 2)), ((2, 3, 5), (0, 4)), ((3, 5), (2, 0)), ((2, 3, 4, 5), (1, 2, 0, 3)), ((2, 3, 4, 5), (1, 1, 2, 2)),
          ((1, 2, 3, 4, 5), (1, 2, 1, 0, 2, 1)), ((2, 3, 4, 5), (0, 0, 1, 1)), ((0, 3, 4), (1, 1)), ((2, 3, 40, 70), (3, 2, 1, 4))]  # fmt: skip


def padded(a, pad, mode="constant", value=0.0):
    widths = [(0, 0)] * (a.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    kept = tuple(
        slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(a.shape, widths, strict=True)
    )
    rest = {"constant_values": value} if mode == "constant" else {}
    return np.pad(a[kept], [(max(b, 0), max(e, 0)) for b, e in widths], MODES[mode], **rest)


def windows(a, kernel, dilation, padding, stride):
    """Columns as lists of positions in the padded image: (C * kernel, windows) of each image."""
    a = np.pad(a, [(0, 0)] * (a.ndim - 2) + [(p, p) for p in padding])
    counts = [
        (n - d * (k - 1) - 1) // t + 1
        for n, k, d, t in zip(a.shape[-2:], kernel, dilation, stride, strict=True)
    ]
    rows, columns = (
        np.arange(k)[:, None] * d + np.arange(n) * t
        for k, n, d, t in zip(kernel, counts, dilation, stride, strict=True)
    )
    return a, (..., rows[:, None, :, None], columns[None, :, None, :]), counts


def unfolded(a, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    image, at, counts = windows(a, kernel_size, dilation, padding, stride)
    return image[at].reshape(*a.shape[:-3], -1, np.prod(counts))


def folded(a, output_size, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    channels = a.shape[-2] // np.prod(kernel_size)
    image, at, counts = windows(
        np.zeros((*a.shape[:-2], channels, *output_size)), kernel_size, dilation, padding, stride
    )
    np.add.at(image, at, a.reshape(*a.shape[:-2], channels, *kernel_size, *counts))
    return image[
        ..., padding[0] : padding[0] + output_size[0], padding[1] : padding[1] + output_size[1]
    ]


FOLDS = [({"kernel_size": (3, 3)}, 20), ({"kernel_size": (2, 2), "stride": (2, 2)}, 9),
         ({"kernel_size": (2, 3), "dilation": (2, 2), "padding": (1, 1), "stride": (2, 1)}, 15),
         ({"kernel_size": (1, 1)}, 42), ({"kernel_size": (3, 2), "padding": (2, 1)}, 64)]  # fmt: skip


def shuffled(a, upscale_factor):
    r, (*n, c, h, w) = upscale_factor, a.shape
    return np.moveaxis(a.reshape(*n, c // r**2, r, r, h, w), (-4, -3), (-3, -1)).reshape(
        *n, c // r**2, h * r, w * r
    )


def unshuffled(a, downscale_factor):
    r, (*n, c, h, w) = downscale_factor, a.shape
    return np.moveaxis(a.reshape(*n, c, h // r, r, w // r, r), (-3, -1), (-4, -3)).reshape(
        *n, c * r**2, h // r, w // r
    )


def channels_shuffled(a, groups):
    n, c, *rest = a.shape
    return a.reshape(n, groups, c // groups, *rest).swapaxes(1, 2).reshape(a.shape)


def keys(distance, a=-0.75):
    """The cubic of Keys."""
    t = np.abs(distance)
    return np.where(
        t <= 1,
        (a + 2) * t**3 - (a + 3) * t**2 + 1,
        np.where(t < 2, a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a, 0),
    )


def resized(a, axis, size, mode, align, scale, antialias=False):
    """One axis, each entry by its definition: a kernel around where its centre lies."""
    before = a.shape[axis]
    if antialias:  # as wide as the pixels of the result, and with the sum 1
        ratio = (before - 1) / max(size - 1, 1) if align else 1 / scale if scale else before / size
        distance = (np.arange(before) + 0.5 - (np.arange(size)[:, None] + 0.5) * ratio) / max(
            ratio, 1
        )
        matrix = keys(distance, -0.5) if mode == "bicubic" else np.maximum(0, 1 - np.abs(distance))
        matrix = matrix / matrix.sum(1, keepdims=True)
        return np.moveaxis(np.tensordot(matrix, a, (1, axis)), 0, axis)
    if mode == "area":
        pieces = [
            a.take(range(i * before // size, -(-(i + 1) * before // size)), axis).mean(axis)
            for i in range(size)
        ]
        return np.stack(pieces, axis)
    ratio = (before - 1) / max(size - 1, 1) if align else 1 / scale if scale else before / size
    places = np.arange(size) * ratio if align else (np.arange(size) + 0.5) * ratio - 0.5
    matrix = np.zeros((size, before))
    for row, place in enumerate(places):
        if mode.startswith("nearest"):
            matrix[
                row, min(int(row * ratio if mode == "nearest" else (row + 0.5) * ratio), before - 1)
            ] = 1
            continue
        around = np.arange(int(np.floor(place)) - 1, int(np.floor(place)) + 3)
        weights = (
            keys(place - around) if mode == "bicubic" else np.maximum(0, 1 - np.abs(place - around))
        )
        np.add.at(matrix[row], np.clip(around, 0, before - 1), weights)
    return np.moveaxis(np.tensordot(matrix, a, (1, axis)), 0, axis)


def interpolated(
    a,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    for axis in range(2, a.ndim):
        scale = scale_factor[axis - 2] if isinstance(scale_factor, tuple) else scale_factor
        wanted = size[axis - 2] if isinstance(size, tuple) else size
        wanted = int(a.shape[axis] * scale) if wanted is None else wanted
        scale = None if recompute_scale_factor else scale
        a = resized(a, axis, wanted, mode, align_corners, scale, antialias)
    return a


SIZES = [{"size": 9}, {"size": 3}, {"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6},
         {"scale_factor": 1.7, "recompute_scale_factor": True}]  # fmt: skip


def sized(mode, shape, **rest):
    pairs = [{"size": (7, 4)}, {"scale_factor": (1.5, 2.0)}] if len(shape) == 4 else []
    linear = mode.endswith(("linear", "cubic"))
    choices = [dict(o, mode=mode, **rest) for o in (*SIZES, *pairs)]
    return [s(x(*shape), **o) for o in choices] + [
        s(x(*shape), **o, align_corners=True) for o in choices if linear
    ]


NAMED = {"nearest": [(2, 3, 7), (2, 3, 5, 6), (1, 2, 3, 4, 5)], "nearest-exact": [(2, 3, 7), (2, 3, 5, 6)], "linear": [(2, 3, 7)],
         "bilinear": [(2, 3, 5, 6)], "bicubic": [(2, 3, 5, 6)], "trilinear": [(1, 2, 3, 4, 5)]}  # fmt: skip

CASES = [
    *(case(f"pad {mode}" if mode != "constant" else "pad", padded, [s(x(*n), pad=w, mode=mode) for n, w in WIDTHS], op("pad"), exact=True)
      for mode in MODES),
    case("pad cropped", padded, [s(x(2, 3, 5), pad=(-1, 2)), s(x(2, 3, 4, 5), pad=(-1, 2, 1, -2)), s(x(2, 3, 5), pad=(-1, -1), mode="circular"),
         s(x(2, 3, 5), pad=(-1, 2), mode="replicate"), s(x(2, 3, 5), pad=(2, -1), mode="reflect"), s(x(2, 3, 5), pad=(-2, -3)),
         s(x(2, 3, 5), pad=()), s(x(2, 3, 5), pad=(0, 0))], op("pad"), exact=True),
    case("pad value", padded, [s(x(2, 3), pad=(1, 1), value=2.5), s(x(5), pad=(1, 2), value=-1), s(x(0, 3), pad=(1, 1, 1, 1), value=3.0)], op("pad"),
         exact=True),
    case("unfold", unfolded, [s(x(*n, 6, 7), **o) for n in [(2, 3), (3,), (1, 17)] for o, _ in FOLDS], exact=True),
    case("fold", folded, [s(x(*n, c * int(np.prod(o["kernel_size"])), count), output_size=(6, 7), **o)
         for n, c in [((2,), 3), ((), 2), ((1,), 17)] for o, count in FOLDS]),
    options("pixel_shuffle", shuffled, (2, 36, 3, 4), *({"upscale_factor": r} for r in (1, 2, 3, 6))),
    options("pixel_shuffle planes", shuffled, (4, 3, 5), {"upscale_factor": 2}, {"upscale_factor": 1}, function=op("pixel_shuffle")),
    options("pixel_shuffle stacks", shuffled, (2, 1, 9, 1, 2), {"upscale_factor": 3}, {"upscale_factor": 1}, function=op("pixel_shuffle")),
    options("pixel_unshuffle", unshuffled, (2, 3, 12, 6), *({"downscale_factor": r} for r in (1, 2, 3, 6))),
    options("pixel_unshuffle planes", unshuffled, (1, 4, 8), {"downscale_factor": 2}, {"downscale_factor": 4}, function=op("pixel_unshuffle")),
    options("pixel_unshuffle stacks", unshuffled, (2, 1, 2, 3, 6), {"downscale_factor": 3}, {"downscale_factor": 1}, function=op("pixel_unshuffle")),
    options("channel_shuffle", channels_shuffled, (2, 24, 3), *({"groups": g} for g in (1, 2, 3, 4, 6, 8, 12, 24))),
    options("channel_shuffle images", channels_shuffled, (1, 4, 2, 3), {"groups": 2}, {"groups": 4}, function=op("channel_shuffle")),
    *(case(f"interpolate {mode}", interpolated, [sample for shape in shapes for sample in sized(mode, shape)], op("interpolate"))
      for mode, shapes in NAMED.items()),
    case("interpolate area", interpolated, [s(x(2, 3, 7), size=3, mode="area"), s(x(2, 3, 5, 6), size=(2, 4), mode="area")], op("interpolate"),
         second=True),
    case("interpolate large", interpolated, [s(x(2, 3, 40, 50), scale_factor=2, mode="bilinear"), s(x(1, 70, 9, 8), size=5, mode="bilinear"),
         s(x(3, 5, 33, 65), scale_factor=2, mode="nearest")], op("interpolate")),
    *(case(f"interpolate {mode} antialias", interpolated, sized(mode, (2, 3, 5, 6), antialias=True), op("interpolate"))
      for mode in ("bilinear", "bicubic")),
    case("upsample", interpolated, [s(x(1, 2, 5), size=8), s(x(1, 2, 5, 4), scale_factor=2, mode="bilinear"), s(x(1, 2, 5), scale_factor=2),
         s(x(1, 2, 5), scale_factor=2, mode="linear", align_corners=True), s(x(2, 1, 3, 3), size=(4, 6)), s(x(2, 1, 3, 3), size=2),
         s(x(1, 1, 2, 2, 2), scale_factor=2), s(x(0, 1, 3), size=4)]),
    case("upsample_nearest", interpolated, [s(x(1, 2, 5), size=8), s(x(1, 2, 5), scale_factor=2), s(x(1, 2, 5, 4), scale_factor=2),
         s(x(2, 1, 3, 3), size=(4, 6)), s(x(2, 1, 3, 3), size=2), s(x(1, 1, 2, 2, 2), scale_factor=2), s(x(1, 1, 1), size=4), s(x(0, 1, 3), size=4)]),
    case("upsample_bilinear", lambda a, **o: interpolated(a, mode="bilinear", align_corners=True, **o), [s(x(1, 2, 5, 4), **o)
         for o in ({"size": 8}, {"size": 3}, {"size": (3, 9)}, {"scale_factor": 2}, {"scale_factor": 1.5}, {"size": 1}, {"size": (5, 4)},
                   {"scale_factor": (2, 3)})]),
]  # fmt: skip
