"""What fit leaves behind, restores and refuses; checkpoints of losses, callbacks and loaders."""

import pickle
import warnings

import numpy as np
import pytest

import cygnet
from cygnet import metrics, nn, optim
from cygnet.data import DataLoader, IterableDataset, TensorDataset
from cygnet.train import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    TensorBoard,
    Trainer,
)

RANDOM = np.random.default_rng(2)
X = RANDOM.standard_normal((24, 4)).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int64)
SEQUENCE = nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (3, 2)))  # two places, three classes
BATCH = {"batch_size": 8, "verbose": 0}


class Interrupt(Callback):
    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class ScaledLoss(nn.Module):
    """A loss that learns."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(cygnet.ones(2))

    def forward(self, output, target):
        return nn.functional.cross_entropy(output * self.scale, target) + self.scale.sum() * 0.1


def trainer(loss=None, lr=0.05, **options):
    cygnet.manual_seed(0)
    loss = loss or nn.CrossEntropyLoss()
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.1), nn.Linear(6, 2))
    parameters = [*model.parameters(), *loss.parameters()]
    return Trainer(model, loss, optim.Adam(parameters, lr=lr), **options)


def fit(job, after=0, callbacks=(), **options):
    """Trains, until it is interrupted after so many batches."""
    calls = [*callbacks, *([Interrupt(after)] if after else [])]
    try:
        return job.fit(X, Y, callbacks=calls, **BATCH | {"epochs": 3} | options)
    except KeyboardInterrupt:
        assert after


def values(*modules):
    return [p.detach().numpy().copy() for module in modules for p in module.parameters()]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("after", [4, 5])
def test_a_checkpoint_holds_the_parameters_of_the_loss(tmp_path, after):
    whole, part, again = (trainer(ScaledLoss(), accumulate=2) for _ in range(3))
    cygnet.manual_seed(1)
    fit(whole)
    cygnet.manual_seed(1)
    fit(part, after, resume=tmp_path, save_freq=1)
    fit(again, resume=tmp_path, save_freq=1)
    assert_same(values(whole.model, whole.loss), values(again.model, again.loss))


def test_the_learning_rate_finder_restores_the_loss_and_the_modes():
    job = trainer(ScaledLoss(), accumulate=2)
    job.model[1].eval()
    before = values(job.model, job.loss)
    job.learning_rate_finder(X, Y, batch_size=8, steps=10)
    assert_same(before, values(job.model, job.loss))
    fit(job)
    assert [module.training for module in job.model.children()] == [True, False, True]


@pytest.mark.parametrize("after", [1, 5])
def test_csv_logger_behind_another_training_has_each_epoch_once(tmp_path, after):
    path = tmp_path / "log.csv"
    path.write_text("before\n")
    for interrupt in (after, 0):
        logger = CSVLogger(path, append=True)
        fit(trainer(), interrupt, [logger], resume=tmp_path / "state", save_freq=2)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["before", *"012"]


def test_csv_logger_whose_epoch_was_not_saved(tmp_path):
    class Torn(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    path = tmp_path / "log.csv"
    backup = {"resume": tmp_path / "state", "save_freq": 2}
    with pytest.raises(KeyboardInterrupt):
        trainer().fit(X, Y, callbacks=[CSVLogger(path, append=True), Torn()], **BATCH, **backup)
    assert len(path.read_text().splitlines()) == 2
    fit(trainer(), 0, [CSVLogger(path, append=True)], **backup)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", *"012"]


def test_csv_logger_makes_a_removed_file_anew(tmp_path):
    path = tmp_path / "log.csv"
    backup = {"resume": tmp_path / "state", "save_freq": 1}
    fit(trainer(), 5, [CSVLogger(path)], **backup)
    path.unlink()
    opened, files = CSVLogger(path), []
    open_file = opened._open
    opened._open = lambda mode: files.append(open_file(mode)) or files[-1]
    fit(trainer(), 0, [opened], **backup)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "1", "2"]
    assert all(file.closed for file in files)


def test_a_checkpoint_holds_the_generator_of_the_validation_data(tmp_path):
    def run(after, folder):
        data = TensorDataset(cygnet.as_tensor(X), cygnet.as_tensor(Y))
        held_out = DataLoader(data, 8, shuffle=True, generator=cygnet.Generator(4))
        job = trainer()
        fit(job, after, resume=folder, validation_data=held_out)
        return job.history, held_out.generators[0].get_state()

    whole, state = run(0, tmp_path / "whole")
    run(7, tmp_path / "part")
    again, state_again = run(0, tmp_path / "part")
    assert whole.history == again.history
    assert repr(state) == repr(state_again)


class Named(Callback):
    """One that has a state if it has a name."""

    def __init__(self, name):
        self.name = name
        self.loaded = []

    def state_dict(self):
        return {"name": self.name} if self.name else {}

    def load_state_dict(self, state_dict):
        self.loaded.append(state_dict["name"])


def test_states_of_callbacks_of_one_class(tmp_path):
    backup = {"resume": tmp_path, "save_freq": 1}
    fit(trainer(), 5, [Named(""), Named("b")], **backup)
    first, second = Named(""), Named("b")
    fit(trainer(), 5, [first, second], **backup)
    assert (first.loaded, second.loaded) == ([], ["b", "b"])
    with pytest.warns(UserWarning, match="callback Named") as said:
        fit(trainer(), 5, **backup)
    assert [str(each.message) for each in said] == [
        "fit: the checkpoint was written with a callback Named, which this run lacks"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(trainer(), 0, **backup)  # of the Interrupt there was no state


def test_callbacks_forget_the_data(tmp_path):
    calls = [BackupAndRestore(tmp_path, delete_checkpoint=False), EarlyStopping("loss")]
    job = trainer()
    history = fit(job, callbacks=calls)
    assert all(each.loop is None for each in [history, *calls])
    again = pickle.loads(pickle.dumps(history))
    assert isinstance(again, History)
    assert vars(again) == {"epoch": history.epoch, "history": history.history}
    assert fit(job, callbacks=calls, epochs=4).epoch == [*history.epoch, 3]


def test_weights_of_a_fit_that_failed_are_forgotten():
    job = trainer()
    job.loss, loss = lambda output, target: output.mean(), job.loss
    with pytest.raises(TypeError, match="reduction='mean'"):
        job.fit(X, Y, class_weight={1: 2.0}, **BATCH)
    job.loss = loss
    job.train_on_batch(X, Y)


def test_gradients_of_before_do_not_count():
    fresh, used = trainer(accumulate=2), trainer(accumulate=2, lr=0.0)
    used.train_on_batch(-X, Y)
    used.learning_rate_finder(X, Y, batch_size=8, steps=5)
    used.train_on_batch(-X, Y)
    used.optimizer.param_groups[0]["lr"] = 0.05
    for job in (fresh, used):
        cygnet.manual_seed(1)
        fit(job, shuffle=False, epochs=1)
    assert_same(values(fresh.model), values(used.model))


def weighted(loss, model, target, **arguments):
    """The loss that fit reports without learning."""
    job = Trainer(model, loss, optim.SGD(model.parameters(), lr=0.0), metrics=())
    return job.fit(X, target, batch_size=24, verbose=0, shuffle=False, **arguments).history["loss"]


def test_weights_of_classes_for_every_kind_of_target():
    linear = nn.Linear(4, 3)
    labels = RANDOM.integers(0, 3, 24)
    of_class = {0: 2.0, 2: 3.0}
    by_sample = np.choose(labels, [2.0, 1.0, 3.0]).astype(np.float32)
    loss = nn.CrossEntropyLoss()
    want = weighted(loss, linear, labels, sample_weight=by_sample)
    one_hot = np.eye(3, dtype=np.float32)[labels]
    assert weighted(loss, linear, one_hot, class_weight=of_class) == pytest.approx(want)
    column = weighted(loss, linear, labels, sample_weight=by_sample[:, None])
    assert column == pytest.approx(want)

    score, binary = nn.Linear(4, 1), Y[:, None].astype(np.float32)
    want = weighted(nn.BCEWithLogitsLoss(), score, binary, sample_weight=1.0 + 2 * Y)
    got = weighted(nn.BCEWithLogitsLoss(), score, binary, class_weight={1: 3})
    assert got == pytest.approx(want)

    of_places = RANDOM.integers(0, 3, (24, 2))
    losses = nn.CrossEntropyLoss(reduction="none")(
        SEQUENCE(cygnet.as_tensor(X)), cygnet.as_tensor(of_places)
    )
    table = np.array([2.0, 1.0, 3.0])[of_places]
    for arguments, weight in (({}, 1.0), ({"sample_weight": by_sample}, by_sample[:, None])):
        got = weighted(loss, SEQUENCE, of_places, class_weight=of_class, **arguments)
        want = (losses.detach().numpy() * table * weight).mean()
        assert got == [pytest.approx(want, rel=1e-5)]


def test_wrong_weights():
    job = trainer()
    with pytest.raises(ValueError, match=r"sample_weight expected one number a sample.*\(24, 3\)"):
        job.fit(X, Y, sample_weight=np.ones((24, 3)), **BATCH)
    for wrong in ({0.5: 1}, {"a": 1}, [1.0, 2.0]):
        with pytest.raises(TypeError, match="class_weight expected a mapping of ints"):
            job.fit(X, Y, class_weight=wrong, **BATCH)
    with pytest.raises(ValueError, match="class_weight expected targets of one label a loss"):
        weighted(nn.CrossEntropyLoss(), SEQUENCE, np.ones((24, 3, 2)), class_weight={1: 1})


def test_the_loss_of_a_step_of_ones_own_is_measured():
    class Own(Trainer):
        def train_step(self, x, y):
            return self.loss(self.model(x), y)

    job = trainer(lr=0.0)
    job.model[1].p = 0.0
    own = Own(job.model, job.loss, job.optimizer, metrics=())
    want = fit(job, shuffle=False, epochs=1).history["loss"]
    assert fit(own, shuffle=False, epochs=1).history["loss"] == pytest.approx(want)


def test_a_schedule_follows_one_figure():
    job = trainer()
    job.scheduler = optim.lr_scheduler.ReduceLROnPlateau(job.optimizer)
    followed, step = [], job.scheduler.step
    job.scheduler.step = lambda value: (followed.append(value), step(value))
    history = fit(job, epochs=4, validation_freq=2, validation_data=(X, Y)).history
    assert followed == history["val_loss"][1::2]


@pytest.mark.parametrize("had", [True, False])
def test_a_checkpoint_of_a_training_without_the_schedule(tmp_path, had):
    for has in (had, not had):
        job = trainer()
        if has:
            job.scheduler = optim.lr_scheduler.StepLR(job.optimizer, 1)
        if has == had:
            fit(job, resume=tmp_path)
    what = "with a scheduler, and this Trainer has none" if had else "without a scheduler"
    with pytest.raises(ValueError, match=f"of another training: it was trained {what}"):
        fit(job, resume=tmp_path, epochs=4)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(cygnet.as_tensor(X), cygnet.as_tensor(Y), strict=True))


def test_streams():
    job = trainer()
    assert len(job.fit(Stream(), epochs=2, **BATCH).epoch) == 2
    with pytest.raises(ValueError, match="validation_split expected data that have a length"):
        job.fit(Stream(), validation_split=0.5, **BATCH)


def test_wrong_validation_data():
    batches = (batch for batch in [(cygnet.as_tensor(X), cygnet.as_tensor(Y))])
    with pytest.raises(ValueError, match="fit: validation_data: the data hold no batch"):
        fit(trainer(), validation_data=batches)
    with pytest.raises(ValueError, match=r"validation_data expected \(x, y\).*got 3 parts"):
        fit(trainer(), validation_data=(X, Y, Y))


def test_predict_joins_several_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)

        def forward(self, x):
            return self.linear(x), (x * 2, x.sum(1))

    scores, (twice, sums) = Trainer(Two(), nn.MSELoss()).predict(X, batch_size=7)
    assert scores.shape == (24, 2)
    np.testing.assert_array_equal(twice, X * 2)
    np.testing.assert_allclose(sums, X.sum(1), rtol=1e-5, atol=1e-6)
    assert isinstance(Trainer(Two(), nn.MSELoss()).predict(cygnet.as_tensor(X))[0], cygnet.Tensor)


def test_figures_of_arrays_in_tables_and_pictures(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    written = []

    class Writer:
        def add_scalar(self, name, value, step):
            written.append((name, float(value)))

        def flush(self):
            pass

        close = flush

    board = TensorBoard(tmp_path, update_freq=1)
    monkeypatch.setattr(board, "_writer", lambda folder: Writer())
    job = trainer(metrics=["accuracy", "confusion_matrix"])
    history = fit(job, callbacks=[CSVLogger(tmp_path / "log.csv"), board], validation_data=(X, Y))
    assert "batch_accuracy" in dict(written)
    assert not any("confusion" in name for name, _ in written)
    history.to_csv(tmp_path / "history.csv")
    for name in ("log.csv", "history.csv"):
        text = (tmp_path / name).read_text()
        assert len(text.splitlines()) == 4
        assert str(history.history["confusion_matrix"][0].tolist()) in text
    assert len(history.plot().axes) == 2
    with pytest.raises(ValueError, match="expected some of loss"):
        history.plot(metrics=["confusion_matrix"])


def test_a_metric_that_holds_a_function_is_saved_without_it(tmp_path):
    class Own(metrics.Metric):
        def __init__(self):
            self.function = lambda output: float(output.sum())
            super().__init__("own")

        def reset(self):
            self.total = 0.0

        def update(self, output, target):
            self.total += self.function(output)

        def result(self):
            return self.total

    whole = fit(trainer(metrics=[Own()]))
    fit(trainer(metrics=[Own()]), 5, resume=tmp_path, save_freq=1)
    assert fit(trainer(metrics=[Own()]), resume=tmp_path).history == whole.history
