"""Convolution over (N, C, ...) arrays."""

from __future__ import annotations

import numpy as np

from tests.conv_reference import conv, conv_transpose
from tests.op_cases.case import case, op, s, x
from tests.op_cases.products import ACTIVATIONS


def conv_of(a, weight, bias=None, padding=0, **geometry):
    if padding == "valid":
        padding = 0
    elif padding == "same":
        dilation = geometry.get("dilation", 1)
        totals = [dilation * (k - 1) for k in weight.shape[2:]]
        padding = tuple((total // 2, total - total // 2) for total in totals)
    return conv(a, weight, bias, padding=padding, **geometry)


CONV2D = [
    s(x(2, 3, 6, 7), x(4, 3, 3, 3), x(4)),
    s(x(2, 3, 6, 7), x(4, 3, 3, 3)),
    s(x(1, 1, 5, 5), x(1, 1, 1, 1), x(1)),
    s(x(1, 1, 3, 3), x(2, 1, 3, 3), x(2)),
    s(x(2, 3, 7, 8), x(4, 3, 3, 2), x(4), stride=2),
    s(x(2, 3, 7, 8), x(4, 3, 3, 3), x(4), stride=(2, 3), padding=(1, 2)),
    s(x(2, 3, 5, 5), x(4, 3, 3, 3), x(4), padding=1),
    s(x(1, 2, 9, 8), x(3, 2, 3, 3), x(3), dilation=2),
    s(x(1, 2, 9, 8), x(3, 2, 2, 3), x(3), dilation=(3, 2), padding=2, stride=2),
    s(x(2, 4, 5, 6), x(6, 2, 3, 3), x(6), groups=2, padding=1),
    s(x(2, 4, 5, 6), x(4, 1, 3, 3), x(4), groups=4),
    s(x(2, 3, 5, 6), x(6, 1, 3, 3), x(6), groups=3, stride=2, padding=1),
    s(x(2, 4, 4, 4), x(5, 4, 1, 1), x(5), stride=2),
    s(x(0, 3, 6, 7), x(4, 3, 3, 3), x(4)),
    s(x(5, 1, 28, 28), x(6, 1, 5, 5), x(6)),
    s(x(3, 6, 12, 12), x(16, 6, 5, 5), x(16)),
    s(x(2, 17, 13, 11), x(35, 17, 3, 3), x(35), padding=1),
    s(x(2, 32, 8, 8), x(64, 32, 3, 3), x(64), padding=1),
    s(x(2, 4, 6, 7), x(5, 4, 3, 2), x(5), padding=((1, 0), (0, 3))),
    s(x(2, 3, 6, 7), x(4, 3, 4, 3), x(4), padding="same"),
    s(x(2, 3, 6, 7), x(4, 3, 2, 3), padding="same", dilation=3),
    s(x(3, 6, 7), x(4, 3, 2, 3), x(4), padding=1),
]
CONV1D = [
    s(x(2, 3, 11), x(4, 3, 3), x(4)),
    s(x(2, 4, 12), x(6, 2, 4), stride=3, padding=2, groups=2),
    s(x(2, 3, 12), x(4, 3, 4), x(4), padding="same", dilation=2),
    s(x(0, 3, 7), x(4, 3, 3), x(4)),
    s(x(4, 33, 130), x(35, 33, 5), x(35), padding=((1, 3),)),
    s(x(3, 11), x(4, 3, 3), x(4)),
    s(x(2, 3, 12), x(4, 3, 3), stride=2, dilation=2, padding=3),
    s(x(2, 4, 9), x(4, 1, 3), x(4), groups=4, padding="valid"),
    s(x(1, 3, 6), x(2, 3, 1), x(2)),
]
CONV3D = [
    s(x(2, 2, 4, 5, 3), x(3, 2, 2, 3, 1), x(3)),
    s(x(1, 4, 5, 4, 6), x(4, 2, 3, 2, 2), x(4), stride=(2, 1, 3), padding=(1, 0, 2), groups=2),
    s(x(1, 2, 5, 5, 5), x(2, 2, 2, 2, 2), dilation=(1, 2, 3)),
    s(x(2, 17, 4, 6, 5), x(18, 17, 3, 3, 3), x(18), padding=1),
    s(x(2, 5, 4, 3), x(3, 2, 2, 3, 1), x(3)),
    s(x(1, 1, 1, 1, 1), x(1, 1, 1, 1, 1)),
    s(x(0, 2, 4, 5, 3), x(3, 2, 2, 3, 1), x(3)),
    s(x(1, 2, 4, 4, 4), x(2, 2, 2, 3, 2), x(2), padding="same"),
    s(x(1, 3, 3, 4, 5), x(3, 1, 2, 2, 2), groups=3, padding=((0, 1), (1, 0), (1, 1))),
]
CONV_TRANSPOSE2D = [
    s(x(2, 3, 4, 5), x(3, 4, 3, 3), x(4)),
    s(x(2, 3, 4, 5), x(3, 4, 4, 4), x(4), stride=2, padding=1),
    s(x(2, 3, 4, 5), x(3, 4, 3, 2), stride=(3, 2), output_padding=(2, 1)),
    s(x(2, 6, 4, 3), x(6, 2, 3, 3), x(4), groups=2, stride=2, padding=(1, 2), output_padding=1),
    s(x(1, 2, 4, 5), x(2, 3, 3, 3), x(3), dilation=(2, 3), output_padding=(1, 2)),
    s(x(2, 4, 3, 3), x(4, 4, 1, 1), x(4), stride=3),
    s(x(0, 3, 4, 5), x(3, 4, 3, 3), x(4)),
    s(x(3, 4, 5), x(3, 4, 3, 3), x(4), padding=1),
    s(x(3, 32, 7, 7), x(32, 16, 4, 4), x(16), stride=2, padding=1),
    s(x(2, 18, 9, 9), x(18, 35, 3, 3), x(35), padding=1),
]
CONV_TRANSPOSE1D = [
    s(x(2, 3, 6), x(3, 4, 3), x(4), stride=2, output_padding=1),
    s(x(2, 4, 6), x(4, 2, 4), groups=2, stride=3, padding=1),
    s(x(2, 33, 70), x(33, 20, 4), x(20), stride=2, padding=1),
    s(x(3, 6), x(3, 4, 3), x(4)),
    s(x(0, 3, 6), x(3, 4, 3), x(4)),
    s(x(2, 3, 5), x(3, 2, 3), x(2), dilation=2, padding=1),
    s(x(1, 1, 1), x(1, 1, 1)),
    s(x(2, 4, 5), x(4, 1, 3), groups=4, stride=2, output_padding=1),
]
CONV_TRANSPOSE3D = [
    s(x(2, 2, 3, 2, 4), x(2, 3, 2, 3, 1), x(3)),
    s(x(1, 4, 2, 3, 3), x(4, 2, 3, 2, 2), x(4), stride=(2, 1, 3), padding=(1, 0, 1), groups=2),
    s(x(2, 17, 3, 4, 4), x(17, 18, 2, 2, 2), x(18), stride=2, output_padding=1),
    s(x(2, 3, 2, 4), x(2, 3, 2, 3, 1), x(3)),
    s(x(0, 2, 3, 2, 4), x(2, 3, 2, 3, 1), x(3)),
    s(x(1, 2, 3, 3, 3), x(2, 2, 2, 2, 2), dilation=(1, 2, 1), padding=1),
    s(x(1, 1, 1, 1, 1), x(1, 1, 1, 1, 1)),
    s(x(1, 3, 2, 2, 2), x(3, 1, 2, 2, 2), groups=3, stride=2),
]


def activated(activation):
    """A convolution with an activation in its kernel, and a transposed one."""
    function = ACTIVATIONS[activation]
    kinds = (
        ("conv2d", conv, CONV2D[:3]),
        ("conv_transpose2d", conv_transpose, CONV_TRANSPOSE2D[:2]),
    )
    return [
        case(
            f"{name} {activation}",
            lambda a, *parameters, _of=reference, **geometry: function(
                _of(a, *parameters, **geometry)
            ),
            samples,
            lambda a, *parameters, _name=name, **geometry: op(_name)(
                a, *parameters, activation=activation, **geometry
            ),
            float32=(3e-6, 1e-5),
            layout_bits=False,
            reason="a rounded sum goes through the function",
        )
        for name, reference, samples in kinds
    ]


def channels_last(name, reference, *samples):
    """A row of a convolution of channels-last inputs with weights (..., in, out)."""

    def moved(a, w, b=None, **geometry):
        weight = np.moveaxis(w, (-1, -2), (0, 1))
        return np.moveaxis(reference(np.moveaxis(a, -1, 1), weight, b, **geometry), 1, -1)

    return case(
        f"{name} channels last",
        moved,
        samples,
        lambda *given, **geometry: op(name)(*given, channels_last=True, **geometry),
        integers=True,
        layout_bits=False,
        reason="memory orders lie otherwise for the kernels",
    )


CASES = [
    channels_last("conv1d", conv_of, s(x(2, 7, 3), x(3, 3, 4), x(4), stride=2, padding=1)),
    channels_last(
        "conv2d",
        conv_of,
        s(x(2, 5, 6, 4), x(3, 2, 2, 6), x(6), stride=(2, 1), groups=2),
        s(x(1, 5, 4, 2), x(2, 2, 2, 3), padding=1, dilation=2),
        s(x(0, 5, 4, 2), x(2, 2, 2, 3), x(3)),
    ),
    channels_last("conv3d", conv_of, s(x(1, 3, 4, 3, 2), x(2, 2, 2, 2, 3), x(3))),
    channels_last("conv_transpose1d", conv_transpose, s(x(2, 4, 3), x(3, 2, 3), x(2), stride=2)),
    channels_last(
        "conv_transpose2d",
        conv_transpose,
        s(x(2, 3, 4, 3), x(3, 2, 2, 3), x(2), stride=2, padding=1, output_padding=1),
        s(x(1, 3, 3, 2), x(2, 2, 3, 2), dilation=2),
    ),
    channels_last(
        "conv_transpose3d", conv_transpose, s(x(1, 2, 3, 2, 2), x(2, 2, 2, 3, 2), x(3), stride=2)
    ),
    *(row for activation in ACTIVATIONS for row in activated(activation)),
    case("conv1d", conv_of, CONV1D, integers=True),
    case("conv2d", conv_of, CONV2D, integers=True),
    case("conv3d", conv_of, CONV3D, integers=True),
    case(
        "conv_tbc",
        lambda a, weight, bias, pad=0: conv_of(
            a.transpose(1, 2, 0), weight.transpose(2, 1, 0), bias, padding=pad
        ).transpose(2, 0, 1),
        [
            *(s(x(7, 2, 3), x(3, 3, 4), x(4), pad=pad) for pad in (0, 1, 2)),
            s(x(5, 1, 1), x(1, 1, 1), x(1)),
            s(x(3, 2, 5), x(3, 5, 2), x(2)),
            s(x(1, 2, 3), x(2, 3, 4), x(4), pad=1),
            s(x(6, 0, 3), x(2, 3, 4), x(4)),
            s(x(33, 3, 17), x(5, 17, 18), x(18), pad=2),
        ],
        integers=True,
    ),
    case("conv_transpose1d", conv_transpose, CONV_TRANSPOSE1D, integers=True),
    case("conv_transpose2d", conv_transpose, CONV_TRANSPOSE2D, integers=True),
    case("conv_transpose3d", conv_transpose, CONV_TRANSPOSE3D, integers=True),
]
