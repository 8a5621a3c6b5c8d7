"""Read models read what they declare, from the events they declare, and nothing else."""

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from bursar.domain.errors import JournalCorrupt
from bursar.domain.models.events import EvictionPlanned, ModelLoaded
from bursar.domain.requests.events import LeaseGranted, RequestArrived, RequestQueued
from bursar.eventstore.reader import Reader
from bursar.projections.models import Counts, Tally
from bursar.projections.reading import On, ReadModel

from .wandering import wander
from .world import GIB, World, evicting


class _Loaded(TypedDict):
    model: str
    load_ms: int


class _Agent(TypedDict):
    agent: str


class _Nothing(TypedDict):
    pass


class _Memory(TypedDict):
    memory: dict[str, int]


class _Resident(TypedDict):
    residency: _Memory


class _Planned(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    victims: tuple[str, ...]


Seen = list[tuple[int, Any]]


def _see(seen: Seen, position: int, _at: int, fields: Any) -> None:
    seen.append((position, fields))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def read(path: Path, *ons: On[Seen, Any], after: int = 0, until: int | None = None) -> Seen:
    seen: Seen = []
    with closing(Reader(path)) as reader:
        ReadModel[Seen](*ons).fold(seen, reader, after, until)
    return seen


def test_only_the_declared_fields_of_the_declared_types_are_made(path: Path) -> None:
    evicting(path).close()
    assert read(path, On(ModelLoaded, _Loaded, _see))[0] == (11, {"model": "fake:rare", "load_ms": 4000})
    seen = read(path, On(ModelLoaded, _Resident, _see), On(EvictionPlanned, _Planned, _see))
    assert seen[0] == (11, {"residency": {"memory": {"ram": 5 * GIB}}})
    assert (27, _Planned(victims=("fake:rare",))) in seen
    assert [position for position, _ in seen] == sorted(position for position, _ in seen)


def test_a_stretch_is_what_is_folded(path: Path) -> None:
    evicting(path).close()
    whole = read(path, On(ModelLoaded, _Loaded, _see))
    assert read(path, On(ModelLoaded, _Loaded, _see), after=11) == whole[1:]
    assert read(path, On(ModelLoaded, _Loaded, _see), until=11) == whole[:1]


def test_the_time_is_that_of_the_event(path: Path) -> None:
    evicting(path).close()
    times: list[tuple[int, int]] = []

    def note(times: list[tuple[int, int]], position: int, at: int, _fields: _Loaded) -> None:
        times.append((position, at))

    with closing(Reader(path)) as reader:
        ReadModel[list[tuple[int, int]]](On(ModelLoaded, _Loaded, note)).fold(times, reader)
        assert times == [(record.position, record.at) for record in reader.read(types=("ModelLoaded",))]


def test_a_field_that_the_event_does_not_have_is_refused_when_it_is_declared() -> None:
    class _Wrong(TypedDict):
        model: str
        colour: str

    with pytest.raises(TypeError, match="ModelLoaded has no field colour"):
        ReadModel[Seen](On(ModelLoaded, _Wrong, _see))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ('data = replace(data, \'"load_ms":4000\', \'"load_ms":"4000"\')', "ValidationError"),
        ("data = replace(data, ',\"load_ms\":4000', '')", "ValidationError"),
        ("data = 'not JSON'", "ValidationError"),
        ("version = 2", "UnknownEvent: ModelLoaded version 2"),
    ],
)
def test_an_event_that_cannot_be_read_is_named(path: Path, change: str, problem: str) -> None:
    evicting(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_update")
    connection.execute(f"UPDATE event SET {change} WHERE position = 11")
    connection.close()
    with pytest.raises(JournalCorrupt, match=problem) as raised:
        read(path, On(ModelLoaded, _Loaded, _see), On(LeaseGranted, _Nothing, _see))
    assert raised.value.values["position"] == 11


def test_a_redacted_event_is_passed_over(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.ask("fake:a")
    world.ask("fake:a", "ada")
    world.write()
    with closing(Reader(path)) as reader:
        first, second = (record.position for record in reader.read(types=("RequestQueued",)))
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_update")
    connection.execute(
        "UPDATE event SET data = NULL, salt = NULL, data_hash = zeroblob(32) WHERE position = ?", (first,)
    )
    connection.close()
    world.close()

    class _Queued(TypedDict):
        request: int

    assert [position for position, _ in read(path, On(RequestQueued, _Queued, _see))] == [second]


@pytest.mark.parametrize("seed", range(3))
def test_counting_on_is_counting_at_once(path: Path, seed: int) -> None:
    world = wander(path, seed)
    world.close()
    with closing(Reader(path)) as reader:
        once, often = Tally(), Tally()
        once.advance(reader, reader.head())
        for until in range(0, reader.head() + 1, 37):
            often.advance(reader, until)
        often.advance(reader, reader.head())
    assert once.counts == often.counts != {}
    assert sum(counts.loads for counts in once.counts.values()) == world.state.totals.loads
    assert all(isinstance(counts, Counts) for counts in once.counts.values())


class _Granted(TypedDict):
    model: str
    waited_ms: int


@pytest.mark.parametrize(
    "change",
    [
        # As nobody here writes it: the reason first, in the middle, and twice as long.
        """'{"reason":' || json_extract(data, '$.reason') || ',"waited_ms":7,"model":"a","request":1}'""",
        """'{"model":"a","reason":' || json_extract(data, '$.reason') || ',"waited_ms":7,"request":1}'""",
        """'{ "model" : "a" , "waited_ms" : 7 , "request" : 1 , "reason" : {"rule":"}"} }'""",
        """'{"model":"a","waited_ms":7,"request":1,"reason":{"rule":",\\"reason\\":{"}}'""",
    ],
)
def test_wherever_the_reason_stands_the_other_fields_are_read(path: Path, change: str) -> None:
    evicting(path).close()
    with closing(Reader(path)) as reader:
        position = next(reader.read(types=("LeaseGranted",))).position
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_update")
    connection.execute(f"UPDATE event SET data = {change} WHERE position = ?", (position,))
    connection.close()
    seen = read(path, On(LeaseGranted, _Granted, _see))
    assert seen[0] == (position, {"model": "a", "waited_ms": 7})


def test_a_reason_that_is_wanted_is_read(path: Path) -> None:
    class _Rule(TypedDict):
        rule: str

    class _Reasoned(TypedDict):
        reason: _Rule

    evicting(path).close()
    assert read(path, On(EvictionPlanned, _Reasoned, _see))[0][1] == {"reason": {"rule": "eviction.hybrid"}}


@pytest.mark.parametrize("sample", [1, 256])
def test_with_and_without_a_filter_the_same_is_folded(
    path: Path, sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nearly all types are wanted nothing is left out by the query; the fold leaves it out itself."""
    wander(path, 2).close()
    monkeypatch.setattr("bursar.projections.reading._SAMPLE", sample)
    ons = (On(RequestArrived, _Agent, _see), On(LeaseGranted, _Granted, _see))
    with closing(Reader(path)) as reader:
        first = next(reader.read(types=("RequestArrived",))).position - 1
        expected = [
            record.position
            for record in reader.read(after=first)
            if record.type in ("RequestArrived", "LeaseGranted")
        ]
    assert [position for position, _ in read(path, *ons, after=first)] == expected
