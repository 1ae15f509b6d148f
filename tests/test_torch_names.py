"""How many of PyTorch's public names there are, and that the others stand in docs/torch.md."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "torch_names.py"))
LISTED: dict[str, list[str]] = TOOL["listed"]()
ENOUGH = 0.9


@pytest.fixture(scope="module")
def missing() -> dict[str, list[str]]:
    result: dict[str, list[str]] = TOOL["missing"]()
    return result


@pytest.mark.parametrize("namespace", LISTED)
def test_nine_of_ten_names_exist(namespace: str, missing: dict[str, list[str]]) -> None:
    share = 1 - len(missing[namespace]) / len(LISTED[namespace])
    assert share >= ENOUGH, missing[namespace]


@pytest.mark.parametrize("namespace", LISTED)
def test_the_document_gives_a_reason_for_each_missing_name(
    namespace: str, missing: dict[str, list[str]]
) -> None:
    text = (ROOT / "docs" / "torch.md").read_text(encoding="utf-8")
    documented: list[str] = []
    for names, reason in re.findall(rf"^\| `{namespace}` \| (.*) \| (.*) \|$", text, re.MULTILINE):
        assert len(reason) > 10
        documented += re.findall(r"`(\w+)`", names)
    assert sorted(documented) == missing[namespace]


def test_the_list_is_what_pytorch_has() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.__version__.startswith(TOOL["VERSION"]):
        pytest.skip(f"the list is of PyTorch {TOOL['VERSION']}, this is {torch.__version__}")
    assert TOOL["public"]() == LISTED
