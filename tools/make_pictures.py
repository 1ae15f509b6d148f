"""Draws the pictures in docs/images: what training shows, on MNIST.

Usage: python tools/make_pictures.py (with matplotlib; MNIST from $CYGNET_DATA or downloaded). It
takes a minute.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import cygnet as cn
from cygnet import keras, models, nn
from cygnet.keras import layers
from cygnet.keras.utils import plot_model
from cygnet.train import plot_confusion_matrix, plot_misclassified

FOLDER = Path(__file__).parent.parent / "docs" / "images"
COLUMNS = 124
EPOCHS = 6


class Terminal(io.StringIO):
    """Output that believes to be on a terminal, and remembers what that showed at each moment."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.screens: list[list[str]] = []

    def isatty(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Writes, and looks at the screen."""
        count = super().write(text)
        lines = self.getvalue().split("\n")
        self.screens.append([line.split("\r")[-1].rstrip() for line in lines])
        return count


def draw_terminal(lines: list[str], path: Path) -> None:
    """Lines of text as a terminal shows them."""
    height = 0.2 * len(lines) + 0.2
    figure = Figure(figsize=(0.079 * COLUMNS + 0.3, height), facecolor="#1e1e1e")
    for row, line in enumerate(lines):
        figure.text(
            0.02,
            1 - (0.1 + 0.2 * (row + 0.5)) / height,
            line,
            color="#e0e0e0",
            family="DejaVu Sans Mono",
            fontsize=9,
            va="center",
        )
    figure.savefig(path, dpi=90)


def branched_model() -> keras.Model:
    """A small network with a residual connection and two inputs."""
    image, age = keras.Input((28, 28, 1)), keras.Input((1,))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(16, 3, padding="same")(y)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    x = layers.Concatenate()([x, layers.Dense(4, activation="relu")(age)])
    return keras.Model([image, age], layers.Dense(10, activation="softmax")(x))


def main() -> None:
    """Train a LeNet on a part of MNIST and draw everything."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cn.manual_seed(0)
    train, test = cn.data.mnist(split="train"), cn.data.mnist(split="test")
    part = cn.data.TensorDataset(*(tensor[:20000] for tensor in train.tensors))
    model = models.lenet()
    optimizer = cn.optim.Adam(model.parameters(), lr=1e-3)
    trainer = cn.Trainer(model, nn.CrossEntropyLoss(), optimizer)

    os.environ["COLUMNS"] = str(COLUMNS)
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal):
        history = trainer.fit(part, epochs=EPOCHS, batch_size=50, validation_data=test)
    last = [screen for screen in terminal.screens if f"{EPOCHS}/{EPOCHS}" in screen[-1]]
    draw_terminal(last[len(last) // 2], FOLDER / "progress.png")
    history.plot(FOLDER / "history.png")

    images, labels = (tensor.numpy() for tensor in test.tensors)
    shares = nn.functional.softmax(cn.as_tensor(trainer.predict(images)), 1).numpy()
    predictions = shares.argmax(1)
    plot_confusion_matrix(labels, predictions, path=FOLDER / "confusion_matrix.png")
    plot_misclassified(
        images, labels, predictions, shares, count=20, path=FOLDER / "misclassified.png"
    )
    plot_model(branched_model(), FOLDER / "model.png", show_shapes=True, dpi=80)
    print(f"accuracy {np.mean(predictions == labels):.4f}")
    for path in sorted(FOLDER.glob("*.png")):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
