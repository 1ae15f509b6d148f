"""Helpers for the parameters of modules: gradients, vectors of parameters, normalisations."""

from cygnet.nn.utils import rnn
from cygnet.nn.utils.clip import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from cygnet.nn.utils.convert import parameters_to_vector, vector_to_parameters
from cygnet.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from cygnet.nn.utils.weight_norm import remove_weight_norm, weight_norm

clip_grad_norm = clip_grad_norm_  # the name of old programs

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
