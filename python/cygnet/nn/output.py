"""Losses that hold the layer before them, for many classes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from cygnet import ops
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional
from cygnet.nn.container import ModuleList, Sequential
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.ops.common import as_tensor
from cygnet.ops.loss_classes import LinearCrossEntropyOptions
from cygnet.tensor import Tensor

__all__ = ["ASMOutput", "AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"]


class ASMOutput(NamedTuple):
    """What :class:`AdaptiveLogSoftmaxWithLoss` returns.

    Attributes
    ----------
    output : Tensor
        (N,) or (): the log-probability of each target.
    loss : Tensor
        Minus their mean.
    """

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """An output layer and its loss for classes of very different frequency, in falling order.

    The first classes, and each of the clusters of the others, are outputs of one layer; the classes
    of a cluster are told apart by layers of their own, the narrower the rarer, that run only for
    the samples whose target is in the cluster. So a call reads its targets, and cannot be recorded.

    Parameters
    ----------
    in_features : int
        Size of the input's last axis.
    n_classes : int
    cutoffs : sequence of int
        The first class of each cluster, rising, from 1 to n_classes - 1.
    div_value : float, default 4
        The layers of cluster i, counted from 1, have ``in_features // div_value ** i`` features
        inside.
    head_bias : bool, default False
        Whether the first layer has a bias.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    head : Linear
    tail : ModuleList of Sequential

    References
    ----------
    E. Grave et al., "Efficient softmax approximation for GPUs", 2017.
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_features = positive_int(name, "in_features", in_features)
        self.n_classes = positive_int(name, "n_classes", n_classes)
        if not isinstance(cutoffs, Sequence):
            raise TypeError(
                f"{name}: argument cutoffs expected a sequence, got {type(cutoffs).__name__}"
            )
        if not div_value > 0:
            raise ValueError(f"{name}: argument div_value expected more than 0, got {div_value}")
        first = [positive_int(name, "cutoffs", cutoff, -(2**62)) for cutoff in cutoffs]
        rising = all(a < b for a, b in itertools.pairwise([0, *first, self.n_classes]))
        if not first or not rising:
            raise ValueError(
                f"{name}: argument cutoffs expected rising numbers from 1 to {n_classes - 1}, got "
                f"{list(cutoffs)}"
            )
        self.cutoffs = [*first, self.n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = first[0]
        self.n_clusters = len(first)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (start, end) in enumerate(itertools.pairwise(self.cutoffs), 1):
            inside = int(self.in_features // self.div_value**i)
            self.tail.append(
                Sequential(
                    Linear(in_features, inside, False, device, dtype),
                    Linear(inside, end - start, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for layer in (self.head, *itertools.chain(*self.tail)):
            layer.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> ASMOutput:
        """The log-probabilities of the targets, and the loss.

        Parameters
        ----------
        input : Tensor
            (N, in_features) or (in_features,).
        target : Tensor
            (N,) or (), int64: classes.

        Raises
        ------
        ShapeError, DTypeError
        IndexError
            If a target is no class.
        """
        name = type(self).__name__
        input, target = as_tensor(input, name, "input"), as_tensor(target, name, "target")
        if target.dtype.kind != "i":
            raise DTypeError(f"{name}: target has dtype {target.dtype}, expected int64 or int32")
        if target.ndim > 1 or input.ndim != target.ndim + 1 or input.shape[:-1] != target.shape:
            raise ShapeError(
                f"{name}: input and target have shapes {input.shape} and {target.shape}, expected "
                "(N, in_features) and (N,), or both without N"
            )
        shape = target.shape
        input, target = input.reshape(-1, input.shape[-1]), target.reshape(-1)
        if target.numel():
            least, most = int(ops.amin(target).item()), int(ops.amax(target).item())
            if least < 0 or most >= self.n_classes:
                raise IndexError(
                    f"{name}: target has numbers from {least} to {most}, expected classes from 0 "
                    f"to {self.n_classes - 1}"
                )
        head = functional.log_softmax(self.head(input), 1)
        places, inside = target, ops.zeros(target.shape, dtype=head.dtype)
        for i, (start, end) in enumerate(itertools.pairwise(self.cutoffs)):
            inside_cluster = (target >= start) & (target < end)
            rows = ops.masked_select(ops.arange(target.numel()), inside_cluster)
            if rows.numel():
                own = functional.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
                chosen = own.gather(1, (target.index_select(0, rows) - start).unsqueeze(1))
                inside = inside.index_copy(0, rows, chosen.squeeze(1))
                places = places.index_fill(0, rows, self.shortlist_size + i)
        output = inside + head.gather(1, places.unsqueeze(1)).squeeze(1)
        return ASMOutput(output.reshape(shape), -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities (N, n_classes) of all classes of an input (N, in_features)."""
        self._check_matrix(input)
        head = functional.log_softmax(self.head(input), 1)
        first = self.shortlist_size
        parts = [head[:, :first]]
        for i, layers in enumerate(self.tail):
            own = functional.log_softmax(layers(input), 1)
            parts.append(own + head[:, first + i].unsqueeze(1))
        return ops.cat(parts, 1)

    def _check_matrix(self, input: Tensor) -> None:
        if input.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__}: input has shape {input.shape}, expected (N, in_features)"
            )

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class (N,) of each sample of an input (N, in_features).

        As in PyTorch, a sample whose largest output of the head is a class, not a cluster, is of
        that class.
        """
        self._check_matrix(input)
        first = self.head(input).argmax(1)
        return ops.where(first < self.shortlist_size, first, self.log_prob(input).argmax(1))


class LinearCrossEntropyLoss(Module):
    """A linear layer and :class:`CrossEntropyLoss` of its outputs.

    Parameters
    ----------
    in_features, num_classes : int
    out_features : tuple of int, default ()
        Sizes d1, d2, ... of the axes along which a sample has several targets.
    bias : bool, default False
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    reduction, weight, label_smoothing
        As in `CrossEntropyLoss`.
    ignore_index : int, optional
        Label that does not count. Default -100.
    options : LinearCrossEntropyOptions, optional
        Without effect.

    Attributes
    ----------
    linear : Linear
        Of num_classes · d1 · d2 ... outputs.
    """

    weight: Tensor | None
    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_classes = positive_int(name, "num_classes", num_classes)
        self.out_features = tuple(positive_int(name, "out_features", n) for n in out_features)
        if weight is not None and getattr(weight, "shape", None) != (num_classes,):
            got = getattr(weight, "shape", type(weight).__name__)
            raise ShapeError(f"{name}: weight has shape {got}, expected ({num_classes},)")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{name}: argument label_smoothing expected 0 to 1, got {label_smoothing}"
            )
        self.register_buffer("weight", weight)
        self.reduction = reduction
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(self.out_features, start=self.num_classes)
        self.linear = Linear(in_features, outputs, bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of inputs (N, in_features) with labels (N, d1, ...) or probabilities
        (N, num_classes, d1, ...); or all without N.
        """
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return functional.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
