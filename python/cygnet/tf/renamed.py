"""Functions of `keras.ops` with TensorFlow's names of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cygnet.tf.values import sizes_of

__all__ = ["renamed"]

_SIZES = {"multiples", "perm", "shape"}  # may be tensors


def renamed(function: Callable[..., Any], arguments: str, **defaults: Any) -> Callable[..., Any]:
    """The function with other names of its arguments.

    Parameters
    ----------
    function : callable
    arguments : str
        TensorFlow's names in the order in which `function` takes its arguments; each also has the
        name that `function` gives it. `name`, which TensorFlow's have, has no effect.
    **defaults
        Of arguments, where TensorFlow has others.
    """
    names = arguments.split()

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        if len(args) > len(names):
            raise TypeError(f"{function.__name__}: expected at most {len(names)} arguments")
        given = dict(zip(names, args, strict=False))
        for key in kwargs:
            if key in given:
                raise TypeError(f"{function.__name__}: argument {key} is given twice")
        given = defaults | given | kwargs
        for key in _SIZES & given.keys():
            given[key] = sizes_of(given[key])
        ordered = []
        for name in names:
            if name not in given:
                break
            ordered.append(given.pop(name))
        for name in list(given):  # after an argument that was left out
            if name in names:
                given[_own_name(function, names.index(name))] = given.pop(name)
        return function(*ordered, **given)

    return called


def _own_name(function: Callable[..., Any], position: int) -> str:
    import inspect

    return list(inspect.signature(function).parameters)[position]
