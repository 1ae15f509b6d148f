"""Multi-head attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.nn import functional, init
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.random import module_cell
from cygnet.tensor import Tensor

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
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None

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
            Says that attn_mask is causal, which is then not read; it must be given all the same.

        Returns
        -------
        tuple of Tensor
            The result, of the query's shape, and the weights: (N, L, S) or, not averaged,
            (N, num_heads, L, S); without a batch lacking N.

        Raises
        ------
        ShapeError, DTypeError, ValueError
        """
        if self.batch_first and query.ndim == 3:
            turned = query.transpose(0, 1)
            turned_key = turned if key is query else key.transpose(0, 1)
            value = turned_key if value is key else value.transpose(0, 1)
            query, key = turned, turned_key
        drops = self.training and self.dropout > 0
        output, weights = functional.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            cell=module_cell(self.path) if drops else None,
        )
        if self.batch_first and output.ndim == 3:
            output = output.transpose(0, 1)
        return output, weights
