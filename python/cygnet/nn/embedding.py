"""Tables of learned vectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn import functional, init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["Embedding"]


class Embedding(Module):
    """A learned vector for each of `num_embeddings` symbols.

    Parameters
    ----------
    num_embeddings : int
        How many vectors.
    embedding_dim : int
        Their size.
    padding_idx : int, optional
        A symbol, negative ones counted from the end, whose vector begins as zeros and gets no
        gradient.
    max_norm : float, optional
        Vectors that are looked up and have a larger norm are first scaled to it, in place.
    norm_type : float, default 2
        p of the norm ``sum(abs(x) ** p) ** (1 / p)``.
    scale_grad_by_freq : bool, default False
        Whether a vector's gradient is divided by how often it was looked up in the batch.
    sparse : bool, default False
        Accepted for PyTorch's sake; the gradient is always dense.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (num_embeddings, embedding_dim)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = rows = positive_int("Embedding", "num_embeddings", num_embeddings, 0)
        self.embedding_dim = positive_int("Embedding", "embedding_dim", embedding_dim, 0)
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise ValueError(
                f"Embedding: argument padding_idx expected {-rows} to {rows - 1}, got {padding_idx}"
            )
        self.padding_idx = None if padding_idx is None else padding_idx % rows
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            shape = rows, self.embedding_dim
            self.weight = Parameter(np.empty(shape, float_dtype("Embedding", device, dtype)))
            self.reset_parameters()
        else:
            self.weight = Parameter(_weight, requires_grad=not _freeze)
            if self.weight.shape != (rows, self.embedding_dim):
                raise ShapeError(
                    f"Embedding: weight has shape {self.weight.shape}, expected "
                    f"{(rows, self.embedding_dim)}"
                )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A module around existing vectors.

        Parameters
        ----------
        embeddings : Tensor or array_like
            (num_embeddings, embedding_dim); a tensor's or array's memory is used as it is.
        freeze : bool, default True
            Whether the vectors stay as they are in training.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As the arguments of the class.
        """
        weight = embeddings if isinstance(embeddings, Tensor) else as_tensor(embeddings)
        if weight.ndim != 2:
            raise ShapeError(
                f"Embedding.from_pretrained: embeddings has shape {weight.shape}, expected "
                "(num_embeddings, embedding_dim)"
            )
        rows, width = weight.shape
        return cls(
            rows,
            width,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=weight,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        """Draw the vectors anew from the standard normal distribution; zeros for padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight._array[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """Map positions of any shape to vectors (..., embedding_dim)."""
        return functional.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        for name in ("scale_grad_by_freq", "sparse"):
            if getattr(self, name):
                text += f", {name}=True"
        return text
