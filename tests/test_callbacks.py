"""Callbacks: when they are called, and what each of them does."""

import csv
import types

import numpy as np
import pytest

import cygnet
from cygnet import metrics, nn, optim
from cygnet.data import DataLoader, TensorDataset
from cygnet.train import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    Progress,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
    Trainer,
    get_learning_rate,
    set_learning_rate,
)
from tests import traces

X, Y = traces.X, traces.Y


def trainer(lr=0.1, **options):
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": traces.KERNEL.T, "bias": traces.BIAS})
    optimizer = optim.SGD(model.parameters(), lr=lr)
    return Trainer(model, nn.MSELoss(), optimizer, **{"metrics": "mae"} | options)


HELD_OUT = {"validation_data": (X[:3], Y[:3])}


@pytest.mark.parametrize(
    ("table", "stop_at", "options"),
    [
        (traces.FIT, None, {"epochs": 2}),
        (traces.STOPPED, ("on_train_batch_end", 1), {"epochs": 3, "initial_epoch": 1}),
        (traces.STEPS, None, {"epochs": 3, "steps_per_epoch": 2, "validation_freq": 2}),
    ],
)
@pytest.mark.filterwarnings("ignore:fit. the data ended after")
def test_calls_and_logs_of_fit_are_those_of_keras(table, stop_at, options):
    tracing = traces.Tracing(stop_at)
    job = trainer()
    history = job.fit(
        X, Y, batch_size=2, shuffle=False, verbose=0, callbacks=tracing, **HELD_OUT, **options
    )
    tracing.check(table)
    assert tracing.model is job.model
    assert tracing.learner is job
    steps = options.get("steps_per_epoch", 3)
    assert tracing.params == {"verbose": 0, "epochs": options["epochs"], "steps": steps}
    ends = [row for row in table if row[0] == "epoch_end"]
    assert history.epoch == [epoch for _, epoch, _ in ends]
    assert history.history["loss"] == pytest.approx([logs["loss"] for *_, logs in ends], rel=1e-5)


def test_calls_and_logs_of_evaluate_and_predict_are_those_of_keras():
    tracing = traces.Tracing()
    trainer().evaluate(X, Y, batch_size=3, callbacks=tracing)
    tracing.check(traces.EVALUATE)
    tracing = traces.Tracing()
    trainer().predict(X, 3, callbacks=[tracing])
    tracing.check(
        [(*row[:-1], {k: np.array(v) for k, v in row[-1].items()}) for row in traces.PREDICT]
    )


def test_hooks_that_are_not_overridden_are_not_called_and_figures_not_computed():
    asked = []

    class Watched(Trainer):
        def figures(self):
            asked.append(True)
            return super().figures()

    job = trainer()
    job.__class__ = Watched

    class Quiet(Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    assert CallbackList([Quiet(), Callback()]).hooks("on_train_batch_end") == []
    job.fit(X, Y, batch_size=1, verbose=0, callbacks=Quiet())
    assert len(asked) == 1
    job.fit(X, Y, batch_size=1, verbose=0, callbacks=LambdaCallback(on_batch_end=print_nothing))
    assert len(asked) == 1 + 5 + 1


def print_nothing(batch, logs):
    pass


def test_old_names_of_batch_hooks():
    seen = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, *logs))

    trainer().fit(X, Y, batch_size=4, verbose=0, callbacks=[Old()])
    end = ("loss", "mae")
    assert seen == [("begin", 0), ("end", 0, *end), ("begin", 1), ("end", 1, *end)]


def test_logs_are_shared_and_reach_the_history():
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["extra"] = 2.0 * epoch

    seen = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["extra"]))
    history = trainer().fit(X, Y, epochs=2, verbose=0, callbacks=[Adds(), note])
    assert history.history["extra"] == seen == [0.0, 2.0]


@pytest.mark.parametrize("owner", ["model", "learner"])
def test_stop_training_may_be_set_on_the_model_or_the_learner(owner):
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            getattr(self, owner).stop_training = epoch == 1

    job = trainer()
    for _ in range(2):
        assert job.fit(X, Y, epochs=5, verbose=0, callbacks=Stop()).epoch == [0, 1]


def test_a_given_history_is_used():
    given = History()
    assert trainer().fit(X, Y, verbose=0, callbacks=given) is given
    assert given.epoch == [0]


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ("early_stopping", "expected Callback objects, got str"),
        ([EarlyStopping], r"the class EarlyStopping: write EarlyStopping\(...\)"),
        ([[3]], "expected Callback objects, got int"),
    ],
)
def test_what_is_no_callback(callbacks, message):
    with pytest.raises(TypeError, match=message):
        trainer().fit(X, Y, callbacks=callbacks)


def test_files_are_closed_when_training_is_interrupted(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer().fit(X, Y, epochs=3, verbose=0, callbacks=[logger, LambdaCallback(stop)])
    assert logger._file is None


def following(callback, values, name="val_loss", model=None):
    """Shows a callback the figures of epochs; returns the epochs until it stopped training."""
    optimizer = types.SimpleNamespace(learning_rate=1.0)
    learner = types.SimpleNamespace(optimizer=optimizer, stop_training=False)
    calls = CallbackList(callback, model=model, learner=learner)
    calls.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        calls.on_epoch_begin(epoch)
        calls.on_epoch_end(epoch, {name: value})
        epochs += 1
        if learner.stop_training:
            break
    calls.on_train_end()
    return epochs


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({}, [3, 2, 1, 1.5, 1], 4),
        ({"patience": 2}, [3, 2, 2, 1.9, 2, 2, 1], 6),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.8, 2.6, 0], 3),
        ({"patience": 2, "min_delta": -0.5}, [3, 2.8, 2.4, 2.2, 2, 1], 5),
        ({"mode": "max"}, [1, 2, 3, 2], 4),
        ({"monitor": "val_accuracy"}, [0.1, 0.2, 0.1, 0.9], 3),
        ({"patience": 2, "baseline": 1.0}, [3, 2, 1.5, 1.5, 0.5], 4),
        ({"patience": 3, "baseline": 1.0}, [3, 2, 0.5, 0.6, 0.7, 0.8], 6),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 5),
        ({"patience": 1}, [float("nan"), float("nan"), 1, 0.5, 2], 2),
        ({"patience": 3}, [float("nan"), float("nan"), 1, 0.5, 0.4], 5),
    ],
)
def test_early_stopping(options, values, epochs):
    callback = EarlyStopping(**options)
    assert following(callback, values, options.get("monitor", "val_loss")) == epochs
    assert callback.stopped_epoch == (
        epochs - 1 if epochs < len(values) else callback.stopped_epoch
    )


def test_early_stopping_restores_the_best_weights(capsys):
    model = nn.Linear(1, 1)
    kept = []

    class Walk(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            with cygnet.no_grad():
                model.weight.fill_(epoch)

    stop = EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    optimizer = types.SimpleNamespace(stop_training=False)
    calls = CallbackList([Walk(), stop], model=model, learner=optimizer)
    calls.on_train_begin()
    for epoch, value in enumerate([3, 1, 2, 2]):
        calls.on_epoch_begin(epoch)
        calls.on_epoch_end(epoch, {"val_loss": value})
        kept.append(model.weight.item())
    calls.on_train_end()
    assert kept == [0, 1, 2, 3]
    assert model.weight.item() == 1
    assert stop.best_epoch == 1
    assert capsys.readouterr().out.splitlines() == [
        "EarlyStopping: training ends after epoch 4",
        "EarlyStopping: the weights are those of epoch 2",
    ]
    calls.on_train_begin()
    assert (stop.best, stop.wait, stop.best_weights) == (None, 0, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(mode="up"), "EarlyStopping: argument mode expected 'auto', 'min'"),
        (lambda: EarlyStopping(patience=-1), "patience expected at least 0, got -1"),
        (lambda: EarlyStopping(patience="3"), "patience expected at least 0, got '3'"),
        (lambda: EarlyStopping(start_from_epoch=-1), "start_from_epoch expected at least 0"),
        (lambda: ReduceLROnPlateau(factor=1.0), r"factor expected in \(0, 1\), got 1.0"),
        (lambda: ReduceLROnPlateau(patience=-1), "patience expected at least 0"),
        (lambda: ReduceLROnPlateau(mode=None), "ReduceLROnPlateau: argument mode"),
        (lambda: ModelCheckpoint("a", mode="best"), "ModelCheckpoint: argument mode"),
        (lambda: ModelCheckpoint("a", save_freq="batch"), "save_freq expected 'epoch' or an int"),
        (lambda: ModelCheckpoint("a", save_freq=0), "save_freq expected .* got 0"),
        (lambda: ModelCheckpoint("a", save_freq=-2), "save_freq expected .* got -2"),
        (lambda: CSVLogger("a", separator=";;"), "separator expected one character"),
        (lambda: TensorBoard(update_freq="often"), "update_freq expected 'epoch', 'batch'"),
        (lambda: TensorBoard(histogram_freq=-1), "histogram_freq expected at least 0"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_functions_are_asked_for():
    with pytest.raises(TypeError, match="on_epoch_end expected a function, got str"):
        LambdaCallback(on_epoch_end="print")
    with pytest.raises(TypeError, match="schedule expected a function, got float"):
        LearningRateScheduler(0.1)


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
def test_a_figure_that_is_missing_is_said_once(make):
    with pytest.warns(UserWarning, match="no figure 'val_loss' to follow; figures are: ") as caught:
        trainer().fit(X, Y, epochs=3, verbose=0, callbacks=make())
    assert len(caught) == 1
    assert "loss, mae" in str(caught[0].message)


def test_the_direction_of_an_unknown_figure_must_be_said():
    with pytest.raises(ValueError, match="'height' is better small or large: say mode='min'"):
        following(EarlyStopping("height"), [1, 2], "height")
    tall = types.SimpleNamespace(name="height", _direction="up")
    callback = EarlyStopping("val_height")
    callback.learner = types.SimpleNamespace(metrics=[tall])
    assert callback.improves(2, 1)
    assert not callback.improves(1, 2)


def saved(folder):
    return sorted(path.name for path in folder.iterdir())


def test_model_checkpoint_of_each_epoch(tmp_path, capsys):
    job = trainer()
    path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.3f}.safetensors"
    save = ModelCheckpoint(path, verbose=1)
    history = job.fit(X, Y, epochs=2, verbose=0, callbacks=save, **HELD_OUT)
    names = [f"{i + 1:02d}-{v:.3f}.safetensors" for i, v in enumerate(history.history["val_loss"])]
    assert saved(tmp_path / "deep") == names
    state = cygnet.load(tmp_path / "deep" / names[-1])
    np.testing.assert_array_equal(state["weight"], job.model.weight.detach())
    assert capsys.readouterr().out.splitlines()[1] == (
        f"ModelCheckpoint: epoch 2: saved in {tmp_path / 'deep' / names[1]}"
    )


def test_model_checkpoint_of_the_best(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True, initial_value_threshold=5.0)
    following(save, [6, 4, 4.5, float("nan"), 3], model=nn.Linear(1, 1))
    assert saved(tmp_path) == ["2", "5"]
    assert save.best == 3
    most = ModelCheckpoint(tmp_path / "max{epoch}", mode="max", save_best_only=True)
    following(most, [1, 3, 2], model=nn.Linear(1, 1))
    assert saved(tmp_path) == ["2", "5", "max1", "max2"]
    some = ModelCheckpoint(tmp_path / "period{epoch}", period=2)
    following(some, [1, 3, 2], model=nn.Linear(1, 1))
    assert saved(tmp_path)[-1] == "period2"


def test_model_checkpoint_by_batches(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.1f}", save_freq=4)
    trainer(lr=0.0).fit(X, Y, batch_size=1, shuffle=False, epochs=2, verbose=0, callbacks=save)
    assert [name[:3] for name in saved(tmp_path)] == ["1-4", "2-3"]


def test_model_checkpoint_uses_the_methods_of_the_model(tmp_path):
    calls = []

    class Model(nn.Linear):
        def save(self, path):
            calls.append(("save", path))

        def save_weights(self, path):
            calls.append(("save_weights", path))

    following(ModelCheckpoint(tmp_path / "a"), [1], model=Model(1, 1))
    following(ModelCheckpoint(tmp_path / "b", save_weights_only=True), [1], model=Model(1, 1))
    assert calls == [("save", str(tmp_path / "a")), ("save_weights", str(tmp_path / "b"))]


def test_model_checkpoint_names_the_fields(tmp_path):
    with pytest.raises(KeyError, match="has the field 'acc', expected one of val_loss, epoch"):
        following(ModelCheckpoint(tmp_path / "{acc}"), [1], model=nn.Linear(1, 1))
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        following(ModelCheckpoint(tmp_path / "folder"), [1], model=nn.Linear(1, 1))


def rates(callback, values, optimizer=None):
    """The learning rates of epochs with these figures, from 1."""
    optimizer = optimizer or types.SimpleNamespace(learning_rate=1.0)
    calls = CallbackList(callback, learner=types.SimpleNamespace(optimizer=optimizer))
    calls.on_train_begin()
    used = []
    for epoch, value in enumerate(values):
        calls.on_epoch_begin(epoch)
        logs = {"val_loss": value}
        calls.on_epoch_end(epoch, logs)
        used.append(logs["learning_rate"])
    return used


@pytest.mark.parametrize(
    ("options", "values", "want"),
    [
        ({"patience": 1}, [2, 2, 2, 2], [1, 1, 0.5, 0.25]),
        ({"patience": 2}, [3, 2, 2, 2, 2], [1, 1, 1, 1, 0.5]),
        ({"patience": 1, "cooldown": 2}, [2, 2, 2, 2, 2, 2], [1, 1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "min_lr": 0.4}, [2, 2, 2, 2, 2], [1, 1, 0.5, 0.4, 0.4]),
        ({"patience": 1, "min_delta": 0.5}, [2, 1.6, 1.2, 1.2], [1, 1, 0.5, 0.5]),
        ({"patience": 1, "epsilon": 0.5}, [2, 1.6, 1.2, 1.2], [1, 1, 0.5, 0.5]),
        ({"patience": 1, "mode": "max"}, [1, 2, 1, 3], [1, 1, 1, 0.5]),
    ],
)
def test_reduce_lr_on_plateau(options, values, want):
    assert rates(ReduceLROnPlateau(factor=0.5, **options), values) == pytest.approx(want)


def test_learning_rate_scheduler(capsys):
    halving = LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    assert rates(halving, [0, 0]) == [0.5, 0.25]
    assert capsys.readouterr().out.splitlines()[1] == (
        "LearningRateScheduler: epoch 2: the learning rate is 0.25"
    )
    assert rates(LearningRateScheduler(lambda epoch: 1 / (epoch + 1)), [0, 0]) == [1.0, 0.5]
    assert rates(LearningRateScheduler(lambda epoch, rate: np.float32(3)), [0]) == [3.0]
    with pytest.raises(ValueError, match="expected to return a number, got None"):
        rates(LearningRateScheduler(lambda epoch: None), [0])


def test_learning_rates_of_optimizers():
    first, second = cygnet.zeros(1, requires_grad=True), cygnet.zeros(1, requires_grad=True)
    groups = [{"params": [first]}, {"params": [second], "lr": 0.4}]
    optimizer = optim.SGD(groups, lr=0.2)
    assert get_learning_rate(optimizer) == 0.2
    set_learning_rate(optimizer, 0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.2])
    cell = cygnet.tensor(0.5)
    optimizer = optim.Adam([first], lr=cell)
    set_learning_rate(optimizer, 0.25)
    assert get_learning_rate(optimizer) == 0.25
    assert optimizer.param_groups[0]["lr"] is cell


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    callbacks = CSVLogger(path)
    trainer().fit(X, Y, epochs=2, verbose=0, callbacks=callbacks)
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row[0] for row in rows[1:]] == ["0", "1"]
    assert rows[1][3:] == ["NA", "NA"]
    job = trainer()
    job.fit(X, Y, verbose=0, callbacks=CSVLogger(path, ";", append=True), **HELD_OUT)
    lines = path.read_text().splitlines()
    assert lines[:3] == [",".join(row) for row in rows]
    values = [job.history.history[name][0] for name in rows[0][1:]]
    assert lines[3] == ";".join(map(str, [0, *values]))
    trainer().fit(X, Y, verbose=0, callbacks=CSVLogger(path))
    with pytest.raises(FileNotFoundError, match="absent"):
        CSVLogger(tmp_path / "absent" / "log.csv").on_train_begin()
    assert len(path.read_text().splitlines()) == 2
    trainer().fit(X, Y, verbose=0, callbacks=CSVLogger(tmp_path / "new.csv", append=True))
    assert (tmp_path / "new.csv").read_text().startswith("epoch,loss")


def test_terminate_on_nan(capsys):
    x = X.copy()
    x[2] = np.nan
    job = trainer()
    options = {"batch_size": 1, "shuffle": False, "epochs": 3, "verbose": 0}
    assert job.fit(x, Y, callbacks=TerminateOnNaN(), **options).epoch == [0]
    assert "batch 3 of the epoch: the loss is nan; training ends" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="batch 3 of the epoch: the loss is nan"):
        trainer().fit(x, Y, callbacks=TerminateOnNaN(raise_error=True), **options)
    assert trainer().fit(X, Y, callbacks=TerminateOnNaN(), **options).epoch == [0, 1, 2]


def test_generators_and_steps():
    def batches():
        while True:
            yield cygnet.as_tensor(X[:2]), cygnet.as_tensor(Y[:2])

    history = trainer().fit(batches(), epochs=3, steps_per_epoch=4, verbose=0)
    assert history.epoch == [0, 1, 2]
    loader = DataLoader(TensorDataset(cygnet.as_tensor(X), cygnet.as_tensor(Y)), batch_size=1)
    with pytest.warns(UserWarning, match="the data ended after 5 of steps_per_epoch=6 batches"):
        trainer().fit(loader, steps_per_epoch=6, verbose=0)
    with pytest.warns(UserWarning, match="the data ended before epoch 2 of 3"):
        history = trainer().fit(iter(loader), epochs=3, verbose=0)
    assert history.epoch == [0]
    with pytest.raises(ValueError, match="the data hold no batch"):
        trainer().fit(iter(()), verbose=0)


def test_an_iterator_goes_on_behind_an_epoch():
    seen = []

    class Noting(Trainer):
        def train_step(self, x, y):
            seen.append(x.item())
            return super().train_step(x, y)

    model = nn.Linear(1, 1)
    job = Noting(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), metrics=())
    x = np.arange(6, dtype=np.float32)[:, None]
    job.fit(x, x, batch_size=1, shuffle=False, epochs=5, steps_per_epoch=2, verbose=0)
    assert seen == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]


def test_progress_of_evaluation_and_prediction(capsys):
    job = trainer()
    job.evaluate(X, Y, verbose=2)
    job.predict(X, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("evaluation  loss 0.99")
    assert lines[1].startswith("prediction  ")
    job.fit(X, Y, verbose=2, callbacks=Progress(), **HELD_OUT)
    assert len(capsys.readouterr().out.splitlines()) == 1


class Written:
    """In place of tensorboardX."""

    rows: list

    def __init__(self, folder):
        self.folder = folder.rsplit("/", 1)[-1]

    def add_scalar(self, name, value, step):
        self.rows.append((self.folder, name, step))

    def add_histogram(self, name, values, step):
        assert isinstance(values, np.ndarray)
        self.rows.append((self.folder, name, step))

    def flush(self):
        pass

    close = flush


def test_tensorboard(monkeypatch, tmp_path):
    monkeypatch.setitem(
        __import__("sys").modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Written)
    )
    Written.rows = rows = []
    board = TensorBoard(tmp_path, histogram_freq=2, write_steps_per_second=True, update_freq=2)
    options = {"batch_size": 1, "verbose": 0, "epochs": 2, "callbacks": board, **HELD_OUT}
    trainer(metrics=()).fit(X, Y, **options)
    assert rows == [
        ("train", "batch_loss", 2),
        ("train", "batch_loss", 4),
        ("train", "epoch_learning_rate", 0),
        ("train", "epoch_loss", 0),
        ("validation", "epoch_loss", 0),
        ("train", "epoch_steps_per_second", 0),
        ("train", "weight/histogram", 0),
        ("train", "bias/histogram", 0),
        ("train", "batch_loss", 6),
        ("train", "batch_loss", 8),
        ("train", "batch_loss", 10),
        ("train", "epoch_learning_rate", 1),
        ("train", "epoch_loss", 1),
        ("validation", "epoch_loss", 1),
        ("train", "epoch_steps_per_second", 1),
    ]
    with pytest.warns(UserWarning, match="write_images, profile_batch: has no effect"):
        TensorBoard(tmp_path, write_images=True, profile_batch=2)


def test_tensorboard_writes_files(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX writes the files")
    board = TensorBoard(tmp_path, histogram_freq=1)
    trainer().fit(X, Y, verbose=0, callbacks=board, **HELD_OUT)
    for folder in ("train", "validation"):
        (file,) = (tmp_path / folder).iterdir()
        assert b"epoch_loss" in file.read_bytes()


def test_tensorboard_names_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install cygnet\[tensorboard\]"):
        trainer().fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path))


def test_figures_of_several_numbers_are_kept():
    class Both(metrics.Metric):
        def reset(self):
            pass

        def update(self, output, target):
            pass

        def result(self):
            return np.array([1.0, 2.0])

    job = trainer(metrics=[Both("both"), "mae"])
    history = job.fit(X, Y, epochs=2, verbose=2)
    np.testing.assert_array_equal(history.history["both"], [[1, 2], [1, 2]])
    assert "both" not in repr(history)


def test_a_loop_of_ones_own(capsys):
    calls = CallbackList([], add_history=True, add_progbar=True, model=nn.Linear(1, 1), epochs=3)
    calls.on_train_begin()
    calls.on_epoch_begin(2)
    calls.on_train_batch_begin(0)
    calls.on_train_batch_end(0, {"loss": 1.0})
    calls.on_epoch_end(2, {"loss": 1.0})
    calls.on_train_end()
    assert calls.history.history == {"loss": [1.0]}
    assert capsys.readouterr().out.startswith("epoch 3/3  loss 1.0000  0.0 s")
    with pytest.raises(RuntimeError, match="saves what `fit` does"):
        CallbackList(BackupAndRestore("folder")).on_train_begin()
