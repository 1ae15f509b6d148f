"""Optimizers with PyTorch's names, arguments and state, one kernel call a parameter group."""

from cygnet.optim import lr_scheduler, swa_utils
from cygnet.optim.adafactor import Adafactor
from cygnet.optim.adagrad import Adadelta, Adagrad, RMSprop
from cygnet.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from cygnet.optim.averaged import ASGD
from cygnet.optim.lbfgs import LBFGS
from cygnet.optim.lion import Lion
from cygnet.optim.muon import Muon
from cygnet.optim.optimizer import Optimizer
from cygnet.optim.penalty import l1_penalty, l2_penalty
from cygnet.optim.rprop import Rprop
from cygnet.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "l1_penalty",
    "l2_penalty",
    "lr_scheduler",
    "swa_utils",
]
