"""Declarations for type checkers agree with what runs."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cygnet
from cygnet import kernels, ops
from cygnet.ops.methods import METHODS, PROPERTIES

ROOT = Path(__file__).parents[1]
DECLARED = ROOT / "python" / "cygnet" / "_methods.pyi"


def declarations() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(DECLARED.read_text(encoding="utf-8"))
    (body,) = (
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Methods"
    )
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def test_every_method_is_declared_and_every_declaration_installed() -> None:
    assert set(declarations()) == {*METHODS, *PROPERTIES}
    for name in declarations():
        assert name in vars(cygnet.Tensor)


@pytest.mark.parametrize("name", [n for n in METHODS if not n.startswith("__")])
def test_a_method_has_the_declared_parameters(name: str) -> None:
    arguments = declarations()[name].args
    declared = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    declared += [a.arg for a in (arguments.vararg, arguments.kwarg) if a]
    parameters = inspect.signature(METHODS[name]).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    actual = [p.name for p in parameters if p.kind not in variable]
    actual += [p.name for p in parameters if p.kind in variable]
    assert declared[1:] == actual[1:]  # all but self
    defaults = [
        ast.literal_eval(d) for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None
    ]
    assert defaults == [p.default for p in parameters if p.default is not inspect.Parameter.empty]


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
