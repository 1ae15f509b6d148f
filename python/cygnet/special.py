"""Special functions by the names of PyTorch's ``torch.special``."""

from __future__ import annotations

from cygnet.ops import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    lgamma,
    log1p,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    round,
    sigmoid,
    sinc,
    softmax,
    xlogy,
)
from cygnet.ops import igamma as gammainc
from cygnet.ops import igammac as gammaincc
from cygnet.ops import mvlgamma as multigammaln
from cygnet.ops.composite import xlog1py
from cygnet.ops.special import entr, erfcx, i0e, i1, i1e, log_ndtr, ndtr, zeta

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]

expit = sigmoid
gammaln = lgamma
psi = digamma
