"""Whole programs: each learns, and does step by step what it does in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

import cygnet
from tests.programs import classic, generative, language, recurrent, reinforcement, vision

Program = Callable[[Any], Iterator[Any]]

LEARNS: list[tuple[Program, float]] = [  # what `test_learns` takes
    (classic.contrastive, 0.7),
    (classic.distillation, 0.4),
    (classic.polynomial_by_hand, 0.1),
    (classic.polynomial_dynamic, 0.1),
    (classic.polynomial_function, 0.1),
    (classic.siamese, 0.4),
    (classic.time_sequences, 0.1),
    (classic.transfer, 0.4),
    (generative.dcgan, 0.8),
    (generative.vae, 0.7),
    (generative.wgan_gp, 0.7),
    (language.nano_gpt, 0.3),
    (language.word_language_model, 0.3),
    (recurrent.gru_language_model, 0.3),
    (recurrent.lstm_language_model, 0.3),
    (recurrent.packed_tagger, 0.5),
    (recurrent.rnn_language_model, 0.45),
    (reinforcement.actor_critic, 2.0),
    (vision.adversarial, 0.4),
    (vision.mnist, 0.35),
    (vision.resnet, 0.3),
    (vision.style_transfer, 0.1),
    (vision.super_resolution, 0.2),
]
# How many steps to compare, where a line search makes much of float32's last digits.
STEPS = {"time_sequences": 2, "style_transfer": 1}


def names(value: Any) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("program", "ratio"), LEARNS, ids=names)
def test_learns(program: Program, ratio: float) -> None:
    """The last five losses are at most `ratio` times the first; above 1, scores and at least."""
    _, *given = program(cygnet)
    figures = [np.atleast_1d(figure)[0] for figure in given]
    reached = np.mean(figures[-5:]) / figures[0]
    assert reached >= ratio if ratio > 1 else reached <= ratio, reached


class Draws:
    """Random functions of a library that draw with NumPy, hence the same for any library."""

    def __init__(self, library: Any) -> None:
        self.library, self.generator = library, np.random.default_rng(3)

    def floats(self, array: Any) -> Any:
        return self.library.tensor(array, dtype=self.library.get_default_dtype())

    def randn(self, *size: Any, **_: Any) -> Any:
        shape = size[0] if size == ((),) else size
        return self.floats(self.generator.standard_normal(shape))

    def rand(self, *size: int, **_: Any) -> Any:
        return self.floats(self.generator.random(size))

    def randn_like(self, tensor: Any) -> Any:
        return self.randn(*tensor.shape)

    def randperm(self, count: int) -> Any:
        return self.library.from_numpy(self.generator.permutation(count))

    def multinomial(self, weights: Any, num_samples: int) -> Any:
        sums = np.cumsum(weights.detach().numpy(), axis=-1)[..., None, :]
        points = self.generator.random((*weights.shape[:-1], num_samples, 1)) * sums[..., -1:]
        return self.library.from_numpy((sums < points).sum(-1))


def begin(program: Program, library: Any, patch: pytest.MonkeyPatch) -> tuple[list[Any], Any]:
    """The program's models, without dropout, and what it gives from there on."""
    draws = Draws(library)
    for name in ("randn", "rand", "randn_like", "randperm", "multinomial"):
        patch.setattr(library, name, getattr(draws, name))
    patch.setattr(
        library.distributions.Categorical,
        "sample",
        lambda self: draws.multinomial(self.probs, 1).squeeze(-1),
    )
    run = program(library)
    models = next(run)
    for model in models:
        for module in model.modules():
            if isinstance(module, library.nn.Dropout):
                module.p = 0.0
            elif isinstance(module, library.nn.MultiheadAttention | library.nn.RNNBase):
                module.dropout = 0.0
    return models, run


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
@pytest.mark.parametrize("program", [program for program, _ in LEARNS], ids=names)
def test_same_as_torch(
    program: Program, dtype: str, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same weights the first figures are the same."""
    torch = pytest.importorskip("torch", reason="PyTorch, an oracle where it is installed, is not")
    torch.manual_seed(0)
    torch.set_num_threads(1)  # faster for such small tensors
    steps = STEPS.get(program.__name__, 10 if dtype == "float64" else 6)
    default = {library: library.get_default_dtype() for library in (torch, cygnet)}
    try:
        for library in default:
            library.set_default_dtype(getattr(library, dtype))
        models, run = begin(program, torch, monkeypatch)
        own_models, own_run = begin(program, cygnet, monkeypatch)
        for model, own in zip(models, own_models, strict=True):
            state = {name: value.numpy() for name, value in model.state_dict().items()}
            own.load_state_dict({name: cygnet.tensor(value) for name, value in state.items()})
        expected = [np.array(figure) for figure in islice(run, steps)]
        actual = [np.array(figure) for figure in islice(own_run, steps)]
    finally:
        for library, value in default.items():
            library.set_default_dtype(value)
    np.testing.assert_allclose(actual, expected, rtol=tolerance)
