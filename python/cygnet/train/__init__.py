"""Training: the loop, metrics and histories."""

from cygnet.train import metrics
from cygnet.train.history import History
from cygnet.train.metrics import Metric
from cygnet.train.trainer import Trainer

__all__ = ["History", "Metric", "Trainer", "metrics"]
