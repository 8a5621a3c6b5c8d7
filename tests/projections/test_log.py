"""Every event has a line, also one that this code does not know."""

from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.registry import REGISTRY
from bursar.eventstore.reader import Reader
from bursar.projections.log import SUMMARIES, line, summary

from .wandering import wander
from .world import evicting


def test_every_type_of_event_has_a_summary() -> None:
    assert {name for name, _ in REGISTRY} == set(SUMMARIES)


def test_a_line_says_when_what_and_about_what(tmp_path: Path) -> None:
    evicting(tmp_path / "journal.db").close()
    with closing(Reader(tmp_path / "journal.db")) as reader:
        lines = [str(line(record)) for record in reader.read(after=25, limit=2)]
    assert lines == [
        "26 2026-10-01T12:01:42.000Z RequestArrived request/26: chat with fake:new, for ada",
        (
            "27 2026-10-01T12:01:42.000Z EvictionPlanned plan/fake:new: "
            "short of 4.2 GiB of ram: fake:rare must leave (eviction.hybrid)"
        ),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happened_has_a_line(tmp_path: Path, seed: int) -> None:
    wander(tmp_path / "journal.db", seed).close()
    with closing(Reader(tmp_path / "journal.db")) as reader:
        for record in reader.read():
            found = line(record)
            assert found.summary
            assert "\n" not in str(found)


def test_an_unknown_type_shows_its_data_and_not_all_of_it() -> None:
    assert summary("ModelTeleported", {"model": "fake:a"}) == '{"model":"fake:a"}'
    assert len(summary("ModelTeleported", {"text": "x" * 500})) == 120
