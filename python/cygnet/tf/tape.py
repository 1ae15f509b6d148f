"""TensorFlow's way of asking for gradients."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from cygnet import autograd, ops
from cygnet.keras import tree
from cygnet.tensor import Tensor

__all__ = ["GradientTape"]


class _Open(threading.local):
    """The tapes that are open in this thread."""

    def __init__(self) -> None:
        self.tapes: list[GradientTape] = []


_open = _Open()


class GradientTape:
    """Gradients of what is computed in its with block.

    Trainable variables are watched; other tensors after `watch`. (Cygnet records what is computed
    from such tensors in any case; the tape asks for their gradients.)

    Parameters
    ----------
    persistent : bool
        Whether `gradient` can be called more than once. Default False.
    watch_accessed_variables : bool
        Must be True, the default.

    Examples
    --------
    >>> import cygnet.tf as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy().item()
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        if not watch_accessed_variables:
            raise ValueError("GradientTape: watch_accessed_variables=False is not supported")
        self._persistent = persistent
        self._used = False
        self._recording: autograd.enable_grad | None = None
        self._shares = False  # whether another tape may ask for gradients through the same graph
        self._watched: list[Tensor] = []

    def __enter__(self) -> Self:
        if self._recording is not None:
            raise ValueError("GradientTape: the tape is open already")
        self._recording = autograd.enable_grad()
        self._recording.__enter__()
        for tape in _open.tapes:
            tape._shares = self._shares = True
        _open.tapes.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _open.tapes.remove(self)
        assert self._recording is not None
        self._recording.__exit__(kind, error, trace)
        self._recording = None

    def watch(self, tensor: Any) -> None:
        """Ask for the gradient with respect to a tensor, or several, that are no variables."""
        for each in tree.flatten(tensor):
            if not isinstance(each, Tensor):
                raise TypeError(
                    f"GradientTape.watch: expected a tensor, got {type(each).__name__}; make one "
                    "with tf.constant or tf.convert_to_tensor"
                )
            if each.dtype.kind != "f":
                raise TypeError(
                    f"GradientTape.watch: expected a floating-point tensor, got {each.dtype}"
                )
            if not each.requires_grad:
                each.requires_grad = True
            self._watched.append(each)

    def watched_variables(self) -> tuple[Tensor, ...]:
        """What `watch` was called with."""
        return tuple(self._watched)

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """The gradient of the sum of all numbers of `target`.

        Parameters
        ----------
        target : Tensor, or list or dict of them
            A loss for each sample is summed, as in TensorFlow.
        sources : Tensor, or list or dict of them
            With respect to which the gradient is computed.
        output_gradients : Tensor, or list of them, optional
            The gradient of something with respect to `target`. Default: ones.
        unconnected_gradients : 'none' or 'zero'
            What stands for the gradient of a source that `target` does not depend on. Default
            'none': None.

        Returns
        -------
        Tensor, or structure of them like `sources`

        Raises
        ------
        RuntimeError
            If it is the second call of a tape that is not persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "GradientTape: gradient was called before: make the tape with persistent=True"
            )
        self._used = True
        given = tree.flatten(target)
        seeds = [None] * len(given) if output_gradients is None else tree.flatten(output_gradients)
        pairs = [
            (each, ops.ones_like(each.detach()) if seed is None else ops.as_tensor(seed))
            for each, seed in zip(given, seeds, strict=True)
            if isinstance(each, Tensor) and each.requires_grad
        ]
        leaves = tree.flatten(sources)
        wanted = [each for each in leaves if isinstance(each, Tensor) and each.requires_grad]
        found: dict[int, Tensor | None] = {}
        if pairs and wanted:
            gradients = autograd.grad(
                [each for each, _ in pairs],
                wanted,
                [seed for _, seed in pairs],
                retain_graph=self._persistent or self._shares or bool(_open.tapes),
                create_graph=bool(_open.tapes),
                allow_unused=True,
            )
            found = {id(each): part for each, part in zip(wanted, gradients, strict=True)}

        def gradient_of(source: Tensor) -> Tensor | None:
            part = found.get(id(source))
            if part is None and unconnected_gradients == "zero":
                return ops.zeros_like(source.detach())
            return part

        return tree.map_structure(gradient_of, sources)

    def jacobian(self, target: Tensor, sources: Any) -> Any:
        """The gradient of each number of `target`, stacked before the axes of each source."""
        tape = GradientTape(persistent=True)
        flat = ops.reshape(target, (-1,))
        rows = [
            tree.flatten(tape.gradient(flat[i], sources, unconnected_gradients="zero"))
            for i in range(flat.shape[0])
        ]
        leaves = iter(
            ops.reshape(ops.stack(list(parts)), (*target.shape, *parts[0].shape))
            for parts in zip(*rows, strict=True)
        )
        self._used = True
        return tree.pack(sources, leaves)

    def reset(self) -> None:
        """Begin anew: `gradient` can be called again."""
        self._used = False
        self._watched.clear()

    def stop_recording(self) -> autograd.no_grad:
        """A with block in which nothing is recorded."""
        return autograd.no_grad()
