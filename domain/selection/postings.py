"""The words of a conversation's turns, as they come."""

from array import array
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from typing import Final

from ..contexts.values import Role
from .cues import facts, name_words
from .grams import Grams
from .spreading import participants, width
from .stems import stem
from .values import Turn
from .words import STOP, words

#: Characters of a text that are looked at: of a longer one, as much at its beginning as at its end.
MAX_CHARACTERS: Final = 1 << 16
#: Characters of a speaker's name.
_NAME_MAX: Final = 128
#: A word that comes more often in a turn counts as often as this: BM25 hardly tells the difference.
_TIMES_MAX: Final = 8
#: Longer turns are all alike to the median, which is that of turns in a conversation.
_WORDS_MAX: Final = 255


class Postings:
    """What ranking needs to know of the turns; their texts are not kept.

    Adding a turn costs what its words do, whatever was added before.
    """

    def __init__(self) -> None:
        #: By word: its number.
        self.numbers: dict[str, int] = {}
        #: By the number of a word: the turns it is in, ascending, once for each time.
        self.turns_with: list[array[int]] = []
        #: By stem: the numbers of its words. Stop words have none.
        self.by_stem: dict[str, array[int]] = {}
        self.grams = Grams()
        #: By turn: terms in it; letters and pieces of letters in it; how factual it is; whose it is.
        self.terms = array("I")
        self.pieces = array("I")
        self.facts = array("f")
        self.speakers = array("I")
        #: By speaker, that is by role and name: the number; and by the number, the words and the turns.
        self.speaker_numbers: dict[tuple[str, str], int] = {}
        self.known_as: list[frozenset[str]] = []
        self.turns_of: list[int] = []
        self.total_terms = 0
        self._lengths = array("I", bytes(4 * (_WORDS_MAX + 1)))

    def __len__(self) -> int:
        return len(self.terms)

    def add(self, turn: Turn) -> None:
        """Note the next turn."""
        text = shortened(turn.text)
        said = words(text)
        self._lengths[min(len(said), _WORDS_MAX)] += 1
        times = Counter(said)
        speaker = turn.speaker[:_NAME_MAX]
        times.update(words(speaker))
        terms = self._note(times)
        self.terms.append(terms)
        self.total_terms += terms
        self.pieces.append(sum(len(word) * count for word, count in times.items()))
        self.facts.append(facts(text))
        self.speakers.append(self._speaker(turn.role, speaker))

    def width(self) -> float:
        """Over how many turns scores are spread."""
        return width(participants(self.turns_of), self._median_words())

    def _note(self, times: Counter[str]) -> int:
        """Note the words of the next turn; how many terms they are."""
        turn, terms = len(self), 0
        for word, count in times.items():
            number = self.numbers.get(word)
            if number is None:
                number = self._new(word)
            self.turns_with[number].extend([turn] * min(count, _TIMES_MAX))
            if word not in STOP:
                terms += count
        return terms

    def _new(self, word: str) -> int:
        number = self.numbers[word] = len(self.turns_with)
        self.turns_with.append(array("I"))
        self.grams.add(word, number)
        if word not in STOP:
            self.by_stem.setdefault(stem(word), array("I")).append(number)
        return number

    def _speaker(self, role: Role, speaker: str) -> int:
        key = (role, speaker)
        number = self.speaker_numbers.get(key)
        if number is None:
            number = self.speaker_numbers[key] = len(self.known_as)
            self.known_as.append(name_words(speaker))
            self.turns_of.append(0)
        self.turns_of[number] += 1
        return number

    def _median_words(self) -> int:
        return bisect_right(list(accumulate(self._lengths)), (len(self) - 1) // 2)


def shortened(text: str, characters: int = MAX_CHARACTERS) -> str:
    """A text of at most as many characters: of a longer one, its beginning and its end."""
    if len(text) <= characters:
        return text
    return f"{text[: characters // 2]} {text[-(characters // 2) :]}"
