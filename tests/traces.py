"""What Keras 3.15 calls, in which order and with which logs, in five runs of a small model.

The model is ``Dense(1)`` from KERNEL and BIAS, trained by SGD with learning rate 0.1 on the mean
squared error, with metrics=["mae"], shuffle=False, validation on the first three samples, in
batches of two:

FIT       epochs=2
STOPPED   epochs=3, initial_epoch=1, and a callback sets stop_training after batch 1
STEPS     epochs=3, steps_per_epoch=2, validation_freq=2: the pass ends within an epoch
EVALUATE  batch_size=3
PREDICT   batch_size=3
"""

from itertools import chain

import numpy as np
import pytest

from cygnet.train import Callback

X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0], [2.0, -1.0]], np.float32)
Y = np.array([[1.0], [-1.0], [0.0], [-2.0], [3.0]], np.float32)
KERNEL = np.array([[0.5], [-0.25]], np.float32)
BIAS = np.array([0.125], np.float32)


def batch(kind, number, **logs):
    """A batch's begin and end."""
    return [(f"{kind}_batch_begin", number, {}), (f"{kind}_batch_end", number, logs)]


def tested(first, second):
    """An evaluation of two batches."""
    return [
        ("test_begin", {}), *batch("test", 0, **first), *batch("test", 1, **second),
        ("test_end", second),
    ]  # fmt: skip


def epoch(number, *batches, figures):
    """An epoch's begin, batches, perhaps with an evaluation, and end."""
    return [("epoch_begin", number, {}), *chain(*batches), ("epoch_end", number, figures)]


def figures(loss, mae, val_loss=None, val_mae=None):
    if val_loss is None:
        return {"loss": loss, "mae": mae}
    return {"loss": loss, "mae": mae, "val_loss": val_loss, "val_mae": val_mae}


_FIRST = [
    batch("train", 0, loss=0.453125, mae=0.625),
    batch("train", 1, loss=0.431445, mae=0.596875),
]
_AFTER_THREE = tested(figures(0.148521, 0.38325), figures(0.197478, 0.436667))
_NEXT = [
    batch("train", 0, loss=0.148521, mae=0.38325),
    batch("train", 1, loss=0.209162, mae=0.444769),
]
_LAST_OF_FIT = figures(0.16957, 0.37698, 0.13722, 0.356875)
_LAST_OF_STOPPED = figures(0.431445, 0.596875, 0.125257, 0.295417)

FIT = [
    ("train_begin", {}),
    *epoch(
        0, *_FIRST, batch("train", 2, loss=0.687722, mae=0.73925), _AFTER_THREE,
        figures=figures(0.687722, 0.73925, 0.197478, 0.436667),
    ),
    *epoch(
        1, *_NEXT, batch("train", 2, loss=0.16957, mae=0.37698),
        tested(figures(0.109054, 0.315339), figures(0.13722, 0.356875)), figures=_LAST_OF_FIT,
    ),
    ("train_end", _LAST_OF_FIT),
]  # fmt: skip
STOPPED = [
    ("train_begin", {}),
    *epoch(
        1, *_FIRST, tested(figures(0.187685, 0.433125), figures(0.125257, 0.295417)),
        figures=_LAST_OF_STOPPED,
    ),
    ("train_end", _LAST_OF_STOPPED),
]  # fmt: skip
STEPS = [
    ("train_begin", {}),
    *epoch(0, *_FIRST, figures=figures(0.431445, 0.596875)),
    *epoch(
        1, batch("train", 0, loss=1.71283, mae=1.30875), _AFTER_THREE,
        figures=figures(1.71283, 1.30875, 0.197478, 0.436667),
    ),
    *epoch(2, *_NEXT, figures=figures(0.209162, 0.444769)),
    ("train_end", figures(0.209162, 0.444769)),
]  # fmt: skip
EVALUATE = tested(figures(0.348958, 0.541667), figures(0.990625, 0.875))
PREDICT = [
    ("predict_begin", {}),
    *batch("predict", 0, outputs=[[0.625], [-0.125], [0.375]]),
    *batch("predict", 1, outputs=[[-0.875], [1.375]]),
    ("predict_end", {}),
]


class Tracing(Callback):
    """Notes every hook's name, number and logs; can stop training in one.

    Parameters
    ----------
    stop_at : (str, int), optional
        Hook and number.
    """

    def __init__(self, stop_at=None):
        self.trace = []
        self._stop_at = stop_at

    def check(self, table):
        """Compares the trace with one of the tables."""
        assert [row[:-1] for row in self.trace] == [row[:-1] for row in table]
        for (*place, logs), (*_, want) in zip(self.trace, table, strict=True):
            assert logs.keys() == want.keys(), place
            for name, value in want.items():
                got = logs[name] if isinstance(logs[name], float) else np.asarray(logs[name])
                assert got == pytest.approx(np.asarray(value), rel=1e-5), place


def _noting(hook):
    def note(self, *arguments):
        *place, logs = arguments
        self.trace.append((hook.removeprefix("on_"), *place, dict(logs)))
        if self._stop_at == (hook, *place):
            self.learner.stop_training = True

    return note


for _kind in ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch"):
    for _when in ("begin", "end"):
        _name = f"on_{_kind}_{_when}"
        setattr(Tracing, _name, _noting(_name))
