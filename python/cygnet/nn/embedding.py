"""Tables of learned vectors."""

from __future__ import annotations

from typing import Any, Self

from cygnet.kernels import ShapeError
from cygnet.nn import functional, init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor, empty_array

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What holds a vector for each symbol; arguments as those of :class:`Embedding`."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
        weight: Any,
        freeze: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_embeddings = rows = positive_int(name, "num_embeddings", num_embeddings, 0)
        self.embedding_dim = positive_int(name, "embedding_dim", embedding_dim, 0)
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise ValueError(
                f"{name}: argument padding_idx expected {-rows} to {rows - 1}, got {padding_idx}"
            )
        self.padding_idx = None if padding_idx is None else padding_idx % rows
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            shape = rows, self.embedding_dim
            self.weight = Parameter(empty_array(shape, float_dtype(name, device, dtype)))
            self.reset_parameters()
        else:
            self.weight = Parameter(weight, requires_grad=not freeze)
            if self.weight.shape != (rows, self.embedding_dim):
                raise ShapeError(
                    f"{name}: weight has shape {self.weight.shape}, expected "
                    f"{(rows, self.embedding_dim)}"
                )

    def reset_parameters(self) -> None:
        """Draw the vectors anew from the standard normal distribution; zeros for padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight._array[self.padding_idx] = 0


def _pretrained(name: str, embeddings: Any) -> Tensor:
    """Existing vectors as a tensor on the same memory."""
    weight = embeddings if isinstance(embeddings, Tensor) else as_tensor(embeddings)
    if weight.ndim != 2:
        raise ShapeError(
            f"{name}.from_pretrained: embeddings has shape {weight.shape}, expected "
            "(num_embeddings, embedding_dim)"
        )
    return weight


class Embedding(_Table):
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
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            _freeze,
            device,
            dtype,
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
        weight = _pretrained("Embedding", embeddings)
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


class EmbeddingBag(_Table):
    """Sums, means or maxima of the vectors of bags of symbols.

    Parameters
    ----------
    num_embeddings : int
        How many vectors.
    embedding_dim : int
        Their size.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As those of :class:`Embedding`.
    mode : {"mean", "sum", "max"}, default "mean"
        What is taken of the vectors of a bag.
    include_last_offset : bool, default False
        Whether the last of the offsets is the end of the last bag.
    padding_idx : int, optional
        A symbol, negative ones counted from the end, that counts for nothing; its vector begins as
        zeros and gets no gradient.
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
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            False,
            device,
            dtype,
        )
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """A module around existing vectors.

        Parameters
        ----------
        embeddings : Tensor or array_like
            (num_embeddings, embedding_dim); a tensor's or array's memory is used as it is.
        freeze : bool, default True
            Whether the vectors stay as they are in training.
        max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx
            As the arguments of the class.
        """
        weight = _pretrained("EmbeddingBag", embeddings)
        rows, width = weight.shape
        made = cls(
            rows,
            width,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            weight,
            include_last_offset,
            padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Map bags, the rows of `input` or what lies between `offsets`, to (B, embedding_dim)."""
        return functional.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += ", scale_grad_by_freq=True"
        text += f", mode={self.mode!r}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text
