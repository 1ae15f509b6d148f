"""What is called at the beginnings and ends of training, epochs and batches."""

from cygnet.train.callbacks.backup import BackupAndRestore
from cygnet.train.callbacks.base import Callback
from cygnet.train.callbacks.callback_list import CallbackList
from cygnet.train.callbacks.csv_logger import CSVLogger
from cygnet.train.callbacks.early_stopping import EarlyStopping
from cygnet.train.callbacks.lambda_callback import LambdaCallback
from cygnet.train.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from cygnet.train.callbacks.model_checkpoint import ModelCheckpoint
from cygnet.train.callbacks.tensorboard import TensorBoard
from cygnet.train.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]
