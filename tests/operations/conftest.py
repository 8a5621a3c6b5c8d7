"""A journal of more than a segment, made once: as it was, archived, and with its segment dropped."""

import shutil
from pathlib import Path

import pytest

from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.archive import Segment, archive, drop

from ..eventstore.helpers import draft
from .support import redact, sign

#: Events of the long journal: a segment, and a few more.
LONG = 65_536 + 200


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing of it is archived; one event of its segment was redacted."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    with Journal.open(path) as journal:
        while journal.head < LONG:
            first = journal.head + 1
            until = min(first + 8192, LONG + 1)
            batch = [
                draft(n, type_=f"T{n % 5}", subject=f"model/{n * n % 23}", correlation=n - (n - 1) % 10)
                for n in range(first, until)
            ]
            journal.append_now(batch, expected=journal.head)
        redact(journal, 1000)
        sign(journal)
    return path


@pytest.fixture(scope="session")
def kept(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Segment]]:
    """Its segment is in a file, and in the journal as well."""
    path = tmp_path_factory.mktemp("kept") / "journal.db"
    shutil.copy(whole, path)
    return path, archive(path)


@pytest.fixture(scope="session")
def dropped(kept: tuple[Path, list[Segment]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its segment is in a file only."""
    path = tmp_path_factory.mktemp("dropped") / "journal.db"
    shutil.copytree(kept[0].parent, path.parent, dirs_exist_ok=True)
    drop(path, kept[1])
    return path


@pytest.fixture
def archived(dropped: Path, tmp_path: Path) -> Path:
    """A copy of the dropped one, to be spoilt."""
    shutil.copytree(dropped.parent, tmp_path / "archived")
    return tmp_path / "archived" / "journal.db"
