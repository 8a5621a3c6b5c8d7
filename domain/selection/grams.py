"""Which words look alike: those that share pieces of four characters."""

from array import array
from collections.abc import Iterator
from typing import Final

#: Pieces of three find more and worse ones, of five fewer; four alone is as good as all three together.
_LENGTH: Final = 4


class Grams:
    """The pieces of a vocabulary whose words are numbered from 0."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        #: By piece, the numbers of the words with it, as often as it occurs in them.
        self._words: dict[str, array[int]] = {}

    def add(self, word: str, number: int) -> None:
        """Note the pieces of a new word."""
        for gram in grams(word):
            found = self._words.get(gram)
            if found is None:
                self._words[gram] = array("I", (number,))
            else:
                found.append(number)

    def lists(self, word: str) -> Iterator["array[int]"]:
        """For each piece of any word, the numbers of the words that have it; nothing for one nobody has."""
        for gram in grams(word):
            found = self._words.get(gram)
            if found is not None:
                yield found


def grams(word: str) -> list[str]:
    """The pieces of a word, its beginning and its end marked; a word of one letter is one piece."""
    marked = f" {word} "
    return [marked[at : at + _LENGTH] for at in range(max(1, len(marked) - _LENGTH + 1))]
