"""Vectors for numbered words, and masks of data."""

from __future__ import annotations

from typing import Any

import cygnet.ops as core
from cygnet.autograd import no_grad
from cygnet.keras import constraints, initializers, regularizers
from cygnet.keras.layer import Layer
from cygnet.nn.linear import positive_int
from cygnet.tensor import Tensor

__all__ = ["Embedding", "Masking"]


class Embedding(Layer):
    """A vector of weights for each whole number.

    Parameters
    ----------
    input_dim : int
        How many numbers there are, from 0.
    output_dim : int
        Width of a vector.
    embeddings_initializer : str or callable
        Default "uniform".
    embeddings_regularizer, embeddings_constraint : optional
    mask_zero : bool
        Whether 0 stands for no word: layers that know masks leave it out. Default False.
    weights : list of array, optional
        The initial vectors (input_dim, output_dim).
    **kwargs
        As of `Layer`; `input_length` is accepted as in older programs.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._init_arguments.pop("weights", None)
        name = type(self).__name__
        self.input_dim = positive_int(name, "input_dim", input_dim)
        self.output_dim = positive_int(name, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.__dict__["_initial"] = weights

    def build(self, input_shape: Any = None) -> None:
        """Make the vectors."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        initial = self.__dict__.pop("_initial", None)
        if initial is not None:
            with no_grad():
                self.embeddings.assign(initial[0] if isinstance(initial, list | tuple) else initial)

    def call(self, inputs: Tensor) -> Tensor:
        """Look up the vectors."""
        if inputs.dtype.kind not in "iu":
            inputs = inputs.to("int64")
        return core.embedding(inputs, self.embeddings)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where the numbers are not 0, with mask_zero."""
        return core.ne(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """One axis more."""
        return (*input_shape, self.output_dim)


class Masking(Layer):
    """Leaves out the steps of a sequence (N, T, features) in which all features have one value.

    Parameters
    ----------
    mask_value : float
        Default 0.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, with 0 in the steps left out."""
        return core.where(self._kept(inputs, True), inputs, 0.0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where a feature has another value."""
        return self._kept(inputs, False)

    def _kept(self, inputs: Tensor, keepdim: bool) -> Tensor:
        return core.any(core.ne(inputs, self.mask_value), -1, keepdim)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the inputs."""
        return tuple(input_shape)
