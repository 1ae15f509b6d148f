"""What is called at the beginnings and ends of epochs and batches."""

from cygnet.train.callbacks.backup import BackupAndRestore
from cygnet.train.callbacks.base import Callback, CallbackList
from cygnet.train.callbacks.lambda_callback import LambdaCallback

__all__ = ["BackupAndRestore", "Callback", "CallbackList", "LambdaCallback"]
