"""Beside `eventsourcing` on SQLite, doing the same work: saving, rebuilding a subject, replaying the log.

The work: an event of nine fields is built, validated, folded into its subject, encoded, stored. What is
judged is measured beside the peer as it comes, though it does not validate. The same beside a mapper for
pydantic's models, which its manual shows and whoever wants it writes, is printed and not judged.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from time import perf_counter, time_ns
from uuid import UUID

from bursar.domain.registry import encode
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft

from .figures import Figure, Rounds, alternate, beside
from .loops import run
from .peer import AsItComes, Peer, Validated
from .projection import TALLIES
from .subject import Fields, Measured, Tally, fields

JUDGED, OTHER = "as it comes", "a pydantic mapper"
#: By name: opens one, under NORMAL or under FULL.
PEERS: dict[str, Callable[[Path, bool], Peer]] = {
    JUDGED: lambda path, normal: AsItComes(path, normal=normal),
    OTHER: lambda path, normal: Validated(path, normal=normal),
}
_CLIENTS = 64
#: Events of a subject where subjects are rebuilt.
_LONG = 100


def measure(rounds: int, events: int, log: int) -> list[Figure]:
    """Saves of `events` events in every turn; a log of `log` events."""
    return [*_saves(rounds, events), *_rebuilds(rounds, log)]


def _saves(rounds: int, events: int) -> list[Figure]:
    variants: dict[str, Callable[[], float]] = {
        "ours 1": lambda: ours(events, clients=1, size=1, durable=False),
        "ours 100": lambda: ours(events, clients=1, size=100, durable=False),
        "ours 64": lambda: ours(events, clients=_CLIENTS, size=1, durable=False),
        "ours FULL 1": lambda: ours(events // 4, clients=1, size=1, durable=True),
        "ours FULL 100": lambda: ours(events, clients=1, size=100, durable=True),
    }
    for name in PEERS:
        variants[f"{name} 1"] = partial(theirs, name, events, size=1, normal=True)
        variants[f"{name} 100"] = partial(theirs, name, events, size=100, normal=True)
        variants[f"{name} FULL 1"] = partial(theirs, name, events // 4, size=1, normal=False)
        variants[f"{name} FULL 100"] = partial(theirs, name, events, size=100, normal=False)
    found = alternate(rounds, variants)
    return [
        beside("save 1 event, beside eventsourcing", found, "ours 1", f"{JUDGED} 1", "ev/s", must=3, goal=4),
        beside("save 100, beside eventsourcing", found, "ours 100", f"{JUDGED} 100", "ev/s", must=3, goal=4),
        beside("64 clients, beside its one-event saves", found, "ours 64", f"{JUDGED} 1", "ev/s", must=10),
        *(_beside_other(found, f"save {size}", f"ours {size}", f"{OTHER} {size}") for size in (1, 100)),
        *(
            beside(
                f"save {size}; durable, its default",
                found,
                f"ours FULL {size}",
                f"{JUDGED} FULL {size}",
                "ev/s",
            )
            for size in (1, 100)
        ),
    ]


def _beside_other(found: Rounds, what: str, one: str, other: str) -> Figure:
    return beside(f"{what}; eventsourcing with {OTHER}", found, one, other, "ev/s")


def ours(events: int, *, clients: int, size: int, durable: bool) -> float:
    """Events per second of clients that save batches of that size, each to a subject of its own."""
    each = events // clients
    said = [fields(each, number) for number in range(clients)]
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.db") as journal:

        async def all_clients() -> float:
            started = perf_counter()
            await asyncio.gather(*(_save_all(journal, one, size, durable) for one in said))
            return each * clients / (perf_counter() - started)

        return run(all_clients(), asyncio.new_event_loop)


async def _save_all(journal: Journal, said: Sequence[Fields], size: int, durable: bool) -> None:
    tally = Tally()
    for first in range(0, len(said), size):
        head = journal.head
        drafts = [_draft(head + nth, one, tally) for nth, one in enumerate(said[first : first + size], 1)]
        await journal.append(drafts, expected=head, durable=durable)


def _draft(position: int, said: Fields, tally: Tally) -> Draft:
    body = Measured(**said)
    tally.add(body.used_bytes, body.prompt_tokens, body.note)
    subject, data = body.subject(position), encode(body)
    return Draft(body.kind, body.name, body.version, subject, time_ns(), None, position, "bench", data)


def theirs(name: str, events: int, *, size: int, normal: bool) -> float:
    """The same of the peer, one client, which is all that it is made for."""
    said = fields(events)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(PEERS[name](Path(folder) / "peer.db", normal)) as peer,
    ):
        subject = peer.begin()
        started = perf_counter()
        for first in range(0, events, size):
            peer.save(subject, said[first : first + size])
        return events / (perf_counter() - started)


def _rebuilds(rounds: int, log: int) -> list[Figure]:
    """Events per second of rebuilding every subject from its hundred events, and all from the log."""
    subjects = log // _LONG
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "journal.db"
        _fill(path, subjects)
        reader = stack.enter_context(closing(Reader(path)))
        variants: dict[str, Callable[[], float]] = {
            "rebuild": lambda: _timed(log, lambda: [rebuilt(reader, number) for number in range(subjects)]),
            "whole": lambda: _timed(
                log, lambda: [rebuilt_whole(reader, number) for number in range(subjects)]
            ),
            "replay": lambda: _timed(log, lambda: replayed(reader)),
        }
        wanted = [rebuilt_whole(reader, number) for number in range(subjects)]
        assert [rebuilt(reader, number) for number in range(subjects)] == wanted
        assert list(replayed(reader).values()) == wanted
        for name, open_peer in PEERS.items():
            peer = stack.enter_context(closing(open_peer(Path(folder) / f"{name}.db", True)))
            ids = _fill_peer(peer, subjects)
            assert [peer.rebuild(subject) for subject in ids] == wanted
            assert list(peer.replay().values()) == wanted
            variants[f"{name} rebuild"] = partial(_timed, log, partial(_rebuild_all, peer, ids))
            variants[f"{name} replay"] = partial(_timed, log, peer.replay)
        found = alternate(rounds, variants)
    return [
        beside("rebuild subjects of 100 events", found, "rebuild", f"{JUDGED} rebuild", "ev/s", must=8),
        beside("rebuild; whole models on our side", found, "whole", f"{JUDGED} rebuild", "ev/s"),
        beside("replay the whole log", found, "replay", f"{JUDGED} replay", "ev/s", must=6),
        *(_beside_other(found, what, what, f"{OTHER} {what}") for what in ("rebuild", "replay")),
    ]


def rebuilt(reader: Reader, subject: int) -> Tally:
    """A subject from its events: of each the fields that it is folded from, validated."""
    found: dict[str, Tally] = {}
    TALLIES.fold(found, reader, subject=f"bench/model-{subject}")
    (tally,) = found.values()
    return tally


def rebuilt_whole(reader: Reader, subject: int) -> Tally:
    """A subject from its events, each made and validated whole."""
    tally, validate = Tally(), Measured.model_validate_json
    for record in reader.read(subject=f"bench/model-{subject}"):
        assert record.data is not None
        body = validate(record.data)
        tally.add(body.used_bytes, body.prompt_tokens, body.note)
    return tally


def replayed(reader: Reader) -> dict[str, Tally]:
    """All subjects from the log, by their read model."""
    found: dict[str, Tally] = {}
    TALLIES.fold(found, reader)
    return found


def _rebuild_all(peer: Peer, subjects: Sequence[UUID]) -> None:
    for subject in subjects:
        peer.rebuild(subject)


def _timed(events: int, work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return events / (perf_counter() - started)


def _fill(path: Path, subjects: int) -> None:
    with Journal.open(path) as journal:
        for subject in range(subjects):
            head, tally = journal.head, Tally()
            drafts = [_draft(head + nth, said, tally) for nth, said in enumerate(fields(_LONG, subject), 1)]
            journal.append_now(drafts, expected=head)


def _fill_peer(peer: Peer, subjects: int) -> list[UUID]:
    ids: list[UUID] = []
    for subject in range(subjects):
        ids.append(peer.begin())
        peer.save(ids[-1], fields(_LONG, subject))
    return ids
