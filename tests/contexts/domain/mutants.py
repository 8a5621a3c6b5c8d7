"""Faults that could have been made in what holds windows together, each planted over the right rule."""

# A fault sits inside a rule, in what is nobody else's business.
# pyright: reportPrivateUsage=false

from collections.abc import Callable, Iterable, Sequence

import pytest

from bursar.domain.contexts import (
    adding,
    compressing,
    entries,
    evolve,
    planning,
    pruning,
    structure,
    widening,
)
from bursar.domain.contexts.planning import Plan
from bursar.domain.contexts.spans import ordinals, spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.structure import Shape
from bursar.domain.contexts.values import Genre, Spans
from bursar.domain.copying import replace
from bursar.domain.draft import Draft

Plant = Callable[[pytest.MonkeyPatch], None]


def the_last_that_fit(patch: pytest.MonkeyPatch) -> None:
    """The window that trackers are full of: as many of the newest messages as fit, and nothing else."""
    patch.setattr(pruning, "keep", naive)


def the_last_that_fit_and_the_system(patch: pytest.MonkeyPatch) -> None:
    """The same, by somebody who has heard of system messages."""

    def keep(
        context: Context, scores: Sequence[int], tokens: int | None, size: int | None, last: int
    ) -> Plan:
        return naive(context, scores, tokens, size, last, system=True)

    patch.setattr(pruning, "keep", keep)


def naive(
    context: Context,
    scores: Sequence[int],
    tokens: int | None,
    size: int | None,
    _last: int,
    *,
    system: bool = False,
) -> Plan:
    """Message by message from the end, until one does not fit."""
    flat = [entry for block in context.entries for entry in block]
    numbers = list(ordinals(context.window))
    kept = [number for number in numbers if system and flat[number].role == "system"]
    room = 10**9 if tokens is None else tokens - sum(flat[number].tokens for number in kept)
    space = 10**9 if size is None else size - sum(flat[number].size for number in kept)
    for number in reversed(numbers):
        room, space = room - flat[number].tokens, space - flat[number].size
        if room < 0 or space < 0:
            break
        kept.append(number)
    stays = frozenset(kept)
    scored = [score for number, score in zip(numbers, scores, strict=True) if number not in stays]
    return Plan(
        kept=spans_of(sorted(stays)),
        dropped=spans_of(number for number in numbers if number not in stays),
        dropped_scores=tuple(scored),
        messages=len(stays),
        tokens=sum(flat[number].tokens for number in stays),
        size=sum(flat[number].size for number in stays),
        required_tokens=0,
        required_size=0,
    )


def calls_are_torn_from_their_results(patch: pytest.MonkeyPatch) -> None:
    """Every message is an atom of its own."""

    def atom(_seen: Shape, place: int) -> tuple[int, ...]:
        return (place,)

    patch.setattr(Shape, "atom", atom)


def nothing_is_pinned(patch: pytest.MonkeyPatch) -> None:
    """Only what the conversation is about now stays."""

    def required(seen: Shape, genre: Genre) -> dict[int, None]:
        return structure.rounded(seen, [*structure._awaited(seen), *structure._current(seen, genre)])

    patch.setattr(planning, "required", required)
    patch.setattr(structure, "required", required)


def the_last_turn_may_go(patch: pytest.MonkeyPatch) -> None:
    """What the user said last is as good as anything."""
    patch.setattr(structure, "_current", _always([]))


def nobody_waits_for_results(patch: pytest.MonkeyPatch) -> None:
    """A call may go before its results have come."""
    patch.setattr(structure, "_awaited", _always([]))


def windows_begin_anywhere(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whose message comes first."""

    def users_before(seen: Shape) -> list[int | None]:
        return [None] * len(seen.sent)

    patch.setattr(structure, "_anchor", _always(None))
    patch.setattr(planning, "_users_before", users_before)


def moved_on_or_not(patch: pytest.MonkeyPatch) -> None:
    """A summary is put in whatever became of what it is of."""
    patch.setattr(compressing, "_still_stands", _always(True))


def any_summary_will_do(patch: pytest.MonkeyPatch) -> None:
    """However long it is."""
    patch.setattr(compressing, "_is_better", _always(True))


def results_of_anything(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks whose call a result answers."""
    patch.setattr(adding, "_answers_nothing", _always(None))


def half_an_atom_comes_back(patch: pytest.MonkeyPatch) -> None:
    """What is wanted, and not what belongs to it; and nobody looks at what comes of it."""

    def whole(_known: object, wanted: Iterable[int]) -> list[int]:
        return sorted(wanted)

    patch.setattr(widening, "whole", whole)
    patch.setattr("bursar.domain.contexts.restoring.problems", _always(()))


def summaries_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """They are sent behind what they stand before."""

    def replaced(context: Context, replacing: Spans, summary: int) -> Spans:
        gone = frozenset(ordinals(replacing))
        return spans_of([*(number for number in ordinals(context.window) if number not in gone), summary])

    patch.setattr(compressing, "_replaced", replaced)
    patch.setattr(compressing, "problems", _always(()))


def nobody_settles(patch: pytest.MonkeyPatch) -> None:
    """What a manager that died was doing is waited for without an end."""

    def settle(_draft: Draft) -> None:
        pass

    patch.setattr("bursar.domain.kernel.settle", settle)


def damage_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """A text is lost, and its message stays."""

    def mended(context: Context, lost: Spans) -> Context:
        known = context.entries
        for ordinal in ordinals(lost):
            known = entries.changed(known, ordinal, entries.at(known, ordinal)._replace(lost=True))
        return replace(context, entries=known)

    patch.setattr(evolve, "mended", mended)


def _always(answer: object) -> Callable[..., object]:
    """Whatever it is asked."""

    def same(*_asked: object) -> object:
        return answer

    return same
