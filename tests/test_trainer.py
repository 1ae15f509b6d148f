"""Trainer, History, metrics and progress."""

import csv
import io
import sys

import numpy as np
import pytest

import cygnet
from cygnet import metrics, nn, optim
from cygnet.data import DataLoader, Dataset, TensorDataset
from cygnet.train import History, Trainer
from cygnet.train.inputs import split

RANDOM = np.random.default_rng(1)
X = RANDOM.standard_normal((50, 4)).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int64)


def trainer(lr=0.05, **options):
    cygnet.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    return Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=lr), **options)


def test_fit_learns_and_reports():
    job = trainer()
    history = job.fit(X, Y, epochs=30, batch_size=8, validation_split=0.2, verbose=0)
    assert history is job.history
    assert history.epoch == list(range(30))
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.history["accuracy"][-1] > 0.95
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    assert all(parameter.grad is None for parameter in job.model.parameters())
    assert job.model.training


def test_losses_are_averaged_over_samples():
    job = trainer(lr=0.0)
    whole = job.loss(job.model(cygnet.as_tensor(X)), cygnet.as_tensor(Y)).item()
    measured = job.evaluate(X, Y, batch_size=16)  # the last batch has two samples
    assert measured["loss"] == pytest.approx(whole, rel=1e-5)
    right = (job.model(cygnet.as_tensor(X)).detach().numpy().argmax(1) == Y).mean()
    assert measured["accuracy"] == right
    history = job.fit(X, Y, batch_size=16, verbose=0)
    assert history.history["loss"][0] == pytest.approx(whole, rel=1e-5)


def test_drop_last_and_fixed_order():
    job = trainer(lr=0.0)
    history = job.fit(X, Y, batch_size=16, shuffle=False, drop_last=True, verbose=0)
    assert history.history["loss"][0] == pytest.approx(
        job.evaluate(X[:48], Y[:48])["loss"], rel=1e-5
    )
    with pytest.raises(ValueError, match="the data hold no batch"):
        job.fit(X, Y, batch_size=64, drop_last=True, verbose=0)


def test_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        job = trainer()
        job.fit(X, Y, epochs=2, verbose=0)
        weights.append([p.detach().numpy().copy() for p in job.model.parameters()])
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


class Squares(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return X[index], Y[index]


def test_every_kind_of_data():
    tensors = TensorDataset(cygnet.as_tensor(X), cygnet.as_tensor(Y))
    for data in (tensors, DataLoader(tensors, batch_size=10), Squares()):
        job = trainer()
        job.fit(data, epochs=2, batch_size=5, validation_data=data, verbose=0)
        job.fit(data, batch_size=5, validation_data=(X, Y), verbose=0)
        assert job.evaluate(data)["loss"] > 0
        assert isinstance(job.predict(data), cygnet.Tensor)
    trainer().fit(Squares(), validation_split=0.5, verbose=0)
    trainer().fit(X.astype(np.float64), Y.astype(np.uint8), verbose=0)
    trainer().fit(X.tolist(), Y.tolist(), verbose=0)
    trainer().fit(cygnet.as_tensor(X), cygnet.as_tensor(Y), verbose=0)


def test_predict():
    job = trainer()
    job.model.append(nn.Dropout(0.9))
    want = job.model.eval()(cygnet.as_tensor(X)).detach().numpy()
    job.model.train()
    output = job.predict(X, batch_size=7)
    assert isinstance(output, np.ndarray)
    np.testing.assert_allclose(output, want, rtol=1e-5, atol=1e-6)
    assert isinstance(job.predict(cygnet.as_tensor(X)), cygnet.Tensor)
    assert all(module.training for module in job.model.modules())


def test_evaluation_keeps_the_mode_of_each_module():
    job = trainer()
    job.model[1].eval()
    job.evaluate(X, Y)
    assert [module.training for module in job.model.modules()] == [True, True, False, True]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((X, Y[:-1]), {}, ValueError, "fit: argument y expected as many samples as x, 50, got 49"),
        ((X[:0], Y[:0]), {}, ValueError, "fit: argument x is empty"),
        ((X,), {}, ValueError, "fit: argument y is missing"),
        ((Squares(), Y), {}, ValueError, "fit: argument y expected None"),
        ((X, Y), {"validation_split": 1.0}, ValueError, r"validation_split expected in \[0, 1\)"),
        ((X, Y), {"validation_split": -0.1}, ValueError, "validation_split"),
        ((X, Y), {"validation_split": 0.001}, ValueError, "leaves one part of 50 samples empty"),
        (
            (X, Y),
            {"validation_split": 0.1, "validation_data": (X, Y)},
            ValueError,
            "exclude each other",
        ),
        ((X, Y), {"epochs": 0}, ValueError, "epochs expected at least 1, got 0"),
        ((X, Y), {"batch_size": 2.5}, TypeError, "batch_size expected an int, got float"),
        ((X, Y), {"initial_epoch": -1}, ValueError, "initial_epoch expected at least 0, got -1"),
        ((X, Y), {"steps_per_epoch": 0}, ValueError, "steps_per_epoch expected at least 1, got 0"),
        ((X, Y), {"validation_freq": 0}, ValueError, "validation_freq expected at least 1, got 0"),
        ((X, Y), {"verbose": 3}, ValueError, "verbose expected 0, 1 or 2, got 3"),
        ((np.array(["a"]), Y[:1]), {}, TypeError, "x expected numbers"),
        ((1.5, Y[:1]), {}, ValueError, "x expected samples along an axis"),
        (
            (DataLoader(Squares(), batch_size=2),),
            {"validation_split": 0.5},
            ValueError,
            "not a loader",
        ),
    ],
)
def test_wrong_data(arguments, options, error, message):
    with pytest.raises(error, match=message):
        trainer().fit(*arguments, **{"verbose": 0} | options)


def test_wrong_parts():
    model = nn.Linear(1, 1)
    with pytest.raises(TypeError, match="model expected a Module, got int"):
        Trainer(3, nn.MSELoss())
    with pytest.raises(TypeError, match="loss expected a function or loss module"):
        Trainer(model, nn.MSELoss)
    with pytest.raises(TypeError, match="optimizer expected an optimizer, got str"):
        Trainer(model, nn.MSELoss(), "adam")
    with pytest.raises(ValueError, match="clip_norm expected more than 0, got -1"):
        Trainer(model, nn.MSELoss(), clip_norm=-1)
    with pytest.raises(ValueError, match="accumulate expected at least 1, got 0"):
        Trainer(model, nn.MSELoss(), accumulate=0)
    with pytest.raises(ValueError, match="made without an optimizer"):
        Trainer(model, nn.MSELoss()).fit(X, Y)
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        Trainer(model, nn.MSELoss(), metrics=["acuracy"])
    with pytest.raises(ValueError, match="comes twice"):
        Trainer(model, nn.MSELoss(), metrics=["mse", "mse"])
    with pytest.raises(ValueError, match="the name 'loss' comes twice"):
        Trainer(model, nn.MSELoss(), metrics=[metrics.MeanSquaredError("loss")])
    with pytest.raises(TypeError, match="got int"):
        Trainer(model, nn.MSELoss(), metrics=[3])


def test_validation_split_of_samples_made_anew():
    class Ones(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x * 0 + 1, y

    for part in split(Ones(X, Y), 0.5):
        assert part[0][0].numpy().tolist() == [1] * X.shape[1]


def test_ctrl_c_leaves_a_usable_model():
    job = trainer()

    class Stop(metrics.Mean):
        def values(self, output, target):
            if len(job.history.epoch) == 2:
                raise KeyboardInterrupt
            return np.zeros(1)

    job.metrics.append(Stop("stop"))
    with pytest.raises(KeyboardInterrupt):
        job.fit(X, Y, epochs=5, verbose=0)
    assert job.history.epoch == [0, 1]
    assert all(parameter.grad is None for parameter in job.model.parameters())
    job.metrics.pop()
    assert np.isfinite(job.evaluate(X, Y)["loss"])
    job.fit(X, Y, verbose=0)


def test_schedulers_step_by_batch_or_epoch():
    class Counting:
        steps = 0

        def step(self):
            self.steps += 1

    by_epoch, by_batch = Counting(), Counting()
    by_batch.interval = "batch"
    trainer(scheduler=by_epoch).fit(X, Y, epochs=3, batch_size=25, verbose=0)
    trainer(scheduler=by_batch).fit(X, Y, epochs=3, batch_size=25, verbose=0)
    assert (by_epoch.steps, by_batch.steps) == (3, 6)


def test_a_schedule_can_follow_the_validation_loss():
    for options, name in (({"validation_split": 0.2}, "val_loss"), ({}, "loss")):
        job = trainer()
        job.scheduler = optim.lr_scheduler.ReduceLROnPlateau(job.optimizer)
        history = job.fit(X, Y, epochs=3, verbose=0, **options)
        assert job.scheduler.best == min(history.history[name])


def weights(job):
    return [parameter.detach().numpy().copy() for parameter in job.model.parameters()]


def test_accumulated_batches_step_like_one():
    one, several = trainer(), trainer(accumulate=3)
    steps, step = [], several.optimizer.step
    several.optimizer.step = lambda: (steps.append(True), step())
    options = {"shuffle": False, "verbose": 0}
    one.fit(X[:48], Y[:48], batch_size=24, **options)
    several.fit(X[:48], Y[:48], batch_size=8, **options)
    assert len(steps) == 2
    for first, second in zip(weights(one), weights(several), strict=True):
        np.testing.assert_allclose(first, second, rtol=2e-4, atol=2e-6)
    steps.clear()
    several.fit(X[:32], Y[:32], batch_size=8, epochs=2, **options)
    assert len(steps) == 4  # of three batches, and of the one that is left


def test_gradients_are_clipped():
    clipped = []

    def look(optimizer, args, kwargs):
        clipped.append([p.grad.numpy().copy() for p in optimizer.param_groups[0]["params"]])

    for options in ({"clip_norm": 0.01}, {"clip_value": 0.02}):
        job = trainer(**options)
        job.optimizer.register_step_pre_hook(look)
        job.fit(X, Y, batch_size=50, verbose=0)
    by_norm, by_value = clipped
    norm = np.sqrt(sum((each.astype(np.float64) ** 2).sum() for each in by_norm))
    assert norm == pytest.approx(0.01, rel=1e-4)
    assert max(np.abs(each).max() for each in by_value) == np.float32(0.02)


def loss_of(job, weight):
    """The loss of all samples with weights, in float64."""
    scores = job.model(cygnet.as_tensor(X)).detach().numpy().astype(np.float64)
    scores -= scores.max(1, keepdims=True)
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(Y)), Y]
    return (losses * weight).mean()


def test_weights_of_samples_and_classes():
    sample = RANDOM.random(len(X)).astype(np.float32)
    of_class = np.where(Y == 1, 3.0, 1.0)
    options = {"batch_size": 50, "verbose": 0}
    for arguments, weight in (
        ({"sample_weight": sample}, sample),
        ({"class_weight": {1: 3.0}}, of_class),
        ({"class_weight": {1: 3.0}, "sample_weight": sample}, sample * of_class),
        ({"class_weight": {0: 1.0}}, 1.0),
    ):
        job = trainer(lr=0.0)
        history = job.fit(X, Y, **options, **arguments)
        assert history.history["loss"] == [pytest.approx(loss_of(job, weight), rel=1e-5)]
    job = trainer()
    data = {"sample_weight": sample, "validation_split": 0.5}
    history = job.fit(X, Y, epochs=2, **data, verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(job.evaluate(X[25:], Y[25:])["loss"])
    with pytest.raises(ValueError, match="sample_weight expected as many samples as x, 50, got 3"):
        job.fit(X, Y, sample_weight=sample[:3])
    with pytest.raises(ValueError, match="sample_weight expected None: Squares x holds"):
        job.fit(Squares(), sample_weight=sample)
    with pytest.raises(ValueError, match="class_weight expected weights of classes from 0"):
        job.fit(X, Y, class_weight={-1: 2.0})
    job.loss = lambda output, target: output.mean()
    with pytest.raises(TypeError, match="expected a loss module with reduction='mean', got func"):
        job.fit(X, Y, class_weight={1: 2.0})


def test_steps_of_ones_own():
    mine, theirs = trainer(), trainer()
    mine.fit(X, Y, batch_size=25, shuffle=False, verbose=0)
    first = theirs.train_on_batch(X[:25], Y[:25])
    assert first["loss"] == pytest.approx(trainer().evaluate(X[:25], Y[:25])["loss"])
    assert list(first) == ["loss", "accuracy"]
    loss = theirs.train_step(cygnet.as_tensor(X[25:]), cygnet.as_tensor(Y[25:]))
    assert loss.ndim == 0
    for one, other in zip(weights(mine), weights(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_of_a_subclass_is_taken():
    class Doubled(Trainer):
        def train_step(self, *batch):
            super().train_step(*batch)
            return super().train_step(*batch)

    job = trainer()
    twice = Doubled(job.model, job.loss, job.optimizer)
    steps, step = [], job.optimizer.step
    job.optimizer.step = lambda: (steps.append(True), step())
    twice.fit(X, Y, batch_size=25, verbose=0)
    assert len(steps) == 4


def test_the_learning_rate_finder_changes_nothing():
    job = trainer()
    job.scheduler = optim.lr_scheduler.OneCycleLR(job.optimizer, 0.1, total_steps=10)
    job.train_on_batch(X, Y)
    before = weights(job), repr(job.optimizer.state_dict()), repr(job.scheduler.state_dict())
    random = cygnet.get_rng_state()
    curve = job.learning_rate_finder(X, Y, batch_size=10, steps=50)
    for one, other in zip(before[0], weights(job), strict=True):
        np.testing.assert_array_equal(one, other)
    assert before[1:] == (repr(job.optimizer.state_dict()), repr(job.scheduler.state_dict()))
    assert cygnet.get_rng_state() == random
    assert all(parameter.grad is None for parameter in job.model.parameters())
    assert len(curve.rates) == len(curve.losses) == len(curve.smooth) <= 50
    assert curve.rates[:2] == pytest.approx([1e-7, 1e-7 * 1e8 ** (1 / 49)])
    assert 1e-4 < curve.suggestion < 1


def test_the_learning_rate_finder_ends_where_the_loss_grows(tmp_path):
    model = nn.Linear(4, 1)
    job = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), metrics=())
    curve = job.learning_rate_finder(X, X[:, :1], highest=1e6, smoothing=0.5)
    assert len(curve.rates) < 100
    assert curve.smooth[-1] > 4 * min(curve.smooth)
    assert not curve.smooth[-2] > 4 * min(curve.smooth[:-1])
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    curve.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    for options, message in (
        ({"steps": 1}, "steps expected at least 2"),
        ({"lowest": 0.0}, "expected 0 < lowest < highest, got 0.0 and 10.0"),
        ({"smoothing": 1.0}, r"smoothing expected in \[0, 1\), got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            job.learning_rate_finder(X, X[:, :1], **options)
    with pytest.raises(ValueError, match="the first loss is nan"):
        job.learning_rate_finder(X * np.nan, X[:, :1])
    with pytest.raises(ValueError, match="the data hold no batch"):
        job.learning_rate_finder(iter(()))


def test_one_cycle_runs_per_batch():
    cygnet.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
    job = Trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=schedule)
    rates, step = [], optimizer.step
    optimizer.step = lambda: (rates.append(optimizer.param_groups[0]["lr"]), step())
    job.fit(X, Y, epochs=5, batch_size=25, verbose=0)
    assert rates[0] == pytest.approx(0.1 / 25)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 0.1 / 1000


def test_lines_for_files(capsys):
    trainer().fit(X, Y, epochs=2, validation_split=0.5, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  loss ")
    for part in ("accuracy ", "val_loss ", "val_accuracy ", "samples/s"):
        assert part in lines[1]
    trainer().fit(X, Y, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "120")
    for verbose in (1, 2):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        trainer().fit(X, Y, epochs=2, verbose=verbose)
        text = terminal.getvalue()
        assert ("\r" in text) == (verbose == 1)
        assert "accuracy" in text
        assert "samples/s" in text


def test_history_to_csv_and_repr(tmp_path):
    history = History()
    history.append(0, {"loss": 0.1})
    history.append(1, {"loss": 1 / 3, "val_loss": 2.0})
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["epoch", "loss", "val_loss"], ["0", "0.1", "nan"], ["1", repr(1 / 3), "2.0"]]
    assert repr(history) == "History(2 epochs: loss=0.3333, val_loss=2)"


def test_history_plot(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    history = History()
    with pytest.raises(ValueError, match="no finished epoch"):
        history.plot()
    history.append(0, {"loss": 0.1, "accuracy": 0.5, "val_loss": 1.0})
    figure = history.plot(tmp_path / "history.png")
    assert [panel.get_title() for panel in figure.axes] == ["loss", "accuracy"]
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_plot_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = History()
    history.append(0, {"loss": 1.0})
    with pytest.raises(ImportError, match=r"pip install cygnet\[plot\]"):
        history.plot()


def test_accuracy():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    labels = np.array([1, 0, 0, 0])
    metric = metrics.Accuracy()
    assert np.isnan(metric.result())
    metric.update(cygnet.as_tensor(scores[:3]), cygnet.as_tensor(labels[:3]))
    assert metric.result() == 2 / 3
    metric.update(scores[3:], labels[3:])
    assert metric.result() == 3 / 4
    metric.reset()
    metric.update(scores, np.eye(2)[labels])
    assert metric.result() == 3 / 4
    binary = metrics.Accuracy()
    binary.update(scores[:, 1:], labels)
    assert binary.result() == 3 / 4
    with pytest.raises(ValueError, match=r"accuracy: target has shape \(3,\), output has shape"):
        metric.update(scores, labels[:3])


def test_accuracy_of_logits_has_threshold_zero():
    model = nn.Linear(4, 1)
    job = Trainer(model, nn.BCEWithLogitsLoss(), optim.Adam(model.parameters(), lr=0.1))
    assert job.metrics[0].threshold == 0.0
    job.fit(X, Y[:, None].astype(np.float32), epochs=30, verbose=0)
    assert job.history.history["accuracy"][-1] > 0.9


def test_top_k_and_errors_of_regression():
    scores, labels = RANDOM.standard_normal((20, 6)), RANDOM.integers(0, 6, 20)
    top = metrics.TopKAccuracy(3)
    top.update(scores, labels)
    want = [label in np.argsort(row)[-3:] for row, label in zip(scores, labels, strict=True)]
    assert top.result() == np.mean(want)
    assert top.name == "top3_accuracy"
    with pytest.raises(ValueError, match="k expected at least 1"):
        metrics.TopKAccuracy(0)
    x, y = RANDOM.standard_normal((7, 2)), RANDOM.standard_normal((7, 2))
    squared, absolute = metrics.resolve(["mse", "mae"])
    for metric, want in ((squared, ((x - y) ** 2).mean()), (absolute, abs(x - y).mean())):
        metric.update(x[:3], y[:3])
        metric.update(x[3:], y[3:])
        assert metric.result() == pytest.approx(want, rel=1e-12)
        with pytest.raises(ValueError, match="target has shape"):
            metric.update(x, y[:, 0])
