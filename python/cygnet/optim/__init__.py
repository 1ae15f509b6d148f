"""Optimizers with PyTorch's names, arguments and state, one kernel call a parameter group."""

from cygnet.optim import lr_scheduler
from cygnet.optim.adam import Adam, AdamW
from cygnet.optim.optimizer import Optimizer
from cygnet.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
