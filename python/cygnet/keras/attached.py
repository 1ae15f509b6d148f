"""What goes with a tensor beside its values: the mask of its time steps, the logits behind it."""

from __future__ import annotations

import weakref
from typing import Any

from cygnet.tensor import Tensor

__all__ = ["logits", "masks"]


class Attached:
    """One kind of such tensors. It goes when the tensor goes to which it belongs."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def attach(self, tensor: Tensor, value: Tensor) -> Tensor:
        """Give `tensor` a value of this kind in place of the one it has; returns `tensor`."""
        key, by_id = id(tensor), self._by_id
        by_id[key] = (weakref.ref(tensor, lambda _: by_id.pop(key, None)), value)
        return tensor

    def detach(self, tensor: Tensor) -> None:
        """Take away the value that `tensor` has."""
        self._by_id.pop(id(tensor), None)

    def of(self, value: Any) -> Tensor | None:
        """What was attached to a tensor; None for anything else."""
        entry = self._by_id.get(id(value))
        return entry[1] if entry is not None and entry[0]() is value else None


masks = Attached()
"""Of a tensor (N, T, ...) the mask (N, T) of bools: which time steps count."""

# Under this name programs read masks, and delete them.
setattr(Tensor, "_keras_mask", property(masks.of, masks.attach, masks.detach))  # type: ignore[arg-type]  # noqa: B010

logits = Attached()
"""Of probabilities, as softmax and sigmoid give them, what they were computed from: losses of
these are exact for large logits as well."""
