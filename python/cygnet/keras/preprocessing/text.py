"""Words as numbers, by how often they come; and as vectors of counts."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cygnet.tensor import Array

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")
Text = str | list[str]
Analyzer = Callable[[str], Sequence[str]]


def text_to_word_sequence(
    input_text: str, filters: str = _FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text.

    Parameters
    ----------
    input_text : str
    filters : str
        Characters that count as `split`. Default: punctuation (but for '), tab and newline.
    lower : bool, default True
        Whether capitals become small.
    split : str, default " "
        What lies between words.

    Examples
    --------
    >>> text_to_word_sequence("It's a cat, isn't it?")
    ["it's", 'a', 'cat', "isn't", 'it']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(dict.fromkeys(map(ord, filters), split))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 to n - 1 by a hash; different ones may get the same.

    Parameters
    ----------
    text : str
    n : int
        At least 2.
    hash_function : callable or "md5", optional
        Of a word. Default: Python's `hash`, which differs from one process to the next.
    filters, lower, split
        As in :func:`text_to_word_sequence`.
    analyzer : callable, optional
        Gives the words of a text instead.
    """
    if n < 2:
        raise ValueError(f"hashing_trick: argument n expected at least 2, got {n}")
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [1 + hash_function(word) % (n - 1) for word in words]


def one_hot(
    input_text: str,
    n: int,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """:func:`hashing_trick` with Python's `hash`; not one-hot vectors, in spite of its name."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers for words: 1 for the most frequent, and so on; 0 is left for padding.

    Parameters
    ----------
    num_words : int, optional
        Only words with numbers below it are kept, so the ``num_words - 1`` most frequent.
        Default: all.
    filters, lower, split
        As in :func:`text_to_word_sequence`.
    char_level : bool, default False
        Whether characters are what is numbered.
    oov_token : str, optional
        What stands for words that are not kept; it gets number 1. Without it they are left out.
    analyzer : callable, optional
        Gives the words of a text, instead of `filters`, `lower` and `split`.

    Attributes
    ----------
    word_counts : dict
        How often each word came.
    word_docs, index_docs : dict
        In how many texts each word, or number, came.
    word_index, index_word : dict
        The number of each word, and back; of all words, whatever `num_words` is.
    document_count : int
        How many texts there were.

    Examples
    --------
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the cat sat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the dog sat down"])
    [[1, 4, 3]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Analyzer | None = None,
        **kwargs: Any,
    ) -> None:
        self.num_words = kwargs.pop("nb_words", num_words)  # its name in Keras 1
        self.document_count: int = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Tokenizer: unknown argument {next(iter(kwargs))!r}")
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Text) -> Sequence[str]:
        """What is numbered: the words of a text, its characters, or the items of a list."""
        if isinstance(text, list):
            return [item.lower() for item in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of more texts, and number all words anew.

        Parameters
        ----------
        texts : iterable of str or of lists of str
            A list holds words that are taken as they are.
        """
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        # Sorting keeps words that are equally frequent in the order in which they came.
        ordered = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        if self.oov_token is not None:
            ordered.insert(0, self.oov_token)
        self.word_index = {word: index for index, word in enumerate(ordered, 1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Count in how many sequences each number comes, where there are no texts."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def _is_kept(self, index: int | None) -> bool:
        return index is not None and not (self.num_words and index >= self.num_words)

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Text]) -> Iterator[list[int]]:
        """One text's numbers after another's."""
        other = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            indices = (self.word_index.get(word) for word in self._words(text))
            chosen = (index if self._is_kept(index) else other for index in indices)
            yield [index for index in chosen if index is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each sequence of numbers, with spaces between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """One sequence's words after another's."""
        for sequence in sequences:
            words = (
                self.index_word.get(index) if self._is_kept(index) else None for index in sequence
            )
            chosen = (self.oov_token if word is None else word for word in words)
            yield " ".join(word for word in chosen if word is not None)

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> Array:
        """:meth:`sequences_to_matrix` of the texts' numbers."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> Array:
        """A row for each sequence and a column for each number.

        Parameters
        ----------
        sequences : sequence of sequences of int
        mode : {"binary", "count", "freq", "tfidf"}
            Whether the number comes; how often; its share of the sequence; or ``(1 + log(count))
            log(1 + texts / (1 + texts with it))``.

        Returns
        -------
        numpy.ndarray
            float64 (len(sequences), num_words or words + 1).

        Raises
        ------
        ValueError
            If the mode is none of these, or nothing tells the number of columns, or of texts.
        """
        if mode not in _MODES:
            raise ValueError(
                f"Tokenizer: argument mode expected one of {', '.join(_MODES)}, got {mode!r}"
            )
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise ValueError("Tokenizer: give num_words or call fit_on_texts first")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer: mode 'tfidf' needs fit_on_texts or fit_on_sequences first")
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences, strict=True):
            for index, count in Counter(sequence).items():
                if index >= columns:
                    continue
                if mode == "binary":
                    row[index] = 1
                elif mode == "count":
                    row[index] = count
                elif mode == "freq":
                    row[index] = count / len(sequence)
                else:
                    texts_with_it = self.index_docs.get(index, 0)
                    rarity = math.log(1 + self.document_count / (1 + texts_with_it))
                    row[index] = (1 + math.log(count)) * rarity
        return matrix

    def get_config(self) -> dict[str, Any]:
        """The options, and the counts as JSON."""
        options = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        config = {name: getattr(self, name) for name in (*options, "document_count")}
        return config | {name: json.dumps(getattr(self, name)) for name in _COUNTS}

    def to_json(self, **kwargs: Any) -> str:
        """As a text for :func:`tokenizer_from_json`; `kwargs` are those of `json.dumps`."""
        return json.dumps(
            {"class_name": type(self).__name__, "config": self.get_config()}, **kwargs
        )


_COUNTS = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The Tokenizer that `to_json`, Keras's too, has written."""
    config = json.loads(json_string)["config"]
    counts = {name: json.loads(config.pop(name)) for name in _COUNTS}
    for name in ("index_docs", "index_word"):  # JSON's keys are texts
        counts[name] = {int(index): each for index, each in counts[name].items()}
    tokenizer = Tokenizer(**config)
    for name, each in counts.items():
        current = getattr(tokenizer, name)
        current.update(each)
    return tokenizer
