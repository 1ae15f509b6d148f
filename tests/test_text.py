"""Vocabularies, tokens, and batches of sequences."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from cygnet import Generator, manual_seed, tensor
from cygnet.data import (
    BucketBatchSampler,
    DataLoader,
    TensorDataset,
    Vocabulary,
    pad_collate,
    tokenize_words,
)

WORDS = ["the", "cat", "and", "the", "dog", "and", "the", "bird"]


def test_words() -> None:
    assert tokenize_words("A dog's red T-shirt, isn't it?") == [
        *("a", "dog's", "red", "t-shirt", ",", "isn't", "it", "?")
    ]
    assert tokenize_words("Die Straße »Ö« & 3,5 km!", lower=False) == [
        *("Die", "Straße", "»", "Ö", "«", "&", "3", ",", "5", "km", "!")
    ]
    assert tokenize_words(" - 'x' x- ") == ["-", "'", "x", "'", "x", "-"]
    assert tokenize_words(" \n\t") == []
    with pytest.raises(TypeError, match="tokenize_words: text expected a str, got bytes"):
        tokenize_words(b"a")  # type: ignore[arg-type]


def test_order_is_by_count_then_by_character() -> None:
    vocabulary = Vocabulary(WORDS)
    assert vocabulary.get_itos() == ["the", "and", "bird", "cat", "dog"]
    assert vocabulary.get_stoi() == {"the": 0, "and": 1, "bird": 2, "cat": 3, "dog": 4}
    assert Vocabulary(reversed(WORDS)).get_itos() == vocabulary.get_itos()
    assert len(vocabulary) == 5
    assert "cat" in vocabulary
    assert "cow" not in vocabulary
    assert repr(vocabulary) == "Vocabulary(5 tokens, unknown=None)"


def test_what_a_vocabulary_gives_away_is_a_copy() -> None:
    vocabulary = Vocabulary("ab")
    vocabulary.get_itos().append("c")
    vocabulary.get_stoi()["c"] = 2
    assert len(vocabulary) == 2
    assert vocabulary.get_itos() == ["a", "b"]
    assert "c" not in vocabulary


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"min_freq": 2}, ["the", "and"]),
        ({"min_freq": 4}, []),
        ({"max_tokens": 3}, ["the", "and", "bird"]),
        ({"specials": ["<pad>", "and"]}, ["<pad>", "and", "the", "bird", "cat", "dog"]),
        ({"unknown": "?", "min_freq": 2}, ["?", "the", "and"]),
        ({"unknown": "?", "specials": ["<pad>", "?"], "min_freq": 3}, ["<pad>", "?", "the"]),
        ({"unknown": "?", "specials": ["<pad>"], "max_tokens": 3}, ["?", "<pad>", "the"]),
        ({"unknown": "dog", "min_freq": 2}, ["dog", "the", "and"]),
    ],
)
def test_what_gets_a_number(options: dict[str, Any], expected: list[str]) -> None:
    assert Vocabulary(WORDS, **options).get_itos() == expected


def test_there_and_back() -> None:
    vocabulary = Vocabulary("hello world")
    numbers = vocabulary.encode("low rod")
    assert numbers.dtype == np.int64
    for given in (numbers, numbers.tolist(), tensor(numbers), numbers.astype(np.uint8)):
        assert "".join(vocabulary.decode(given)) == "low rod"
    assert vocabulary.lookup_indices("lo") == [vocabulary["l"], vocabulary["o"]] == [0, 1]
    assert vocabulary.lookup_token(0) == "l"
    assert vocabulary.lookup_tokens([1, 0]) == ["o", "l"]
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.encode("").dtype == np.int64
    assert vocabulary.decode([]) == []


def test_unknown_tokens() -> None:
    vocabulary = Vocabulary(WORDS, specials=["<pad>"], unknown="<unk>")
    assert vocabulary["cow"] == vocabulary["<unk>"] == 0
    assert vocabulary.encode(["the", "cow"]).tolist() == [2, 0]
    assert "cow" not in vocabulary
    with pytest.raises(KeyError, match="'cow' is none of its 5 tokens"):
        Vocabulary(WORDS)["cow"]


def test_vocabulary_refuses() -> None:
    for arguments, error, message in [
        (([1, 2],), TypeError, "tokens expected str, got int"),
        ((WORDS, {"min_freq": 0}), ValueError, "min_freq expected at least 1, got 0"),
        ((WORDS, {"min_freq": 1.5}), TypeError, "min_freq expected an int, got float"),
        ((WORDS, {"specials": "<pad>"}), TypeError, "expected a sequence of str, got a str"),
        ((WORDS, {"specials": ["a", "a"]}), ValueError, "specials expected distinct tokens"),
        (
            (WORDS, {"specials": ["a", "b"], "max_tokens": 1}),
            ValueError,
            "max_tokens expected at least the 2 specials, got 1",
        ),
    ]:
        tokens, *options = arguments
        with pytest.raises(error, match=f"Vocabulary: .*{message}"):
            Vocabulary(tokens, **(options[0] if options else {}))  # type: ignore[arg-type]
    vocabulary = Vocabulary("ab")
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"expected from 0 to 1, got {index}"):
            vocabulary.lookup_token(index)
        with pytest.raises(IndexError, match=f"got {index}"):
            vocabulary.decode(np.array([0, index]))
    with pytest.raises(IndexError, match="empty vocabulary"):
        Vocabulary("").lookup_token(0)
    with pytest.raises(ValueError, match=r"indices has shape \(1, 1\), expected one dimension"):
        vocabulary.decode([[0]])
    with pytest.raises(TypeError, match="index expected an int, got float"):
        vocabulary.lookup_tokens([1.0])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="indices expected integers, got float64"):
        vocabulary.decode([0.0])


LENGTHS = np.random.default_rng(0).integers(1, 40, 500)


@pytest.mark.parametrize("bucket_width", [1, 5, 100])
@pytest.mark.parametrize(
    ("batch_size", "max_tokens"), [(16, None), (None, 120), (7, 120), (1, None), (1000, None)]
)
def test_buckets(batch_size: int | None, max_tokens: int | None, bucket_width: int) -> None:
    sampler = BucketBatchSampler(
        LENGTHS,
        batch_size,
        max_tokens=max_tokens,
        bucket_width=bucket_width,
        generator=Generator(2),
    )
    epochs = [list(sampler) for _ in range(3)]
    for batches in epochs:
        assert sorted(i for batch in batches for i in batch) == list(range(500))
        assert len(batches) == len(sampler)
        for batch in batches:
            longest = LENGTHS[batch].max()
            assert batch_size is None or len(batch) <= batch_size
            assert max_tokens is None or len(batch) * longest <= max_tokens
    assert epochs[0] != epochs[1] != epochs[2] or len(sampler) == 1
    sizes = [Counter(map(len, batches)) for batches in epochs]
    assert sizes[0] == sizes[1] == sizes[2]


def padding(batches: list[list[int]]) -> float:
    """The share of padding in all batches."""
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
    return 1 - LENGTHS.sum() / padded


def test_buckets_save_padding() -> None:
    random = np.random.default_rng(1).permutation(500)
    plain = padding([piece.tolist() for piece in np.array_split(random, 500 // 16)])
    shares = [
        padding(list(BucketBatchSampler(LENGTHS, 16, bucket_width=width))) for width in (1, 5, 20)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.04
    assert shares[1] < 0.12
    assert plain > 0.4


def test_buckets_mix_sequences_of_equal_length() -> None:
    sampler = BucketBatchSampler([3] * 100, 10, generator=Generator(0))
    first, second = ({frozenset(batch) for batch in sampler} for _ in range(2))
    assert not first & second


def test_buckets_without_shuffling() -> None:
    lengths = [4, 0, 3, 4, 1]
    sampler = BucketBatchSampler(lengths, 2, shuffle=False)
    assert list(sampler) == list(sampler) == [[1, 4], [2, 0], [3]]
    assert list(BucketBatchSampler(tensor(lengths), max_tokens=4, shuffle=False)) == [
        *([1, 4], [2], [0], [3])
    ]
    wide = BucketBatchSampler(lengths, max_tokens=12, bucket_width=4, shuffle=False)
    assert list(wide) == [[1, 0, 2], [3, 4]]
    assert list(BucketBatchSampler([], 2)) == []
    assert len(BucketBatchSampler([], max_tokens=2)) == 0


def test_buckets_follow_the_generator() -> None:
    def epochs(generator: Generator | None) -> list[list[list[int]]]:
        sampler = BucketBatchSampler(LENGTHS, 32, generator=generator)
        return [list(sampler) for _ in range(2)]

    generator = Generator(5)
    first = epochs(generator)
    state = generator.get_state()
    assert state["draws"] == {"shuffle": 4}
    later = epochs(generator)
    generator.set_state(state)
    assert epochs(generator) == later
    assert epochs(Generator(5)) == first != later
    manual_seed(5)
    assert epochs(None) == first


def test_buckets_refuse() -> None:
    for lengths, options, error, message in [
        ([1], {}, ValueError, "expected batch_size, max_tokens or both, got neither"),
        ([1], {"batch_size": 0}, ValueError, "batch_size expected at least 1, got 0"),
        ([1], {"max_tokens": 2.0}, TypeError, "max_tokens expected an int, got float"),
        ([1], {"batch_size": 1, "bucket_width": 0}, ValueError, "bucket_width expected at least 1"),
        ([[1]], {"batch_size": 1}, ValueError, r"lengths has shape \(1, 1\), expected one"),
        ([1.5], {"batch_size": 1}, TypeError, "lengths expected integers, got float64"),
        ([1, -2], {"batch_size": 1}, ValueError, "lengths expected at least 0, got -2"),
        ([1, 9], {"max_tokens": 8}, ValueError, "lengths expected at most max_tokens, got 9"),
    ]:
        with pytest.raises(error, match=f"BucketBatchSampler: {message}"):
            BucketBatchSampler(lengths, **options)  # type: ignore[arg-type]


def test_buckets_in_a_loader() -> None:
    sentences = [list(range(1, length + 1)) for length in LENGTHS[:50]]
    sampler = BucketBatchSampler(LENGTHS[:50], 8, generator=Generator(1))
    for workers in (0, 2):
        loader = DataLoader(
            sentences, batch_sampler=sampler, collate_fn=pad_collate, num_workers=workers
        )
        seen = []
        for words, lengths in loader:
            assert words.shape == (len(lengths), lengths.max().item())
            for row, length in zip(words.tolist(), lengths.tolist(), strict=True):
                assert row == [*range(1, length + 1), *[0] * (len(row) - length)]
            seen += lengths.tolist()
        assert sorted(seen) == sorted(LENGTHS[:50])
    rows = DataLoader(TensorDataset(LENGTHS[:50]), batch_sampler=sampler)
    assert sum(len(batch) for (batch,) in rows) == 50


def test_padding() -> None:
    features = [np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), np.ones((0, 3), "f4")]
    padded, lengths = pad_collate(features, -1.0)
    assert padded.shape == (3, 4, 3)
    assert padded.dtype == np.float32
    assert lengths.tolist() == [2, 4, 0]
    for row, length in zip(padded._array, lengths.tolist(), strict=True):
        assert (row[:length] == 1).all()
        assert (row[length:] == -1).all()
    words, label, name = pad_collate([([1, 2], 7, "a"), ([], 8, "b")], 9)
    assert words[0].tolist() == [[1, 2], [9, 9]]
    assert words[0].dtype == np.int64
    assert words[1].tolist() == [2, 0]
    assert label.tolist() == [7, 8]
    assert name == ["a", "b"]
    (source, _), (target, lengths) = pad_collate([(tensor([1]), [2.5]), (tensor([3, 4]), [])])
    assert source.tolist() == [[1, 0], [3, 4]]
    assert target.tolist() == [[2.5], [0]]
    assert lengths.tolist() == [1, 0]
    assert pad_collate([tensor(1.0), tensor(2.0)]).tolist() == [1, 2]
    assert pad_collate([3, 4]).tolist() == [3, 4]


def test_padding_refuses_sequences_of_different_kinds() -> None:
    with pytest.raises(ValueError, match=r"pad_collate: .* got shapes \(2, 3\) and \(2, 4\)"):
        pad_collate([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="zip"):
        pad_collate([([1], 2), ([1],)])
