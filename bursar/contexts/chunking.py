"""What of a conversation fits into one prompt, and what is asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..domain.selection.abstract import line, prompt
from ..domain.selection.values import Turn

Count = Callable[[str], int]

#: Of the window, what is left free for what a template adds and for what a count may miss.
_MARGIN_PER_MILLE = 50
_MARGIN = 64
#: A prompt of parts has no more of the window than this, and parts of less than so many tokens say nothing.
_PART_PER_MILLE = 500
_PART_MIN = 96
#: More parts than this take too long to be asked about.
_PARTS_MAX = 16
#: Tokens that a part's facts may have at least, however small it is.
_FACTS_MIN = 64
#: Tokens of an answer by those of its facts: what they are wrapped in. And at least so many.
_WRAPPING_PER_MILLE = 1600
_ANSWER_MIN = 160
#: Words by tokens; no one is asked for more, nor for fewer.
_WORDS_PER_MILLE = 450
_WORDS_MAX, _WORDS_MIN = 500, 30
#: Of a text that is cut, the share of its beginning.
_HEAD_PER_MILLE = 700
_CUTS_MAX = 8


class NoRoom(Exception):
    """The window is too small for the messages, however they are divided."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a prompt and its answer may take."""

    window_tokens: int
    #: Of the facts of the whole summary.
    summary_tokens: int
    count: Count

    def answer_tokens(self, summary_tokens: int) -> int:
        """What an answer may take that is to become so many tokens of summary."""
        return max(_ANSWER_MIN, summary_tokens * _WRAPPING_PER_MILLE // 1000)

    @property
    def prompt_tokens(self) -> int:
        """What is left for messages. Raises NoRoom."""
        margin = _MARGIN + self.window_tokens * _MARGIN_PER_MILLE // 1000
        task = self.count(prompt((), words=_WORDS_MAX)[0].content)
        left = self.window_tokens - self.answer_tokens(self.summary_tokens) - margin - task
        if left < _PART_MIN:
            raise NoRoom
        return left


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the messages, and what is asked of it."""

    turns: tuple[tuple[int, Turn], ...]
    #: Of its messages, as they stand in the prompt.
    tokens: int
    summary_tokens: int
    answer_tokens: int
    words: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Messages that stay together."""

    turns: tuple[tuple[int, Turn], ...]
    tokens: int


def chunks(
    turns: Sequence[tuple[int, Turn]], atoms: Sequence[tuple[int, ...]], room: Room, share: int
) -> list[Chunk]:
    """All messages, at once where they fit into one prompt, or in parts; `share` times as small.

    Raises NoRoom.
    """
    pieces = _pieces(turns, atoms, room.count)
    total = sum(piece.tokens for piece in pieces)
    most = room.prompt_tokens
    if share > 1 or total > most:
        most = max(_PART_MIN, min(most, room.window_tokens * _PART_PER_MILLE // 1000, total) // share)
    groups = _grouped([_within(piece, most, room.count) for piece in pieces], most)
    if len(groups) > _PARTS_MAX:
        raise NoRoom
    return [_chunk(group, total, room) for group in groups]


def _pieces(
    turns: Sequence[tuple[int, Turn]], atoms: Sequence[tuple[int, ...]], count: Count
) -> list[_Piece]:
    """Atoms by their first message; a message that is in none is one by itself."""
    by_ordinal = dict(turns)
    head = {ordinal: atom[0] for atom in atoms for ordinal in atom if ordinal in by_ordinal}
    together: dict[int, list[int]] = {}
    for ordinal, _ in turns:
        together.setdefault(head.get(ordinal, ordinal), []).append(ordinal)
    return [_piece([(ordinal, by_ordinal[ordinal]) for ordinal in each], count) for each in together.values()]


def _piece(turns: Sequence[tuple[int, Turn]], count: Count) -> _Piece:
    return _Piece(tuple(turns), sum(count(f"\n{line(ordinal, turn)}") for ordinal, turn in turns))


def _within(piece: _Piece, most: int, count: Count) -> _Piece:
    """With its texts cut in the middle, where it has more tokens than fit."""
    for _ in range(_CUTS_MAX):
        if piece.tokens <= most:
            return piece
        kept = most * 900 // piece.tokens
        piece = _piece([(ordinal, _cut(turn, kept)) for ordinal, turn in piece.turns], count)
    raise NoRoom


def _cut(turn: Turn, per_mille: int) -> Turn:
    letters = len(turn.text) * per_mille // 1000
    head = letters * _HEAD_PER_MILLE // 1000
    tail = letters - head
    return turn._replace(text=f"{turn.text[:head]} \u2026 {turn.text[len(turn.text) - tail :]}")


def _grouped(pieces: Sequence[_Piece], most: int) -> list[list[_Piece]]:
    groups: list[list[_Piece]] = [[]]
    left = most
    for piece in pieces:
        if piece.tokens > left and groups[-1]:
            groups.append([])
            left = most
        groups[-1].append(piece)
        left -= piece.tokens
    return groups


def _chunk(group: Sequence[_Piece], total: int, room: Room) -> Chunk:
    tokens = sum(piece.tokens for piece in group)
    summary = max(_FACTS_MIN, room.summary_tokens * tokens // max(1, total))
    turns = sorted((turn for piece in group for turn in piece.turns), key=lambda one: one[0])
    words = min(_WORDS_MAX, max(_WORDS_MIN, summary * _WORDS_PER_MILLE // 1000))
    return Chunk(tuple(turns), tokens, summary, room.answer_tokens(summary), words)
