"""Replaces arguments of valid calls by others."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tests.fuzz.harvest import Call
from tests.fuzz.memory import Base, Guarded

INTEGERS = [
    *(0, 1, -1, 2, 3, -2, 4, 5, 7, 16, 33, 64, 127, 128, 255, 1000, -100),
    *(2**15, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**61, 2**62, 2**63 - 1, -(2**63)),
    *(2**63, 2**64, 10**30, -(10**30)),
]
FLOATS = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-3, 0.999999, float("nan"), float("inf"), -float("inf")),
    *(1e308, -1e308, 5e-324, 1e-40, 3.5e38, 2.0**31, 2.0**63, -(2.0**63)),
]
STRINGS = [
    *("", "none", "mean", "sum", "float32", "float64", "int32", "int64", "bool", "uint8"),
    *("float16", "zeros", "border", "bilinear", "nearest", "assign", "add", "relu", "tanh"),
    *("indices", "reflect", "x" * 3000, "\0", "ü", "\ud800", "max", "constant"),
]
OTHER_DTYPES = ["float32", "float64", "int64", "int32", "bool", "uint8"]
UNKNOWN_DTYPES = [
    *("float16", "complex64", "int8", "uint64", ">f4", ">i8", "O", "U3", "S1", "M8[s]"),
    *("f4,i4", "V5"),
]
SIZES = [0, 1, 1, 2, 3, 4, 5, 8, 17, 64]
HUGE = [2**16 + 1, 2**31 - 1, 2**31 + 1, 2**40, 2**60]
FILLS = {
    "f": [float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-42, 0.0, -0.0, 2.0**31, 1e19],
    "i": [-1, 0, 1, 2**31 - 1, -(2**31), 2, 7, 100, -100, 2**40, 2**62, 2**63 - 1, -(2**63)],
    "b": [True, False],
    "u": [0, 1, 255],
}


class Emptying(list[Any]):
    """A list that loses its items while they are looked at."""

    def __init__(self) -> None:
        super().__init__(_Clearing(self) for _ in range(4))


class _Clearing:
    def __init__(self, owner: Emptying) -> None:
        self.owner = owner

    def __index__(self) -> int:
        self.owner.clear()
        return 2

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.__index__())

    def __repr__(self) -> str:
        return "<an item that empties its list>"


class Failing:
    """An object that fails whatever it is asked."""

    def _fail(self, *_: Any) -> Any:
        raise ValueError("Failing: it always does")

    __index__ = __int__ = __float__ = __len__ = __getitem__ = __iter__ = __bool__ = _fail
    __array__ = __eq__ = __hash__ = _fail  # type: ignore[assignment]


class Subclass(np.ndarray):
    """An array of another class."""


class Mutator:
    """Makes calls from valid ones.

    `touched` holds the memory that the last call was given; `mutated` fills it.
    """

    def __init__(self, calls: list[Call]) -> None:
        self.memory = Guarded()
        self.calls = calls
        self.touched: list[Base] = []
        self.relatives: dict[str, list[Call]] = {}
        self.keywords: dict[str, list[str]] = {}
        for call in calls:
            call.arguments = [self._stored(value) for value in call.arguments]
            call.keywords = {key: self._stored(value) for key, value in call.keywords.items()}
            self.relatives.setdefault(call.name, []).append(call)
        for name, alike in self.relatives.items():
            self.keywords[name] = sorted({key for call in alike for key in call.keywords} | {"out"})
        small = np.arange(12, dtype=np.float32).reshape(3, 4)
        self.spare = [self.memory.base(small), self.memory.base(np.arange(5))]
        self.objects: list[Callable[[], Any]] = [
            *(lambda item=item: item for item in (None, True, False, Ellipsis, 1j, b"abc", int)),
            *(lambda item=item: item for item in ((), (1,), (2, 3), (1, 2, 3), (2, (3, 4)), "a")),
            *(lambda item=item: item for item in (np.float64(2.5), np.int64(3), np.bool_(True))),
            *(list, dict, object, Emptying, Failing),
            *(
                lambda: [1, 2],
                lambda: [1, [2]],
                lambda: [None],
                lambda: ["a", 2.5],
                lambda: [-1, 0],
            ),
            *(lambda: range(3), lambda: slice(None), lambda: np.array(2), lambda: np.array([1, 2])),
            *(lambda: [2**40] * 3, lambda: [1] * 40, lambda: [[1]] * 2, lambda: {"a": 1}),
            *(lambda: (float("nan"), 1.5), lambda: memoryview(b"abcd"), lambda: np.ma.ones(3)),
            lambda: np.ones((1,) * 30),
        ]

    def _stored(self, value: Any) -> Any:
        """An argument with its arrays replaced by Bases."""
        if isinstance(value, np.ndarray):
            return self.memory.base(value)
        if isinstance(value, list | tuple):
            return type(value)(self._stored(item) for item in value)
        return value

    def _given(self, value: Any) -> Any:
        """An argument as the call gets it."""
        kind = type(value)
        if kind is Base:
            self.touched.append(value)
            return value.array
        if kind is list:
            return [self._given(item) for item in value]
        if kind is tuple:
            return tuple([self._given(item) for item in value])
        return value

    def plain(self, call: Call) -> tuple[list[Any], dict[str, Any]]:
        """The call as it was."""
        self.touched = []
        return (
            [self._given(value) for value in call.arguments],
            {key: self._given(value) for key, value in call.keywords.items()},
        )

    def mutated(self, random: Random) -> tuple[Call, list[Any], dict[str, Any]]:
        """A call in which one to four things differ from a valid one."""
        call = random.choice(self.calls)
        arguments, keywords = list(call.arguments), dict(call.keywords)
        self.touched = []
        draw = random.random()
        for _ in range(1 if draw < 0.6 else 2 if draw < 0.85 else 3 if draw < 0.95 else 4):
            self._change(random, call, arguments, keywords)
        return (
            call,
            [self._given(value) for value in arguments],
            {key: self._given(value) for key, value in keywords.items()},
        )

    def _change(
        self, random: Random, call: Call, arguments: list[Any], keywords: dict[str, Any]
    ) -> None:
        count = len(arguments)
        places = count + len(keywords)
        chosen = int(random.random() * places) if places else 0
        place: Any = chosen if chosen < count else [*keywords][chosen - count] if places else "out"
        holder: Any = arguments if chosen < count else keywords
        draw = random.random()
        if draw < 0.72 and places:
            holder[place] = self._replaced(random, holder[place])
        elif draw < 0.82:
            other = random.choice(self.relatives[call.name])
            if isinstance(place, int):
                if place < len(other.arguments):
                    arguments[place] = other.arguments[place]
            elif place in other.keywords:
                keywords[place] = other.keywords[place]
        elif draw < 0.88 and places:
            arrays = [value for value in (*arguments, *keywords.values()) if type(value) is Base]
            if arrays:
                value: Any = random.choice(arrays)
                if random.random() < 0.5:
                    value = self._array(random, value)
                if random.random() < 0.3:
                    keywords["out"] = value
                else:
                    holder[place] = value
        elif draw < 0.92 and places:
            if holder is keywords or place == count - 1 or random.random() < 0.5:
                del holder[place]
        elif draw < 0.96:
            key = random.choice(self.keywords[call.name])
            keywords[key] = self._any(random)
        elif count > 1:
            other_place = int(random.random() * count)
            first = chosen if chosen < count else 0
            arguments[first], arguments[other_place] = arguments[other_place], arguments[first]

    def _any(self, random: Random) -> Any:
        draw = random.random()
        if draw < 0.25:
            return random.choice(INTEGERS)
        if draw < 0.4:
            return random.choice(FLOATS)
        if draw < 0.5:
            return random.choice(STRINGS)
        if draw < 0.75:
            return self._array(random, random.choice(self.spare))
        return random.choice(self.objects)()

    def _replaced(self, random: Random, value: Any) -> Any:
        """Another value, most often of the same kind."""
        if random.random() < 0.06:
            return self._any(random)
        kind = type(value)
        if kind is Base:
            return self._array(random, value)
        if kind is bool:
            return not value if random.random() < 0.7 else self._any(random)
        if kind is int:
            draw = random.random()
            if draw < 0.25:
                return value + random.choice((-1, 1, -2, 2))
            return random.choice(INTEGERS) if draw < 0.9 else random.choice(FLOATS)
        if kind is float:
            return random.choice(FLOATS) if random.random() < 0.8 else random.choice(INTEGERS)
        if kind is str:
            return random.choice(STRINGS)
        if kind is list or kind is tuple:
            return self._sequence(random, value)
        return self._any(random)

    def _sequence(self, random: Random, value: Any) -> Any:
        items = list(value)
        draw = random.random()
        if draw < 0.6 and items:
            i = int(random.random() * len(items))
            items[i] = self._replaced(random, items[i])
        elif draw < 0.7 and items:
            del items[int(random.random() * len(items))]
        elif draw < 0.8 and items:
            items.insert(0, random.choice(items))
        elif draw < 0.85:
            items = []
        elif draw < 0.9 and items:
            return items[0]
        elif draw < 0.95:
            random.shuffle(items)
        else:
            return self._any(random)
        return items if type(value) is list else tuple(items)

    def _variant(self, base: Base, key: Any, make: Callable[[], np.ndarray], shift: int = 0) -> Any:
        """Another array made from a base's, kept for the next time."""
        found = base.variants.get(key)
        if found is None:
            if self.memory.full():
                array = make()
                return Base(array, array)
            found = base.variants[key] = self.memory.base(make(), shift)
        return found

    def _array(self, random: Random, base: Base) -> Any:
        """Another array, or one that sees the same memory in another way."""
        draw = random.random()
        array = base.array
        dtype = array.dtype
        if draw < 0.1:
            name = random.choice(OTHER_DTYPES)
            with np.errstate(all="ignore"):
                return self._variant(base, name, lambda: array.astype(name))
        if draw < 0.13:
            name = random.choice(UNKNOWN_DTYPES)
            return np.zeros([min(n, 3) for n in array.shape], name)
        if draw < 0.25 and dtype.kind in FILLS and array.size:
            fill = random.choice(FILLS[dtype.kind])
            if dtype.kind == "i" and dtype.itemsize == 4:
                fill = max(min(fill, 2**31 - 1), -(2**31))
            where = int(random.random() * 4)
            return self._variant(base, (repr(fill), where), lambda: _filled(array, fill, where))
        if draw < 0.28:
            return self._variant(base, "misaligned", array.copy, 1)
        self.touched.append(base)
        ndim = array.ndim
        axis = int(random.random() * ndim) if ndim else 0
        before = (slice(None),) * axis
        if draw < 0.33:
            seen = array.view()
            seen.flags.writeable = False
            return seen
        if draw < 0.39 and ndim:  # other sizes
            return array[(*before, slice(None, random.choice((0, 1, 2, -1))))]
        if draw < 0.43 and ndim:
            return array[(*before, slice(None, None, random.choice((-1, 2, -2, 3))))]
        if draw < 0.48 and ndim:
            return array[(*before, 0)] if array.shape[axis] else array.reshape(-1)
        if draw < 0.53:
            return array[(*before, None)]
        if draw < 0.58 and ndim > 1:
            return array.swapaxes(axis, axis - 1)
        if draw < 0.62:
            return array.reshape(-1)
        if draw < 0.64:
            return array.view(Subclass)
        if draw < 0.66:
            return array.reshape(-1)[:1].reshape(()) if array.size else array
        if draw < 0.67 and ndim > 1:
            return np.concatenate([array, array], axis)
        if array.size == 0 or (ndim and min(array.strides) < 0):
            return array
        item = dtype.itemsize
        if draw < 0.77:  # one number everywhere
            shape = list(array.shape)
            if ndim:
                shape[axis] = (
                    random.choice(SIZES) if random.random() < 0.99 else random.choice(HUGE)
                )
            return _expanded(array, shape)
        if draw < 0.84:  # expanded along an axis
            strides, shape = list(array.strides), list(array.shape)
            if ndim:
                strides[axis], shape[axis] = 0, random.choice(SIZES)
            return as_strided(array, shape, strides)
        if draw < 0.95:  # any shape
            shape = [random.choice(SIZES[:8]) for _ in range(int(random.random() * 6))]
            if random.random() < 0.005:
                shape = [random.choice(HUGE) for _ in range(2)]
            return _expanded(array, shape)
        flat = array.reshape(-1)
        width = min(1 + int(random.random() * 4), flat.size)  # windows that overlap
        return as_strided(flat, (flat.size - width + 1, width), (item, item))


def _filled(array: np.ndarray, fill: Any, where: int) -> np.ndarray:
    """A copy with a value everywhere, at an end, or in the middle."""
    copy = array.copy(order="K")
    flat = copy.reshape(-1)
    if where == 0:
        flat[...] = fill
    else:
        flat[(0, -1, flat.size // 2)[where - 1]] = fill
    return flat.reshape(array.shape)


def _expanded(array: np.ndarray, shape: list[int]) -> np.ndarray:
    """Its first number everywhere; the array itself where NumPy holds the shape for too large."""
    try:
        return as_strided(array, shape, [0] * len(shape))
    except ValueError:
        return array
