"""The base of all layers: weights, building on the first call, masks, losses and configuration."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from cygnet.autograd import no_grad
from cygnet.autograd.modes import mode
from cygnet.keras import tree
from cygnet.keras.attached import masks
from cygnet.keras.lookup import snake_case
from cygnet.keras.serialization import deserialized, serialized
from cygnet.keras.symbolic import KerasTensor, Node, is_symbolic
from cygnet.keras.weights import WeightOwner
from cygnet.ops.create import as_tensor, zeros
from cygnet.recorder import used
from cygnet.tensor import Tensor

__all__ = ["Layer", "clear_session", "unique_name"]

Shape = tuple[int | None, ...]


class _Context(threading.local):
    """What the outermost call of a layer in this thread hands on to those inside it."""

    active: bool = False
    training: bool | None = None

    def __init__(self) -> None:
        self.with_losses: list[Layer] = []  # layers whose `add_loss` was called


_context = _Context()
_name_counts: Counter[str] = Counter()


def unique_name(class_name: str) -> str:
    """A name that no layer has: "Conv2D" gives "conv2d", then "conv2d_1"."""
    base = snake_case(class_name)
    count = _name_counts[base]
    _name_counts[base] += 1
    return f"{base}_{count}" if count else base


def has_added_losses() -> bool:
    """Whether a layer of this thread has added a loss that nobody has forgotten yet."""
    return bool(_context.with_losses)


def clear_session(free_memory: bool = True) -> None:
    """Number the names of layers from the beginning again."""
    _name_counts.clear()


class Layer(WeightOwner):
    """Base class of layers and models.

    A subclass makes its weights in `build` (or in `__init__`) with `add_weight`, and computes in
    `call`, which may take `training` and `mask`.

    Parameters
    ----------
    name : str, optional
        Default: the class's name and a number.
    trainable : bool
        Whether optimizers change the weights. Default True.
    dtype : str, optional
        Of the weights. Default "float32".
    activity_regularizer : callable, optional
        Its value for the outputs is added to the losses.
    **kwargs
        `input_shape`, `batch_input_shape`, `input_dim` and `input_length` of the first layer of
        a `Sequential`.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet import keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.scale
    >>> layer = Scale()
    >>> layer(cn.ones(2, 3)).shape, len(layer.weights)
    ((2, 3), 1)
    """

    supports_masking = False
    _call_takes: frozenset[str] = frozenset()  # which of `training` and `mask`
    _init_arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            parameters = inspect.signature(cls.call).parameters
            cls._call_takes = frozenset({"training", "mask"} & parameters.keys())
        if "build" in cls.__dict__:
            cls.build = _marking_built(cls.build)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        layer.__dict__["_init_arguments"] = _bound(cls, args, kwargs)
        return layer

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        first = _first_shape(type(self).__name__, kwargs)
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}: unknown argument {next(iter(kwargs))!r}; known are "
                + ", ".join(argument_names(type(self)))
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name expected a str, got {name!r}")
        self.__dict__.update(
            name=name or unique_name(type(self).__name__),
            built=False,
            dtype="float32" if dtype is None else str(np.dtype(dtype)),
            _trainable=bool(trainable),
            _losses=[],
            _nodes=[],
            _batch_input_shape=first,
        )
        from cygnet.keras import regularizers  # made of layers' tensors: it lies beside

        self.activity_regularizer = regularizers.get(activity_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make the weights; called before the first call.

        Parameters
        ----------
        input_shape : tuple, or list or dict of tuples
            Of the inputs, None for the batch.
        """
        self.built = True

    # Calls

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: a layer must define call")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and args[0].__class__ is Tensor and len(args) == 1 and not kwargs:
            pass  # the usual case
        elif is_symbolic((args, kwargs)):
            return self._called_on_symbols(args, kwargs)
        else:
            args = tree.map_structure(_as_data, args)
            kwargs = {name: tree.map_structure(_as_data, v) for name, v in kwargs.items()}
        if not self.built:
            self._build_for(args, kwargs)
        outermost, before = not _context.active, _context.training
        if mode.recorder is not None:
            mode.recorder.module(self)
        if outermost:
            if self._path is None:
                self._assign_paths()
            if _context.with_losses:
                self._forget_losses()
        _context.active = True
        takes = self._call_takes
        try:
            if "training" in kwargs:
                training = kwargs["training"] if "training" in takes else kwargs.pop("training")
                if training is None:
                    kwargs.pop("training", None)
                else:
                    _context.training = bool(training)
            if "training" in takes and _context.training is not None:
                kwargs["training"] = _context.training
            masked = bool(masks)
            if masked:
                self._take_mask(args, kwargs)
            outputs = self.call(*args, **kwargs)
            if masked or self._makes_masks:
                self._give_mask(args, kwargs, outputs)
            if self.activity_regularizer is not None:
                for output in tree.flatten(outputs):  # of a sample, on average
                    loss = used(self.activity_regularizer)(output)
                    self.add_loss(loss / len(output) if output.shape else loss)
            return outputs
        finally:
            _context.training = before
            if outermost:
                _context.active = False

    forward = __call__

    def joined(self, following: Layer) -> Callable[[Any], Any] | None:
        """What does in one the work of this layer and of the following, which alone reads its
        result; None where that saves nothing. No closure: models are copied with it.
        """
        return None

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = args[0] if args else next(iter(kwargs.values()), None)
        self._build(tree.map_structure(shape_of, inputs))

    def _build(self, shape: Any) -> None:
        with no_grad():
            self.build(shape)
        self.built = True
        self._register_held()

    def _called_on_symbols(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.built:
            self._build_for(args, kwargs)
        node = Node(self, args, kwargs)

        def output(spec: KerasTensor) -> KerasTensor:
            spec.node = node
            node.outputs.append(spec)
            return spec

        outputs = tree.map_structure(output, self._symbolic_outputs(args, kwargs))
        self._nodes.append((node, args[0] if len(args) == 1 else list(args), outputs))
        return outputs

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """KerasTensors like the outputs: by `compute_output_shape` where there is one, else by a
        call on zeros.
        """
        inputs = args[0] if args else None
        known = type(self).compute_output_shape is not Layer.compute_output_shape
        if known and len(args) == 1 and is_symbolic(inputs):
            shapes = self.compute_output_shape(tree.map_structure(shape_of, inputs))
            dtype = self._output_dtype(tree.flatten(inputs)[0].dtype)
            return map_shapes(lambda shape: KerasTensor(shape, dtype, self.name), shapes)
        return self._outputs_on_zeros(args, kwargs)

    def _outputs_on_zeros(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """KerasTensors like the outputs of a call on zeros."""
        kwargs = {**kwargs, "training": False}  # zeros must leave no trace

        def outputs_for(unknown: int) -> Any:
            def example(leaf: Any) -> Any:
                if not isinstance(leaf, KerasTensor):
                    return leaf
                sizes = [unknown if size is None else size for size in leaf.shape]
                return zeros(*sizes, dtype=leaf.dtype)

            with no_grad():
                return self(
                    *tree.map_structure(example, args), **tree.map_structure(example, kwargs)
                )

        # What follows a size that is not known differs between the two calls.
        first, second = outputs_for(2), outputs_for(3)
        others = iter(tree.flatten(second))

        def spec(output: Any) -> KerasTensor:
            pairs = zip(output.shape, next(others).shape, strict=True)
            shape = [a if a == b else None for a, b in pairs]
            return KerasTensor(shape, str(output.dtype), self.name)

        return tree.map_structure(spec, first)

    def _output_dtype(self, input_dtype: str) -> Any:
        return self.dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The outputs' shape, with None for the batch, for inputs of a shape."""
        inputs = map_shapes(lambda shape: KerasTensor(shape, "float32"), input_shape)
        if not self.built:
            self._build(input_shape)
        outputs = self._outputs_on_zeros((inputs,), {})
        return tree.map_structure(lambda output: output.shape, outputs)

    @property
    def input(self) -> Any:
        """What the layer was called on in a functional model."""
        return self._only_node("input")[1]

    @property
    def output(self) -> Any:
        """What came of it."""
        return self._only_node("output")[2]

    @property
    def input_shape(self) -> Any:
        """Shape of `input`."""
        return tree.map_structure(shape_of, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of `output`."""
        return tree.map_structure(shape_of, self.output)

    def _only_node(self, what: str) -> tuple[Node, Any, Any]:
        if not self._nodes:
            raise AttributeError(
                f"layer {self.name!r} has no {what}: it was not called on a KerasTensor yet"
            )
        first: tuple[Node, Any, Any] = self._nodes[0]
        return first

    # Masks

    @functools.cached_property
    def _makes_masks(self) -> bool:
        return type(self).compute_mask is not Layer.compute_mask

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs; that of the inputs if the layer `supports_masking`."""
        return previous_mask if self.supports_masking else None

    def _take_mask(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if "mask" in self._call_takes and kwargs.get("mask") is None and args:
            found = tree.map_structure(masks.of, args[0])
            if any(mask is not None for mask in tree.flatten(found)):
                kwargs["mask"] = found

    def _give_mask(self, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        if not args:
            return
        previous = kwargs.get("mask")
        if previous is None:
            previous = tree.map_structure(masks.of, args[0])
        made = self.compute_mask(args[0], previous)
        flat = tree.flatten(outputs)
        found = tree.flatten(made) if isinstance(made, list | tuple) else [made]
        for output, mask in zip(flat, found, strict=False):
            if isinstance(output, Tensor) and mask is not None:
                masks.attach(output, mask)

    # Losses

    def add_loss(self, loss: Any) -> None:
        """Add to the loss of the model; to be called in `call`, with a scalar tensor."""
        if not self._losses:
            _context.with_losses.append(self)
        self._losses.extend(tree.flatten(loss))

    def _forget_losses(self) -> None:
        mine = set(self.modules())
        kept = [layer for layer in _context.with_losses if layer not in mine]
        for layer in _context.with_losses:
            if layer in mine:
                layer._losses.clear()
        _context.with_losses[:] = kept

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` added in the last call, and the regularizers' values for the weights."""
        self._register_held()
        added = [
            loss for each in self.modules() if isinstance(each, Layer) for loss in each._losses
        ]
        return added + [
            used(weight.regularizer)(weight)
            for weight in self.trainable_weights
            if getattr(weight, "regularizer", None) is not None
        ]

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        arguments = dict(self._init_arguments)
        if self._batch_input_shape is not None and "batch_shape" not in arguments:
            shapes = {"input_shape", "input_dim", "batch_input_shape", "input_length"}
            for name in shapes.difference(argument_names(type(self))):  # Embedding has input_dim
                arguments.pop(name, None)
            arguments["batch_input_shape"] = list(self._batch_input_shape)
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        return config | {
            name: serialized(value) for name, value in arguments.items() if name not in config
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that `get_config` told of, with new weights."""
        arguments = {name: deserialized(value) for name, value in config.items()}
        taken = _signature(cls).parameters  # type: ignore[arg-type]
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values()):
            return cls(**arguments)
        own = {name: arguments.pop(name) for name in {*arguments} - {*taken}}
        layer = cls(**arguments)
        layer.__dict__.update({name: own[name] for name in ("name", "dtype") if name in own})
        if own.get("trainable") is False:
            layer.trainable = False
        return layer

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape that the layer was built for, if it is known."""
        shape = self.__dict__.get("_build_shape")
        return None if shape is None else {"input_shape": shape}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _marking_built(build: Callable[..., None]) -> Callable[..., None]:
    """A `build` that notes for which shape it was called."""

    @functools.wraps(build)
    def marked(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.__dict__["built"] = True
        shape = args[0] if args else next(iter(kwargs.values()), None)
        self.__dict__["_build_shape"] = shape

    return marked


def _bound(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments by name, defaults included."""
    try:
        signature = _signature(cls)
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:  # the constructor itself will complain
        return {}
    bound.apply_defaults()
    arguments = dict(list(bound.arguments.items())[1:])
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            arguments |= arguments.pop(name)
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            arguments.pop(name)
    return arguments


@functools.cache
def _signature(cls: type) -> inspect.Signature:
    return inspect.signature(cls.__init__)  # type: ignore[misc]


def argument_names(cls: type) -> list[str]:
    """The names that a class's constructor takes."""
    return [name for name in _signature(cls).parameters if name not in ("self", "kwargs")]


def _first_shape(op: str, kwargs: dict[str, Any]) -> Shape | None:
    """What the arguments of a first layer say about its inputs; takes them out of `kwargs`."""
    whole = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
    shape = kwargs.pop("input_shape", None)
    size = kwargs.pop("input_dim", None)
    length = kwargs.pop("input_length", None)
    kwargs.pop("autocast", None)
    if whole is not None:
        return tuple(whole)
    if shape is not None:
        if isinstance(shape, int):
            shape = (shape,)
        return (None, *shape)
    if size is not None:
        return (None, size) if length is None else (None, length, size)
    return None if length is None else (None, length)


def _as_data(leaf: Any) -> Any:
    """A tensor of an array; numbers in a list stay what they are."""
    if isinstance(leaf, np.ndarray):
        return as_tensor(leaf.astype(np.float32) if leaf.dtype == np.float64 else leaf)
    return leaf


def shape_of(leaf: Any) -> Any:
    shape = getattr(leaf, "shape", None)
    if shape is None:
        return None
    if isinstance(leaf, KerasTensor):
        return leaf.shape
    return (None, *shape[1:]) if shape else ()


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(
        size is None or isinstance(size, int | np.integer) for size in value
    )


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """`function` of each shape in a structure of shapes."""
    if _is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, shape) for key, shape in shapes.items()}
    return type(shapes)(map_shapes(function, shape) for shape in shapes)
