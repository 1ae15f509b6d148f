"""Figures and weights for TensorBoard."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.callbacks.monitor import check_at_least
from cygnet.train.history import is_several
from cygnet.train.learning_rate import get_learning_rate

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes figures, the learning rate and histograms of the weights for TensorBoard, which shows
    them: ``tensorboard --logdir logs``.

    Needs tensorboardX: ``pip install cygnet[tensorboard]``. Figures of training are in the folder
    ``train`` in `log_dir`, those of validation in ``validation``. Figures that are arrays are left
    out.

    Parameters
    ----------
    log_dir : path-like, default "logs"
    histogram_freq : int, default 0
        Write histograms of the weights after every so many epochs; 0 for never.
    write_graph : bool, default True
        Has no effect.
    write_images : bool, default False
        Has no effect.
    write_steps_per_second : bool, default False
        Whether to write how many batches an epoch trained in a second.
    update_freq : "epoch", "batch" or int, default "epoch"
        Write figures after each epoch, or also after each batch or so many batches.
    profile_batch, embeddings_freq : int, default 0
        Have no effect.
    embeddings_metadata : object, optional
        Has no effect.
    """

    reads_batch_logs = False

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        every = {"epoch": 0, "batch": 1}.get(str(update_freq), update_freq)
        if not isinstance(every, int) or (every < 1 and update_freq != "epoch"):
            raise ValueError(
                "TensorBoard: argument update_freq expected 'epoch', 'batch' or an int of at least "
                f"1, got {update_freq!r}"
            )
        check_at_least(self, "histogram_freq", histogram_freq, 0)
        ignored = {
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
        }
        if any(ignored.values()):
            names = ", ".join(name for name, value in ignored.items() if value)
            warnings.warn(f"TensorBoard: {names}: has no effect", stacklevel=2)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self._every = every
        self._writers: dict[str, Any] = {}
        self._batches = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        self._writer("train")  # what is missing is better known before the first epoch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._every and self._batches % self._every == 0:
            for name, value in (logs or self.learner.figures()).items():
                if not is_several(value):
                    self._writer("train").add_scalar(f"batch_{name}", value, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figures = {"learning_rate": get_learning_rate(self.learner.optimizer), **(logs or {})}
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._began
            figures["steps_per_second"] = self.loop.batch / max(seconds, 1e-9)
        for name, value in figures.items():
            folder = "validation" if name.startswith("val_") else "train"
            name = f"epoch_{name.removeprefix('val_')}"
            if not is_several(value):
                self._writer(folder).add_scalar(name, value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for name, weight in self.model.named_parameters():
                tag = f"{name.replace('.', '/')}/histogram"
                self._writer("train").add_histogram(tag, weight.detach().numpy(), epoch)
        for writer in self._writers.values():
            writer.flush()

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "TensorBoard needs tensorboardX: pip install cygnet[tensorboard]"
                ) from error
            self._writers[folder] = SummaryWriter(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def state_dict(self) -> dict[str, Any]:
        return {"_batches": self._batches}
