"""The views of a running manager's journal."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from bursar.engine.views import keeping
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Record
from bursar.eventstore.views.view import View

from ..eventstore.helpers import append_soon
from .listing import LISTING, files, grow, told


def _failing(_connection: apsw.Connection, _records: Sequence[Record]) -> None:
    raise apsw.FullError("no space left")


def test_views_follow_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 600)

    async def main(journal: Journal) -> None:
        with journal.reader() as reader, closing(View(reader, "listing", 1)) as view:
            async with keeping(journal, (LISTING,)):
                for _ in range(3):
                    position = await append_soon(journal)
                    await asyncio.to_thread(view.wait_for, position, 60)
                last = await append_soon(journal)
            assert view.position() == last

    with Journal.open(path) as journal:
        asyncio.run(main(journal))
    assert told(path) == list(range(1, 605))


def test_a_long_build_goes_on_when_the_manager_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps nobody waiting who closes."""
    path = tmp_path / "journal.db"
    grow(path, 2000)
    monkeypatch.setattr("bursar.engine.views._LAST_S", -1)

    async def main() -> None:
        with Journal.open(path) as journal:
            async with keeping(journal, (LISTING,)):
                pass

    asyncio.run(main())
    assert told(path) is None
    assert files(path).builds() == [1]
    monkeypatch.undo()
    asyncio.run(main())
    assert told(path) == list(range(1, 2001))
    assert files(path).builds() == [1]


def test_a_view_that_cannot_be_kept_is_logged_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    grow(path, 1)
    broken = replace(LISTING, name="broken", apply=_failing)

    async def main(journal: Journal) -> None:
        async with keeping(journal, (broken, LISTING)):
            await append_soon(journal)

    with Journal.open(path) as journal, caplog.at_level(logging.WARNING):
        asyncio.run(main(journal))
    assert told(path) == [1, 2]
    assert told(path, broken) is None
    assert "a view could not be kept" in caplog.text and "broken@1.db" in caplog.text
