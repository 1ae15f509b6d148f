"""What optimizers of users are made of."""

from __future__ import annotations

from typing import Any

from cygnet.keras.lookup import Configurable
from cygnet.keras.variable import Variable
from cygnet.tensor import Tensor

__all__ = ["UpdateSteps"]


class UpdateSteps(Configurable):
    """The part of the optimizers' base for classes of users, which define `update_step`."""

    _own_variables: list[Variable]
    _places: dict[int, int]

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Any) -> None:
        """Change one variable, and the state that belongs to it; for classes of users."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step")

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable with the shape and type of another one, as part of the optimizer's state."""
        from cygnet.keras import initializers

        variable = Variable(
            initializers.get(initializer),
            reference_variable.shape,
            reference_variable.dtype,
            trainable=False,
            name=f"{getattr(reference_variable, 'name', 'variable')}_{name or 'var'}",
        )
        self._own_variables.append(variable)
        return variable

    def _get_variable_index(self, variable: Tensor) -> int:
        return self._places[id(variable)]

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)
