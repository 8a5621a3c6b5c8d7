"""Rows of earlier versions are read as today's, wherever they are read, and stay as they are."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from bursar.domain.errors import JournalCorrupt
from bursar.domain.events import Fact
from bursar.domain.folding import Folder
from bursar.domain.kernel import initial
from bursar.domain.registry import CODEC, REGISTRY, Codec, UnknownEvent, register
from bursar.domain.requests.events import RequestArrived
from bursar.domain.upcasting import UPCASTERS, Data, Key, Upcaster, UpcastFailed, check, upcast
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft
from bursar.projections.fields import fields
from bursar.projections.history import events, fold
from bursar.projections.log import line
from bursar.projections.reading import On, ReadModel
from bursar.projections.redecide import redecide
from bursar.projections.replay import replay


class Weighed(Fact):
    """Version 1 had `kilos`, version 2 `grams`; version 3 says who weighed."""

    name: ClassVar[str] = "Weighed"
    version: ClassVar[int] = 3

    grams: int
    by: str


def _in_grams(data: Data) -> Data:
    return {"grams": data["kilos"] * 1000}


def _by_somebody(data: Data) -> Data:
    return {**data, "by": "somebody"}


CHAIN: dict[Key, Upcaster] = {("Weighed", 1): _in_grams, ("Weighed", 2): _by_somebody}
SCALES = Codec(register((Weighed,)), CHAIN)


@pytest.mark.parametrize(
    ("version", "data"),
    [(1, '{"kilos":2}'), (2, '{"grams":2000}'), (3, '{"grams":2000,"by":"somebody"}')],
)
def test_every_version_is_read_as_the_current_one(version: int, data: str) -> None:
    assert SCALES.decode("Weighed", version, data) == Weighed(grams=2000, by="somebody")
    assert SCALES.released == (("Weighed", 1), ("Weighed", 2), ("Weighed", 3))


@given(st.integers(-(2**40), 2**40), st.text())
def test_a_chain_is_its_links_one_after_another(kilos: int, by: str) -> None:
    assert upcast("Weighed", 1, {"kilos": kilos}, CHAIN) == _by_somebody(_in_grams({"kilos": kilos}))
    assert upcast("Weighed", 3, {"grams": kilos, "by": by}, CHAIN) == {"grams": kilos, "by": by}


@pytest.mark.parametrize(("name", "version"), [("Weighed", 4), ("Weighed", 0), ("Measured", 1)])
def test_what_a_newer_bursar_wrote_is_unknown(name: str, version: int) -> None:
    with pytest.raises(UnknownEvent, match=f"{name} version {version}"):
        SCALES.decode(name, version, "{}")


@pytest.mark.parametrize("data", ["{}", '{"kilos":"heavy"}', "[]", '"kilos"', "", '{"kilos":null}'])
def test_data_that_the_version_never_wrote_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match="Weighed"):
        SCALES.decode("Weighed", 1, data)


def test_an_upcaster_that_fails_says_from_where_to_where() -> None:
    with pytest.raises(
        UpcastFailed, match="Weighed version 1 cannot be read as version 2: KeyError: 'kilos'"
    ):
        SCALES.decode("Weighed", 1, "{}")


def test_every_earlier_version_has_an_upcaster_and_nothing_else_has() -> None:
    check({"Weighed": 3}, CHAIN)
    with pytest.raises(ValueError, match="Weighed is at version 4 and has no upcaster from version 3"):
        check({"Weighed": 4}, CHAIN)
    with pytest.raises(
        ValueError, match="Weighed has an upcaster from version 2, which is no earlier version"
    ):
        check({"Weighed": 2}, CHAIN)
    check(CODEC.current, UPCASTERS)


class _Grams(TypedDict):
    grams: int


def test_read_models_get_upcast_data_and_only_their_fields() -> None:
    scale = ReadModel[list[int]](On(Weighed, _Grams, _weigh), codec=SCALES)
    assert scale.read("Weighed", 1, '{"kilos":2}') == {"grams": 2000}
    assert scale.read("Weighed", 3, '{"grams":5,"by":"ada"}') == {"grams": 5}
    with pytest.raises(UnknownEvent):
        scale.read("Weighed", 4, "{}")


def _weigh(grams: list[int], _position: int, _at: int, event: _Grams) -> None:
    grams.append(event["grams"])


def _as_version_2(data: Data) -> Data:
    """`RequestArrived` as if its version 1 had said `who` for `agent`."""
    data["agent"] = data.pop("who")
    return data


@pytest.fixture
def arrived_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bursar in which `RequestArrived` is at version 2."""
    monkeypatch.setattr(RequestArrived, "version", 2)
    monkeypatch.setitem(UPCASTERS, ("RequestArrived", 1), _as_version_2)
    types = register(tuple(REGISTRY.values()))
    monkeypatch.setattr(CODEC, "types", types)
    monkeypatch.setattr(CODEC, "current", MappingProxyType(dict(types.keys())))


class _Agent(TypedDict):
    agent: str


@pytest.mark.usefixtures("arrived_2")
def test_a_journal_of_both_versions_is_read_by_everybody_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    old = {"model": "fake:a", "purpose": "chat", "who": "ada", "priority": 0, "deadline_ms": None}
    new = {"model": "fake:a", "purpose": "chat", "agent": "bob", "priority": 0, "deadline_ms": None}
    rows = [(1, json.dumps(old)), (2, json.dumps(new))]
    with Journal.open(path) as journal:
        for position, (version, data) in enumerate(rows, 1):
            draft = Draft(
                "fact", "RequestArrived", version, f"request/{position}", 5, None, position, "ada", data
            )
            journal.append_now([draft], expected=position - 1)
    with Reader(path) as reader:
        state = fold(events(reader))
        assert [request.agent for request in state.requests.values()] == ["ada", "bob"]
        assert replay(reader).state == state
        assert [fields(record)["agent"] for record in reader.read()] == ["ada", "bob"]
        assert all("with fake:a, for" in line(record).summary for record in reader.read())
        assert redecide(reader).stopped is None
        agents: list[str] = []
        model = ReadModel[list[str]](On(RequestArrived, _Agent, _note))
        model.fold(agents, reader)
        assert agents == ["ada", "bob"]
        assert [(record.version, record.data) for record in reader.read()] == rows


def _note(agents: list[str], _position: int, _at: int, event: _Agent) -> None:
    agents.append(event["agent"])


@pytest.mark.usefixtures("arrived_2")
def test_a_row_that_its_upcaster_cannot_take_is_named(tmp_path: Path) -> None:
    draft = Draft("fact", "RequestArrived", 1, "request/1", 5, None, 1, "ada", "{}")
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.append_now([draft], expected=0)
    with Reader(tmp_path / "journal.db") as reader:
        with pytest.raises(JournalCorrupt, match="RequestArrived version 1 cannot be read as") as raised:
            replay(reader)
        assert raised.value.values["position"] == 1
        with pytest.raises(JournalCorrupt, match="RequestArrived version 1 cannot be read as") as raised:
            ReadModel[list[str]](On(RequestArrived, _Agent, _note)).fold([], reader)
        assert raised.value.values["position"] == 1


@pytest.mark.usefixtures("arrived_2")
def test_the_fast_fold_upcasts_too() -> None:
    folder = Folder(initial())
    folder.fold((1, 5, "RequestArrived", 1, '{"model":"a","purpose":"chat","who":"ada"}'))
    assert folder.state.requests[1].agent == "ada"
