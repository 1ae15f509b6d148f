"""Training: the loop, callbacks, metrics and histories."""

from cygnet.train import callbacks, metrics
from cygnet.train.callbacks import *  # noqa: F403
from cygnet.train.finder import LearningRateCurve
from cygnet.train.history import History
from cygnet.train.learning_rate import get_learning_rate, set_learning_rate
from cygnet.train.metrics import Metric
from cygnet.train.plots import plot_confusion_matrix, plot_images, plot_misclassified
from cygnet.train.progress import Progress
from cygnet.train.trainer import Trainer

__all__ = [
    "History",
    "LearningRateCurve",
    "Metric",
    "Progress",
    "Trainer",
    "callbacks",
    "get_learning_rate",
    "metrics",
    "plot_confusion_matrix",
    "plot_images",
    "plot_misclassified",
    "set_learning_rate",
]
__all__ += callbacks.__all__
