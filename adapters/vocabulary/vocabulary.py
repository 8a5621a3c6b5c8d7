"""Counting with a vocabulary: a text into its parts, those into words, and each word once."""

import re
from collections.abc import Callable, Iterable, Iterator

#: Characters that are counted before a sum is given out.
_SLICE = 1 << 12
#: Characters that are looked through for words at once: from there on a cut is made where it changes
#: nothing, between two words of letters; or anywhere, at the price of a token or two, when there is none.
_STRETCH, _STRETCH_MAX = 1 << 14, 1 << 16
_BETWEEN_WORDS = re.compile("[A-Za-z](?=[ \u2581][A-Za-z])")
#: Looking for a token goes through so many characters in the time that one takes otherwise.
_SEARCHED = 64
#: Words that are remembered, and how long they are at most.
_WORDS, _SHORT = 1 << 16, 64


class Vocabulary:
    """The tokens of one model: `split` makes words of a text, `count_word` says how many tokens one has.

    `special` are tokens that are found in a text before it is split, the longest first. A word of more than
    `longest` characters is counted in pieces, at the price of a token or two for each.
    """

    def __init__(
        self,
        split: Callable[[str], Iterator[str]],
        count_word: Callable[[str], int],
        special: Iterable[str] = (),
        prepare: Callable[[str], str] = str,
        longest: int = 1 << 10,
    ) -> None:
        self._split, self._count_word, self._prepare, self._longest = split, count_word, prepare, longest
        self._special = sorted(
            {each for each in special if each}, key=lambda each: (-len(each.encode()), each)
        )
        self._heads = sorted({token[:2] for token in self._special})
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of a text as it stands, without any that begin or end a prompt."""
        return sum(tokens for _, tokens in self.counting(text))

    def counting(self, text: str) -> Iterator[tuple[int, int]]:
        """The same a slice at a time: the work that was done, in characters, and the tokens found in it."""
        parts, special = [text], 0
        for token in self._special_in(text):
            split = [part.split(token) for part in parts]
            special += sum(len(each) - 1 for each in split)
            parts = [piece for each in split for piece in each]
            yield len(text) // _SEARCHED, 0
        yield 0, special
        for part in filter(None, parts):
            yield from self._slices(part)

    def _slices(self, part: str) -> Iterator[tuple[int, int]]:
        known = self._known
        handled = found = 0
        for stretch in _stretches(self._prepare(part)):
            for word in self._split(stretch):
                tokens = known.get(word)
                if tokens is None:
                    if len(word) > self._longest:
                        yield from self._long(word)
                        continue
                    tokens = self._of_word(word)
                found += tokens
                handled += len(word)
                if handled >= _SLICE:
                    yield handled, found
                    handled = found = 0
        yield handled, found

    def _long(self, word: str) -> Iterator[tuple[int, int]]:
        for start in range(0, len(word), self._longest):
            piece = word[start : start + self._longest]
            # Nothing of it is met before: that takes longer.
            yield 2 * len(piece), self._count_word(piece)

    def _of_word(self, word: str) -> int:
        tokens = self._count_word(word)
        if len(word) <= _SHORT:
            if len(self._known) >= _WORDS:
                self._known.clear()
            self._known[word] = tokens
        return tokens

    def _special_in(self, text: str) -> Iterator[str]:
        """Special tokens that may be in a text: those of which it has the first two characters."""
        heads = {head: head in text for head in self._heads}
        return (token for token in self._special if heads[token[:2]])


def _stretches(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _STRETCH_MAX:
        between = _BETWEEN_WORDS.search(text, start + _STRETCH, start + _STRETCH_MAX)
        stop = between.end() if between else start + _STRETCH_MAX
        yield text[start:stop]
        start = stop
    yield text[start:]
