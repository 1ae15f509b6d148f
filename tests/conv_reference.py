"""Convolutions and transposed convolutions over any number of axes as direct sums over taps."""

from __future__ import annotations

import itertools
import math

import numpy as np


def per_axis(value, axes):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * axes


def pairs(padding, axes):
    """(low, high) of each axis."""
    return [p if isinstance(p, tuple) else (p, p) for p in per_axis(padding, axes)]


class Taps:
    """Sums over the taps of filters, and their adjoints, for images that are padded already."""

    def __init__(self, kernel, outputs, stride, dilation, groups):
        axes = len(kernel)
        self.kernel, self.outputs, self.groups = kernel, outputs, groups
        self.stride, self.dilation = per_axis(stride, axes), per_axis(dilation, axes)

    def __iter__(self):
        """For each tap its index in the filter and where its products read the image."""
        for tap in itertools.product(*map(range, self.kernel)):
            where = (
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, s, n in zip(tap, self.dilation, self.stride, self.outputs, strict=True)
            )
            yield (..., *tap), (..., *where)

    def grouped(self, images):
        n, c = images.shape[:2]
        return images.reshape(n, self.groups, c // self.groups, math.prod(images.shape[2:]))

    def filters(self, weight):
        return weight.reshape(self.groups, weight.shape[0] // self.groups, *weight.shape[1:])

    def forward(self, image, weight):
        output = np.zeros((image.shape[0], weight.shape[0], *self.outputs))
        for tap, where in self:
            part = np.einsum(
                "ngcp,goc->ngop", self.grouped(image[where]), self.filters(weight)[tap]
            )
            output += part.reshape(output.shape)
        return output

    def by_image(self, grad, weight, shape):
        result = np.zeros(shape)
        for tap, where in self:
            part = np.einsum("ngop,goc->ngcp", self.grouped(grad), self.filters(weight)[tap])
            result[where] += part.reshape(result[where].shape)
        return result

    def by_weight(self, grad, image, shape):
        result = np.zeros((self.groups, shape[0] // self.groups, *shape[1:]))
        for tap, where in self:
            result[tap] = np.einsum(
                "ngop,ngcp->goc", self.grouped(grad), self.grouped(image[where])
            )
        return result.reshape(shape)


def _with_bias(output, bias):
    return output if bias is None else output + bias.reshape(-1, *(1,) * (output.ndim - 2))


def _bias_gradient(grad):
    return grad.sum((0, *range(2, grad.ndim)))


def _extents(kernel, dilation):
    return [d * (k - 1) + 1 for k, d in zip(kernel, per_axis(dilation, len(kernel)), strict=True)]


class Conv:
    """A convolution of float64 arrays with its gradients."""

    def __init__(self, x, w, stride=1, padding=0, dilation=1, groups=1):
        axes = x.ndim - 2
        zeros = pairs(padding, axes)
        self.x, self.w = x.astype(np.float64), w.astype(np.float64)
        self.padded = np.pad(self.x, [(0, 0), (0, 0), *zeros])
        outputs = [
            (n - extent) // s + 1
            for n, extent, s in zip(
                self.padded.shape[2:],
                _extents(w.shape[2:], dilation),
                per_axis(stride, axes),
                strict=True,
            )
        ]
        inside = zip(zeros, x.shape[2:], strict=True)
        self.inside = (..., *(slice(low, low + n) for (low, _), n in inside))
        self.taps = Taps(w.shape[2:], outputs, stride, dilation, groups)

    def forward(self, bias=None):
        return _with_bias(self.taps.forward(self.padded, self.w), bias)

    def backward(self, grad):
        """The gradients of input, weight and bias."""
        grad = grad.astype(np.float64)
        by_image = self.taps.by_image(grad, self.w, self.padded.shape)[self.inside]
        by_weight = self.taps.by_weight(grad, self.padded, self.w.shape)
        return by_image, by_weight, _bias_gradient(grad)


class ConvTranspose:
    """A transposed convolution of float64 arrays with its gradients."""

    def __init__(self, x, w, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
        axes = x.ndim - 2
        self.x, self.w = x.astype(np.float64), w.astype(np.float64)
        full = [
            (n - 1) * s + extent + more
            for n, s, extent, more in zip(
                x.shape[2:],
                per_axis(stride, axes),
                _extents(w.shape[2:], dilation),
                per_axis(output_padding, axes),
                strict=True,
            )
        ]
        self.full = (x.shape[0], w.shape[1] * groups, *full)
        cut = zip(pairs(padding, axes), full, strict=True)
        self.kept = (..., *(slice(low, n - high) for (low, high), n in cut))
        self.taps = Taps(w.shape[2:], x.shape[2:], stride, dilation, groups)

    def forward(self, bias=None):
        return _with_bias(self.taps.by_image(self.x, self.w, self.full)[self.kept], bias)

    def backward(self, grad):
        """The gradients of input, weight and bias."""
        grad = grad.astype(np.float64)
        image = np.zeros(self.full)
        image[self.kept] = grad
        by_input = self.taps.forward(image, self.w)
        by_weight = self.taps.by_weight(self.x, image, self.w.shape)
        return by_input, by_weight, _bias_gradient(grad)


def _batched(form, x, weight, bias, geometry):
    if x.ndim == weight.ndim:
        return form(x, weight, **geometry).forward(bias)
    return form(x[None], weight, **geometry).forward(bias)[0]


def conv(x, weight, bias=None, **geometry):
    return _batched(Conv, x, weight, bias, geometry)


def conv_transpose(x, weight, bias=None, **geometry):
    return _batched(ConvTranspose, x, weight, bias, geometry)
