"""The peer: `eventsourcing` on SQLite doing what we do, in two ways.

As it comes: aggregates and events as its manual begins with them, which are frozen dataclasses, its own
mapper and JSON transcoder, and nothing validated. And with events that are pydantic models and a mapper for
them, as its manual shows for whoever wants that: here pydantic writes and reads the JSON in one go, and no
aggregate is in between.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteFactory
from eventsourcing.utils import get_topic, resolve_topic
from pydantic import BaseModel, ConfigDict

from .subject import Fields, Tally

#: Notifications read at a time.
_PAGE = 1000


class Peer(Protocol):
    """What is measured of it."""

    def begin(self) -> UUID:
        """A new subject."""
        ...

    def save(self, subject: UUID, batch: Sequence[Fields]) -> None:
        """Build, encode and store events of a subject, in one transaction."""
        ...

    def rebuild(self, subject: UUID) -> Tally:
        """A subject from its events."""
        ...

    def replay(self) -> dict[UUID, Tally]:
        """All subjects from the whole log."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Counter(Aggregate):
    """A subject, as the manual begins with."""

    class Opened(Aggregate.Created):
        """Its first event."""

    class Measured(Aggregate.Event):
        """The nine fields."""

        device: str
        total_bytes: int
        used_bytes: int
        cpu_per_mille: int
        cores: int
        model: str
        prompt_tokens: int
        completion_tokens: int
        note: str

        def apply(self, aggregate: Aggregate) -> None:
            """Fold it."""
            cast("Counter", aggregate).tally.add(self.used_bytes, self.prompt_tokens, self.note)

    def __init__(self) -> None:
        self.tally = Tally()


class AsItComes:
    """Aggregates and events as they come."""

    def __init__(self, path: Path, *, normal: bool) -> None:
        self._application = _application(Application[UUID], path, normal=normal)
        self._live: dict[UUID, Counter] = {}

    def begin(self) -> UUID:
        """A new aggregate, saved with its first event."""
        counter = Counter()
        self._application.save(counter)
        self._live[counter.id] = counter
        return counter.id

    def save(self, subject: UUID, batch: Sequence[Fields]) -> None:
        """Trigger events and save the aggregate."""
        counter = self._live[subject]
        for fields in batch:
            counter.trigger_event(Counter.Measured, **fields)
        self._application.save(counter)

    def rebuild(self, subject: UUID) -> Tally:
        """Ask the repository."""
        counter: Counter = self._application.repository.get(subject)
        return counter.tally

    def replay(self) -> dict[UUID, Tally]:
        """Read all notifications."""
        found: dict[UUID, Tally] = {}
        for event in _log(self._application):
            if isinstance(event, Counter.Measured):
                tally = found.get(event.originator_id)
                if tally is None:
                    tally = found[event.originator_id] = Tally()
                tally.add(event.used_bytes, event.prompt_tokens, event.note)
        return found

    def close(self) -> None:
        """Close the application."""
        self._application.close()


class Measured(BaseModel):
    """The nine fields and those that every event of theirs has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    originator_id: UUID
    originator_version: int
    timestamp: datetime
    device: str
    total_bytes: int
    used_bytes: int
    cpu_per_mille: int
    cores: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    note: str


class _PydanticMapper(Mapper[UUID]):
    """Straight from model to bytes and back."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=get_topic(type(domain_event)),
            state=cast("BaseModel", domain_event).model_dump_json().encode(),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        event: DomainEventProtocol[UUID] = resolve_topic(stored_event.topic).model_validate_json(
            stored_event.state
        )
        return event


class _PydanticApplication(Application[UUID]):
    def construct_mapper(self) -> Mapper[UUID]:
        return _PydanticMapper(cast("Transcoder", None))


class Validated:
    """Events that are pydantic models, saved and projected without an aggregate in between."""

    def __init__(self, path: Path, *, normal: bool) -> None:
        self._application = _application(_PydanticApplication, path, normal=normal)
        self._live: dict[UUID, Tally] = {}

    def begin(self) -> UUID:
        """A new id."""
        subject = uuid4()
        self._live[subject] = Tally()
        return subject

    def save(self, subject: UUID, batch: Sequence[Fields]) -> None:
        """Build events, fold them, and save them."""
        tally = self._live[subject]
        events: list[Measured] = []
        for fields in batch:
            event = Measured(
                originator_id=subject,
                originator_version=tally.events + 1,
                timestamp=datetime.now(tz=UTC),
                **fields,
            )
            tally.add(event.used_bytes, event.prompt_tokens, event.note)
            events.append(event)
        self._application.save(*cast("list[DomainEventProtocol[UUID]]", events))

    def rebuild(self, subject: UUID) -> Tally:
        """Ask the repository."""
        projector = cast("Any", _projected)
        tally = self._application.repository.get(subject, projector_func=projector)
        return cast("Tally", tally)

    def replay(self) -> dict[UUID, Tally]:
        """Read all notifications."""
        found: dict[UUID, Tally] = {}
        for event in cast("Iterable[Measured]", _log(self._application)):
            tally = found.get(event.originator_id)
            if tally is None:
                tally = found[event.originator_id] = Tally()
            tally.add(event.used_bytes, event.prompt_tokens, event.note)
        return found

    def close(self) -> None:
        """Close the application."""
        self._application.close()


def _projected(tally: Tally | None, events: Iterable[Measured]) -> Tally:
    found = tally or Tally()
    for event in events:
        found.add(event.used_bytes, event.prompt_tokens, event.note)
    return found


def _log(application: Application[UUID]) -> Iterable[DomainEventProtocol[UUID]]:
    start = 1
    while notifications := application.recorder.select_notifications(start, _PAGE):
        yield from map(application.mapper.to_domain_event, notifications)
        start = notifications[-1].id + 1


class _NormalPool(SQLiteConnectionPool):
    """Its connections commit under NORMAL, as ours do, instead of SQLite's default."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=NORMAL")
        return connection


def _application(kind: type[Application[UUID]], path: Path, *, normal: bool) -> Application[UUID]:
    environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}
    application = kind(environment)
    factory = application.factory
    assert isinstance(factory, SQLiteFactory)
    if normal:
        factory.datastore.pool.close()
        factory.datastore.pool = _NormalPool(db_name=str(path))
    with factory.datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA synchronous")
        assert tuple(cursor.fetchone()) == (1 if normal else 2,)
    return application
