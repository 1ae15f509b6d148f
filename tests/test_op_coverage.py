"""Every public op, method and module has its rows in the table of op cases, or a test elsewhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cygnet import linalg, nn, ops, special
from cygnet.nn import functional
from cygnet.ops.methods import METHODS
from tests.op_cases import CASES

TESTS = Path(__file__).parent
ENOUGH = 8

# What no row can hold: random numbers, results that are no floating-point tensor of known size,
# questions about a tensor, and modules that only hold others. The file tests it instead.
ELSEWHERE = {
    "test_attention.py": "multi_head_attention_forward nn.AdditiveAttention nn.DotAttention",
    "test_create.py": (
        "from_numpy frombuffer tril_indices triu_indices "
        "BoolTensor ByteTensor DoubleTensor FloatTensor IntTensor LongTensor"
    ),
    "test_device.py": (
        "broadcast_shapes cuda data_ptr detach element_size get_device half is_complex "
        "is_contiguous is_floating_point is_nonzero is_pinned is_same_size is_signed is_tensor "
        "ndimension nelement numel pin_memory result_type storage_offset stride"
    ),
    "test_exchange.py": "from_dlpack",
    "test_lazy.py": (
        "nn.LazyBatchNorm1d nn.LazyBatchNorm2d nn.LazyBatchNorm3d nn.LazyConv1d nn.LazyConv2d "
        "nn.LazyConv3d nn.LazyConvTranspose1d nn.LazyConvTranspose2d nn.LazyConvTranspose3d "
        "nn.LazyInstanceNorm1d nn.LazyInstanceNorm2d nn.LazyInstanceNorm3d nn.LazyLinear"
    ),
    "test_math_ops.py": "allclose bincount equal unique unique_consecutive",
    "test_module.py": (
        "nn.Module nn.ModuleDict nn.ModuleList nn.ParameterDict nn.ParameterList nn.Sequential"
    ),
    "test_output.py": "nn.AdaptiveLogSoftmaxWithLoss nn.LinearCrossEntropyLoss",
    "test_recurrent.py": "nn.RNNBase nn.RNNCellBase",
    "test_sampling.py": (
        "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like "
        "randperm"
    ),
}
EXEMPT = {name: file for file, names in ELSEWHERE.items() for name in names.split()}
# Rows of an operator or of several ops together.
OTHER_ROWS = {
    *("T", "columns", "ellipsis", "index", "mT", "multi_dot", "number", "pairs", "rows"),
    *("setitem", "slice", "sliding"),
}


NAMED = [getattr(ops, name) for name in ops.__all__]


def public_names() -> set[str]:
    modules = {
        f"nn.{name}"
        for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }
    others = {f"special.{n}" for n in special.__all__ if getattr(special, n) not in NAMED}
    others |= {f"linalg.{n}" for n in linalg.__all__ if getattr(linalg, n) not in NAMED}
    others -= {"linalg.LinAlgError", "linalg.multi_dot"}
    names = {*others, *ops.__all__, *functional.__all__, *METHODS, *modules}
    return {name for name in names if not name.endswith("_")}  # others have the op's rows


SAMPLES: Counter[str] = Counter()
for row in CASES:
    SAMPLES[row.name.split()[0]] += len(row.samples)


@pytest.mark.parametrize("name", sorted(public_names()))
def test_a_public_name_has_rows(name: str) -> None:
    if name in EXEMPT:
        assert not SAMPLES[name], f"{name} has rows and need not be exempt"
        text = (TESTS / EXEMPT[name]).read_text(encoding="utf-8").replace("{name}Tensor", name)
        assert name.removeprefix("nn.") in text, f"{EXEMPT[name]} does not test {name}"
    else:
        assert SAMPLES[name] >= ENOUGH, f"{name} has {SAMPLES[name]} samples, expected {ENOUGH}"


def test_every_row_begins_with_a_public_name() -> None:
    assert not set(SAMPLES) - public_names() - OTHER_ROWS
    assert not set(EXEMPT) - public_names()
