"""Tokenizers, padding and labels as vectors beside Keras's own, where it is installed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cygnet.keras import utils
from cygnet.keras.preprocessing import text

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
reference = pytest.importorskip(
    "keras.src.legacy.preprocessing.text", reason="this Keras has no Tokenizer"
)

TEXTS = [
    "The cat sat on the mat.",
    "The dog; the DOG sat! It's not\tthe cat\n",
    ["Already", "split", "the", "Cat"],
    "",
    "unknown-word _and_ more",
]
LISTS = [[1, 2, 3, 4], [5], [], [6, 7]]


@pytest.mark.parametrize("maxlen", [None, 1, 2, 6])
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_padding(maxlen, padding, truncating):
    vectors = [np.arange(6.0).reshape(3, 2), np.ones((1, 2))]
    for lists, dtype, value in (
        (LISTS, "int32", 0.0),
        (LISTS, "float64", -1.5),
        (vectors, "f4", 2),
    ):
        options = {"maxlen": maxlen, "padding": padding, "truncating": truncating}
        options |= {"dtype": dtype, "value": value}
        ours, theirs = (lib.pad_sequences(lists, **options) for lib in (utils, keras.utils))
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("classes", [None, 5])
@pytest.mark.parametrize(
    "labels", [[0, 2, 1], [[0], [3]], np.arange(4).reshape(2, 2), 2, np.array([[[1]], [[0]]], "u1")]
)
def test_labels(labels, classes):
    ours, theirs = (lib.to_categorical(labels, classes) for lib in (utils, keras.utils))
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalize(axis, order):
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype("float32")
    x[0] = 0
    ours, theirs = (lib.normalize(x, axis, order) for lib in (utils, keras.utils))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(
    "options",
    [
        dict(zip(("num_words", "oov_token", "char_level", "lower"), values, strict=True))
        for values in itertools.product((None, 3, 6), (None, "<OOV>"), (False, True), (True, False))
    ]
    + [{"filters": "t"}, {"split": "t"}, {"analyzer": lambda each: each.split("a")}],
)
def test_tokenizer(options):
    ours, theirs = (lib.Tokenizer(**options) for lib in (text, reference))
    texts = [each for each in TEXTS if isinstance(each, str) or "analyzer" not in options]
    for each in (ours, theirs):
        each.fit_on_texts(texts)
        each.fit_on_texts(["again the same cat"])
    names = ("word_counts", "word_docs", "word_index", "index_word", "index_docs")
    for name in (*names, "document_count"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert list(ours.word_counts) == list(theirs.word_counts)
    new = [*texts, "the quick brown cat"]
    sequences = theirs.texts_to_sequences(new)
    assert ours.texts_to_sequences(new) == sequences
    numbers = [*sequences, [1, 2, 99]]
    assert ours.sequences_to_texts(numbers) == theirs.sequences_to_texts(numbers)
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.sequences_to_matrix(numbers, mode), theirs.sequences_to_matrix(numbers, mode)
        )
        np.testing.assert_allclose(
            ours.texts_to_matrix(new, mode), theirs.texts_to_matrix(new, mode)
        )
    assert ours.get_config().keys() == theirs.get_config().keys()
    if "analyzer" not in options:
        twin = text.tokenizer_from_json(theirs.to_json())
        assert twin.texts_to_sequences(new) == sequences


def test_fit_on_sequences():
    ours, theirs = (lib.Tokenizer(num_words=9) for lib in (text, reference))
    for each in (ours, theirs):
        each.fit_on_sequences(LISTS)
    np.testing.assert_allclose(
        ours.sequences_to_matrix(LISTS, "tfidf"), theirs.sequences_to_matrix(LISTS, "tfidf")
    )


def test_words_and_hashes():
    for each in TEXTS:
        if isinstance(each, str):
            assert text.text_to_word_sequence(each) == reference.text_to_word_sequence(each)
            assert text.hashing_trick(each, 7, "md5") == reference.hashing_trick(each, 7, "md5")
            assert text.one_hot(each, 50) == reference.one_hot(each, 50)
