"""Append golden rows for the types and versions that have none, and seal what has no seal yet.

    python -m tests.evolution.grow            appends, changes nothing
    python -m tests.evolution.grow --states   also takes down today's states anew

Histories come from the simulated worlds of `tests/domain`; the shortest one in which a type happens is cut
off behind the step in which it does.
"""

# It is a program that talks to a person.
# ruff: noqa: T201

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from bursar.domain.erasure.events import EventRedacted, SubjectForgotten
from bursar.domain.events import Event
from bursar.domain.host.events import StateDigested
from bursar.domain.kernel import initial, step
from bursar.domain.registry import CODEC
from bursar.domain.upcasting import Key
from bursar.eventstore.records import Record
from bursar.projections.history import to_draft

from ..domain.everything import EVERYTHING
from ..domain.talks import talks
from .released import ROWS, SEALS, covered, histories, line, sealed, seals

_WORLDS = 300
_ACTIONS = 14


def main() -> None:
    """Say what was appended, and what nobody has seen happen."""
    found = histories() if ROWS.exists() else {}
    missing = set(CODEC.released) - covered(row for rows in found.values() for row in rows)
    candidates = list(_candidates()) if missing else []
    with ROWS.open("a", encoding="utf-8") as file:
        while missing:
            best = _best(candidates, missing)
            if not best:
                break
            name = f"{len(found) + 1}"
            found[name] = best
            file.writelines(line(name, record) + "\n" for record in best)
            print(
                f"history {name}: {len(best)} rows for", *sorted(name for name, _ in covered(best) & missing)
            )
            missing -= covered(best)
    known = seals() if SEALS.exists() else {}
    states = sealed()
    kept = known if "--states" not in sys.argv else {}
    merged = {name: (known[name] if name in kept else seal)._asdict() for name, seal in states.items()}
    SEALS.write_text(json.dumps(merged, indent=1) + "\n")
    for name, version in sorted(missing):
        print(f"{name} version {version} happens in none of the worlds: append a history by hand")


def _best(candidates: list[list[Record]], missing: set[Key]) -> list[Record]:
    """The piece of a history that shows most of what is missing in fewest rows."""
    pieces = [piece for rows in candidates for piece in _pieces(rows, missing)]
    nothing: list[Record] = []
    return max(pieces, key=lambda piece: len(covered(piece) & missing) / (len(piece) + 10), default=nothing)


def _pieces(rows: list[Record], missing: set[Key]) -> Iterator[list[Record]]:
    """The beginning of a history up to each step in which something missing happens first."""
    new = set(missing)
    for at, row in enumerate(rows):
        if (row.type, row.version) in new:
            new.discard((row.type, row.version))
            end = at + 1
            while end < len(rows) and rows[end].kind == "decision":
                end += 1
            yield rows[:end]


def _candidates() -> Iterator[list[Record]]:
    yield _rows(EVERYTHING.play().history)
    yield _rows(replace(EVERYTHING, actions=talks(EVERYTHING.settings.limits)).play().history)
    for seed in range(_WORLDS):
        random = Random(seed)
        actions = tuple(random.choice(EVERYTHING.actions) for _ in range(_ACTIONS))
        yield _rows(replace(EVERYTHING, seed=seed, actions=actions).play().history)
    yield _rows(_besides())


def _besides() -> list[Event]:
    """What happens in no world of the kernel's alone."""
    state, history = initial(), list[Event]()
    for fact in (
        SubjectForgotten(forgotten="3fa9", destroyed_at=1, bodies=2, stored_bytes=512, basis="GDPR Art. 17"),
        EventRedacted(event=1, because="it named somebody"),
        StateDigested(digest="5e8d" * 16),
    ):
        taken = step(state, fact, at=2, actor="ada")
        history += taken.events
        state = taken.state
    return history


def _rows(history: list[Event]) -> list[Record]:
    return [Record(event.position, *to_draft(event)) for event in history]


if __name__ == "__main__":
    main()
