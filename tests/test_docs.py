"""The examples in docstrings, in README and in documents run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cygnet
from cygnet import _core, kernels

ROOT = Path(__file__).parents[1]


def module_names() -> list[str]:
    names = ["cygnet", *(m.name for m in pkgutil.walk_packages(cygnet.__path__, "cygnet."))]
    return [n for n in names if not re.search(r"\._native_\w+$|\.__main__$", n)]


@pytest.mark.parametrize("name", module_names())
def test_docstrings_of_module(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "cygnet.sklearn":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
        pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def extension_functions() -> list[str]:
    return [n for n in dir(_core.native) if not n.startswith("_")]


@pytest.mark.parametrize("name", extension_functions())
def test_docstrings_of_extension(name: str) -> None:
    """doctest finds no functions of another language by itself."""
    text = getattr(_core.native, name).__doc__
    assert text and text.strip(), f"{name} has no docstring"
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


def test_public_kernels_have_a_documented_signature() -> None:
    for name in extension_functions():
        function = getattr(kernels, name, None)
        if callable(function) and not inspect.isclass(function):
            assert name in (function.__doc__ or ""), f"{name}: pybind11's signature line is missing"


def python_blocks(path: Path) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize(
    ("document", "index"),
    [
        (document, index)
        for document in ("README.md", "docs/capture.md", "docs/freeze.md")
        for index in range(len(python_blocks(ROOT / document)))
    ],
)
def test_python_of_documents(document: str, index: int, tmp_path: Path) -> None:
    code = python_blocks(ROOT / document)[index]
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_readme_has_the_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks[:2]] == ["bash", "bash"]
    assert all(len(body.strip().splitlines()) == 1 for _, body in blocks[:2])
