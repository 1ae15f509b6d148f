"""What an import loads and how an instruction set is forced."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cygnet import _core, kernels
from cygnet._core import _cpu


def run_python(code: str, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Another interpreter that finds the same installation."""
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def loaded(code: str) -> set[str]:
    """The names of all modules that `code` imports, by -X importtime."""
    result = run_python(code, "-X", "importtime")
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines[1:]}


def test_import_loads_only_numpy_and_cygnet() -> None:
    new = loaded("import cygnet") - loaded("import numpy")
    foreign = {
        name
        for name in new
        if name.split(".")[0] not in (*sys.stdlib_module_names, "numpy", "cygnet")
    }
    assert not foreign
    heavy = {
        "asyncio",
        "concurrent.futures",
        "email",
        "http",
        "multiprocessing",
        "ssl",
        "unittest",
        "urllib.request",
    }
    assert not {name for name in new if any(name == h or name.startswith(f"{h}.") for h in heavy)}


def test_unknown_isa_is_an_import_error() -> None:
    result = run_python("import cygnet", CYGNET_ISA="v9")
    assert result.returncode == 1
    assert "ImportError: CYGNET_ISA is 'v9', expected one of" in result.stderr


def test_isa_that_the_processor_lacks_is_an_import_error() -> None:
    foreign = next(level for level in _core.KNOWN if level not in _cpu.levels())
    result = run_python("import cygnet", CYGNET_ISA=foreign)
    assert result.returncode == 1
    assert f"ImportError: CYGNET_ISA is '{foreign}', but this processor runs only" in result.stderr


@pytest.mark.parametrize("level", _cpu.levels())
def test_forced_isa_is_used_or_said_to_be_missing(level: str) -> None:
    result = run_python(
        "import cygnet; print(cygnet.kernels.build_info()['isa'])", CYGNET_ISA=level
    )
    if result.returncode == 0:
        assert result.stdout.strip() == level
    else:
        assert f"CYGNET_ISA is '{level}', but this installation has no such build" in result.stderr


def test_the_best_level_is_picked() -> None:
    level = os.environ.get("CYGNET_ISA")
    installed = [name for name in _cpu.levels() if _core._installed(name)]
    assert kernels.build_info()["isa"] == (level or installed[-1])
