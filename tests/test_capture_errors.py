"""What a replay could not do is an error that says so, and leaves nothing half done behind."""

from __future__ import annotations

import copy
import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels, nn, optim
from cygnet.autograd.modes import mode
from cygnet.nn import functional
from tests.captured import check_alike, numbers_in

READ = "cannot be read while calls are recorded"
WIDTH = 3


class Things:
    """What the functions below use and do not get as arguments."""

    def __init__(self) -> None:
        self.model = nn.Linear(WIDTH, WIDTH)
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.1)
        self.schedule = optim.lr_scheduler.StepLR(self.optimizer, 1)
        self.lbfgs = optim.LBFGS(self.model.parameters())
        self.kept: list[Any] = []
        self.count = 0
        self.numbers = np.random.default_rng(0)
        self.others = random.Random(0)
        self.running = cn.zeros(WIDTH)


class Counting(nn.Module):
    calls = 0

    def forward(self, x: cn.Tensor) -> cn.Tensor:
        self.calls += 1
        return x * 2


def last_is_kept(things: Things, x: cn.Tensor) -> cn.Tensor:
    things.kept.append(x + 1)
    return x * 2


def attribute_is_changed(things: Things, x: cn.Tensor) -> cn.Tensor:
    things.count += 1
    return x * 2


def rate_is_changed(things: Things, x: cn.Tensor) -> cn.Tensor:
    things.optimizer.param_groups[0]["lr"] *= 0.9
    things.model(x).sum().backward()
    things.optimizer.step()
    things.optimizer.zero_grad()
    return x * 2


def gradient_is_wanted_inside(things: Things, x: cn.Tensor) -> cn.Tensor:
    x.requires_grad_()
    (x * x).sum().backward()
    return x.grad


def lbfgs(things: Things, x: cn.Tensor) -> Any:
    def closure() -> cn.Tensor:
        things.lbfgs.zero_grad()
        loss = things.model(x).square().sum()
        loss.backward()
        return loss

    return things.lbfgs.step(closure)


counting = Counting()
REFUSED: dict[str, tuple[Callable[[Things, cn.Tensor], Any], str]] = {
    "item": (lambda t, x: x * x.sum().item(), f"item: a value {READ}"),
    "float": (lambda t, x: x * float(x.sum()), f"item: a value {READ}"),
    "int": (lambda t, x: x * int(x.sum()), f"item: a value {READ}"),
    "bool": (lambda t, x: x * 2 if x.sum() > 0 else x, f"item: a value {READ}"),
    "and": (lambda t, x: x * 2 if (x > 0).any() and 1 else x, f"item: a value {READ}"),
    "range": (lambda t, x: [x for _ in range(cn.argmax(x.sum(0)))], f"item: a value {READ}"),
    "numpy": (lambda t, x: x * x.numpy(), f"numpy: a value {READ}"),
    "asarray": (lambda t, x: x * np.asarray(x).sum(), f"numpy: a value {READ}"),
    "np.mean": (lambda t, x: x * float(np.mean(x)), f"numpy: a value {READ}"),
    "np.sin": (lambda t, x: x * np.sin(x), "ufunc"),
    "tolist": (lambda t, x: x * x.tolist()[0][0], f"tolist: a value {READ}"),
    "format": (lambda t, x: (x * 2, f"{x.sum():.2f}")[0], f"item: a value {READ}"),
    "dlpack": (lambda t, x: cn.from_dlpack(x + 1), f"__dlpack__: a value {READ}"),
    "buffer": (lambda t, x: cn.tensor(np.array(x.__buffer__(0))), f"numpy: a value {READ}"),
    "pickle": (lambda t, x: pickle.loads(pickle.dumps(x)), READ),
    "mask": (lambda t, x: x[x > 0], f"a mask as an index: a value {READ}"),
    "nonzero": (lambda t, x: cn.nonzero(x), f"nonzero: a value {READ}"),
    "where": (lambda t, x: cn.where(x > 0), READ),
    "masked_select": (lambda t, x: cn.masked_select(x, x > 0), f"masked_select: a value {READ}"),
    "unique": (lambda t, x: cn.unique(x), f"unique: a value {READ}"),
    "bincount": (lambda t, x: cn.bincount(cn.argmax(x, 1)), f"bincount: a value {READ}"),
    "one_hot": (lambda t, x: functional.one_hot(cn.argmax(x, 1)), READ),
    "equal": (lambda t, x: x * cn.equal(x, x), READ),
    "allclose": (lambda t, x: x * cn.allclose(x, x), READ),
    "slice": (lambda t, x: x[: cn.argmax(x.sum(0))], READ),
    "error_if_nonfinite": (
        lambda t, x: nn.utils.get_total_norm([x], error_if_nonfinite=True),
        READ,
    ),
    "save": (lambda t, x: cn.save(x, "/dev/null"), READ),
    "schedule": (lambda t, x: (t.schedule.step(), x * 2)[1], "a schedule"),
    "manual_seed": (lambda t, x: (cn.manual_seed(1), x * 2)[1], "manual_seed: a seed is set"),
    "generator": (
        lambda t, x: x + cn.rand(3, generator=cn.Generator(1)),
        "Generator: a new one would go on",
    ),
    "random": (lambda t, x: x * random.random(), "random numbers"),
    "random.Random": (lambda t, x: x * t.others.random(), "random numbers"),
    "np.random": (lambda t, x: x * float(np.random.rand()), "random numbers"),  # noqa: NPY002
    "np.random.Generator": (lambda t, x: x * t.numbers.normal(), "random numbers"),
    "module's counter": (lambda t, x: counting(x), "it changed Counting.calls"),
    "attribute": (attribute_is_changed, "it changed count"),
    "learning rate": (rate_is_changed, "it changed"),
    "kept": (last_is_kept, "lives on without being its result"),
    "gradient of an argument": (gradient_is_wanted_inside, "an argument collects its gradient"),
    "LBFGS": (lbfgs, "LBFGS: its step runs Python"),
    "changed array": (
        lambda t, x: cn.from_numpy(np.zeros(WIDTH, np.float32)).add_(x.sum(0)) * 2,
        "changes an array that the function has made",
    ),
}


def check_nothing_is_on() -> None:
    assert not kernels.is_recording()
    assert mode.recorder is None
    assert mode.enabled


def batch(seed: int) -> cn.Tensor:
    return cn.tensor(np.random.default_rng(seed).normal(size=(2, WIDTH)).astype(np.float32))


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    """An error with its reason at the second call, eager work behind it, no recording."""
    function, message = REFUSED[what]
    things = Things()
    captured = cn.capture(lambda x: function(things, x))
    if what == "np.sin":
        with pytest.raises(TypeError, match=message):
            captured(batch(0))
        check_nothing_is_on()
        return
    captured(batch(0))
    check_nothing_is_on()
    for seed in (1, 2):  # the next call is a second one again
        with pytest.raises((RuntimeError, BufferError), match=message):
            _ = captured(batch(seed)), captured(batch(seed))
        check_nothing_is_on()
    assert captured.recordings == 0
    good = cn.capture(lambda x: x * 3)
    for seed in range(4):
        assert (good(batch(seed)) == batch(seed) * 3).all()


@pytest.mark.parametrize("what", [name for name in REFUSED if name != "np.sin"])
def test_compile_goes_on_without_a_recording(what: str) -> None:
    """The same functions compiled run eagerly, with eager results."""
    function = REFUSED[what][0]
    results = []
    for wrapped in (lambda f: f, cn.compile):
        things = Things()
        cn.manual_seed(5)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        with cn.no_grad():
            things.model.weight.copy_(cn.eye(WIDTH))
            things.model.bias.zero_()
        compiled = wrapped(lambda x, things=things: function(things, x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append([compiled(batch(seed)) for seed in range(4)])
        check_nothing_is_on()
    for one, other in zip(*results, strict=True):
        check_alike(tuple(numbers_in(one)), tuple(numbers_in(other)), what)


def test_a_tensor_can_be_shown_in_a_recording() -> None:
    shown = []

    @cn.capture
    def function(x: cn.Tensor) -> cn.Tensor:
        shown.append(f"{x} {x!r} {x.shape}")
        return x * 2

    for seed in range(3):
        function(batch(seed))
    assert "in a recording" in shown[1] and len(shown) == 2


@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize("way", [cn.capture, cn.compile])
def test_an_exception_inside_leaves_nothing_behind(call: int, way: Any) -> None:
    model = nn.Linear(WIDTH, WIDTH)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    twin = copy.deepcopy(model)
    other = optim.Adam(twin.parameters(), lr=0.1)
    fails = False

    def train(model: nn.Module, optimizer: Any, x: cn.Tensor) -> cn.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        if fails:
            raise ZeroDivisionError("somewhere inside")
        optimizer.step()
        return loss

    step = way(lambda x: train(model, optimizer, x))
    for i in range(8):
        fails = i == call
        results = []
        for each in (step, lambda x: train(twin, other, x)):
            if fails:
                with pytest.raises(ZeroDivisionError):
                    each(batch(i))
            else:
                results.append(each(batch(i)).numpy().copy())
        check_nothing_is_on()
        assert not results or (results[0] == results[1]).all()
        for a, b in zip(model.parameters(), twin.parameters(), strict=True):
            assert (a == b).all()
    assert step.recordings >= 1


def test_an_index_out_of_range_is_an_error_in_a_replay() -> None:
    table = cn.tensor(np.arange(12, dtype=np.float32).reshape(4, 3))
    lookup = cn.capture(lambda i: functional.embedding(i, table) * 2)
    for i in range(4):
        lookup(cn.tensor([i, 0]))
    with pytest.raises(IndexError):
        lookup(cn.tensor([4, 0]))
    check_nothing_is_on()
    assert lookup(cn.tensor([3, 1])).tolist() == [[18, 20, 22], [6, 8, 10]]


def test_many_signatures_warn_once() -> None:
    function = cn.capture(lambda x, n: x * n, limit=3)
    x = batch(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in [*range(6), *range(6), *range(6)]:
            assert (function(x, n) == x * n).all()
    assert [each.category for each in caught] == [RuntimeWarning]
    assert "more than 3 ways (limit=3); further ones run eagerly" in str(caught[0].message)
    assert function.recordings == 3
    function.reset()
    assert function.recordings == 0 and (function(x, 9) == x * 9).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "capture: fn expected a function, got int"),
        ((len, 0), ValueError, "capture: limit is 0, expected an int of at least 1"),
        ((len, True), ValueError, "capture: limit is True"),
    ],
)
def test_bad_arguments(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    function, *limit = arguments
    with pytest.raises(error, match=message):
        cn.capture(function, **({"limit": limit[0]} if limit else {}))


def test_descriptions_need_a_recording() -> None:
    function = cn.capture(lambda x: x * 2)
    with pytest.raises(RuntimeError, match="describe: nothing is recorded yet"):
        function.describe()
    with pytest.raises(RuntimeError, match="profile: there is no recording of such a call"):
        function.profile(batch(0))


def test_frozen_module_with_full_graph_raises() -> None:
    model = cn.compile(Counting(), fullgraph=True)
    model(batch(0))
    with pytest.raises(RuntimeError, match=r"it changed Counting\.calls"):
        model(batch(1))
    check_nothing_is_on()
