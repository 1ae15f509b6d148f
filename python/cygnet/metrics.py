"""Metrics under their public name; they live in :mod:`cygnet.train.metrics`."""

from cygnet.train.metrics import *
from cygnet.train.metrics import __all__ as __all__
