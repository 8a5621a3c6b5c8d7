"""How much of the labelled evidence a selection keeps within a budget of tokens."""

from collections.abc import Sequence
from typing import NamedTuple

from bursar.domain.selection.values import Turn

from .data import Question
from .tokens import count


class Kept(NamedTuple):
    """What of one question's evidence was kept, from 0 to 1."""

    turns: float
    #: The same, each turn as much as its tokens.
    tokens: float

    @property
    def full(self) -> bool:
        """Nothing is missing."""
        return self.turns == 1.0


def sizes(turns: Sequence[Turn]) -> list[int]:
    """Tokens of each turn, as `speaker: text` and the end of the line."""
    return [count(f"{turn.speaker or turn.role}: {turn.text}\n") for turn in turns]


def order(scores: Sequence[float]) -> list[int]:
    """Indices, highest score first; the earlier one first where two are alike."""
    return sorted(range(len(scores)), key=lambda turn: (-scores[turn], turn))


def fill(ranked: Sequence[int], tokens: Sequence[int], budget: float) -> set[int]:
    """What is taken in order while it fits; what does not fit is skipped."""
    kept: set[int] = set()
    left = budget
    for turn in ranked:
        if tokens[turn] <= left:
            kept.add(turn)
            left -= tokens[turn]
    return kept


def recall(question: Question, kept: set[int], tokens: Sequence[int]) -> Kept:
    """The share of a question's evidence that is among what was kept."""
    hits = [turn for turn in question.evidence if turn in kept]
    weight = sum(tokens[turn] for turn in question.evidence)
    return Kept(len(hits) / len(question.evidence), sum(tokens[turn] for turn in hits) / weight)


def at(question: Question, ranked: Sequence[int], tokens: Sequence[int], percent: int) -> Kept:
    """What a ranking keeps in so many per cent of the conversation's tokens."""
    return recall(question, fill(ranked, tokens, sum(tokens) * percent / 100), tokens)
