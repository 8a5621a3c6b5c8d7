"""A journal of more than a segment: checked by several processes, and when its first segment is in a file."""

import shutil
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import ArchiveMissing
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.archive import archive, drop
from bursar.eventstore.merkle import SEGMENT
from bursar.eventstore.proof import verify as verify_module
from bursar.eventstore.proof.check_proof import checked
from bursar.eventstore.proof.notary import Notary
from bursar.eventstore.proof.notes import Checkpoint
from bursar.eventstore.proof.proving import prove, prove_extension
from bursar.eventstore.proof.signing import SigningKey
from bursar.eventstore.proof.verify import Report, check
from bursar.eventstore.records import Draft

KEY = SigningKey("bursar/test", bytes(32))
EVENTS = SEGMENT + 3000
#: Of checkpoints: inside the first segment, at its end, and behind it.
SIGNED = (9_100, SEGMENT, SEGMENT + 1000, EVENTS)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "journal.db"
    with Journal.open(path) as journal:
        notary = Notary(journal, KEY)
        for end in SIGNED:
            while journal.head < end:
                here = journal.head
                positions = range(here + 1, min(here + 1000, end) + 1)
                journal.append_now([_draft(position) for position in positions], expected=here)
            notary.sign()
    return path


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_module, "_PARALLEL_FROM", 1000)


def _draft(position: int) -> Draft:
    return Draft("fact", "Sampled", 1, "host", position, None, position, "bursar", f'{{"n":{position}}}')


def _copied(journal: Path, folder: Path) -> Path:
    return Path(shutil.copy(journal, folder / "journal.db"))


def _damaged(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("ignore_check_constraints", 1)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _of_events(report: Report) -> list[str]:
    return [problem.text for problem in report.problems if problem.kind != "schema"]


@pytest.mark.usefixtures("several")
def test_several_processes_find_what_one_finds(journal: Path, tmp_path: Path) -> None:
    told = list[int]()
    alone = check(journal, keys=[KEY.verifier], processes=1)
    assert (alone.ok, alone.size, alone.checkpoints) == (True, EVENTS, 4)
    together = check(journal, lambda position, _: told.append(position), keys=[KEY.verifier], processes=2)
    assert together == alone
    copy = _copied(journal, tmp_path)
    _damaged(
        copy,
        "UPDATE event SET data = '{}' WHERE position = 5",
        "DELETE FROM event WHERE position BETWEEN 20000 AND 40000",
        "UPDATE event SET at = 1, actor = 'me' WHERE position = 50000",
        "UPDATE root SET root = zeroblob(32) WHERE size BETWEEN 66000 AND 67000",
        "UPDATE checkpoint SET note = 'none' WHERE size = 9100",
    )
    alone, together = (check(copy, processes=processes) for processes in (1, 2))
    assert "positions 20000 to 40000: gone, and later events are there" in _of_events(alone)
    assert "position 50000: the row does not hash to its leaf" in _of_events(together)
    assert (together.size, together.root) == (alone.size, alone.root) == (EVENTS - 20_001, None)
    assert {problem.kind for problem in together.problems} == {problem.kind for problem in alone.problems}


@pytest.mark.usefixtures("several")
def test_a_process_that_cannot_start_is_done_without(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert check(journal, processes=2).ok


@pytest.fixture(scope="module")
def archived(journal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = _copied(journal, tmp_path_factory.mktemp("archived"))
    drop(copy, archive(copy))
    return copy


def test_the_root_of_an_archived_segment_stands_for_its_events(journal: Path, archived: Path) -> None:
    report, whole = check(archived, keys=[KEY.verifier]), check(journal)
    assert (report.ok, report.size, report.root, report.archived) == (True, EVENTS, whole.root, SEGMENT)
    assert (report.checkpoints, report.uncompared) == (3, 1)


def test_what_is_archived_is_proved_from_its_file(journal: Path, archived: Path) -> None:
    for position in (1, 9_100, SEGMENT, SEGMENT + 1, EVENTS):
        proof = prove(archived, position)
        assert proof == prove(journal, position)
        checked(proof, str(KEY.verifier))
    assert prove_extension(archived, SEGMENT + 7) == prove_extension(journal, SEGMENT + 7)
    assert prove_extension(archived, 9_100) == prove_extension(journal, 9_100)


def _note(path: Path, size: int) -> str:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    note = str(connection.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).get)
    connection.close()
    return note


@pytest.mark.parametrize("size", SIGNED)
def test_a_note_is_held_against_the_roots_of_segments_or_their_files(archived: Path, size: int) -> None:
    note = _note(archived, size)
    report = check(archived, keys=[KEY.verifier], against=note)
    assert (report.ok, report.extends) == (True, size)
    forged = KEY.sign(Checkpoint.parse(note.partition("\n\n")[0] + "\n")._replace(root=bytes(32)).text())
    assert not check(archived, against=str(forged)).ok


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE archive SET root = zeroblob(32)", "their segments do not give the root written down"),
        ("UPDATE archive SET sha256 = zeroblob(32)", "is not the one they were moved to"),
        ("UPDATE archive SET segment = 1", "gone, and later segments are there"),
        ("DELETE FROM archive", f"positions 1 to {SEGMENT}: gone, and later events are there"),
        (
            "UPDATE event SET position = 3 WHERE position = 65537",
            "are here, though their segments are archived",
        ),
        ("UPDATE root SET root = zeroblob(32) WHERE size < 3000", "contradicts the subtrees beside it"),
    ],
)
def test_archived_segments_that_were_meddled_with_are_named(
    archived: Path, tmp_path: Path, statement: str, problem: str
) -> None:
    copy = _copied(archived, tmp_path)
    shutil.copytree(f"{archived}.archive", f"{copy}.archive")
    _damaged(copy, statement)
    report = check(copy)
    assert any(problem in text for text in _of_events(report)), _of_events(report)


def test_a_file_that_was_taken_elsewhere_is_no_problem_but_proves_nothing(
    archived: Path, tmp_path: Path
) -> None:
    copy = _copied(archived, tmp_path)
    assert check(copy, keys=[KEY.verifier], against=_note(copy, SEGMENT)).ok
    assert _of_events(check(copy, against=_note(copy, 9_100))) == [
        "positions 1 to 9100: whether they are what they were when the note was signed cannot be told"
    ]
    checked(prove(copy, SEGMENT + 5), str(KEY.verifier))
    with pytest.raises(ArchiveMissing):
        prove(copy, 5)
