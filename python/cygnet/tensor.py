"""The tensor: one NumPy array, its gradient and its place on the tape. All arithmetic lives in
`cygnet.ops`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cygnet import autograd, config, kernels
from cygnet.autograd.hooks import RemovableHandle
from cygnet.device import check_device
from cygnet.dtypes import NAMES, RANK, get_default_dtype
from cygnet.recorder import refuse

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cygnet._methods import Methods
else:
    Methods = object

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
SUPPORTED = (
    *FLOATS,
    np.dtype(np.int64),
    np.dtype(np.int32),
    np.dtype(np.bool_),
    np.dtype(np.uint8),
)


def as_dtype(dtype: Any, op: str) -> np.dtype[Any]:
    """The NumPy dtype that `dtype` names, if it is one that tensors can have; DTypeError
    otherwise.
    """
    try:
        result: np.dtype[Any] | None = np.dtype(dtype)
    except TypeError:
        result = None
    if result is None or result not in SUPPORTED:
        raise kernels.DTypeError(
            f"{op}: dtype is {dtype!r}, expected float32, float64, int64, int32, bool or uint8"
        )
    return result


class Tensor(Methods):
    """An array of float32, float64, int64, int32, bool or uint8 with automatic differentiation.

    Called by its name it makes a tensor of the default type, float32; `cygnet.tensor` keeps the
    type of the data and `cygnet.from_numpy` shares its memory.

    Parameters
    ----------
    *data : int or array_like
        Sizes, for a tensor of zeros (PyTorch's is uninitialised); or numbers in nested sequences,
        an array or a tensor, which is copied.
    device : device, optional
        The CPU.

    Attributes
    ----------
    grad : Tensor or None
        The gradient that `backward` has collected.
    requires_grad : bool

    Examples
    --------
    >>> import cygnet
    >>> cygnet.Tensor([1, 2])
    tensor([1., 2.])
    >>> cygnet.Tensor(2, 3).shape
    (2, 3)
    >>> x = cygnet.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__weakref__",
        "_array",
        "_hooks",
        "_memory",
        "_node",
        "_view",
        "grad",
        "requires_grad",
    )

    _array: Array
    _node: autograd.Node | autograd.Output | None  # the op that made it
    _memory: autograd.Memory | None  # shared by all tensors with this memory; made when needed
    _view: tuple[Tensor, Callable[[Tensor], Tensor]] | None  # of what, and how it is made
    _hooks: dict[int, Callable[[Tensor], Tensor | None]] | None  # of a leaf
    grad: Tensor | None
    requires_grad: bool

    # NumPy leaves `array + tensor` to the tensor.
    __array_ufunc__ = None

    def __init__(self, *data: Any, device: Any = None) -> None:
        check_device("Tensor", device)
        self._begin(of_sizes_or_data("Tensor", get_default_dtype(), data))

    def _begin(self, array: Array) -> None:
        self._array = array
        self._node = self._memory = self._view = self._hooks = self.grad = None
        self.requires_grad = False

    @classmethod
    def _wrap(cls, array: Array) -> Tensor:
        """A plain tensor around an array that is known to be good."""
        tensor = object.__new__(Tensor)
        tensor._array = array
        tensor._node = tensor._memory = tensor._view = tensor._hooks = tensor.grad = None
        tensor.requires_grad = False
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        shape: tuple[int, ...] = self._array.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type, a NumPy dtype."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._array.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self._node is None

    def dim(self) -> int:
        """Number of dimensions."""
        return self._array.ndim

    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """All sizes, or that of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """Number of elements."""
        return self._array.size

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def item(self) -> float | int | bool:
        """The number in a tensor of one element, as a Python number.

        Raises
        ------
        ValueError
            If the tensor has not exactly one element.
        """
        if self._array.size != 1:
            raise ValueError(f"item: the tensor has shape {self.shape}, expected one element")
        _check_readable("item")
        value: float | int | bool = self._array.item()
        return value

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        _check_readable("tolist")
        return self._array.tolist()

    def numpy(self) -> Array:
        """The NumPy array of this tensor; the memory is shared.

        Unlike PyTorch's, also of a tensor that requires a gradient: what is computed with the array
        is not differentiated.
        """
        _check_readable("numpy")
        return self._array

    # What other libraries read a tensor by, without a copy where they need none.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_as_arrays(args), **_as_arrays(kwargs))

    def __buffer__(self, flags: int) -> memoryview:  # called from Python 3.12 on
        return self.numpy().data

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if self.requires_grad:
            raise BufferError("__dlpack__: the tensor requires a gradient; use tensor.detach()")
        _check_readable("__dlpack__")
        array = self._array
        if min(array.strides, default=0) < 0:  # readers may take strides for unsigned
            if copy is False:
                raise BufferError("__dlpack__: copy is False, but the tensor runs backwards")
            array = kernels.contiguous(array, always_copy=True)
        return array.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iu":
            raise TypeError(f"only integer tensors can be an index, this one is {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous")
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and self._array.size == 1 else str(self), spec)

    __hash__ = object.__hash__  # by identity, although == compares elements

    def __reduce_ex__(self, protocol: Any) -> Any:
        _check_readable("pickle")
        return super().__reduce_ex__(protocol)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node is not None:
            raise RuntimeError(
                "deepcopy: only a leaf of the graph can be copied; use detach().clone()"
            )
        copy = object.__new__(type(self))
        copy._array = kernels.contiguous(self._array, always_copy=True)
        copy._node = copy._memory = copy._view = copy._hooks = None
        copy.requires_grad = self.requires_grad
        memo[id(self)] = copy
        copy.grad = None if self.grad is None else self.grad.__deepcopy__(memo)
        return copy

    def detach(self) -> Tensor:
        """A tensor with the same memory that is not part of the graph."""
        tensor = Tensor._wrap(self._array)
        tensor._memory = autograd.memory_of(self)
        return tensor

    def detach_(self) -> Tensor:
        """Takes the tensor out of the graph: it becomes a leaf without gradient; returns it."""
        if self._view is not None:
            raise RuntimeError("detach_: the tensor is a view; use detach()")
        self._node = None
        self.requires_grad = False
        return self

    @property
    def data(self) -> Tensor:
        """A tensor with the same memory that is not part of the graph; changes through it go
        unnoticed by gradients that use the memory.

        What is assigned is copied into the tensor's memory; if its shape or type differs, the
        tensor takes over its memory instead.
        """
        return Tensor._wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: value must be a Tensor, got {type(value).__name__}")
        if value.shape != self.shape or value.dtype != self.dtype:
            self._array = value._array
            self._memory = self._view = None
        elif value._array is not self._array:
            kernels.copy_into(self._array, without_overlap(value._array, self._array))

    @property
    def grad_fn(self) -> autograd.Node | autograd.Output | None:
        """The recorded op that made the tensor; None for a leaf."""
        return self._node

    @property
    def _version(self) -> int:
        """How often the tensor's memory was modified in place."""
        return 0 if self._memory is None else self._memory.version

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Calls `hook` with the gradient of this tensor whenever one is computed; what it returns,
        if not None, takes the gradient's place.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` ends it.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: the tensor does not require a gradient")
        if self._node is None:
            self._hooks = self._hooks or {}
            return RemovableHandle(self._hooks, hook)
        self._node.hooks = self._node.hooks or {}
        return RemovableHandle(self._node.hooks, hook)

    def retain_grad(self) -> None:
        """Lets `backward` fill ``grad`` although the tensor is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: the tensor does not require a gradient")
        if self._node is not None:
            self.register_hook(_Retained(self))

    @property
    def retains_grad(self) -> bool:
        """Whether `backward` fills ``grad`` although the tensor is no leaf."""
        hooks = None if self._node is None else self._node.hooks
        return any(isinstance(hook, _Retained) for hook in (hooks or {}).values())

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switches the collection of gradients on or off; returns the tensor.

        Raises
        ------
        RuntimeError
            For types other than float32 and float64, and for switching it off inside a graph.
        """
        if requires_grad and self._array.dtype not in FLOATS:
            raise RuntimeError(
                f"requires_grad_: only floating-point tensors have gradients, not {self.dtype}"
            )
        if not requires_grad and self._node is not None:
            raise RuntimeError("requires_grad_: the tensor is the result of an op; use detach()")
        self.requires_grad = requires_grad
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Computes the gradient of this tensor with respect to every leaf and adds it to the
        leaf's ``grad``.

        Parameters
        ----------
        gradient : Tensor, optional
            The gradient of the tensor itself; may be left out for a single number, where it is 1.
        retain_graph : bool, optional
            Keeps the graph for another call. Default: the value of create_graph.
        create_graph : bool
            Records the gradients themselves, for higher derivatives. Default False.
        inputs : Tensor or sequence of Tensor, optional
            Fills the ``grad`` of these, leaves or results of ops, alone.

        Raises
        ------
        RuntimeError
            If nothing requires a gradient, the graph was freed, or the gradient is missing.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def __repr__(self) -> str:
        if kernels.is_recording():
            return f"tensor(<{self.dtype} of shape {self.shape} in a recording>)"
        text = np.array2string(
            self._array, separator=", ", prefix="tensor(", **config.print_options
        )
        if self._array.size == 0 and self._array.ndim != 1:
            text += f", size={self.shape}"
        if self._array.dtype not in (np.float32, np.int64, np.bool_):
            text += f", dtype={self._array.dtype}"
        if self._node is not None:
            text += f", grad_fn={self._node}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"tensor({text})"


class _Retained:
    """The hook that keeps the gradient of a tensor that is no leaf."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)

    def __call__(self, gradient: Tensor) -> None:
        tensor = self.tensor()
        if tensor is not None:
            autograd.accumulate(tensor, gradient, False, gradient.requires_grad)


def without_overlap(source: Array, target: Array) -> Array:
    """The source, or a copy of it if it shares memory with the target."""
    if np.may_share_memory(source, target):
        return kernels.contiguous(source, always_copy=True)
    return source


def _check_readable(what: str) -> None:
    refuse(f"{what}: a value cannot be read while calls are recorded: a replay would not see it")


def _as_arrays(value: Any) -> Any:
    """Arguments of a NumPy function with arrays in the place of tensors."""
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, list | tuple):
        return type(value)(map(_as_arrays, value))
    if isinstance(value, dict):
        return {name: _as_arrays(item) for name, item in value.items()}
    return value


def of_sizes_or_data(op: str, dtype: np.dtype[Any], data: tuple[Any, ...]) -> Array:
    """Zeros of the sizes `data`, or a copy of the one array-like in it, in the type `dtype`."""
    if all(
        hasattr(size, "__index__") and not isinstance(size, Tensor | np.ndarray) for size in data
    ):
        return kernels.full([int(size) for size in data] or [0], 0.0, NAMES[dtype])
    if len(data) > 1:
        raise TypeError(f"{op}: expected sizes or one array_like, got {len(data)} arguments")
    return kernels.contiguous(array_from(data[0], dtype, op), always_copy=True)


def empty_array(shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """NumPy's memory, still to be filled, for what kernels read again and again: it begins at a
    cache line, so that no vector lies in two of them.
    """
    line = 64
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + line, np.uint8)
    begin = -memory.ctypes.data % line
    return memory[begin : begin + size].view(dtype).reshape(shape)


def array_from(data: Any, dtype: Any, op: str) -> Array:
    """The array of anything array-like, in its own type or in `dtype`.

    Python floats have the default type, ints int64, and what stands together takes the highest of
    its types; NumPy's numbers, arrays and tensors keep theirs if tensors can have it.
    """
    wanted = None if dtype is None else as_dtype(dtype, op)
    if isinstance(data, Tensor):
        array = data._array
    elif isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
    else:
        found: set[np.dtype[Any]] = set()
        try:
            array = np.asarray(_unwrapped(data, found))
        except ValueError as error:
            raise kernels.ShapeError(f"{op}: data is not rectangular: {error}") from None
        if wanted is None and array.dtype in SUPPORTED and found <= RANK.keys():
            wanted = max(found, key=RANK.__getitem__, default=get_default_dtype())
    if array.dtype not in SUPPORTED or not array.dtype.isnative:
        if wanted is None or array.dtype.kind not in "fiub":
            raise kernels.DTypeError(
                f"{op}: data has dtype {array.dtype}, expected native float32, float64, int64, "
                f"int32, bool or uint8"
            )
        array = array.astype(wanted)
    if wanted is not None and array.dtype != wanted:
        array = kernels.cast(array, NAMES[wanted])
    return array


def _unwrapped(data: Any, found: set[np.dtype[Any]]) -> Any:
    """Nested sequences without tensors; puts the types of what they hold into `found`."""
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        kinds = set(map(type, data))
        if kinds <= _PYTHON_NUMBERS:
            found.update(map(_python_dtype, kinds))
            return data
        return [_unwrapped(item, found) for item in data]
    if isinstance(data, Tensor):
        data = data.detach().numpy()
        if data.size == 1:  # one element stands for its number
            data = data.reshape(())
    if type(data) in _PYTHON_NUMBERS:
        found.add(_python_dtype(type(data)))
        return data
    array = np.asarray(data)
    found.add(array.dtype)
    return array


_PYTHON_NUMBERS = {bool, int, float}


def _python_dtype(kind: type) -> np.dtype[Any]:
    return get_default_dtype() if kind is float else np.dtype(kind)
