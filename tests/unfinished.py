"""Objects whose construction failed or never ran, and all that can be asked of them.

    python -m tests.unfinished

`cls.__new__(cls)` makes an object without its constructor; one whose `__init__` raised can be kept
by a subclass. Every attribute, method and operator of such objects, called with arguments of many
kinds, gives a Python exception or a result, and ends no process. This program is the child of
`tests/test_malformed.py` that makes the calls; it prints each before it makes it.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import cygnet
from cygnet import data, kernels, nn, optim
from cygnet._core import native
from cygnet.nn import utils as nn_utils
from cygnet.train import Trainer

# AttributeError is what Python says of what a constructor would have set.
TYPED = (
    TypeError, ValueError, IndexError, KeyError, AttributeError, RuntimeError, StopIteration,
    NotImplementedError, MemoryError, AssertionError,
)  # fmt: skip
ARGUMENTS: list[tuple[Any, ...]] = [
    (), (1,), ("a",), (None,), ([],), ({},), (np.ones(2),), (lambda *_: None,), (1, 2), ((), {}),
    (False, (), {}), (None, None, None), (np.ones(2), np.ones(2)),
]  # fmt: skip
# They look at the class alone, or end what the test runs in.
LEFT_OUT = {
    "__init__",
    "__class__",
    "__init_subclass__",
    "__subclasshook__",
    "__new__",
    "__class_getitem__",
}


def native_classes() -> list[type]:
    """The classes that the extension exports."""
    return [
        each
        for each in vars(native).values()
        if isinstance(each, type) and not issubclass(each, BaseException)
    ]


def public_classes() -> list[type]:
    """Those of the Python packages that users construct."""
    found: dict[type, None] = {}
    for module in (cygnet, nn, optim, optim.lr_scheduler, data, nn_utils.parametrize):
        for name in getattr(module, "__all__", vars(module)):
            each = getattr(module, name, None)
            if (
                isinstance(each, type)
                and each.__module__.startswith("cygnet")
                and not issubclass(each, BaseException)
            ):
                found[each] = None
    return [*found, Trainer]


def unmade(cls: type) -> Iterator[tuple[str, Any]]:
    """Objects of the class that no constructor finished, and how they came."""
    kept: list[Any] = []
    with contextlib.suppress(TYPED):
        kept.append(cls.__new__(cls))
    for each in kept:
        yield "__new__", each
    kept.clear()

    def begin(self: Any, *args: Any, **kwargs: Any) -> None:
        kept.append(self)
        cls.__init__(self, *args, **kwargs)

    with contextlib.suppress(TYPED):
        derived = type("Derived", (cls,), {"__init__": begin})
        derived(object(), object(), object())
    for each in kept[:1]:  # methods may construct more
        yield "a failed __init__", each


def uses(instance: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Reading every attribute, and calling those that are callable."""
    for name in dir(type(instance)):
        if name in LEFT_OUT:
            continue
        yield name, lambda name=name: getattr(instance, name)
        if not callable(inspect.getattr_static(type(instance), name, None)):
            continue
        for arguments in ARGUMENTS if isinstance(instance, tuple(native_classes())) else [(), (1,)]:
            yield (
                f"{name}{arguments!r:.60}",
                lambda name=name, arguments=arguments: getattr(instance, name)(*arguments),
            )
    yield "len", lambda: len(instance)
    yield "repr", lambda: repr(instance)
    yield "iter", lambda: next(iter(instance))
    yield "call", lambda: instance(1)
    yield "item", lambda: instance[0]
    yield "add", lambda: instance + instance


def draft_of_nothing() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Objects without a constructor as arguments of one that works."""
    names = ("results", "gradients", "leaves", "captured", "written", "written_inputs", "before")
    empty: dict[str, Any] = {name: [] for name in names}
    options = {"verify": None, "forward": None, "grad_enabled": True, "fold": False}
    whole = native.Signature(cygnet.Tensor, (), {})
    raw = native.Signature.__new__(native.Signature)
    recording = native.Recording.__new__(native.Recording)
    for signature, recorded in ((raw, kernels.Recording()), (whole, recording), (raw, recording)):
        yield (
            "Draft of them",
            lambda s=signature, r=recorded: native.Draft(s, r, **empty, **options, shared=False),
        )


def main() -> None:
    made = 0
    wrong: list[str] = []

    def make(where: str, use: Callable[[], Any]) -> None:
        nonlocal made
        made += 1
        print(where, flush=True)
        try:
            with contextlib.suppress(TYPED):
                use()
        except BaseException as error:
            wrong.append(f"{where}: {type(error).__name__}: {error}"[:300])

    for cls in (*native_classes(), *public_classes()):
        for how, instance in unmade(cls):
            for name, use in uses(instance):
                make(f"{cls.__name__} by {how}: {name}", use)
    for where, use in draft_of_nothing():
        make(where, use)
    gc.collect()  # which looks into what is left of them
    print(f"{made} calls, {len(wrong)} wrong")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
