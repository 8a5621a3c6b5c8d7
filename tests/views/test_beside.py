"""Readers in other processes, at full speed beside a writer and a backup."""

import os
from pathlib import Path

from bursar.eventstore.reader import Reader
from bursar.eventstore.views.index import INDEX

from .beside import run
from .listing import files

#: `BURSAR_FOLLOW_SECONDS=60` is what the issue asks for; a second is enough to notice what is broken.
SECONDS = float(os.environ.get("BURSAR_FOLLOW_SECONDS", "1"))


def test_every_reader_sees_every_event_once_and_every_backup_is_good(tmp_path: Path) -> None:
    figures = run(tmp_path, SECONDS)
    assert figures.written > 100
    assert {name: (seen, wrong) for name, (seen, wrong, _rate) in figures.readers.items()} == {
        "pull": (figures.written, 0),
        "subscribe": (figures.written, 0),
        "pick": (sum(n % 3 != 1 for n in range(1, figures.written)) + 1, 0),
        "index": (figures.written, 0),
    }
    assert figures.backups == sorted(figures.backups) and figures.backups[0] > 0
    assert files(tmp_path / "journal.db", INDEX).builds() == [1]
    with Reader(tmp_path / "backup.db") as reader:
        assert [record.position for record in reader.read()] == list(range(1, figures.backups[-1] + 1))
