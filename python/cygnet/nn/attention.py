"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet import ops
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional, init
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.attention import attend
from cygnet.random import module_cell
from cygnet.tensor import FLOATS, Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of several heads between projections of query, key and value.

    A query that may attend to nothing gets the bias of the last projection; PyTorch gives NaN.

    Parameters
    ----------
    embed_dim : int
        Width E of query and output, divided among the heads.
    num_heads : int
        Divides embed_dim.
    dropout : float, default 0
        Probability of dropping an attention weight in training.
    bias : bool, default True
        Whether the projections have biases.
    add_bias_kv : bool, default False
        Whether a learned key and value is appended to those given.
    add_zero_attn : bool, default False
        Whether a key and value of zeros is appended.
    kdim, vdim : int, optional
        Widths of key and value. Default: embed_dim.
    batch_first : bool, default False
        Whether inputs are (N, L, E), else (L, N, E).
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    in_proj_weight : Parameter of shape (3 E, E), or None if kdim or vdim differ from E
    q_proj_weight, k_proj_weight, v_proj_weight : Parameter of shape (E, width), or None otherwise
    in_proj_bias : Parameter of shape (3 E,) or None
    bias_k, bias_v : Parameter of shape (1, 1, E) or None
    out_proj : Linear

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim = width = positive_int(name, "embed_dim", embed_dim)
        self.num_heads = positive_int(name, "num_heads", num_heads)
        if width % num_heads:
            raise ValueError(
                f"{name}: argument embed_dim expected a multiple of num_heads, {num_heads}, got "
                f"{embed_dim}"
            )
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(
                f"{name}: argument dropout expected a probability in [0, 1], got {dropout}"
            )
        self.head_dim = width // num_heads
        self.kdim = width if kdim is None else positive_int(name, "kdim", kdim)
        self.vdim = width if vdim is None else positive_int(name, "vdim", vdim)
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        dtype = float_dtype(name, device, dtype)
        packed = self.kdim == self.vdim == width
        for parameter, shape in (
            ("in_proj_weight", (3 * width, width) if packed else None),
            ("q_proj_weight", None if packed else (width, width)),
            ("k_proj_weight", None if packed else (width, self.kdim)),
            ("v_proj_weight", None if packed else (width, self.vdim)),
            ("in_proj_bias", (3 * width,) if bias else None),
            ("bias_k", (1, 1, width) if add_bias_kv else None),
            ("bias_v", (1, 1, width) if add_bias_kv else None),
        ):
            empty = None if shape is None else Parameter(np.empty(shape, dtype))
            self.register_parameter(parameter, empty)
        self.out_proj = Linear(width, width, bias, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, parameter in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(parameter)
            elif name == "in_proj_bias":
                init.zeros_(parameter)
            else:
                init.xavier_normal_(parameter)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Parameters
        ----------
        query : Tensor
            (L, N, E), (N, L, E) with batch_first, or (L, E) without a batch.
        key, value : Tensor
            (S, N, kdim) and (S, N, vdim), likewise.
        key_padding_mask : Tensor, optional
            (N, S), without a batch (S,): bool, True where a key is to be ignored, or numbers that
            are added to the scores.
        need_weights : bool, default True
            Whether the weights are returned, else None.
        attn_mask : Tensor, optional
            (L, S) or (N * num_heads, L, S): bool, True where attention is forbidden, or numbers
            that are added to the scores.
        average_attn_weights : bool, default True
            Whether the weights returned are their mean over the heads.
        is_causal : bool, default False
            Says that attn_mask is causal; the mask must be given all the same.

        Returns
        -------
        tuple of Tensor
            The result, of the query's shape, and the weights: (N, L, S) or, not averaged,
            (N, num_heads, L, S); without a batch lacking N.

        Raises
        ------
        ShapeError, DTypeError, ValueError
        """
        op = "MultiheadAttention"
        if is_causal and attn_mask is None:
            raise ValueError(f"{op}: is_causal=True needs attn_mask")
        same = query is key and key is value
        batched = query.ndim == 3
        if query.ndim not in (2, 3) or not key.ndim == value.ndim == query.ndim:
            raise ShapeError(
                f"{op}: query {query.shape}, key {key.shape} and value {value.shape} expected 3 "
                "dimensions each, or 2 each without a batch"
            )
        for name, tensor, width in (
            ("query", query, self.embed_dim),
            ("key", key, self.kdim),
            ("value", value, self.vdim),
        ):
            if tensor.shape[-1] != width:
                raise ShapeError(
                    f"{op}: {name} has shape {tensor.shape}, expected a last size of {width}"
                )
        if key.shape[:-1] != value.shape[:-1]:
            raise ShapeError(f"{op}: key has shape {key.shape}, value {value.shape}")
        query, key, value = (self._batch_first(t, batched) for t in (query, key, value))
        if key.shape[0] != query.shape[0]:
            raise ShapeError(
                f"{op}: query has a batch of {query.shape[0]}, key and value of {key.shape[0]}"
            )
        batch, length, _ = query.shape
        if key_padding_mask is not None and not batched:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        mask = self._mask(attn_mask, key_padding_mask, query, key.shape[1])
        query, key, value = self._projected(query, key, value, same)
        if self.bias_k is not None and self.bias_v is not None:
            key = ops.cat([key, self.bias_k.expand(batch, 1, -1)], 1)
            value = ops.cat([value, self.bias_v.expand(batch, 1, -1)], 1)
        if self.add_zero_attn:
            zeros = ops.zeros(batch, 1, self.embed_dim, dtype=key.dtype)
            key, value = ops.cat([key, zeros], 1), ops.cat([value, zeros], 1)
        if mask is not None and key.shape[1] > mask.shape[-1]:
            free = (*mask.shape[:-1], key.shape[1] - mask.shape[-1])
            mask = ops.cat([mask, ops.zeros(free, dtype=mask.dtype)], -1)
        heads = [
            t.reshape(batch, t.shape[1], self.num_heads, self.head_dim).transpose(1, 2)
            for t in (query, key, value)
        ]
        drops = self.training and self.dropout > 0
        cell = module_cell(self.path) if drops else None
        query, key, value = heads
        mixed, weights = attend(query, key, value, mask, self.dropout if drops else 0.0, cell=cell)
        output = self.out_proj(mixed.transpose(1, 2).reshape(batch, length, self.embed_dim))
        output = self._as_given(output, batched)
        if not need_weights:
            return output, None
        if average_attn_weights:
            weights = weights.mean(1)
        return output, weights if batched else weights.squeeze(0)

    def _batch_first(self, tensor: Tensor, batched: bool) -> Tensor:
        if not batched:
            return tensor.unsqueeze(0)
        return tensor if self.batch_first else tensor.transpose(0, 1)

    def _as_given(self, output: Tensor, batched: bool) -> Tensor:
        if not batched:
            return output.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1)

    def _projected(
        self, query: Tensor, key: Tensor, value: Tensor, same: bool
    ) -> tuple[Tensor, ...]:
        """The three projections; of one input they are one product."""
        parts = [slice(i * self.embed_dim, (i + 1) * self.embed_dim) for i in range(3)]
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if weight is not None and same:
            together = functional.linear(query, weight, bias)
            return tuple(together[..., part] for part in parts)
        weights = (
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            if weight is None
            else tuple(weight[part] for part in parts)
        )
        return tuple(
            functional.linear(tensor, w, None if bias is None else bias[part])
            for tensor, w, part in zip((query, key, value), weights, parts, strict=True)
        )

    def _mask(
        self, attn_mask: Tensor | None, padding: Tensor | None, query: Tensor, keys: int
    ) -> Tensor | None:
        """Both masks as numbers to add to the scores (N, heads, L, S), or None."""
        batch, length, _ = query.shape
        masks = []
        if attn_mask is not None:
            each = (batch * self.num_heads, length, keys)
            if attn_mask.shape not in (each, each[1:]):
                raise ShapeError(
                    f"MultiheadAttention: attn_mask has shape {attn_mask.shape}, expected "
                    f"{each[1:]} or {each}"
                )
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.reshape(batch, self.num_heads, length, keys)
            masks.append(_additive("attn_mask", attn_mask, query.dtype))
        if padding is not None:
            if padding.shape != (batch, keys):
                raise ShapeError(
                    f"MultiheadAttention: key_padding_mask has shape {padding.shape}, expected "
                    f"{(batch, keys)}"
                )
            padding = padding.reshape(batch, 1, 1, keys)
            masks.append(_additive("key_padding_mask", padding, query.dtype))
        return masks[0] + masks[1] if len(masks) == 2 else masks[0] if masks else None


def _additive(name: str, mask: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """A mask as numbers to add to scores: minus infinity where a bool is True."""
    if mask.dtype == np.bool_:
        return ops.where(mask, ops.full((), -math.inf, dtype=dtype), 0.0)
    if mask.dtype not in FLOATS:
        raise DTypeError(
            f"MultiheadAttention: {name} is {mask.dtype}, expected bool or floating point"
        )
    return mask.to(dtype)
