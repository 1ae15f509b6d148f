"""A training that is killed goes on to the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("face", ["torch", "keras"])
def test_five_kills(face):
    run = subprocess.run(
        [sys.executable, "-m", "tests.kill", "--face", face, "--times", "5", "--epochs", "20"],
        cwd=Path(__file__).parent.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "all files whole" in run.stdout
