"""Trainings that go on where they were interrupted, with the same bits."""

import errno
import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import cygnet
from cygnet import nn, optim
from cygnet.data import DataLoader, Dataset, IterableDataset, TensorDataset, TransformedDataset
from cygnet.data.augmentation import drawn
from cygnet.train import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    Trainer,
    metrics,
)
from cygnet.train.checkpoint import Checkpoint

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((40, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
BATCH = 8  # five batches an epoch


class Interrupt(Callback):
    """Raises KeyboardInterrupt after so many batches, counted over all epochs."""

    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class Sum(metrics.Metric):
    """A metric that keeps an array."""

    def reset(self):
        self.sums = np.zeros(2)

    def update(self, output, target):
        self.sums += output.detach().numpy().sum(0)

    def result(self):
        return float(self.sums[0])


class Slow(Dataset):
    """Draws from Python's and NumPy's random numbers, and counts what is read."""

    read = 0

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        Slow.read += 1
        return X[index], Y[index]


class Stream(IterableDataset):
    """The samples in their order."""

    def __iter__(self):
        return iter(zip(cygnet.as_tensor(X), cygnet.as_tensor(Y), strict=True))


class Shuffled:
    """A sampler that draws from Python's and NumPy's random numbers."""

    def __iter__(self):
        order = list(range(len(X)))
        random.shuffle(order)
        return iter(np.random.permutation(order).tolist())  # noqa: NPY002

    def __len__(self):
        return len(X)


class Drawing(Shuffled):
    """Draws each index when it is asked for."""

    def __iter__(self):
        return (random.randrange(len(X)) for _ in range(len(X)))


def tensors():
    return TensorDataset(cygnet.as_tensor(X), cygnet.as_tensor(Y))


LOADERS = {
    "arrays": lambda: (X, Y),
    "workers": lambda: DataLoader(
        tensors(), BATCH, True, num_workers=2, generator=cygnet.Generator(4)
    ),
    "samples": lambda: DataLoader(Slow(), BATCH, sampler=Shuffled()),
    "drawn as it goes": lambda: DataLoader(Slow(), BATCH, sampler=Drawing(), num_workers=2),
    "augmented": lambda: DataLoader(
        TransformedDataset(tensors(), lambda x: x + drawn((-1, 1))[0]), BATCH, True, num_workers=2
    ),
    "stream": lambda: DataLoader(Stream(), BATCH),
}


def run(folder, data="arrays", interrupt=0, scheduler="OneCycleLR", callbacks=(), **options):
    """A training from the same start; its trainer and callbacks."""
    cygnet.manual_seed(5)
    random.seed(6)
    np.random.seed(7)  # noqa: NPY002
    model = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    )
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    schedule = {
        "OneCycleLR": lambda: optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=40),
        "ReduceLROnPlateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0),
        None: lambda: None,
    }[scheduler]()
    job = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        ["accuracy", Sum("sum")],
        schedule,
        clip_norm=0.5,
        accumulate=options.pop("accumulate", 1),
    )
    given = LOADERS[data]() if isinstance(data, str) else data
    x, y = given if isinstance(given, tuple) else (given, None)
    calls = [make() for make in callbacks]
    if interrupt:
        calls.append(Interrupt(interrupt))
    settings = {"epochs": 4, "batch_size": BATCH, "verbose": 0, "validation_data": (X[:9], Y[:9])}
    try:
        job.fit(x, y, callbacks=calls, resume=folder, **settings | options)
    except KeyboardInterrupt:
        assert interrupt
    else:
        assert not interrupt
    return job, calls


def state(job):
    """All that is compared, as bytes."""
    weights = {name: each.numpy() for name, each in job.model.state_dict().items()}
    optimizer = job.optimizer.state_dict()
    numbers = {f"{i} {k}": v.numpy() for i, e in optimizer["state"].items() for k, v in e.items()}
    arrays = {name: array.tobytes() for name, array in (weights | numbers).items()}
    schedule = repr(job.scheduler.state_dict()) if job.scheduler else ""
    return arrays, repr(optimizer["param_groups"]), schedule, job.history.history, job.history.epoch


def assert_equal(first, second):
    for one, other in zip(state(first), state(second), strict=True):
        assert one == other


@pytest.mark.filterwarnings("ignore:fit. the data ended after")
@pytest.mark.parametrize("after", [1, 4, 5, 6, 13, 20])
@pytest.mark.parametrize(
    ("data", "options"),
    [
        ("arrays", {"save_freq": 1}),
        ("arrays", {"save_freq": 3, "accumulate": 2, "scheduler": None}),
        ("arrays", {"save_freq": 1, "steps_per_epoch": 3, "epochs": 9}),
        ("arrays", {"save_freq": 1, "accumulate": 2, "scheduler": "ReduceLROnPlateau"}),
        ("workers", {"save_freq": 2}),
        ("samples", {"save_freq": 1}),
        ("samples", {}),
        ("drawn as it goes", {"save_freq": 2}),
        ("augmented", {"save_freq": 2}),
        ("stream", {"save_freq": 1}),
    ],
    ids=str,
)
def test_the_bits_are_those_without_interruption(tmp_path, data, options, after):
    whole, _ = run(tmp_path / "whole", data, **options)
    run(tmp_path / "part", data, after, **options)
    random.random()
    went_on, _ = run(tmp_path / "part", data, **options)
    assert_equal(whole, went_on)


def test_batches_that_were_trained_on_are_not_read_again(tmp_path):
    run(tmp_path, "samples", interrupt=9, save_freq=1)
    Slow.read = 0
    run(tmp_path, "samples", save_freq=1)
    assert Slow.read == 2 * BATCH + 2 * len(X)  # the eighth batch was the last that was saved


def test_a_generator_is_read_up_to_its_place(tmp_path):
    def endless():
        generator = np.random.default_rng(8)
        while True:
            rows = generator.integers(0, len(X), BATCH)
            yield cygnet.as_tensor(X[rows]), cygnet.as_tensor(Y[rows])

    options = {"steps_per_epoch": 5, "save_freq": 1}
    whole, _ = run(tmp_path / "whole", endless(), **options)
    run(tmp_path / "part", endless(), 7, **options)
    assert_equal(whole, run(tmp_path / "part", endless(), **options)[0])


CALLBACKS = {
    "EarlyStopping": lambda: EarlyStopping(
        "loss", patience=1, mode="max", restore_best_weights=True
    ),
    "ReduceLROnPlateau": lambda: ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=10),
    "LearningRateScheduler": lambda: LearningRateScheduler(lambda epoch, rate: rate * 0.9),
}


@pytest.mark.parametrize("after", range(2, 20, 3))
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_go_on(tmp_path, name, after):
    options = {"scheduler": None, "callbacks": [CALLBACKS[name]], "save_freq": 1}
    whole, calls = run(tmp_path / "whole", **options)
    if name == "EarlyStopping":
        assert calls[0].stopped_epoch, "it should have stopped"
        after = min(after, 5 * len(whole.history.epoch) - 1)
    run(tmp_path / "part", interrupt=after, **options)
    assert_equal(whole, run(tmp_path / "part", **options)[0])
    assert_equal(whole, run(tmp_path / "part", **options)[0])  # as it has ended


def test_model_checkpoint_goes_on(tmp_path):
    def files(folder):
        names = sorted(path.name for path in folder.iterdir())
        return {name: (folder / name).read_bytes() for name in names}

    def options(folder):
        path = folder / "{epoch}-{batch}"
        save = ModelCheckpoint(path, "loss", save_best_only=True, save_freq=3)
        return {"callbacks": [lambda: save], "save_freq": 1}

    run(tmp_path / "a", **options(tmp_path / "whole"))
    run(tmp_path / "b", interrupt=8, **options(tmp_path / "part"))
    run(tmp_path / "b", **options(tmp_path / "part"))
    assert files(tmp_path / "whole") == files(tmp_path / "part")


def test_csv_logger_has_no_line_twice(tmp_path):
    def options(name):
        return {"callbacks": [lambda: CSVLogger(tmp_path / name)], "save_freq": 3}

    run(tmp_path / "a", **options("whole"))
    run(tmp_path / "b", interrupt=11, **options("part"))
    with open(tmp_path / "part", "a") as file:
        file.write("2,torn")
    run(tmp_path / "b", **options("part"))
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "part").read_bytes()


def test_a_finished_training_returns_at_once(tmp_path):
    callbacks = [lambda: EarlyStopping("loss", restore_best_weights=True, patience=4)]
    first, _ = run(tmp_path, callbacks=callbacks, scheduler=None)
    steps = []

    class Noting(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            steps.append(epoch)

    options = {"callbacks": [*callbacks, Noting], "scheduler": None}
    again, _ = run(tmp_path, **options)
    assert_equal(first, again)
    assert steps == []
    longer, _ = run(tmp_path, **options, epochs=6)
    assert steps == [4, 5]
    assert longer.history.history["loss"][:4] == first.history.history["loss"]


def test_stopping_in_an_epoch_is_remembered(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.learner.stop_training = True

    class InterruptValidation(Callback):
        def on_test_begin(self, logs=None):
            raise KeyboardInterrupt

    whole, _ = run(tmp_path / "whole", callbacks=[Stop], save_freq=1)
    with pytest.raises(AssertionError):  # that it was interrupted
        run(tmp_path / "part", callbacks=[Stop, InterruptValidation], save_freq=1)
    again, _ = run(tmp_path / "part", callbacks=[Stop], save_freq=1)
    assert whole.history.epoch == [0]
    assert_equal(whole, again)


def backup(folder, **options):
    return BackupAndRestore(folder, **options)


def fit(callbacks, sizes=(6, 2), epochs=2):
    model = nn.Sequential(*(nn.Linear(*pair) for pair in itertools.pairwise(sizes)))
    job = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    job.fit(X, Y, epochs=epochs, verbose=0, callbacks=callbacks)
    return job


def test_backups_are_deleted_at_the_end(tmp_path):
    folder = tmp_path / "deep" / "backup"
    seen = []

    class Look(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(folder.exists())

    fit([backup(folder), Look()])
    assert seen == [False, True]
    assert not folder.exists()
    assert folder.parent.exists()
    folder.mkdir()
    (folder / "mine").touch()
    fit([backup(folder, double_checkpoint=True)])
    assert [path.name for path in folder.iterdir()] == ["mine"]
    fit([backup(folder, save_freq=False, delete_checkpoint=False)])
    assert [path.name for path in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("save_freq", ["batch", 0, -1, 1.5, True, None])
def test_wrong_save_freq(tmp_path, save_freq):
    with pytest.raises(ValueError, match="BackupAndRestore: argument save_freq expected"):
        backup(tmp_path, save_freq=save_freq)
    with pytest.raises(ValueError, match="backup_dir is empty"):
        backup("")


def test_another_architecture(tmp_path):
    fit([backup(tmp_path, delete_checkpoint=False)], (6, 8, 2))
    with pytest.raises(RuntimeError) as caught:
        fit([backup(tmp_path)], (6, 4, 8, 2))
    text = str(caught.value)
    assert str(tmp_path / "training.safetensors") in text
    for part in (
        "missing keys: 2.weight, 2.bias",
        "0.weight has shape (8, 6), expected (4, 6)",
        "1.weight has shape (2, 8), expected (8, 4)",
    ):
        assert part in text
    with pytest.raises(RuntimeError, match=r"unexpected keys: 1.weight, 1.bias"):
        fit([backup(tmp_path)], (6, 8))


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_damaged_files(tmp_path):
    fit([backup(tmp_path, delete_checkpoint=False)])
    damage(tmp_path / "training.safetensors")
    with pytest.raises(ValueError, match=r"training\.safetensors is not a readable safetensors"):
        fit([backup(tmp_path)])
    cygnet.save({"kind": "other"}, tmp_path / "training.safetensors")
    with pytest.raises(ValueError, match=r"training\.safetensors holds no state of a training"):
        fit([backup(tmp_path)])


def test_the_state_before_serves_where_the_last_is_damaged(tmp_path):
    options = {"double_checkpoint": True, "delete_checkpoint": False}
    whole = fit([backup(tmp_path, **options)], epochs=3)
    names = ["training.previous.safetensors", "training.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    damage(tmp_path / "training.safetensors")
    assert_equal(whole, fit([backup(tmp_path, **options)], epochs=3))


def test_one_of_the_two_states_is_good_at_any_time(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path, keep_previous=True)
    for epoch in (1, 2):
        checkpoint.save({"epoch": epoch})
    damage(checkpoint.path)
    assert checkpoint.load()["epoch"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: os.close(-1))  # fails as on a full disk
        with pytest.raises(OSError, match="could not be saved"):
            checkpoint.save({"epoch": 2})
    assert checkpoint.load()["epoch"] == 1
    checkpoint.save({"epoch": 2})
    checkpoint.path.unlink()
    assert checkpoint.load()["epoch"] == 1
    checkpoint.delete()
    assert checkpoint.load() is None


def test_what_a_killed_process_left_is_removed(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save({"a": 1})
    torn = tmp_path / ".training.safetensors.123-456.tmp"
    torn.write_bytes(b"half")
    (tmp_path / ".other.tmp").touch()
    fit([backup(tmp_path / "x", delete_checkpoint=False)])
    assert torn.exists()
    checkpoint.remove_torn()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".other.tmp", "training.safetensors", "x",
    ]  # fmt: skip


def test_callbacks_that_a_later_run_lacks_are_said(tmp_path):
    keep = {"delete_checkpoint": False}
    fit([EarlyStopping("loss"), backup(tmp_path, **keep)])
    with pytest.warns(UserWarning, match="written with a callback EarlyStopping, which this run"):
        fit([backup(tmp_path, **keep)], epochs=3)


LIMITED = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import cygnet
from cygnet.train.checkpoint import Checkpoint

checkpoint = Checkpoint(sys.argv[2], keep_previous=True)
state = {"weights": np.arange(100_000.0), "epoch": 1}
checkpoint.save(state)
before = checkpoint.path.read_bytes()
for share in (0, 1, 0.25, 0.5, 0.999):
    limit = 1 if share == 1 else int(share * len(before))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        checkpoint.save(state | {"epoch": 2})
    except OSError as error:
        assert str(checkpoint.path) in str(error), error
        print(type(error).__name__, error.errno)
    assert checkpoint.path.read_bytes() == before
    assert checkpoint.load()["epoch"] == 1
    assert not [path for path in checkpoint.folder.iterdir() if path.suffix == ".tmp"]
"""


def test_a_full_disk_leaves_the_state_before(tmp_path):
    """The limit of the size of files gives the error of writing that a full disk gives."""
    pytest.importorskip("resource", reason="a POSIX system limits the size of files")
    package = str(cygnet.__path__[0] + "/..")
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, package, str(tmp_path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["OSError 27"] * 5  # EFBIG


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_small_disk_leaves_the_state_before(small_disk, share):
    checkpoint = Checkpoint(small_disk)
    state = {"weights": np.arange(50_000.0), "epoch": 1}
    checkpoint.save(state)
    before = checkpoint.path.read_bytes()
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
    (small_disk / "other").write_bytes(bytes(free - int(share * len(before))))
    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoint.save(state | {"epoch": 2})
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(checkpoint.path)
    assert checkpoint.path.read_bytes() == before
    names = sorted(path.name for path in small_disk.iterdir())
    assert names == ["other", "training.safetensors"]
    (small_disk / "other").unlink()
    checkpoint.save(state | {"epoch": 2})
    assert checkpoint.load()["epoch"] == 2


def test_an_error_of_the_disk_ends_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="the state of the training could not be saved"):
        fit([backup(tmp_path / "file")])
