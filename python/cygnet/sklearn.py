"""Networks as scikit-learn estimators: in pipelines, grid searches and cross-validation.

`Classifier` and `Regressor` train any module, made with PyTorch's names or Keras's, by
`cygnet.train.Trainer`. They need scikit-learn: ``pip install cygnet[sklearn]``.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import functools
import inspect
import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, Self

import numpy as np

from cygnet import models, nn, optim
from cygnet.keras import Layer, losses
from cygnet.nn import functional as F
from cygnet.ops.create import as_tensor
from cygnet.random import get_rng_state, manual_seed, set_rng_state
from cygnet.tensor import Array, Tensor
from cygnet.train import Callback, EarlyStopping, Trainer

try:
    from cloudpickle import CloudPickler
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "cygnet.sklearn needs scikit-learn and cloudpickle: pip install cygnet[sklearn]"
    ) from error

__all__ = ["Classifier", "Regressor"]

_PREFIXES = ("module__", "loss__", "optimizer__")

_OPTIMIZERS = {
    name.lower(): kind
    for name, kind in vars(optim).items()
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
}

# How the outputs that a loss takes become probabilities; those of other losses are some already.
_LINKS: dict[Any, Callable[[Tensor], Tensor]] = {
    loss: link
    for kinds, link in (
        ((nn.CrossEntropyLoss, F.cross_entropy), lambda output: F.softmax(output, 1)),
        ((nn.NLLLoss, F.nll_loss), lambda output: output.exp()),
        ((nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits), F.sigmoid),
    )
    for loss in kinds
}


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """A network with `fit` and `predict`; subclasses say what targets and outputs mean."""

    module_: nn.Module
    _lr: float

    def __init__(
        self,
        module: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 50,
        batch_size: int = 32,
        metrics: Any = (),
        callbacks: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        dtype: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
        **options: Any,
    ) -> None:
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.metrics = metrics
        self.callbacks = callbacks
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        self._set_options(options)

    def _set_options(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if not name.startswith(_PREFIXES):
                known = [*self._get_param_names(), *(f"{prefix}..." for prefix in _PREFIXES)]
                raise TypeError(
                    f"{type(self).__name__}: there is no argument {name!r}; known are "
                    + ", ".join(known)
                )
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All arguments by name, ``module__...`` and its like among them."""
        options = {name: each for name, each in vars(self).items() if name.startswith(_PREFIXES)}
        return {**super().get_params(deep=False), **options}

    def set_params(self, **params: Any) -> Self:
        """Change arguments; a fitted network is not touched. A new `lr` counts where a later fit
        goes on with it.
        """
        options = {name: params.pop(name) for name in list(params) if name.startswith(_PREFIXES)}
        super().set_params(**params)
        self._set_options(options)
        return self

    def _options(self, prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): each
            for name, each in vars(self).items()
            if name.startswith(prefix)
        }

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network, or with `warm_start` go on with the one there is.

        Parameters
        ----------
        X : array_like or DataFrame
            (N, features), or whatever the module takes, (N, ...).
        y : array_like
            Targets, one a sample.
        sample_weight : array_like, optional
            (N,): a factor for the loss of each sample, relative to the mean of the factors. It
            needs a loss module or one of Keras, not a function.

        Returns
        -------
        self
        """
        go_on = self.warm_start and hasattr(self, "module_")
        return self._fit(X, y, sample_weight, self.epochs, new=not go_on)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, epochs: int, *, new: bool, **options: Any
    ) -> Self:
        """Checks and trains; where that fails, a network that was fitted before is as it was."""
        before = dict(vars(self))
        try:
            X, targets = self._checked(X, y, new=new, **options)
            self._train(X, targets, sample_weight, epochs, new=new)
        except Exception:
            self.__dict__ = before
            raise
        return self

    def _checked(self, X: Any, y: Any, *, new: bool) -> tuple[Array, Array]:
        """`X` as an array of numbers, and `y` as the network shall learn it, (N,) or (N, ...)."""
        raise NotImplementedError

    def _width(self, targets: Array) -> int:
        """How many numbers the default module gives for a sample."""
        raise NotImplementedError

    def _default_loss(self, output: Tensor) -> nn.Module:
        raise NotImplementedError

    def _as_targets(self, targets: Array, output: Tensor) -> Array:
        """The targets in the shape and dtype that the loss takes with such outputs."""
        raise NotImplementedError

    def _train(
        self,
        X: Array,
        targets: Array,
        sample_weight: Any,
        epochs: int,
        *,
        new: bool,
    ) -> None:
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
            if not weights.sum() > 0:
                raise ValueError(f"{type(self).__name__}: sample_weight has no positive sum")
            weights = weights / weights.mean()
        if new:
            self._random = check_random_state(self.random_state)
        with self._seeded():
            module = self._made_module(X, self._width(targets)) if new else self.module_
            # The output for one sample; which also builds layers that wait for their first input.
            output = as_tensor(Trainer(module, _no_loss).predict(X[:1]))
            targets = self._as_targets(targets, output)
            if new:
                loss, optimizer = self._made_loss(module, output), self._made_optimizer(module)
                self.module_, self.loss_, self.optimizer_ = module, loss, optimizer
            elif self.lr != self._lr:  # else a callback's rates stay
                for group in self.optimizer_.param_groups:
                    group["lr"] = self.lr
            self._lr = self.lr
            if weights is not None:
                weights = weights.astype(output.dtype)
            self._run(X, targets, weights, epochs)

    @contextlib.contextmanager
    def _seeded(self) -> Iterator[None]:
        """Cygnet's random numbers follow from `random_state`, and then go on as they were."""
        if self.random_state is None:
            yield
            return
        before = get_rng_state()
        manual_seed(self._random.randint(2**31 - 1))
        try:
            yield
        finally:
            set_rng_state(before)

    def _made_module(self, X: Array, out_features: int) -> nn.Module:
        options = self._options("module__")
        name = type(self).__name__
        if isinstance(self.module, nn.Module):
            if options:
                raise ValueError(
                    f"{name}: {', '.join(f'module__{option}' for option in options)} expected a "
                    "class or function as module, got an instance"
                )
            module = copy.deepcopy(self.module)
        else:
            factory = _multilayer_perceptron if self.module is None else self.module
            if not callable(factory):
                raise TypeError(
                    f"{name}: argument module expected a Module, or a class or function that makes "
                    f"one, got {type(factory).__name__}"
                )
            known = inspect.signature(factory).parameters
            sizes = {"in_features": math.prod(X.shape[1:]), "out_features": out_features}
            module = factory(**{size: sizes[size] for size in sizes if size in known} | options)
            if not isinstance(module, nn.Module):
                raise TypeError(
                    f"{name}: argument module expected a function that makes a Module, it made "
                    f"{type(module).__name__}"
                )
        return module.to(X.dtype) if X.dtype.kind == "f" else module

    def _made_loss(self, module: nn.Module, output: Tensor) -> Any:
        options = self._options("loss__")
        loss = self.loss
        if isinstance(loss, type):
            loss = loss(**options)
        elif options:
            raise ValueError(
                f"{type(self).__name__}: {', '.join(f'loss__{name}' for name in options)} "
                "expected a class as loss"
            )
        if isinstance(loss, str | losses.Loss):
            return _KerasLoss(losses.get(loss))
        if loss is None and isinstance(module, Layer):
            raise ValueError(
                f"{type(self).__name__}: argument loss is needed for a model of Keras, for example "
                "'sparse_categorical_crossentropy' where it ends with a softmax"
            )
        return self._default_loss(output) if loss is None else loss

    def _made_optimizer(self, module: nn.Module) -> Any:
        factory = self.optimizer
        if isinstance(factory, str):
            factory = _OPTIMIZERS.get(factory.lower())
            if factory is None:
                near = difflib.get_close_matches(self.optimizer.lower(), _OPTIMIZERS, cutoff=0.4)
                hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
                raise ValueError(
                    f"{type(self).__name__}: unknown optimizer {self.optimizer!r}; {hint}known "
                    f"names: {', '.join(_OPTIMIZERS)}"
                )
        return factory(module.parameters(), lr=self.lr, **self._options("optimizer__"))

    def _run(self, X: Array, targets: Array, weights: Array | None, epochs: int) -> None:
        callbacks = self.callbacks or ()
        if isinstance(callbacks, Callback):
            callbacks = [callbacks]
        options: dict[str, Any] = {"callbacks": list(callbacks)}
        if self.early_stopping:
            arrays = [X, targets] if weights is None else [X, targets, weights]
            parts = train_test_split(
                *arrays,
                test_size=self.validation_fraction,
                random_state=self._random,
                stratify=targets if isinstance(self, ClassifierMixin) else None,
            )
            X, held_out, targets, held_out_targets = parts[:4]
            weights = None if weights is None else parts[4]
            options["validation_data"] = (held_out, held_out_targets)
            options["callbacks"].append(
                EarlyStopping(patience=self.n_iter_no_change, restore_best_weights=True)
            )
        trainer = Trainer(self.module_, self.loss_, self.optimizer_, metrics=self.metrics)
        self.history_ = trainer.fit(
            X,
            targets,
            sample_weight=weights,
            epochs=epochs,
            batch_size=self.batch_size,
            verbose=int(self.verbose),
            **options,
        )

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self, "module_")
        X = validate_data(self, X, reset=False, dtype=self.dtype, allow_nd=True)
        outputs: Array = Trainer(self.module_, self.loss_).predict(X)
        return outputs

    def __getstate__(self) -> dict[str, Any]:
        buffer = BytesIO()
        _Pickler(buffer).dump(super().__getstate__())
        return {"state": buffer.getvalue()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(pickle.loads(state["state"]))


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A network that learns classes.

    Parameters
    ----------
    module : Module, or class or function that makes one, optional
        A Module is copied by each :meth:`fit`, which starts from its weights. A class or function
        is called with the arguments ``module__...``; arguments named `in_features` and
        `out_features` are filled in from the data. Default: linear layers with ReLU, of the
        widths `module__hidden`, (128, 64).

        Outputs are (N, classes), or for two classes also (N, 1) or (N,).
    loss : loss module, class or function ``loss(output, target)``, optional
        Or a loss of :mod:`cygnet.keras.losses` or its name, which models of Keras need. Labels are
        int64 (N,), for outputs of one number of their shape and dtype. A class is called with
        the arguments ``loss__...``. Default: CrossEntropyLoss, for outputs of one number
        BCEWithLogitsLoss. The loss tells :meth:`predict_proba` whether outputs are logits,
        logarithms (NLLLoss), or probabilities already (all that are not known here).
    optimizer : str or class of :mod:`cygnet.optim`, default "adam"
        A function ``optimizer(parameters, lr=..., ...)``; it gets the arguments
        ``optimizer__...``.
    lr : float, default 0.001
    epochs : int, default 50
    batch_size : int, default 32
    metrics, callbacks
        As :class:`cygnet.Trainer` and its `fit` take them; default none.
    early_stopping : bool, default False
        Whether a part of the data is held out, training ends when the loss of this part has not
        gone down for `n_iter_no_change` epochs, and the best weights are taken.
    validation_fraction : float, default 0.1
        That part; classes keep their shares in it.
    n_iter_no_change : int, default 10
    warm_start : bool, default False
        Whether :meth:`fit` goes on with the network of the last one.
    dtype : str, default "float32"
        Of X, and of the network if it is a floating-point type (models of Keras keep their own);
        "int64" for indices that an embedding takes.
    random_state : int, numpy.random.RandomState or None
        Weights, the order of samples and dropout follow from it. None, the default: from Cygnet's
        default generator, so from `cygnet.manual_seed`.
    verbose : {0, 1, 2}
        As in `Trainer.fit`; default 0.
    **options
        ``module__...``, ``loss__...`` and ``optimizer__...``.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The labels, sorted.
    history_ : History
        Of the last fit.
    module_, loss_, optimizer_
        What was trained, and with what.
    n_features_in_, feature_names_in_
        Of the X that was fitted.

    Notes
    -----
    Estimators can be pickled, unlike modules: weights as arrays, classes and functions by name. As
    always, load only pickles whose origin you trust.

    Examples
    --------
    >>> from cygnet.sklearn import Classifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_pipeline(StandardScaler(), Classifier(epochs=20, random_state=0))
    >>> network.fit(X, y).score(X, y) > 0.95
    True
    """

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Train for one epoch, going on with the network there is.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array_like, optional
            All labels there will be; the first call needs them if its `y` lacks some.
        """
        new = not hasattr(self, "module_")
        return self._fit(X, y, sample_weight, 1, new=new, classes=classes)

    def _checked(self, X: Any, y: Any, *, new: bool, classes: Any = None) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, reset=new, dtype=self.dtype, allow_nd=True)
        check_classification_targets(y)
        found = np.unique(y)
        announced = found if classes is None else np.unique(classes)
        if new:
            self.classes_ = announced
        elif classes is not None and not np.array_equal(announced, self.classes_):
            raise ValueError(
                f"partial_fit: argument classes expected those of the first call, {self.classes_}, "
                f"got {announced}"
            )
        unknown = np.setdiff1d(found, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{type(self).__name__}: argument y expected the classes {self.classes_}, "
                f"got {unknown} too"
            )
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__}: argument y expected at least 2 classes, got 1 class"
            )
        return X, np.searchsorted(self.classes_, y)

    def _width(self, targets: Array) -> int:
        return len(self.classes_)

    def _default_loss(self, output: Tensor) -> nn.Module:
        return nn.BCEWithLogitsLoss() if output.numel() == 1 else nn.CrossEntropyLoss()

    def _as_targets(self, targets: Array, output: Tensor) -> Array:
        classes = len(self.classes_)
        if output.numel() == 1 and classes == 2:
            return targets.astype(output.dtype).reshape(-1, *output.shape[1:])
        if output.shape != (1, classes):
            raise ValueError(
                f"{type(self).__name__}: the module's output expected shape (N, {classes}), a "
                f"number for each class, got (N, {', '.join(map(str, output.shape[1:]))})"
            )
        return targets.astype(np.int64)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (N, classes) in float64, in the order of `classes_`."""
        outputs = as_tensor(self._outputs(X).astype(np.float64))
        loss = self.loss_.func if isinstance(self.loss_, functools.partial) else self.loss_
        kinds = (loss, *type(loss).__mro__)
        link = next((_LINKS[kind] for kind in kinds if kind in _LINKS), None)
        if getattr(self.loss_, "from_logits", False):
            one_number = outputs.numel() == len(outputs)
            link = _LINKS[nn.BCEWithLogitsLoss if one_number else nn.CrossEntropyLoss]
        shares: Array = (outputs if link is None else link(outputs)).numpy()
        if shares.size == len(shares):  # the probability of the second of two classes
            shares = shares.reshape(-1, 1)
            shares = np.concatenate([1 - shares, shares], axis=1)
        return shares

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample, (N,)."""
        best = self.predict_proba(X).argmax(axis=1)
        chosen: Array = self.classes_[best]
        return chosen


class Regressor(MultiOutputMixin, RegressorMixin, _Estimator):  # type: ignore[misc]
    """A network that learns numbers, one or several a sample.

    Parameters, attributes and notes are those of :class:`Classifier`, but for `classes_`. The
    module's outputs are (N, targets), for one target also (N,); targets get their shape and
    dtype. The default loss is MSELoss. Targets far from 0 or of large spread are best scaled, as by
    ``sklearn.compose.TransformedTargetRegressor``.

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet.sklearn import Regressor
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> network = Regressor(epochs=100, lr=0.01, random_state=0).fit(X, X[:, 0] ** 2)
    >>> network.score(X, X[:, 0] ** 2) > 0.95
    True
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch, going on with the network there is."""
        return self._fit(X, y, sample_weight, 1, new=not hasattr(self, "module_"))

    def _checked(self, X: Any, y: Any, *, new: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            reset=new,
            dtype=self.dtype,
            allow_nd=True,
            multi_output=True,
            y_numeric=True,
        )
        return X, y

    def _width(self, targets: Array) -> int:
        return 1 if targets.ndim == 1 else targets.shape[1]

    def _default_loss(self, output: Tensor) -> nn.Module:
        return nn.MSELoss()

    def _as_targets(self, targets: Array, output: Tensor) -> Array:
        self._one_column = targets.ndim == 1
        wanted = (1, *targets.shape[1:])
        if output.shape not in (wanted, (1, self._width(targets))):
            raise ValueError(
                f"{type(self).__name__}: the module's output expected shape "
                f"(N, {self._width(targets)}), a number for each target, got "
                f"(N, {', '.join(map(str, output.shape[1:]))})"
            )
        return targets.astype(output.dtype).reshape(-1, *output.shape[1:])

    def predict(self, X: Any) -> Array:
        """Predicted targets in float64, (N,) or (N, targets) as those that were fitted."""
        outputs = self._outputs(X).astype(np.float64)
        return outputs.reshape(len(outputs)) if self._one_column else outputs


class _KerasLoss(nn.Module):
    """A loss of Keras, which takes the targets first, as the Trainer calls it."""

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self.reduction = "mean"
        self.from_logits = getattr(loss, "from_logits", False)
        self._losses = loss.call if isinstance(loss, losses.Loss) else loss

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, or their mean."""
        each: Tensor = self._losses(target, output)
        return each.mean() if self.reduction == "mean" else each


def _no_loss(output: Any, target: Any) -> Tensor:
    raise AssertionError("nothing is measured with this")


def _multilayer_perceptron(
    in_features: int, out_features: int, hidden: Sequence[int] = (128, 64)
) -> nn.Module:
    return models.mlp((in_features,), out_features, hidden)


_NO_GRAPH = dict.fromkeys(("_node", "_memory", "_view", "_hooks", "grad"))


class _Pickler(CloudPickler):  # type: ignore[misc]
    """Pickles modules, which by themselves refuse it, and tensors as arrays."""

    def reducer_override(self, obj: Any) -> Any:
        """How an object is made again."""
        if isinstance(obj, nn.Module):
            return object.__reduce_ex__(obj, 2)
        if isinstance(obj, Tensor):
            parts: Any = object.__reduce_ex__(obj, 2)
            function, arguments, (attributes, slots), *_ = parts
            return function, arguments, (attributes, slots | _NO_GRAPH)
        return super().reducer_override(obj)
