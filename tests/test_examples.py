"""Every example runs in its short form and reaches the result that it asserts itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NEEDS_DATA = {
    "augmentation",
    "autoencoder",
    "char_lm",
    "dcgan",
    "gpt",
    "lenet",
    "speech",
    "translation",
    "vae",
}
NEEDS_MODULE = {"translation": "sacrebleu"}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_example(name: str) -> None:
    if name in NEEDS_DATA and "CYGNET_DATA" not in os.environ:
        pytest.skip("CYGNET_DATA does not name a folder with the data")
    if name in NEEDS_MODULE:
        pytest.importorskip(NEEDS_MODULE[name])
    run = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--short"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


def test_the_guide_names_every_example() -> None:
    guide = (EXAMPLES / "README.md").read_text()
    assert not [name for name in NAMES if f"`{name}.py`" not in guide]
    assert NAMES
