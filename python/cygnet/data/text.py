"""Words and characters as numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cygnet.data.sampler import check_count
from cygnet.errors import constructor
from cygnet.tensor import Array

__all__ = ["Vocabulary", "tokenize_words"]

# A word with its inner apostrophes and hyphens, or a single sign that is neither space nor word.
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


def tokenize_words(text: str, lower: bool = True) -> list[str]:
    """The words and punctuation marks of a text, for languages that put spaces between words.

    A word is a run of letters, digits and underscores, of any script; an apostrophe or a hyphen
    within it belongs to it. Any other sign that is no space is a token of its own.

    Parameters
    ----------
    text : str
    lower : bool
        Whether to turn capitals into small letters. Default True.

    Returns
    -------
    list of str

    Raises
    ------
    TypeError

    Examples
    --------
    >>> from cygnet.data import tokenize_words
    >>> tokenize_words("Ein Mädchen im T-Shirt, das läuft.")
    ['ein', 'mädchen', 'im', 't-shirt', ',', 'das', 'läuft', '.']
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize_words: text expected a str, got {type(text).__name__}")
    return _WORD.findall(text.lower() if lower else text)


class Vocabulary:
    """Numbers for tokens: first the special ones, then the others by how often they occur, the
    most frequent first and equals in the order of their characters (code points).

    The order depends on the counts alone, not on where the tokens stand.

    Parameters
    ----------
    tokens : iterable of str
        All tokens of a text, one after another: words, or a str for its characters.
    min_freq : int
        How often a token must occur to get a number. Default 1.
    specials : sequence of str
        Tokens that get the numbers 0, 1, … in this order, whether they occur or not. Default none.
    unknown : str, optional
        The token that stands for all that have no number; added to the front of `specials` if it is
        not one of them. Default: a token without a number is a KeyError.
    max_tokens : int, optional
        The greatest size, specials included: rarer tokens are left out. Default: no limit.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> from cygnet.data import Vocabulary
    >>> vocabulary = Vocabulary("to be or not to be".split(), specials=["<pad>", "<unk>"],
    ...                         unknown="<unk>")
    >>> vocabulary.get_itos()
    ['<pad>', '<unk>', 'be', 'to', 'not', 'or']
    >>> vocabulary.encode(["to", "see"])
    array([3, 1])
    >>> letters = Vocabulary("hello")
    >>> "".join(letters.decode(letters.encode("hole")))
    'hole'
    """

    @constructor
    def __init__(
        self,
        tokens: Iterable[str],
        *,
        min_freq: int = 1,
        specials: Sequence[str] = (),
        unknown: str | None = None,
        max_tokens: int | None = None,
    ) -> None:
        check_count("Vocabulary", "min_freq", min_freq)
        if isinstance(specials, str):
            raise TypeError("Vocabulary: specials expected a sequence of str, got a str")
        first = list(specials)
        if unknown is not None and unknown not in first:
            first.insert(0, unknown)
        if len(set(first)) < len(first):
            raise ValueError(f"Vocabulary: specials expected distinct tokens, got {first}")
        counts = Counter(tokens)
        for token in (*first, *counts):
            if not isinstance(token, str):
                raise TypeError(f"Vocabulary: tokens expected str, got {type(token).__name__}")
        common = [token for token, count in counts.items() if count >= min_freq]
        self._tokens = first + sorted(set(common) - set(first), key=lambda t: (-counts[t], t))
        if max_tokens is not None:
            check_count("Vocabulary", "max_tokens", max_tokens)
            if max_tokens < len(first):
                raise ValueError(
                    f"Vocabulary: max_tokens expected at least the {len(first)} specials, got "
                    f"{max_tokens}"
                )
            del self._tokens[max_tokens:]
        self._numbers = {token: number for number, token in enumerate(self._tokens)}
        self.unknown = unknown
        self._unknown = None if unknown is None else self._numbers[unknown]

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        """Whether the token has a number of its own."""
        return token in self._numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token; KeyError if it has none and there is no unknown token."""
        number = self._numbers.get(token, self._unknown)
        if number is None:
            raise KeyError(
                f"Vocabulary: {token!r} is none of its {len(self)} tokens, and there is no unknown "
                "token"
            )
        return number

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, unknown={self.unknown!r})"

    def encode(self, tokens: Iterable[str]) -> Array:
        """The numbers of tokens (of a str: of its characters), an int64 array (L,).

        Raises
        ------
        KeyError
            If a token has no number and there is no unknown token.
        """
        return np.array(self.lookup_indices(tokens), np.int64)

    def decode(self, indices: Any) -> list[str]:
        """The tokens of numbers: a list, array or tensor of integers with one axis.

        Raises
        ------
        TypeError, ValueError
            If they are no integers in one axis.
        IndexError
            If a number is negative or beyond the vocabulary.
        """
        numbers = np.asarray(indices)
        if numbers.ndim != 1:
            raise ValueError(
                f"Vocabulary: indices has shape {numbers.shape}, expected one dimension"
            )
        if numbers.size and numbers.dtype.kind not in "iu":
            raise TypeError(f"Vocabulary: indices expected integers, got {numbers.dtype}")
        return self.lookup_tokens(numbers.tolist())

    def lookup_indices(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of tokens, as a list; see `encode`."""
        return [self[token] for token in tokens]

    def lookup_token(self, index: int) -> str:
        """The token of a number; IndexError if it is negative or beyond the vocabulary."""
        if not isinstance(index, int | np.integer):
            raise TypeError(f"Vocabulary: index expected an int, got {type(index).__name__}")
        if not 0 <= index < len(self):
            raise IndexError(
                f"Vocabulary: index expected from 0 to {len(self) - 1}, got {index}"
                if self._tokens
                else f"Vocabulary: index {index} asked of an empty vocabulary"
            )
        return self._tokens[index]

    def lookup_tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens of numbers, as a list; see `decode`."""
        return [self.lookup_token(index) for index in indices]

    def get_stoi(self) -> dict[str, int]:
        """A new dict from token to number."""
        return dict(self._numbers)

    def get_itos(self) -> list[str]:
        """A new list of the tokens, by number."""
        return list(self._tokens)
