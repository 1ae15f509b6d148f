"""Declarations for type checkers agree with what runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cygnet
from cygnet import kernels, ops
from cygnet.ops.methods import METHODS, PROPERTIES

ROOT = Path(__file__).parents[1]


def stub_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "tools" / "make_stubs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_declarations_of_methods_are_up_to_date() -> None:
    maker = stub_maker()
    assert maker.methods() == maker.METHODS.read_text(encoding="utf-8"), (
        "python tools/make_stubs.py writes them"
    )


@pytest.mark.parametrize("name", [*METHODS, *PROPERTIES])
def test_every_method_is_installed(name: str) -> None:
    assert name in vars(cygnet.Tensor)


def test_all_public_names_exist() -> None:
    for module in (cygnet, kernels, ops):
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = cygnet.nonsense


def test_the_package_is_marked_as_typed() -> None:
    assert (Path(str(cygnet.__file__)).parent / "py.typed").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("pybind11_stubgen") is None, reason="pybind11-stubgen is not installed"
)
def test_the_stub_of_the_extension_is_up_to_date() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_stubs.py", "--check"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
