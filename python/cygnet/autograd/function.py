"""Differentiable functions with a gradient that the user writes."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cygnet import kernels
from cygnet.autograd.modes import no_grad
from cygnet.autograd.tape import Node, Output, memory_of, modified, record_several

if TYPE_CHECKING:
    from cygnet.tensor import Tensor


class Context:
    """What `Function.forward` hands to `Function.backward`; further attributes are the user's.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        For each argument of ``apply``, whether it needs a gradient.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._saved: tuple[Tensor | None, ...] = ()
        self._results: dict[int, int] = {}  # which saved tensors are results, and of what number
        self._node: Callable[[], Node | None] = lambda: None
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for `backward`, which checks that they were not modified in place."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that were saved."""
        node, tensors = self._node(), list(self._saved)
        for position, number in self._results.items():
            tensor = tensors[position]
            if tensor is not None and node is not None:  # its place on the tape is this function
                tensors[position] = tensor = tensor.detach()
                tensor._node, tensor.requires_grad = Output(node, number), True
        return tuple(tensors)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Names arguments that `forward` changed in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Names results that have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, the default, or None for results without gradient."""
        self._materialize = bool(value)


class Function:
    """Base of functions with their own gradient: a subclass defines the static methods `forward`
    and `backward`, and is called through ``apply``.

    Examples
    --------
    >>> import cygnet
    >>> class Square(cygnet.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = cygnet.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The results, tensors or others, one or a tuple.

        Called as ``forward(ctx, *args)``, without recording; or, if the class defines
        `setup_context`, as ``forward(*args)``.
        """
        raise NotImplementedError("Function: a subclass must define the static method forward")

    @staticmethod
    def setup_context(ctx: Context, inputs: tuple[Any, ...], output: Any) -> None:
        """Saves what `backward` needs, if `forward` does not take the context."""

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        """The gradient of each argument of ``apply``, None where there is none.

        It gets the gradient of each result, and writes with ops if it is to be differentiated again
        (see `once_differentiable`).
        """
        raise NotImplementedError("Function: a subclass must define the static method backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Calls `forward` and puts it on the tape."""
        tensors = tuple(arg for arg in args if hasattr(arg, "_node"))
        ctx = Context(tuple(hasattr(arg, "_node") and arg.requires_grad for arg in args))
        with no_grad():
            if cls.setup_context is Function.setup_context:
                returned = cls.forward(ctx, *args)
            else:
                returned = cls.forward(*args)
                cls.setup_context(ctx, args, returned)
        results = list(returned) if isinstance(returned, tuple) else [returned]
        cls._separate(ctx, tensors, results)
        cls._record(ctx, args, tensors, results)
        return tuple(results) if isinstance(returned, tuple) else results[0]

    @staticmethod
    def _separate(ctx: Context, tensors: tuple[Tensor, ...], results: list[Any]) -> None:
        """Makes results that are arguments into tensors of their own, except changed ones."""
        for tensor in ctx._dirty:
            memory_of(tensor)
            modified(tensor)
        for i, result in enumerate(results):
            changed = any(result is tensor for tensor in ctx._dirty)
            if not changed and any(result is tensor for tensor in tensors):
                results[i] = result.detach()

    @classmethod
    def _record(
        cls, ctx: Context, args: tuple[Any, ...], tensors: tuple[Tensor, ...], results: list[Any]
    ) -> None:
        numbers = [
            i
            for i, result in enumerate(results)
            if hasattr(result, "_node")
            and result.dtype.kind == "f"
            and not any(result is tensor for tensor in ctx._constant)
        ]
        forms = [(results[i].shape, results[i].dtype.name) for i in numbers]
        count = len(results)

        def backward(*gradients: Tensor | None) -> list[Tensor | None]:
            incoming: list[Tensor | None] = [None] * count
            for i, form, gradient in zip(numbers, forms, gradients, strict=True):
                if gradient is None and ctx._materialize:
                    gradient = tensors[0]._wrap(kernels.full(form[0], 0.0, form[1]))
                incoming[i] = gradient
            returned = cls.backward(ctx, *incoming)
            return cls._checked(args, list(returned) if isinstance(returned, tuple) else [returned])

        saved = tuple(tensor for tensor in ctx._saved if tensor is not None)
        node = record_several(
            tuple(results[i] for i in numbers),
            tensors,
            backward,
            cls.__name__,
            saved=saved,
            fresh=False,
            once=getattr(cls.backward, "once", False),
        )
        if node is None:
            ctx._saved = ()
            return
        ctx._node = weakref.ref(node)
        kept = list(ctx._saved)
        for position, tensor in enumerate(kept):  # kept as it is, a result would keep itself alive
            for number, i in enumerate(numbers):
                if tensor is not None and tensor is results[i]:
                    kept[position] = tensor.detach()
                    ctx._results[position] = number
        ctx._saved = tuple(kept)

    @classmethod
    def _checked(cls, args: tuple[Any, ...], gradients: list[Any]) -> list[Tensor | None]:
        """The gradients of those arguments that are tensors."""
        name = f"{cls.__name__}.backward"
        if len(gradients) < len(args) or any(g is not None for g in gradients[len(args) :]):
            raise RuntimeError(
                f"{name}: returned {len(gradients)} gradients, expected {len(args)}, one for each "
                "argument of apply"
            )
        chosen: list[Tensor | None] = []
        for position, (arg, gradient) in enumerate(zip(args, gradients, strict=False)):
            if not hasattr(arg, "_node"):
                if gradient is not None:
                    raise RuntimeError(
                        f"{name}: gradient {position} is not None, but its argument is no tensor"
                    )
                continue
            if gradient is not None and arg.requires_grad and gradient.shape != arg.shape:
                raise kernels.ShapeError(
                    f"{name}: gradient {position} has shape {gradient.shape}, expected "
                    f"{arg.shape}, that of its argument"
                )
            chosen.append(gradient)
        return chosen


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a `Function.backward` that is not itself differentiable: with
    ``create_graph=True`` it is an error.
    """

    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        with no_grad():
            return function(*args)

    wrapped.once = True  # type: ignore[attr-defined]
    return wrapped
