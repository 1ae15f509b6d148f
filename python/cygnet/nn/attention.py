"""Attention of several heads, a cache for its decoding, and attention over encoder states."""

from __future__ import annotations

import contextlib
import enum
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cygnet import ops
from cygnet.autograd import needs_gradient, no_grad
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional, init
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.attention import masked_softmax
from cygnet.ops.common import as_tensor
from cygnet.random import module_cell
from cygnet.tensor import FLOATS, Tensor, empty_array
from cygnet.tensor import _check_readable as check_readable

__all__ = [
    "AdditiveAttention",
    "DotAttention",
    "KeyValueCache",
    "MultiheadAttention",
    "SDPBackend",
    "sdpa_kernel",
]


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
            empty = None if shape is None else Parameter(empty_array(shape, dtype))
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
        named = (("query", query), ("key", key), ("value", value))
        query, key, value = (as_tensor(x, "MultiheadAttention", name) for name, x in named)
        if self.batch_first and query.ndim == 3:
            turned = ops.transpose(query, 0, 1)
            turned_key = turned if key is query else ops.transpose(key, 0, 1)
            value = turned_key if value is key else ops.transpose(value, 0, 1)
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


class KeyValueCache:
    """Keys and values of the positions so far, for decoding step by step.

    The memory for all positions is allocated at once, and each step writes into it. What `append`
    returns serves `functional.scaled_dot_product_attention`: with ``is_causal=True`` for a first
    piece of any length, without a mask for one position after another. A later piece of several
    positions needs a mask, since position i of it attends to i more keys than there were.

    Parameters
    ----------
    batch, heads : int
    max_length : int
        Positions there is room for.
    width : int
        Of a head's keys.
    value_width : int, optional
        Of a head's values. Default: width.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    length : int
        Positions filled so far.

    Examples
    --------
    >>> import cygnet
    >>> cache = cygnet.nn.KeyValueCache(1, 2, max_length=16, width=4)
    >>> new = cygnet.ones(1, 2, 3, 4)
    >>> keys, values = cache.append(new, new)
    >>> keys.shape, cache.length
    ((1, 2, 3, 4), 3)
    """

    def __init__(
        self,
        batch: int,
        heads: int,
        max_length: int,
        width: int,
        value_width: int | None = None,
        dtype: Any = None,
    ) -> None:
        name = "KeyValueCache"
        given = {"batch": batch, "heads": heads, "max_length": max_length, "width": width}
        shape = tuple(positive_int(name, argument, size) for argument, size in given.items())
        last = width if value_width is None else positive_int(name, "value_width", value_width)
        kind = float_dtype(name, None, dtype)
        self._keys = ops.zeros(shape, dtype=kind)
        self._values = ops.zeros((*shape[:-1], last), dtype=kind)
        self.length = 0

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Writes keys and values behind those there are.

        Parameters
        ----------
        key : Tensor
            (batch, heads, positions, width), of the cache's type; copied.
        value : Tensor
            (batch, heads, positions, value_width).

        Returns
        -------
        tuple of Tensor
            All keys and values so far, (batch, heads, length, ...): views of the cache, without a
            gradient.

        Raises
        ------
        ShapeError, DTypeError
        ValueError
            If there is no room for them.
        RuntimeError
            If a gradient would be lost, or a step is being recorded: use it under `no_grad`, and
            outside `capture`.
        """
        op = "KeyValueCache.append"
        check_readable(op)
        if needs_gradient(key, value):
            raise RuntimeError(f"{op}: key and value need a gradient; decode under no_grad()")
        count = key.shape[2] if key.ndim == 4 else 0
        for name, given, room in (("key", key, self._keys), ("value", value, self._values)):
            batch, heads, _, width = room.shape
            if given.shape != (batch, heads, count, width):
                raise ShapeError(
                    f"{op}: {name} has shape {given.shape}, expected ({batch}, {heads}, positions, "
                    f"{width}), as many of key and value"
                )
            if given.dtype != room.dtype:
                raise DTypeError(f"{op}: {name} is {given.dtype}, expected {room.dtype}")
        end = self.length + count
        if end > self._keys.shape[2]:
            raise ValueError(
                f"{op}: {count} positions after {self.length}, expected at most "
                f"{self._keys.shape[2]} together"
            )
        with no_grad():
            for given, room in ((key, self._keys), (value, self._values)):
                room[:, :, self.length : end] = given
            self.length = end
            return self._keys[:, :, :end], self._values[:, :, :end]

    def reset(self) -> None:
        """Forgets all positions; the memory stays."""
        self.length = 0


class _EncoderAttention(Module):
    """What additive and dot attention share: `_scores` (N, L, S), then a softmax over the keys."""

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        padding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attend.

        Parameters
        ----------
        query : Tensor
            (N, L, query size), or (N, query size) for one query each.
        keys : Tensor
            (N, S, key size), such as the states of an encoder.
        values : Tensor, optional
            (N, S, V). Default: keys.
        padding : Tensor, optional
            Which keys do not count: int (N,), how many there are, from the first; or bool (N, S),
            True where one is to be ignored.

        Returns
        -------
        tuple of Tensor
            The context (N, L, V), the values by their weights, and the weights (N, L, S); without L
            for one query each. Both are 0 where no key counts.

        Raises
        ------
        ShapeError, DTypeError
        """
        name = type(self).__name__
        values = keys if values is None else values
        if query.ndim not in (2, 3) or keys.ndim != 3 or len(query) != len(keys):
            raise ShapeError(
                f"{name}: query has shape {query.shape}, keys {keys.shape}, expected (N, L, query "
                "size) or (N, query size), and (N, S, key size)"
            )
        if values.ndim != 3 or values.shape[:2] != keys.shape[:2]:
            raise ShapeError(
                f"{name}: values has shape {values.shape}, expected {keys.shape[:2]} and a size"
            )
        single = query.ndim == 2
        scores = self._scores(query.unsqueeze(1) if single else query, keys)
        if padding is None:
            weights = functional.softmax(scores, -1)
        else:
            weights = masked_softmax(scores, self._allowed(padding, keys).unsqueeze(1))
        context = weights @ values
        return (context.squeeze(1), weights.squeeze(1)) if single else (context, weights)

    def _allowed(self, padding: Tensor, keys: Tensor) -> Tensor:
        """True where a key counts, (N, S)."""
        batch, count, _ = keys.shape
        name = type(self).__name__
        expected = (batch, count) if padding.dtype == np.bool_ else (batch,)
        if padding.dtype in FLOATS:
            raise DTypeError(f"{name}: padding is {padding.dtype}, expected int or bool")
        if padding.shape != expected:
            raise ShapeError(f"{name}: padding has shape {padding.shape}, expected {expected}")
        if padding.dtype == np.bool_:
            return ops.logical_not(padding)
        return ops.lt(ops.arange(count), padding.unsqueeze(1))


class AdditiveAttention(_EncoderAttention):
    """Attention by a small network: score(q, k) = v . tanh(W q + U k + b).

    Parameters
    ----------
    query_size, key_size : int
        Widths of queries and keys.
    hidden_size : int
        Width of the network.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    query_proj, key_proj, score : Linear
        W without a bias, U with b, and v.

    References
    ----------
    D. Bahdanau et al., "Neural machine translation by jointly learning to align and translate",
    ICLR 2015, appendix A.1.2.
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        hidden_size: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.query_proj = Linear(query_size, hidden_size, bias=False, **made)
        self.key_proj = Linear(key_size, hidden_size, **made)
        self.score = Linear(hidden_size, 1, bias=False, **made)

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        together = self.query_proj(query).unsqueeze(2) + self.key_proj(keys).unsqueeze(1)
        scores: Tensor = self.score(together.tanh())
        return scores.squeeze(-1)


class DotAttention(_EncoderAttention):
    """Attention by the product of query and key: score(q, k) = q . k.

    Parameters
    ----------
    scaled : bool, default False
        Whether scores are divided by the square root of the keys' width.

    References
    ----------
    M.-T. Luong et al., "Effective approaches to attention-based neural machine translation", EMNLP
    2015, section 3.1, "dot".
    """

    def __init__(self, scaled: bool = False) -> None:
        super().__init__()
        self.scaled = scaled

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        if query.shape[-1] != keys.shape[-1]:
            raise ShapeError(
                f"DotAttention: query has shape {query.shape}, keys {keys.shape}, expected one last"
                " size"
            )
        scores = query @ keys.transpose(1, 2)
        return scores / math.sqrt(keys.shape[-1]) if self.scaled else scores

    def extra_repr(self) -> str:
        return f"scaled={self.scaled}"


class SDPBackend(enum.Enum):
    """PyTorch's ways to compute `scaled_dot_product_attention`; here there is one."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(
    backends: SDPBackend | list[SDPBackend], set_priority: bool = False
) -> Iterator[None]:
    """Name the ways that a ``with`` block may compute attention, without effect.

    Parameters
    ----------
    backends : SDPBackend or list of SDPBackend
    set_priority : bool, default False

    Raises
    ------
    TypeError
        If `backends` is of another type.
    """
    for each in backends if isinstance(backends, list) else [backends]:
        if not isinstance(each, SDPBackend):
            raise TypeError(f"sdpa_kernel: backends expected SDPBackend, got {type(each).__name__}")
    yield
