"""Attention: of several heads between projections, and of queries to keys as they are."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.keras import constraints, initializers, regularizers
from cygnet.keras.attached import masks
from cygnet.keras.layer import Layer, shape_of
from cygnet.keras.layers.common import as_float
from cygnet.keras.layers.random_cell import dropout_cell, dropped
from cygnet.keras.ops.nn import closed
from cygnet.keras.variable import Variable
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.attention import attend, attention, causal_mask
from cygnet.tensor import Tensor

__all__ = [
    "AdditiveAttention",
    "Attention",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "MultiHeadAttention",
]


class _Projected(Layer):
    """Base of the attention between projections of query, key and value to heads."""

    supports_masking = True

    def __init__(
        self,
        query_heads: int,
        heads: int,
        key_dim: int,
        value_dim: int | None,
        output_shape: Any,
        arguments: dict[str, Any],
        kwargs: dict[str, Any],
    ) -> None:
        super().__init__(activity_regularizer=arguments["activity_regularizer"], **kwargs)
        name = type(self).__name__
        sizes = {"key_dim": key_dim, "value_dim": value_dim or key_dim}
        sizes |= {"sliding_window": arguments["sliding_window"] or 1}
        key_dim, value_dim, _ = (positive_int(name, what, size) for what, size in sizes.items())
        if not 0 <= arguments["dropout"] <= 1:
            raise ValueError(
                f"{name}: argument dropout expected a probability in [0, 1], got "
                f"{arguments['dropout']}"
            )
        self.dropout = arguments["dropout"]
        self.use_bias = arguments["use_bias"]
        self.use_gate = arguments["use_gate"]
        self.sliding_window = arguments["sliding_window"]
        self.seed = arguments["seed"]
        own = (output_shape,) if isinstance(output_shape, int) else output_shape
        # Of each projection the heads and the width of a head.
        self.__dict__["_heads"] = {
            "query": (positive_int(name, "num_heads", query_heads), key_dim),
            "key": (positive_int(name, "num_heads", heads), key_dim),
            **({"gate": (query_heads, value_dim)} if self.use_gate else {}),
            "value": (heads, value_dim),
        }
        self.__dict__["_output_sizes"] = None if own is None else tuple(own)
        self.__dict__["_of_weights"] = {
            what: {
                "initializer": arguments[f"{what}_initializer"],
                "regularizer": regularizers.get(arguments[f"{what}_regularizer"]),
                "constraint": constraints.get(arguments[f"{what}_constraint"]),
            }
            for what in ("kernel", "bias")
        }

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the projections for inputs of these shapes, or of a list of them."""
        if value_shape is None:
            query_shape, value_shape, *rest = query_shape
            key_shape = rest[0] if rest else None
        key_shape = value_shape if key_shape is None else key_shape
        for what, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ShapeError(
                    f"{self.name}: {what} has shape {tuple(shape)}, expected (N, length, features)"
                )
        widths = {"query": query_shape, "gate": query_shape, "key": key_shape, "value": value_shape}
        for part, (heads, width) in self._heads.items():
            # In memory as the kernel of `linear` reads it: the outputs first.
            shape = (widths[part][-1], heads, width)
            self._add(part, "kernel", shape, (1, 2, 0))
            self._add(part, "bias", shape[1:], None)
        heads, width = self._heads["query"][0], self._heads["value"][1]
        sizes = self._output_sizes or (query_shape[-1],)
        order = (*range(2, 2 + len(sizes)), 0, 1)
        self._add("attention_output", "kernel", (heads, width, *sizes), order)
        self._add("attention_output", "bias", sizes, None)

    def _add(self, part: str, what: str, shape: Any, axes: Sequence[int] | None) -> None:
        """Make a weight, called ``_<part>_<what>``; None of a bias that is not used."""
        weight: Variable | None = None
        if what == "kernel" or self.use_bias:
            options = dict(self._of_weights[what])
            initializer = initializers.get(options["initializer"])
            if hasattr(initializer, "get_config"):  # one object gives the same numbers each time
                initializer = type(initializer).from_config(initializer.get_config())
            options["initializer"] = initializer
            weight = self.add_weight(shape, **options, name=what, axes=axes)
            weight.path = f"{self.name}/{part}/{what}"
        setattr(self, f"_{part}_{what}", weight)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [*args, *(kwargs[name] for name in ("query", "value", "key") if name in kwargs)]
        self._build([shape_of(each) for each in given[:3] if each is not None])

    def _projection(self, part: str, x: Tensor) -> Tensor:
        """One projection of (N, length, features): (N, heads, length, width), a view."""
        kernel, bias = getattr(self, f"_{part}_kernel"), getattr(self, f"_{part}_bias")
        features, heads, width = kernel.shape
        weight = core.reshape(core.permute(kernel, (1, 2, 0)), (heads * width, features))
        flat = core.linear(
            as_float(x, kernel), weight, None if bias is None else core.reshape(bias, (-1,))
        )
        return core.transpose(core.reshape(flat, (*x.shape[:2], heads, width)), 1, 2)

    def _output(self, mixed: Tensor) -> Tensor:
        """The last projection of (N, heads, length, width)."""
        kernel, bias = self._attention_output_kernel, self._attention_output_bias
        batch, heads, length, width = mixed.shape
        sizes = kernel.shape[2:]
        order = (*range(2, kernel.ndim), 0, 1)
        weight = core.reshape(core.permute(kernel, order), (math.prod(sizes), heads * width))
        rows = core.reshape(core.transpose(mixed, 1, 2), (batch, length, heads * width))
        output = core.linear(rows, weight, None if bias is None else core.reshape(bias, (-1,)))
        return output if len(sizes) == 1 else core.reshape(output, (batch, length, *sizes))

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend.

        Parameters
        ----------
        query : Tensor
            (N, T, features).
        value, key : Tensor
            (N, S, features); the key is by default the value.
        query_mask, value_mask, key_mask : Tensor, optional
            bool (N, T) and (N, S): which steps count; by default those that go with the tensors.
        attention_mask : Tensor, optional
            bool (N, T, S) or (N, heads, T, S), True where a query may attend.
        return_attention_scores : bool
            Whether the weights (N, heads, T, S) are returned too. Default False.
        training : bool, optional
        use_causal_mask : bool
            Whether no query sees keys behind it. Default False.

        Returns
        -------
        Tensor or tuple of Tensor
            (N, T, features of the query or the layer's output_shape), and the weights.
        """
        key = value if key is None else key
        query_mask = masks.of(query) if query_mask is None else query_mask
        value_mask = masks.of(value) if value_mask is None else value_mask
        if key_mask is None and key is not value:
            key_mask = masks.of(key)
        q, k, v = (
            self._projection(part, x)
            for part, x in (("query", query), ("key", key), ("value", value))
        )
        mask = self._mask(
            query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask
        )
        rate = self.dropout if training else 0.0
        cell = dropout_cell(self) if rate else None
        weights = None
        if return_attention_scores:
            mixed, weights = attend(q, k, v, mask, use_causal_mask, rate, cell=cell)
        else:
            if mask is not None and self.dropout == 0:
                # As in Keras, a query that may attend to nothing then attends to all alike.
                if use_causal_mask:
                    mask = core.logical_and(mask, causal_mask(q.shape[2], k.shape[2]))
                    use_causal_mask = False
                mask = closed(mask, q.dtype)
            if mask is not None:
                mask = core.broadcast_to(mask, (*q.shape[:3], k.shape[2]))
            mixed = attention(q, k, v, mask, use_causal_mask, rate, cell=cell)
        if self.use_gate:
            mixed = core.mul(mixed, core.sigmoid(self._projection("gate", query)))
        output = self._output(mixed)
        if query_mask is not None:
            masks.attach(output, query_mask)
        return output if weights is None else (output, weights)

    def _mask(
        self,
        query: Tensor,
        value: Tensor,
        each: tuple[Tensor | None, ...],
        attention_mask: Tensor | None,
        causal: bool,
    ) -> Tensor | None:
        """All masks but the causal one together, as one that broadcasts to the scores."""
        found = []
        for mask, axis in zip(each, (-1, -2, -2), strict=True):
            if mask is not None:
                found.append(core.unsqueeze(core.unsqueeze(mask.to("bool"), axis), 1))
        if self.sliding_window is not None:
            rows, columns = np.arange(query.shape[1])[:, None], np.arange(value.shape[1])
            found.append(Tensor._wrap(np.abs(rows - columns) < self.sliding_window))
        if attention_mask is not None:
            given = attention_mask.to("bool")
            found.append(core.unsqueeze(given, -3) if given.ndim < 4 else given)
        return functools.reduce(core.logical_and, found) if found else None

    def compute_mask(self, query: Any, previous_mask: Any = None, *others: Any) -> Any:
        """The mask of the query."""
        return previous_mask

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> Any:
        """That of the query, whose last sizes the layer's output_shape may replace."""
        return (*query_shape[:-1], *(self._output_sizes or query_shape[-1:]))


class MultiHeadAttention(_Projected):
    """Attention of several heads between projections.

    Parameters
    ----------
    num_heads : int
    key_dim : int
        Width of a head's queries and keys.
    value_dim : int, optional
        Width of a head's values. Default: key_dim.
    dropout : float
        Probability of leaving out a weight in training. Default 0.
    use_bias : bool
        Default True.
    output_shape : int or tuple of int, optional
        Of the output's features. Default: those of the query.
    attention_axes : int or tuple, optional
        Only the axis of steps, 1, the default.
    sliding_window : int, optional
        How far apart, plus 1, query and key may be.
    flash_attention
        Accepted for Keras's sake: unless the scores are asked for they are never in memory.
    kernel_initializer, bias_initializer : str or callable
        Defaults "glorot_uniform" and "zeros".
    kernel_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, bias_constraint : optional
    use_gate : bool
        Whether heads are multiplied by a sigmoid of another projection of the query. Default False.
    seed : int, optional
        Of the dropout.
    **kwargs
        As of `Layer`.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017, section 3.2.2.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        axes = attention_axes
        if axes is not None and tuple(np.atleast_1d(axes).tolist()) not in ((1,), (-2,)):
            raise ValueError(
                f"MultiHeadAttention: argument attention_axes expected None or 1, got {axes}"
            )
        super().__init__(num_heads, num_heads, key_dim, value_dim, output_shape, locals(), kwargs)
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim


class GroupedQueryAttention(_Projected):
    """Attention in which several heads of queries share one head of keys and values.

    Parameters
    ----------
    head_dim : int
        Width of all heads.
    num_query_heads, num_key_value_heads : int
        The first is a multiple of the second.
    dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer, \
    kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, \
    bias_constraint, use_gate, seed
        As of `MultiHeadAttention`.
    **kwargs
        As of `Layer`.

    References
    ----------
    J. Ainslie et al., "GQA: training generalized multi-query transformer models", 2023.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        if num_key_value_heads == 0 or num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupedQueryAttention: argument num_query_heads expected a multiple of "
                f"num_key_value_heads, {num_key_value_heads}, got {num_query_heads}"
            )
        super().__init__(
            num_query_heads, num_key_value_heads, head_dim, None, None, locals(), kwargs
        )
        self.head_dim = head_dim
        self.num_query_heads, self.num_key_value_heads = num_query_heads, num_key_value_heads


GroupQueryAttention = GroupedQueryAttention


class Attention(Layer):
    """Attention of queries (N, T, width) to keys (N, S, width), called on a list of query, value
    and, if it is not the value, key.

    Parameters
    ----------
    use_scale : bool
        Whether a weight scales the scores. Default False.
    score_mode : str
        "dot" (default), query times key; or "concat", the sum over the width of tanh(query + key),
        times a weight.
    dropout : float
        Probability of leaving out a weight in training. Default 0.
    seed : int, optional
        Of the dropout.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f"{type(self).__name__}: argument score_mode expected 'dot' or 'concat', got "
                f"{score_mode!r}"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        """Make the scales."""
        self._check(input_shape)
        self.scale: Variable | None = None
        self.concat_score_weight: Any = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _check(self, inputs: Any) -> None:
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: inputs expected a list of query, value and, if it is not "
                "the value, key"
            )

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.score_mode == "dot":
            scores = core.matmul(query, core.transpose(key, -1, -2))
            return scores if self.scale is None else core.mul(scores, self.scale)
        together = core.add(core.unsqueeze(query, -2), core.unsqueeze(key, -3))
        together = together if self.scale is None else core.mul(together, self.scale)
        return core.mul(core.sum(core.tanh(together), -1), self.concat_score_weight)

    def call(
        self,
        inputs: list[Tensor],
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend; the masks are those of query and value, bool (N, T) and (N, S)."""
        self._check(inputs)
        query, value, *rest = inputs
        key = rest[0] if rest else value
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self._scores(query, key)
        allowed = causal_mask(*scores.shape[-2:]) if use_causal_mask else None
        if value_mask is not None:
            steps = core.unsqueeze(value_mask, -2)
            allowed = steps if allowed is None else core.logical_and(steps, allowed)
        if allowed is not None:
            scores = core.sub(scores, core.where(allowed, 0.0, _LEFT_OUT))
        weights = core.softmax(scores, -1)
        used = dropped(self, weights, self.dropout) if training and self.dropout else weights
        output = core.matmul(used, value)
        if query_mask is not None:
            output = core.where(core.unsqueeze(query_mask, -1), output, 0.0)
        return (output, used) if return_attention_scores else output

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the query."""
        return previous_mask[0] if previous_mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Steps of the query, width of the value."""
        return (*input_shape[0][:-1], input_shape[1][-1])


_LEFT_OUT = 1e9  # what Keras takes from the scores of steps that do not count


class AdditiveAttention(Attention):
    """Attention whose score is the sum over the width of tanh(query + key), by default weighted.

    Parameters
    ----------
    use_scale : bool
        Whether each number of the width has a weight. Default True.
    dropout : float
        Probability of leaving out a weight in training. Default 0.
    **kwargs
        As of `Layer`; `seed` of the dropout.

    References
    ----------
    D. Bahdanau et al., "Neural machine translation by jointly learning to align and translate",
    ICLR 2015.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the weights of the width."""
        self._check(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        together = core.tanh(core.add(core.unsqueeze(query, -2), core.unsqueeze(key, -3)))
        return core.sum(together if self.scale is None else core.mul(together, self.scale), -1)
