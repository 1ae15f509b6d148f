"""`cygnet.utils.data`: datasets, samplers, collation, workers; `test_data` has the rest."""

from __future__ import annotations

import collections
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import cygnet
from cygnet import Generator, Tensor
from cygnet.utils import data as torch_data
from cygnet.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


class Point(NamedTuple):
    x: Any
    y: Any


class Squares(Dataset):
    def __init__(self, count: int = 11) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return {"index": index, "square": np.full(2, index**2, np.float32)}


class Count(IterableDataset):
    """0, 1, ..., of which each worker has every n-th."""

    def __init__(self, count: int, begin: int = 0) -> None:
        self.count, self.begin = count, begin

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(self.begin + first, self.begin + self.count, step))

    def __len__(self) -> int:
        return self.count


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [each for each in threading.enumerate() if each.name.startswith("cygnet-data")]


def values(loader: Any) -> list[list[int]]:
    return [batch.tolist() for batch in loader]


def test_all_names_are_there() -> None:
    for name in torch_data.__all__:
        assert getattr(cygnet.utils.data, name) is getattr(cygnet.data, name)


def test_concatenation() -> None:
    both = Squares(3) + Squares(2) + [{"index": 7}]
    assert isinstance(both, ConcatDataset)
    assert [both[i]["index"] for i in range(-1, 6)] == [7, 0, 1, 2, 0, 1, 7]
    assert len(both) == 6
    for index in (6, -7):
        with pytest.raises(IndexError, match="ConcatDataset: index is"):
            both[index]
    with pytest.raises(ValueError, match="datasets is empty"):
        ConcatDataset([])
    with pytest.raises(TypeError, match=r"datasets\[1\] is an IterableDataset; use ChainDataset"):
        ConcatDataset([Squares(), Count(3)])


def test_chain() -> None:
    chain = Count(2) + Count(3, 10)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [0, 1, 10, 11, 12]
    assert len(chain) == 5
    with pytest.raises(TypeError, match=r"datasets\[0\] expected an IterableDataset, got list"):
        list(ChainDataset([[1, 2]]))
    with pytest.raises(NotImplementedError, match="IterableDataset must define __iter__"):
        iter(IterableDataset())


def test_stack() -> None:
    pair = StackDataset([1, 2, 3], ["a", "b", "c"])
    assert len(pair) == 3
    assert pair[1] == (2, "b")
    assert StackDataset(x=[1, 2], y=[3, 4])[0] == {"x": 1, "y": 3}
    for args, kwargs, text in (
        ((), {}, "got none"),
        (([1],), {"x": [1]}, "got both"),
        (([1], [1, 2]), {}, r"datasets have the lengths \[1, 2\], expected one"),
    ):
        with pytest.raises(ValueError, match=text):
            StackDataset(*args, **kwargs)


def test_subset() -> None:
    part = Subset(Subset(Squares(), [3, 5, 7]), [2, 0])
    assert [sample["index"] for sample in (part[0], part[1])] == [7, 3]
    assert [sample["index"] for sample in part.__getitems__([1, 0])] == [3, 7]
    assert part.dataset.dataset.count == 11

    class Short(Squares):
        def __getitems__(self, indices: Any) -> list[Any]:
            return [0]

    with pytest.raises(ValueError, match="__getitems__ gave 1 samples, expected 2"):
        list(DataLoader(Short(), 2))


def test_random_split() -> None:
    parts = random_split(Squares(10), [7, 3], Generator(1))
    seen = [sample["index"] for part in parts for sample in part]
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(seen) == list(range(10))
    again = random_split(Squares(10), [7, 3], Generator(1))
    assert [part.indices for part in again] == [part.indices for part in parts]
    assert [len(part) for part in random_split(range(11), [0.5, 0.3, 0.2])] == [6, 3, 2]
    with pytest.warns(UserWarning, match="part 1 has no samples"):
        random_split([1], [0.5, 0.5])
    with pytest.raises(ValueError, match="lengths sum to 4, expected 5"):
        random_split(range(5), [3, 1])
    with pytest.raises(ValueError, match=r"lengths\[0\] is 1.5, expected 0 to 1"):
        random_split(range(5), [1.5, -0.5])


def test_samplers() -> None:
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    order = list(RandomSampler(range(20), generator=Generator(3)))
    assert sorted(order) == list(range(20))
    assert order == list(RandomSampler(range(20), generator=Generator(3)))
    longer = RandomSampler(range(4), num_samples=10)
    drawn = list(longer)
    assert len(longer) == len(drawn) == 10
    assert sorted(drawn[:4]) == sorted(drawn[4:8]) == [0, 1, 2, 3]
    replaced = list(RandomSampler(range(4), replacement=True, num_samples=50))
    assert len(replaced) == 50
    assert set(replaced) == {0, 1, 2, 3}
    subset = SubsetRandomSampler([5, 7, 9])
    assert sorted(subset) == [5, 7, 9]
    assert len(subset) == 3
    assert list(RandomSampler([])) == []
    assert list(SubsetRandomSampler([])) == []


def test_weighted_sampler() -> None:
    sampler = WeightedRandomSampler([0.1, 0.0, 0.3], 4000, generator=Generator(1))
    drawn = np.bincount(list(sampler), minlength=3)
    assert len(sampler) == 4000
    assert drawn[1] == 0
    assert abs(drawn[2] / 4000 - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 4000)
    assert sorted(WeightedRandomSampler([1, 1, 1], 3, replacement=False)) == [0, 1, 2]


def test_batch_sampler() -> None:
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    dropping = BatchSampler(range(5), 2, True)
    assert list(dropping) == [[0, 1], [2, 3]]
    assert len(dropping) == 2
    assert len(BatchSampler(range(5), 2, False)) == 3


def test_collation() -> None:
    batch = default_collate([Point(1, np.ones(2)), Point(2, np.zeros(2))])
    assert isinstance(batch, Point)
    assert batch.x.tolist() == [1, 2]
    assert batch.y.shape == (2, 2)
    pair = default_collate([(1.5, "a"), (2.5, "b")])
    assert isinstance(pair, list)
    assert pair[0].dtype == np.float64
    assert pair[1] == ["a", "b"]
    flags = default_collate([True, False])
    assert flags.dtype == np.bool_
    ordered = default_collate([collections.OrderedDict(a=1), collections.OrderedDict(a=2)])
    assert isinstance(ordered, collections.OrderedDict)
    assert default_collate([cygnet.ones(2, 3)] * 4).shape == (4, 2, 3)
    assert default_collate([np.float32(1), np.float32(2)]).dtype == np.float32
    with pytest.raises(ValueError, match="shorter"):
        default_collate([(1, 2), (3,)])
    converted = default_convert({"a": [np.ones(2), 3], "b": Point(np.float32(1), "x")})
    assert isinstance(converted["a"][0], Tensor)
    assert converted["a"][1] == 3
    assert isinstance(converted["b"].x, Tensor)
    assert converted["b"].y == "x"
    words = np.array(["a"])
    assert default_convert(words) is words


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_order_is_the_same_with_any_number_of_workers(workers: int, drop_last: bool) -> None:
    class Slow(Squares):
        def __getitem__(self, index: int) -> Any:
            time.sleep(0.002 * (index % 3 == 0))
            return super().__getitem__(index)

    def batches(dataset: Any, workers: int, **options: Any) -> list[Any]:
        loader = DataLoader(
            dataset, 3, num_workers=workers, drop_last=drop_last, generator=Generator(5), **options
        )
        found = [list(batch.values() if isinstance(batch, dict) else batch) for batch in loader]
        assert len(found) == len(loader)
        return [[part.tolist() for part in batch] for batch in found]

    tensors = TensorDataset(np.arange(22.0).reshape(11, 2), np.arange(11))
    for options in ({}, {"shuffle": True}, {"sampler": [4, 1, 9, 9]}, {"prefetch_factor": 5}):
        if "prefetch_factor" in options and not workers:
            continue
        plain = {name: value for name, value in options.items() if name != "prefetch_factor"}
        for dataset in (Slow(), tensors, Subset(tensors, range(11))):
            assert batches(dataset, workers, **options) == batches(dataset, 0, **plain)


@pytest.mark.parametrize("workers", [0, 2])
def test_other_batches(workers: int) -> None:
    def loaded(dataset: Any, *args: Any, **options: Any) -> list[Any]:
        return list(DataLoader(dataset, *args, num_workers=workers, **options))

    chosen = loaded(Squares(), batch_sampler=[[3, 1], [5]])
    assert [batch["index"].tolist() for batch in chosen] == [[3, 1], [5]]
    tensors = TensorDataset(np.arange(6))
    assert [b[0].tolist() for b in loaded(tensors, batch_sampler=[[3, 1], [5]])] == [[3, 1], [5]]
    single = loaded(Squares(3), batch_size=None)
    assert [sample["index"] for sample in single] == [0, 1, 2]
    assert isinstance(single[0]["square"], Tensor)
    assert [row[0].item() for row in loaded(tensors, None)] == list(range(6))
    assert loaded(Squares(4), 2, collate_fn=len) == [2, 2]
    backwards = loaded(range(4), 3, sampler=range(3, -1, -1))
    assert values(backwards) == [[3, 2, 1], [0]]


def test_streams() -> None:
    assert values(DataLoader(Count(5), 2)) == [[0, 1], [2, 3], [4]]
    assert values(DataLoader(Count(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert len(DataLoader(Count(5), 2)) == 3
    assert list(DataLoader(Count(3), None)) == [0, 1, 2]
    two = DataLoader(Count(9), 2, num_workers=2)
    assert values(two) == [[0, 2], [1, 3], [4, 6], [5, 7], [8]]
    assert values(two) == [[0, 2], [1, 3], [4, 6], [5, 7], [8]]
    three = DataLoader(Count(4), 1, num_workers=3)
    assert values(three) == [[0], [1], [2], [3]]


def test_worker_info() -> None:
    seen: dict[int, Any] = {}

    class Told(Squares):
        def __getitem__(self, index: int) -> int:
            info = get_worker_info()
            assert info is not None
            seen[info.id] = info
            return info.id

    started: list[int] = []
    dataset = Told(8)
    loader = DataLoader(
        dataset, 2, num_workers=2, worker_init_fn=started.append, generator=Generator(1)
    )
    assert values(loader) == [[0, 0], [1, 1], [0, 0], [1, 1]]
    assert sorted(started) == [0, 1]
    assert get_worker_info() is None
    assert [info.num_workers for info in seen.values()] == [2, 2]
    assert seen[0].dataset is dataset
    assert seen[1].seed == seen[0].seed + 1
    first = seen[0].seed
    values(loader)
    assert seen[0].seed != first


def test_an_error_in_a_worker_arrives_with_its_traceback() -> None:
    class Broken(Squares):
        def __getitem__(self, index: int) -> Any:
            if index == 5:
                raise LookupError("sample five")
            return super().__getitem__(index)

    loader = iter(DataLoader(Broken(), 2, num_workers=2))
    assert [next(loader)["index"].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(LookupError, match="sample five") as caught:
        next(loader)
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise LookupError("sample five")' in text
    assert "raised in worker 0 of 2" in text

    def refuse(worker: int) -> None:
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        list(DataLoader(Squares(), num_workers=1, worker_init_fn=refuse))


def test_an_iterator_that_is_closed_early_leaves_no_thread() -> None:
    for _ in range(3):
        for batch in DataLoader(Squares(), 1, num_workers=3, prefetch_factor=4):
            assert batch["index"].tolist() == [0]
            break
    kept = iter(DataLoader(Squares(), 1, num_workers=2))
    next(kept)
    assert threading.active_count() > 2
    kept.close()


def test_timeout() -> None:
    release = threading.Event()

    class Hanging(Squares):
        def __getitem__(self, index: int) -> Any:
            release.wait(10)
            return index

    with pytest.raises(RuntimeError, match=r"DataLoader: a batch has taken more than timeout=0.05"):
        list(DataLoader(Hanging(), num_workers=1, timeout=0.05))
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("cygnet-data"):
            thread.join(5)


def test_kernels_run_in_workers() -> None:
    class Products(Squares):
        def __getitem__(self, index: int) -> Tensor:
            return cygnet.ones(64, 64) @ cygnet.full((64, 64), float(index))

    batches = list(DataLoader(Products(6), 2, num_workers=3))
    assert [batch[:, 0, 0].tolist() for batch in batches] == [[0, 64], [128, 192], [256, 320]]


class Odd(Sampler):
    def __iter__(self) -> Iterator[int]:
        return iter(range(1, 11, 2))


def test_a_sampler_without_length() -> None:
    loader = DataLoader(Squares(), 2, sampler=Odd())
    assert [batch["index"].tolist() for batch in loader] == [[1, 3], [5, 7], [9]]
    with pytest.raises(TypeError):
        len(loader)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: DataLoader(3), TypeError, "dataset expected an object with __len__"),
        (lambda: DataLoader([1], 0), ValueError, "batch_size expected at least 1, got 0"),
        (lambda: DataLoader([1], None, drop_last=True), ValueError, "expected a batch_size"),
        (lambda: DataLoader([1], num_workers=-1), ValueError, "num_workers expected at least 1"),
        (lambda: DataLoader([1], timeout=-1), ValueError, "timeout is -1, expected at least 0"),
        (lambda: DataLoader([1], prefetch_factor=2), ValueError, "expected num_workers > 0"),
        (lambda: DataLoader([1], persistent_workers=True), ValueError, "expected num_workers > 0"),
        (
            lambda: DataLoader([1], shuffle=True, sampler=[0]),
            ValueError,
            "expected sampler or shuffle=True, got both",
        ),
        (
            lambda: DataLoader([1], 2, batch_sampler=[[0]]),
            ValueError,
            "batch_sampler expected no batch_size",
        ),
        (
            lambda: DataLoader(Count(3), shuffle=True),
            ValueError,
            "an IterableDataset has its own order, got shuffle",
        ),
        (lambda: RandomSampler([1], 1), TypeError, "replacement expected a bool, got int"),
        (lambda: RandomSampler([1], num_samples=0), ValueError, "num_samples expected at least 1"),
        (lambda: WeightedRandomSampler([1], 1.5), TypeError, "num_samples expected an int"),
        (lambda: WeightedRandomSampler([[1]], 1), ValueError, "weights has shape (1, 1)"),
        (lambda: WeightedRandomSampler([1], 1, 1), TypeError, "replacement expected a bool"),
        (lambda: BatchSampler([1], True, False), TypeError, "batch_size expected an int, got bool"),
        (lambda: iter(Sampler()), NotImplementedError, "Sampler must define __iter__"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)
