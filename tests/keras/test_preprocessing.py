"""Tokenizers, padding, labels as vectors and the data sets."""

from __future__ import annotations

import random

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras.preprocessing.sequence import pad_sequences
from cygnet.keras.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)
from cygnet.keras.utils import normalize, set_random_seed, to_categorical

TEXTS = ["The cat sat on the mat.", "The dog; the DOG sat!", "a b\tc", ""]


def test_labels_as_vectors():
    np.testing.assert_array_equal(to_categorical([1, 0], 3), [[0, 1, 0], [1, 0, 0]])
    assert to_categorical([[1], [4]]).shape == (2, 5)
    assert to_categorical(np.zeros((2, 3, 1), int), 4).shape == (2, 3, 4)
    assert to_categorical(2).shape == (3,)
    assert to_categorical([1.0, 0.0]).dtype == np.float64
    assert to_categorical([1], dtype="float32").dtype == np.float32
    tensor = to_categorical(cn.tensor([0, 2]), 3)
    assert isinstance(tensor, cn.Tensor) and tensor.tolist() == [[1, 0, 0], [0, 0, 1]]
    for labels, classes in (([-1], None), ([3], 3), ([-1], 3)):
        with pytest.raises(ValueError, match="to_categorical: argument x expected labels from 0"):
            to_categorical(labels, classes)
    with pytest.raises(ValueError, match="num_classes is needed"):
        to_categorical([])


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize(x, axis=0), [[1, 1], [0, 0]])
    np.testing.assert_allclose(normalize(x, order=1)[0], [3 / 7, 4 / 7])
    np.testing.assert_allclose(normalize(cn.tensor([[3.0, 4.0]])).numpy(), [[0.6, 0.8]])


def test_one_seed_for_all():
    drawn = []
    for _ in range(2):
        set_random_seed(7)
        drawn.append((random.random(), np.random.rand(), cn.rand(1).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    for seed in (-1, 2**32, 1.5, "a"):
        with pytest.raises(ValueError, match="set_random_seed: argument seed expected an int"):
            set_random_seed(seed)


def test_padding():
    lists = [[1, 2, 3], [], [4]]
    assert pad_sequences(lists).tolist() == [[1, 2, 3], [0, 0, 0], [0, 0, 4]]
    assert pad_sequences(lists, 2, padding="post").tolist() == [[2, 3], [0, 0], [4, 0]]
    assert pad_sequences(lists, 2, truncating="post", value=9).tolist() == [[1, 2], [9, 9], [9, 4]]
    assert pad_sequences(lists, 0).shape == (3, 0)
    assert pad_sequences([]).shape == (0, 0)
    words = pad_sequences([["a"], ["b", "c"]], dtype=object, value="")
    assert words.tolist() == [["", "a"], ["b", "c"]]
    assert pad_sequences([np.ones((2, 3)), np.ones((1, 3))], dtype="float32").shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([[1], 2], {}, r"sequences\[1\] expected a sequence, got 2"),
        (iter([[1]]), {}, "expected a list of sequences"),
        ([[1]], {"padding": "left"}, "argument padding expected 'pre' or 'post', got 'left'"),
        ([[1]], {"truncating": "x"}, "argument truncating expected"),
        ([[1]], {"value": "a"}, "expected dtype object or str"),
        ([[[1, 2]], [[1]]], {}, r"sequences\[1\] expected items of shape \(2,\), got \(1,\)"),
    ],
)
def test_bad_padding(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(sequences, **options)


def test_words():
    assert text_to_word_sequence("Don't panic, ok?") == ["don't", "panic", "ok"]
    assert text_to_word_sequence("A-b", filters="", lower=False) == ["A-b"]
    assert text_to_word_sequence("a,b;c", filters=";", split=",") == ["a", "b", "c"]
    assert hashing_trick("a b a", 10, "md5") == [2, 5, 2]
    assert all(1 <= each < 5 for each in one_hot("a b c d e f", 5))
    with pytest.raises(ValueError, match="argument n expected at least 2"):
        hashing_trick("a", 1)


def test_tokenizer():
    tokenizer = Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["?"] == 1 and tokenizer.word_index["the"] == 2
    assert tokenizer.texts_to_sequences(["the sat whale dog"]) == [[2, 3, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 3, 77]]) == ["the sat ?"]
    assert tokenizer.document_count == 4
    assert tokenizer.texts_to_matrix(["the the cat"], mode="count").tolist() == [[0, 1, 2, 0]]
    twin = tokenizer_from_json(tokenizer.to_json())
    assert twin.get_config() == tokenizer.get_config()
    assert twin.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    twin.fit_on_texts(["more"])


def test_bad_tokenizers():
    with pytest.raises(ValueError, match="give num_words or call fit_on_texts first"):
        Tokenizer().texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="mode expected one of binary, count, freq, tfidf"):
        Tokenizer(3).sequences_to_matrix([[1]], mode="tf")
    with pytest.raises(ValueError, match="'tfidf' needs"):
        Tokenizer(3).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(TypeError, match="unknown argument 'words'"):
        Tokenizer(words=3)


def test_mnist(tmp_path):
    from cygnet.data.sources import DownloadError, mnist
    from cygnet.keras.datasets.mnist import load_data

    try:
        pixels, labels = mnist(split="test", download=False).tensors
    except DownloadError:
        pytest.skip("MNIST is not there")
    for path in ("mnist.npz", tmp_path.name):
        (x_train, y_train), (x_test, y_test) = load_data(path)
        assert x_train.shape == (60000, 28, 28) and y_train.shape == (60000,)
        assert {each.dtype for each in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
        np.testing.assert_array_equal(y_test, labels.numpy())
        np.testing.assert_allclose(x_test / 255, pixels.numpy()[:, 0], rtol=1e-6)
        x_train[0] = 0  # may be written to
