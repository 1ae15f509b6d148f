"""What `Trainer.fit` adds to a bare loop over the same loader, where both are captured and where
neither is.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable

import cygnet
from benchmarks.frameworks.shared import model_of
from benchmarks.networks import NETWORKS, batch_of
from benchmarks.timing import SAMPLES
from cygnet import nn, optim
from cygnet.data import DataLoader, TensorDataset
from cygnet.train import Callback, Trainer

STEPS = 400  # in an epoch


class _Counting(Callback):
    """A callback with a hook at every batch's end that reads no figures."""

    reads_batch_logs = False
    batches = 0

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.batches += 1


def _epochs(name: str, captured: bool) -> dict[str, Callable[[], object]]:
    """Functions that train one epoch, by what they add."""
    network = NETWORKS[name]
    x, y = batch_of(network, network.batch * STEPS)
    data = TensorDataset(cygnet.as_tensor(x), cygnet.as_tensor(y))
    loader = DataLoader(data, batch_size=network.batch, shuffle=True)
    loss = nn.CrossEntropyLoss()

    def parts() -> tuple[nn.Module, optim.Optimizer]:
        model: nn.Module = model_of(network, cygnet)
        return model, optim.Adam(model.parameters())

    model, optimizer = parts()

    def step(input: cygnet.Tensor, target: cygnet.Tensor) -> None:
        optimizer.zero_grad()
        loss(model(input), target).backward()
        optimizer.step()

    take_step = cygnet.capture(step) if captured else step

    def bare() -> None:
        for input, target in loader:
            take_step(input, target)

    def fit(metrics: tuple[str, ...], callbacks: list[Callback]) -> Callable[[], object]:
        model, optimizer = parts()
        trainer = Trainer(model, loss, optimizer, metrics, jit_compile=captured)
        return lambda: trainer.fit(loader, verbose=0, callbacks=callbacks)

    return {
        "a bare loop": bare,
        "fit": fit((), []),
        "fit, a callback at each batch": fit((), [_Counting()]),
        "fit, accuracy": fit(("accuracy",), []),
    }


def fit(chosen: str) -> int:
    """Prints the time of a step in each kind of loop, of the networks that classify.

    They take turns by the epoch; a ratio is the median of those within a turn.
    """
    names = [name for name in NETWORKS if re.search(chosen or "^mlp$", name)]
    for name, captured in ((name, captured) for name in names for captured in (True, False)):
        epochs = _epochs(name, captured)
        times: dict[str, list[float]] = {kind: [] for kind in epochs}
        for turn in range(SAMPLES + 2):
            for kind, epoch in epochs.items():
                start = time.perf_counter()
                epoch()
                if turn >= 2:  # warm
                    times[kind].append((time.perf_counter() - start) / STEPS)
        first = times["a bare loop"]
        for kind, measured in times.items():
            ratio = statistics.median(t / b for t, b in zip(measured, first, strict=True))
            way = "captured" if captured else "eager"
            print(
                f"{name:<14}{way:<10}{kind:<32}{statistics.median(measured) * 1e6:>8.1f} us a step"
                f"{ratio - 1:>+8.1%}"
            )
    return 0
