"""Every row that was ever released can still be read, and folds to what it folded to then."""

from pathlib import Path

import pytest

from bursar.domain.folding import Folder
from bursar.domain.kernel import initial
from bursar.domain.registry import CODEC, encode
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft, Record
from bursar.projections.history import digest
from bursar.projections.log import line as log_line
from bursar.projections.replay import state_at
from bursar.projections.why import why

from .released import ROWS, covered, histories, line, sealed, seals

HISTORIES = histories()


def test_every_type_and_version_that_was_released_has_a_row() -> None:
    missing = set(CODEC.released) - covered(row for rows in HISTORIES.values() for row in rows)
    assert not missing, "run: python -m tests.evolution.grow"


def test_no_row_has_changed_and_every_history_folds_to_what_it_did() -> None:
    """A row that is changed, inserted or taken away breaks its history's seal; so does another state."""
    assert sealed() == seals()


def test_a_changed_row_breaks_the_seal(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    text = ROWS.read_text()
    assert text.count('"load_ms":300') > 0
    rows.write_text(text.replace('"load_ms":300', '"load_ms":301', 1))
    changed = {name for name, seal in sealed(rows).items() if seal != seals()[name]}
    assert len(changed) == 1
    rows.write_text(text[: text.rindex("\n", 0, -1) + 1])
    assert sealed(rows) != seals()


@pytest.mark.parametrize("name", HISTORIES)
def test_a_journal_that_holds_a_history_folds_to_its_state(name: str, tmp_path: Path) -> None:
    rows = HISTORIES[name]
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.append_now([Draft._make(row[1:]) for row in rows if row.data is not None], expected=0)
    with Reader(tmp_path / "journal.db") as reader:
        assert list(reader.read()) == rows
        assert digest(state_at(reader, reader.head())) == seals()[name].state
        for record in rows:
            assert log_line(record).summary
            assert str(why(reader, record.position))


@pytest.mark.parametrize("name", HISTORIES)
def test_the_fast_fold_comes_to_the_same_state(name: str) -> None:
    folder = Folder(initial())
    for row in HISTORIES[name]:
        folder.fold((row.position, row.at, row.type, row.version, row.data))
    assert digest(folder.state) == seals()[name].state


def test_what_is_read_of_a_row_can_be_written_and_read_again() -> None:
    for rows in HISTORIES.values():
        for row in rows:
            assert row.data is not None
            body = CODEC.decode(row.type, row.version, row.data)
            assert CODEC.decode(body.name, body.version, encode(body)) == body


def test_a_line_holds_the_whole_row() -> None:
    row = Record(3, "fact", "TimerFired", 1, "host", 5, None, 3, "bursar", "{}")
    assert line("x", row) == (
        '{"history":"x","position":3,"kind":"fact","type":"TimerFired","version":1,"subject":"host","at":5,'
        '"cause":null,"correlation":3,"actor":"bursar","data":{}}'
    )
