"""Kills a training at random moments and compares what comes out with one that was left alone.

    python -m tests.kill --times 50
    python -m tests.kill --face keras --times 10

A training of digits (dropout, Adam, a one-cycle schedule, shuffled batches made by two workers,
early stopping, a table of figures) saves its state every few batches. The process is killed with
SIGKILL at moments that the seed gives and started again, until it ends. What it has then is
compared with that of the training that was not killed, byte by byte: weights, optimizer, history,
and the table. Then comes the next training, until there were enough kills. After each, every file
is read. The same with Keras's names: a model that a Python generator feeds, and a table that is
appended to.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import cygnet
from cygnet import data, keras, nn, optim
from cygnet.train import BackupAndRestore, CSVLogger, EarlyStopping, Trainer

RESULTS = ("result.safetensors", "log.csv")
BATCH = 32


def train(folder: Path, epochs: int) -> None:
    """Trains, or goes on; writes RESULTS."""
    cygnet.manual_seed(1)
    loader = data.DataLoader(data.digits(), BATCH, shuffle=True, num_workers=2)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Dropout2d(0.1), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * len(loader))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=schedule)
    history = trainer.fit(
        loader,
        epochs=epochs,
        verbose=0,
        validation_data=data.digits("test"),
        callbacks=[
            EarlyStopping("val_loss", patience=epochs // 2, restore_best_weights=True),
            CSVLogger(folder / "log.csv"),
        ],
        resume=folder / "state",
        save_freq=5,
    )
    result = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": history.history,
        "epochs": history.epoch,
    }
    cygnet.save(result, folder / "result.safetensors")


def train_keras(folder: Path, epochs: int) -> None:
    """The same with Keras's names."""
    cygnet.manual_seed(1)
    images, labels = (tensor.numpy() for tensor in data.digits().tensors)

    def batches() -> Iterator[tuple[Any, Any]]:
        rows = np.random.default_rng(2)
        while True:
            chosen = rows.integers(0, len(labels), BATCH)
            yield images[chosen], labels[chosen]

    model = keras.Sequential(
        [
            keras.Input((1, 8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        batches(),
        steps_per_epoch=20,
        epochs=epochs,
        verbose=0,
        callbacks=[
            CSVLogger(folder / "log.csv", append=True),
            BackupAndRestore(folder / "state", save_freq=5, delete_checkpoint=False),
        ],
    )
    result = {
        "model": dict(enumerate(model.get_weights())),
        "optimizer": [np.asarray(each) for each in model.optimizer.variables],
        "history": history.history,
        "epochs": history.epoch,
    }
    cygnet.save(result, folder / "result.safetensors")


FACES = {"torch": train, "keras": train_keras}


def life(folder: Path, face: str, epochs: int, seconds: float | None) -> bool:
    """A process that trains; killed after so many seconds unless it ends before. Whether it was."""
    folder.mkdir(exist_ok=True)
    options = [f"--train={folder}", f"--face={face}", f"--epochs={epochs}"]
    command = [sys.executable, "-m", "tests.kill", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # everything is imported
    try:
        if process.wait(seconds):
            raise SystemExit(f"the training failed with exit code {process.returncode}")
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def check_files(folder: Path) -> int:
    """Reads every file that has its name, that is, was finished; counts the others."""
    torn = 0
    for path in folder.rglob("*.*"):
        if path.suffix == ".safetensors":
            cygnet.load(path)
        torn += path.suffix == ".tmp"
    return torn


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kill")
    parser.add_argument("--times", type=int, default=50, help="kills; default 50")
    parser.add_argument("--epochs", type=int, default=300, help="of a training; default 300")
    parser.add_argument("--seed", type=int, default=0, help="of the moments; default 0")
    parser.add_argument("--face", choices=FACES, default="torch", help="whose names; default torch")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print("ready", flush=True)
        FACES[options.face](options.train, options.epochs)
        return 0
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        start = time.perf_counter()
        life(whole, options.face, options.epochs, None)
        length = time.perf_counter() - start
        print(f"a training takes {length:.1f} s", flush=True)
        kills = runs = torn = 0
        mean = length / max(3, options.times // 3)  # seconds from one kill to the next
        while kills < options.times:
            folder = Path(place, str(runs))
            killed = 0
            while life(folder, options.face, options.epochs, moments.uniform(0, 2 * mean)):
                killed += 1
                torn += check_files(folder)
            kills += killed
            runs += 1
            for name in RESULTS:
                if (folder / name).read_bytes() != (whole / name).read_bytes():
                    raise SystemExit(f"{name} differs after {killed} kills")
            print(f"killed {killed} times, ended with the same bytes", flush=True)
    print(f"{kills} kills in {runs} trainings, {torn} within a save: all files whole")
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
