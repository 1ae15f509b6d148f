"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.data import DataLoader, Dataset, Subset, TensorDataset
from cygnet.nn import BCEWithLogitsLoss, Module
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor
from cygnet.train.history import History
from cygnet.train.metrics import Accuracy, Metric, resolve
from cygnet.train.progress import Progress

__all__ = ["Trainer"]


class Trainer:
    """Trains a model, measures it and predicts with it.

    Parameters
    ----------
    model : Module
    loss : callable
        ``loss(output, target)`` gives a scalar Tensor: the mean over the samples of a batch.
    optimizer : optimizer of :mod:`cygnet.optim`, optional
        Needed by :meth:`fit` only.
    metrics : str, Metric or sequence of them, default ("accuracy",)
        See :func:`cygnet.metrics.resolve`. After BCEWithLogitsLoss, "accuracy" is measured at
        the threshold 0.
    scheduler : scheduler of :mod:`cygnet.optim.lr_scheduler`, optional
        Stepped after each epoch, or after each batch if its ``interval`` is "batch".

    Attributes
    ----------
    history : History
        Figures of the last :meth:`fit`, also after it was interrupted.

    Examples
    --------
    >>> import cygnet as cn
    >>> model = cn.nn.Sequential(cn.nn.Flatten(), cn.nn.Linear(64, 10))
    >>> optimizer = cn.optim.Adam(model.parameters(), lr=0.01)
    >>> trainer = cn.Trainer(model, cn.nn.CrossEntropyLoss(), optimizer)
    >>> history = trainer.fit(cn.data.digits(), epochs=3, verbose=0)
    >>> trainer.evaluate(cn.data.digits("test"))["accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Any = None,
        metrics: str | Metric | Sequence[str | Metric] = ("accuracy",),
        scheduler: Any = None,
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"Trainer: argument model expected a Module, got {_type(model)}")
        if not callable(loss) or isinstance(loss, type):
            raise TypeError(
                f"Trainer: argument loss expected a function or loss module, got {loss!r}"
            )
        if optimizer is not None and not (
            hasattr(optimizer, "step") and hasattr(optimizer, "zero_grad")
        ):
            raise TypeError(
                f"Trainer: argument optimizer expected an optimizer, got {_type(optimizer)}"
            )
        if scheduler is not None and not hasattr(scheduler, "step"):
            raise TypeError(
                f"Trainer: argument scheduler expected a scheduler, got {_type(scheduler)}"
            )
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.metrics = resolve(metrics)
        if isinstance(loss, BCEWithLogitsLoss) and not isinstance(metrics, Metric):
            named = [metrics] if isinstance(metrics, str) else list(metrics)
            for given, metric in zip(named, self.metrics, strict=True):
                if given == "accuracy" and isinstance(metric, Accuracy):
                    metric.threshold = 0.0
        self.history = History()

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        validation_data: Any = None,
        validation_split: float = 0.0,
        verbose: int = 1,
        drop_last: bool = False,
    ) -> History:
        """Train.

        An interruption (Ctrl-C) is passed on; the model then has the weights of the last full
        step, its former mode and no gradients, and ``trainer.history`` the finished epochs.

        Parameters
        ----------
        x : Tensor, numpy.ndarray, Dataset or DataLoader
            Samples along the first axis; or batches (inputs..., target) of a loader, for which
            `y`, `batch_size`, `shuffle`, `drop_last` and `validation_split` do not apply.
            Floating-point arrays are converted to the model's dtype.
        y : Tensor or numpy.ndarray, optional
            Targets, one a sample; None where `x` holds them.
        epochs : int, default 1
        batch_size : int, default 32
        shuffle : bool, default True
            Whether each epoch has its own order.
        validation_data : (x, y), Dataset or DataLoader, optional
            Measured after each epoch.
        validation_split : float, default 0.0
            The share of samples, in [0, 1), from the end of the data, that is not trained on but
            measured after each epoch.
        verbose : {0, 1, 2}
            0 silent, 1 a bar on a terminal and else one line an epoch, 2 one line an epoch.
        drop_last : bool, default False
            Whether a last smaller batch is left out.

        Returns
        -------
        History

        Raises
        ------
        ValueError
            If x and y differ in length, are empty, or a number is out of range.
        TypeError
            If an argument is of the wrong type.
        """
        if self.optimizer is None:
            raise ValueError("fit: the Trainer was made without an optimizer")
        _check_count("fit", "epochs", epochs)
        _check_count("fit", "batch_size", batch_size)
        if verbose not in (0, 1, 2):
            raise ValueError(f"fit: argument verbose expected 0, 1 or 2, got {verbose!r}")
        data = self._dataset("fit", x, y)
        if not 0.0 <= validation_split < 1.0:
            raise ValueError(
                f"fit: argument validation_split expected in [0, 1), got {validation_split}"
            )
        validation = None
        if validation_data is not None:
            if validation_split:
                raise ValueError("fit: validation_data and validation_split exclude each other")
            pair = isinstance(validation_data, tuple | list) and len(validation_data) == 2
            inputs, targets = validation_data if pair else (validation_data, None)
            validation = _loader(self._dataset("fit", inputs, targets), batch_size)
        elif validation_split:
            data, held_out = _split(data, validation_split)
            validation = _loader(held_out, batch_size)
        loader = _loader(data, batch_size, shuffle, drop_last)

        history = self.history = History()
        progress = Progress(epochs, verbose)
        was_training = self.model.training
        try:
            for epoch in range(epochs):
                progress.start_epoch(epoch, _sample_count(loader))
                values = self._train_epoch(loader, progress)
                progress.end_training()
                if validation is not None:
                    measured = self._measure("fit", validation)
                    values |= {f"val_{name}": value for name, value in measured.items()}
                progress.end_epoch(values)
                history.append(epoch, values)
        finally:
            progress.close()
            self.model.train(was_training)
            self.optimizer.zero_grad()
        return history

    def _train_epoch(self, loader: Any, progress: Progress) -> dict[str, float]:
        model, loss_function, optimizer = self.model, self.loss, self.optimizer
        step_scheduler = (
            self.scheduler.step
            if self.scheduler is not None and getattr(self.scheduler, "interval", "") == "batch"
            else None
        )
        running = _Running(self.metrics)
        model.train()
        for *inputs, target in loader:
            optimizer.zero_grad()
            output = model(*inputs)
            loss = loss_function(output, target)
            loss.backward()
            optimizer.step()
            if step_scheduler is not None:
                step_scheduler()
            running.add(loss, output, target)
            progress.update(len(target), running.values)
        if not running.samples:
            raise ValueError("fit: the data hold no batch (see batch_size and drop_last)")
        if self.scheduler is not None and step_scheduler is None:
            self.scheduler.step()
        return running.values()

    def _measure(self, op: str, loader: Any) -> dict[str, float]:
        running = _Running(self.metrics)
        for output, target in self._outputs(loader, with_target=True):
            running.add(self._loss_of(output, target), output, target)
        if not running.samples:
            raise ValueError(f"{op}: the data hold no batch")
        return running.values()

    def _loss_of(self, output: Any, target: Any) -> Tensor:
        with no_grad():
            return self.loss(output, target)

    def _outputs(self, loader: Any, *, with_target: bool) -> Iterator[tuple[Any, Any]]:
        """Outputs batch by batch, in evaluation mode, with the targets if there are any."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            for batch in loader:
                parts = list(batch) if isinstance(batch, tuple | list) else [batch]
                target = parts.pop() if with_target or len(parts) > 1 else None
                with no_grad():
                    output = self.model(*parts)
                yield output, target
        finally:
            for module, mode in modes:
                module.training = mode

    def evaluate(self, x: Any, y: Any = None, *, batch_size: int = 256) -> dict[str, float]:
        """Loss and metrics, averaged over the samples, in evaluation mode.

        Parameters
        ----------
        x, y
            As in :meth:`fit`.
        batch_size : int, default 256

        Returns
        -------
        dict of str to float
            ``loss`` and each metric by name.
        """
        _check_count("evaluate", "batch_size", batch_size)
        return self._measure("evaluate", _loader(self._dataset("evaluate", x, y), batch_size))

    def predict(self, x: Any, batch_size: int = 256) -> Any:
        """Outputs of the model in evaluation mode.

        Parameters
        ----------
        x : Tensor, numpy.ndarray, Dataset or DataLoader
            Targets that a dataset or loader yields last are ignored.
        batch_size : int, default 256

        Returns
        -------
        numpy.ndarray or Tensor
            Outputs of all samples; an array if `x` is an array.
        """
        _check_count("predict", "batch_size", batch_size)
        is_data = isinstance(x, Dataset) or _is_loader(x)
        data = self._dataset("predict", x, None) if is_data else self._inputs_only(x)
        loader = _loader(data, batch_size)
        outputs = [output._array for output, _ in self._outputs(loader, with_target=False)]
        if not outputs:
            raise ValueError("predict: the data hold no batch")
        joined = np.concatenate(outputs)
        return as_tensor(joined) if is_data or isinstance(x, Tensor) else joined

    def _inputs_only(self, x: Any) -> Any:
        inputs = self._tensor("predict", "x", x, is_target=False)
        return TensorDataset(inputs)

    def _dataset(self, op: str, x: Any, y: Any) -> Any:
        """`x` and `y` as one dataset, or the loader `x`."""
        if isinstance(x, Dataset) or _is_loader(x):
            if y is not None:
                raise ValueError(f"{op}: argument y expected None: {_type(x)} x holds the targets")
            if hasattr(x, "__len__") and len(x) == 0:
                raise ValueError(f"{op}: argument x is empty")
            return x
        if y is None:
            raise ValueError(f"{op}: argument y is missing: {_type(x)} x holds no targets")
        inputs = self._tensor(op, "x", x, is_target=False)
        targets = self._tensor(op, "y", y, is_target=True)
        if len(inputs) != len(targets):
            raise ValueError(
                f"{op}: argument y expected as many samples as x, {len(inputs)}, got {len(targets)}"
            )
        return TensorDataset(inputs, targets)

    def _tensor(self, op: str, name: str, value: Any, *, is_target: bool) -> Tensor:
        array: Array = value._array if isinstance(value, Tensor) else np.asarray(value)
        if array.ndim == 0:
            raise ValueError(f"{op}: argument {name} expected samples along an axis, got a number")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{op}: argument {name} expected numbers, got dtype {array.dtype}")
        if len(array) == 0:
            raise ValueError(f"{op}: argument {name} is empty")
        if array.dtype.kind == "f":
            dtype = next((parameter.dtype for parameter in self.model.parameters()), np.float32)
            array = array.astype(dtype, copy=False)
        elif is_target and array.dtype.kind in "iu":
            array = array.astype(np.int64, copy=False)
        return as_tensor(array)


class _Running:
    """The loss, weighted by samples, and the metrics of the batches so far.

    Losses are kept as they come and read only when somebody asks.
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics
        self._unread: list[tuple[Array, int]] = []
        self._loss_sum = 0.0
        self.samples = 0
        for metric in metrics:
            metric.reset()

    def add(self, loss: Tensor, output: Any, target: Any) -> None:
        samples = len(target)
        self._unread.append((loss._array, samples))
        self.samples += samples
        for metric in self._metrics:
            metric.update(output, target)

    def values(self) -> dict[str, float]:
        self._loss_sum += sum(float(loss) * samples for loss, samples in self._unread)
        self._unread.clear()
        loss = self._loss_sum / self.samples if self.samples else float("nan")
        return {"loss": loss} | {metric.name: metric.result() for metric in self._metrics}


def _type(value: Any) -> str:
    return type(value).__name__


def _is_loader(x: Any) -> bool:
    return isinstance(x, DataLoader) or (
        isinstance(x, Iterable)
        and not isinstance(x, Tensor | list | tuple)
        and not hasattr(x, "__array__")
    )


def _check_count(op: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{op}: argument {name} expected an int, got {_type(value)}")
    if value < 1:
        raise ValueError(f"{op}: argument {name} expected at least 1, got {value}")


def _loader(data: Any, batch_size: int, shuffle: bool = False, drop_last: bool = False) -> Any:
    if not isinstance(data, Dataset):
        return data
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)


def _sample_count(loader: Any) -> int | None:
    """How many samples an epoch has, if it is known."""
    dataset = getattr(loader, "dataset", None)
    if dataset is None or not hasattr(dataset, "__len__"):
        return None
    count = len(dataset)
    if getattr(loader, "drop_last", False):
        count -= count % loader.batch_size
    return count


def _split(data: Any, share: float) -> tuple[Any, Any]:
    """The first samples, and the last `share` of them."""
    if not isinstance(data, Dataset):
        raise ValueError("fit: validation_split expected arrays or a Dataset, not a loader")
    count = len(data)  # type: ignore[arg-type]
    kept = count - round(count * share)
    if not 0 < kept < count:
        raise ValueError(
            f"fit: argument validation_split {share} leaves one part of {count} samples empty"
        )
    if isinstance(data, TensorDataset):
        return (
            TensorDataset(*(tensor[:kept] for tensor in data.tensors)),
            TensorDataset(*(tensor[kept:] for tensor in data.tensors)),
        )
    return Subset(data, range(kept)), Subset(data, range(kept, count))
