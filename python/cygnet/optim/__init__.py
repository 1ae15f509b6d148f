"""Optimizers with PyTorch's names, arguments and state, one kernel call a parameter group."""

from cygnet.optim import lr_scheduler, swa_utils
from cygnet.optim.adagrad import Adadelta, Adagrad, RMSprop
from cygnet.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from cygnet.optim.lbfgs import LBFGS
from cygnet.optim.lion import Lion
from cygnet.optim.optimizer import Optimizer
from cygnet.optim.penalty import l1_penalty, l2_penalty
from cygnet.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "l1_penalty",
    "l2_penalty",
    "lr_scheduler",
    "swa_utils",
]
