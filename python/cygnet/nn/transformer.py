"""The Transformer of A. Vaswani et al., "Attention is all you need", 2017."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn import functional, init
from cygnet.nn.attention import MultiheadAttention
from cygnet.nn.container import ModuleList
from cygnet.nn.dropout import Dropout
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.nn.norm import LayerNorm
from cygnet.nn.parameter import float_dtype
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What the layers of encoder and decoder share: attentions, a feed-forward network, and a
    normalisation and dropout for each.
    """

    attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for name in self.attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, **made
            )
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        blocks = range(1, len(self.attentions) + 2)
        for block in blocks:
            self.add_module(f"norm{block}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for block in blocks:
            self.add_module(f"dropout{block}", Dropout(dropout))
        self.activation = _activation(type(self).__name__, activation)

    def _residual(
        self, x: Tensor, block: Callable[[Tensor], Tensor], norm: Module, dropout: Module
    ) -> Tensor:
        """A block beside a residual connection, normalised before or after."""
        if self.norm_first:
            return x + dropout(block(norm(x)))  # type: ignore[no-any-return]
        return norm(x + dropout(block(x)))  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))  # type: ignore[no-any-return]


def _activation(op: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise ValueError(
            f"{op}: argument activation expected 'relu', 'gelu' or a function, got {activation!r}"
        )
    function: Callable[[Tensor], Tensor] = getattr(functional, activation)
    return function


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a feed-forward network, each beside a residual connection.

    There is no separate path for inference: in evaluation, padded positions are computed as in
    training.

    Parameters
    ----------
    d_model : int
        Width E of inputs and outputs.
    nhead : int
        Number of heads, a divisor of d_model.
    dim_feedforward : int, default 2048
        Width inside the feed-forward network.
    dropout : float, default 0.1
        Probability of dropping an attention weight, and an element inside and after each block.
    activation : str or callable, default relu
        'relu', 'gelu' or a function, inside the feed-forward network.
    layer_norm_eps : float, default 1e-5
    batch_first : bool, default False
        Whether inputs are (N, L, E), else (L, N, E).
    norm_first : bool, default False
        Whether each block's input is normalised, else the sum of its input and output.
    bias : bool, default True
        Whether linear layers and normalisations have biases.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Map (L, N, E), (N, L, E) with batch_first or (L, E) to the same shape; for the masks see
        :meth:`MultiheadAttention.forward`.
        """

        def attend(x: Tensor) -> Tensor:
            output: Tensor = self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )[0]
            return output

        x = self._residual(src, attend, self.norm1, self.dropout1)
        return self._residual(x, self._feed_forward, self.norm2, self.dropout2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's output, then a feed-forward network, each beside a
    residual connection.

    Parameters are those of :class:`TransformerEncoderLayer`.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Map (T, N, E), (N, T, E) with batch_first or (T, E), and the encoder's output, to the
        shape of `tgt`; for the masks see :meth:`MultiheadAttention.forward`.
        """

        def attend(x: Tensor) -> Tensor:
            output: Tensor = self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]
            return output

        def attend_to_memory(x: Tensor) -> Tensor:
            output: Tensor = self.multihead_attn(
                x,
                memory,
                memory,
                memory_key_padding_mask,
                False,
                memory_mask,
                is_causal=memory_is_causal,
            )[0]
            return output

        x = self._residual(tgt, attend, self.norm1, self.dropout1)
        x = self._residual(x, attend_to_memory, self.norm2, self.dropout2)
        return self._residual(x, self._feed_forward, self.norm3, self.dropout3)


class _Stack(Module):
    """Copies of one layer, one after another, and a normalisation."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.num_layers = positive_int(type(self).__name__, "num_layers", num_layers, 0)
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(self.num_layers))
        self.norm = norm

    def _run(self, x: Tensor, *args: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *args)
        if self.norm is not None:
            x = self.norm(x)
        return x


class TransformerEncoder(_Stack):
    """Copies of `encoder_layer`, which begin with equal parameters, one after another.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        What is copied.
    num_layers : int
        How often.
    norm : Module, optional
        Applied to the last layer's output.
    enable_nested_tensor, mask_check : bool, default True
        Accepted for PyTorch's sake; there are no nested tensors.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Apply the layers; the arguments are those of a layer."""
        return self._run(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """Copies of `decoder_layer`, which begin with equal parameters, one after another.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        What is copied.
    num_layers : int
        How often.
    norm : Module, optional
        Applied to the last layer's output.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Apply the layers; the arguments are those of a layer."""
        return self._run(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            bool(tgt_is_causal),
            memory_is_causal,
        )


class Transformer(Module):
    """An encoder and a decoder that attends to its output.

    Parameters
    ----------
    d_model : int, default 512
        Width E of inputs and outputs.
    nhead : int, default 8
        Number of heads, a divisor of d_model.
    num_encoder_layers, num_decoder_layers : int, default 6
    dim_feedforward, dropout, activation
        As of :class:`TransformerEncoderLayer`.
    custom_encoder, custom_decoder : Module, optional
        Take the place of encoder and decoder.
    layer_norm_eps, batch_first, norm_first, bias, device, dtype
        As of :class:`TransformerEncoderLayer`.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shared = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*shared), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*shared), num_decoder_layers, norm()
        )
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Map a source (S, N, E) and a target (T, N, E), with batch_first (N, S, E) and (N, T, E),
        or both without N, to the target's shape; for the masks see
        :meth:`MultiheadAttention.forward`.
        """
        for name, tensor in (("src", src), ("tgt", tgt)):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"Transformer: {name} must be a Tensor, got {type(tensor).__name__}"
                )
            if tensor.ndim != src.ndim or tensor.ndim not in (2, 3):
                raise ShapeError(
                    f"Transformer: {name} has shape {tensor.shape}, expected 3 dimensions, or 2 "
                    "without a batch, as many as src"
                )
            if tensor.shape[-1] != self.d_model:
                raise ShapeError(
                    f"Transformer: {name} has shape {tensor.shape}, expected a last size of "
                    f"{self.d_model}"
                )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        output: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return output

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """An attn_mask (sz, sz) that lets position i attend to those up to i: 0 there, else minus
        infinity.
        """
        dtype = float_dtype("generate_square_subsequent_mask", device, dtype)
        return as_tensor(np.triu(np.full((sz, sz), -math.inf, dtype), 1))
