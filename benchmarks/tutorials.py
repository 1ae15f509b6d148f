"""Programs of tutorials, from the start of the process to its exit, under their own library and
under Cygnet.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cygnet import keras

FOLDER = Path(__file__).parent.parent / "tests" / "tutorials"
IMPORTS = (
    (r"^import tensorflow as tf$", "import cygnet.tf as tf"),
    (r"^from tensorflow\b", "from cygnet"),
    (r"^import torch$", "import cygnet as torch"),
    (r"^import torch\.", "import cygnet."),
)
# How often a program is run, and what is changed for both: the tape's sum of losses diverges
# with the program's rate.
RUNS = {"keras_cnn": 1, "keras_dense": 3, "tf_lenet": 3, "tf_sequential": 3}
CHANGES = {"tf_lenet": {"learning_rate": "0.001"}}
# Keras 3 has dropped these spellings.
FOR_KERAS_3 = (
    ("Adam(lr=", "Adam(learning_rate="),
    ("from tensorflow.keras.preprocessing.image", "from tensorflow.keras.utils"),
)


def original(name: str, **changes: str) -> str:
    """A program's text; `changes` are values of variables and arguments of it."""
    text = (FOLDER / f"{name}.py").read_text()
    for setting, value in changes.items():
        text, count = re.subn(rf"\b{setting} ?= ?[\w.]+", f"{setting}={value}", text, count=1)
        if not count:
            raise ValueError(f"{name} has no {setting}")
    return text


def for_cygnet(text: str) -> str:
    """The text with other import lines."""
    for pattern, replacement in IMPORTS:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def for_keras_3(text: str) -> str:
    """The text with today's spellings."""
    for old, new in FOR_KERAS_3:
        text = text.replace(old, new)
    return text


def local_data(folder: Path) -> str:
    """Lines that let Keras take MNIST from a file instead of the network."""
    path = str(folder / "mnist.npz")
    return f"import keras.src.datasets.mnist as _m\n_m.get_file = lambda *_, **__: {path!r}\n"


def tutorials(python: str, threads: int, chosen: str) -> int:
    """Prints the seconds of each program with Cygnet and with TensorFlow, which `python` has."""
    print(f"{'seconds of the process':<24}{'cygnet':>10}{'tensorflow':>12}{'ratio':>8}   last line")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
        parts = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        np.savez(folder / "mnist.npz", **parts)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "MPLBACKEND": "Agg",
        }
        for name in (name for name in RUNS if re.search(chosen, name)):
            text = original(name, **CHANGES.get(name, {}))
            sides = {}
            for side, interpreter, program in (
                ("cygnet", sys.executable, for_cygnet(text)),
                ("tensorflow", python, local_data(folder) + for_keras_3(text)),
            ):
                path = folder / f"{name}_{side}.py"
                path.write_text(program)
                sides[side] = [interpreter, str(path)]
            seconds: dict[str, list[float]] = {side: [] for side in sides}
            last = {}
            for _ in range(RUNS[name]):
                for side, command in sides.items():
                    began = time.perf_counter()
                    output = subprocess.run(
                        command,
                        cwd=folder,
                        env=environment,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    seconds[side].append(time.perf_counter() - began)
                    if output.returncode:
                        print(f"{name} FAILED with {side}: {output.stderr[-1500:]}")
                        return 1
                    last[side] = output.stdout.strip().splitlines()[-1]
            own, peer = (statistics.median(seconds[side]) for side in sides)
            print(f"{name:<24}{own:>10.2f}{peer:>12.2f}{peer / own:>7.2f}x   ", end="")
            print(f"{last['cygnet']} | {last['tensorflow']}", flush=True)
    return 0
