"""What only checkpoints and notes kept elsewhere tell: histories that are right in themselves."""

from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import NoteInvalid
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import Frontier, data_hash, leaf_hash
from bursar.eventstore.proof.notes import Checkpoint, Note, VerifierKey, origin
from bursar.eventstore.proof.proving import last_note
from bursar.eventstore.proof.signing import SigningKey
from bursar.eventstore.proof.verify import Report, check
from bursar.eventstore.reader import Reader

from .journals import KEY, checkpointed, varied

THIEF = SigningKey(KEY.verifier.name, bytes([1] * 32))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Seven events, checkpoints over three and over all."""
    path = tmp_path / "journal.db"
    checkpointed(path)
    return path


def note_of(path: Path) -> str:
    note = last_note(path)
    assert note is not None
    return str(note)


def texts(report: Report) -> list[str]:
    return [problem.text for problem in report.problems]


def change(path: Path, *statements: str) -> None:
    """By somebody who knows how to remove a trigger and put it back."""
    connection = apsw.Connection(str(path))
    connection.pragma("ignore_check_constraints", 1)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in triggers:
        connection.execute(str(sql))
    connection.close()


def rewrite(path: Path, *, key: SigningKey | None = None, events: int = 7) -> None:
    """Another history with the same identity: event 2 is another, and all hashes and roots follow from that.

    With a key, its checkpoints are signed again; without, they are gone.
    """
    with Reader(path) as reader:
        records, identity = list(reader.read())[:events], reader.journal_id
    records[1] = records[1]._replace(data='{"n":2,"text":"nothing happened"}')
    leaves = [leaf_hash(*record[:-1], data_hash(bytes(16), record.data or "")) for record in records]
    tree = Frontier.of(leaves)
    statements = [
        "DELETE FROM root",
        "DELETE FROM checkpoint",
        f"DELETE FROM event WHERE position > {events}",
    ]
    for record, leaf in zip(records, leaves, strict=True):
        values = f"salt = zeroblob(16), data = '{record.data}', leaf = x'{leaf.hex()}'"
        statements.append(f"UPDATE event SET {values} WHERE position = {record.position}")
    root, packed = tree.root().hex(), tree.packed().hex()
    statements.append(f"INSERT INTO root VALUES ({tree.size}, x'{root}', x'{packed}', 7)")
    if key is not None:
        note = key.sign(Checkpoint(origin(identity), tree.size, tree.root()).text())
        statements.append(f"INSERT INTO checkpoint VALUES ({tree.size}, '{note}', 7)")
    change(path, *statements)


def test_a_sound_journal_agrees_with_its_checkpoints_and_with_a_note_from_elsewhere(journal: Path) -> None:
    report = check(journal, keys=[KEY.verifier], against=note_of(journal))
    assert (report.ok, report.checkpoints, report.signatures, report.extends) == (True, 2, True, 7)
    without = check(journal)
    assert (without.ok, without.checkpoints, without.signatures, without.extends) == (True, 2, False, None)
    assert without.root == Checkpoint.parse(Note.parse(note_of(journal)).text).root.hex()


def test_a_journal_that_went_on_still_begins_as_the_note_says(journal: Path) -> None:
    note = note_of(journal)
    with Journal.open(journal) as opened:
        opened.append_now([varied(8), varied(9)], expected=7)
    report = check(journal, keys=[KEY.verifier], against=note)
    assert (report.ok, report.size, report.extends) == (True, 9, 7)


@pytest.mark.parametrize("key", [None, KEY])
def test_another_history_is_only_seen_by_a_note_kept_elsewhere(journal: Path, key: SigningKey | None) -> None:
    note = note_of(journal)
    rewrite(journal, key=key)
    assert check(journal, keys=[KEY.verifier]).ok
    report = check(journal, keys=[KEY.verifier], against=note)
    assert texts(report) == [
        "positions 1 to 7: they are not what they were when the note was signed: they give another root"
    ]
    assert report.extends is None


def test_who_has_not_the_key_cannot_sign_another_history(journal: Path) -> None:
    rewrite(journal, key=THIEF)
    assert check(journal).ok
    assert texts(check(journal, keys=[KEY.verifier])) == [
        "position 7: its checkpoint is not signed by a key that is known, but by bursar/test"
    ]
    assert check(journal, keys=[KEY.verifier, THIEF.verifier]).ok


def test_old_checkpoints_contradict_another_history(journal: Path) -> None:
    connection = apsw.Connection(str(journal))
    kept = [note for (note,) in connection.execute("SELECT note FROM checkpoint ORDER BY size")]
    connection.close()
    rewrite(journal)
    change(journal, f"INSERT INTO checkpoint VALUES (3, '{kept[0]}', 7), (7, '{kept[1]}', 7)")
    assert texts(check(journal, keys=[KEY.verifier])) == [
        "positions 1 to 3: they do not give the root that was signed after the last",
        "positions 1 to 7: they do not give the root that was signed after the last",
    ]


def test_a_cut_off_end_is_seen_by_what_is_left_or_by_the_note(journal: Path) -> None:
    note = note_of(journal)
    cut = ["DELETE FROM event WHERE position > 5", "DELETE FROM root"]
    change(journal, *cut)
    assert texts(check(journal)) == ["positions 6 to 7: gone, though a checkpoint over 7 events was signed"]
    change(journal, "DELETE FROM checkpoint WHERE size > 5")
    assert check(journal, keys=[KEY.verifier]).ok
    assert texts(check(journal, against=note)) == [
        "positions 6 to 7: the note is about 7 events, and 5 are here"
    ]


def test_a_command_that_was_answered_with_what_is_gone_is_told(journal: Path) -> None:
    with Journal.open(journal) as opened:
        opened.append_now([varied(8)], expected=7, command="one")
    change(journal, "DELETE FROM event WHERE position > 7", "DELETE FROM root")
    assert texts(check(journal)) == ["position 8: gone, though a command was answered with position 8"]


def test_a_note_about_another_journal_or_of_another_key_is_refused(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    checkpointed(other)
    assert "the note is about bursar/" in texts(check(journal, against=note_of(other)))[0]
    text = note_of(journal).partition("\n\n")[0] + "\n"
    assert texts(check(journal, keys=[KEY.verifier], against=str(THIEF.sign(text)))) == [
        "the note is not signed by a key that is known"
    ]
    forged = note_of(journal).replace("\n7\n", "\n6\n")
    assert "is not of this text" in texts(check(journal, keys=[KEY.verifier], against=forged))[0]
    with pytest.raises(NoteInvalid):
        check(journal, against="not a note")


def test_a_note_about_what_cannot_be_read_is_neither_confirmed_nor_denied(journal: Path) -> None:
    note = note_of(journal)
    journal.write_bytes(journal.read_bytes().replace(b"user-2", b"user-\xff"))
    report = check(journal, against=note)
    assert [(wrong.kind, wrong.position, wrong.until) for wrong in report.problems] == [("unreadable", 2, 2)]
    assert (report.extends, report.uncompared, report.checkpoints) == (None, 1, 1)
    change(journal, "DELETE FROM root")
    report = check(journal, against=note)
    assert texts(report)[1:] == [
        "positions 1 to 7: whether they are what they were when the note was signed cannot be told"
    ]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE checkpoint SET note = 'x' WHERE size = 3", "its checkpoint is no such thing"),
        (
            "UPDATE checkpoint SET size = 4 WHERE size = 3",
            "position 4: the checkpoint here is about 3 events",
        ),
        ("UPDATE checkpoint SET note = replace(note, 'bursar/', 'bursa/')", "the checkpoint here is about"),
    ],
)
def test_a_changed_checkpoint_is_named(journal: Path, statement: str, problem: str) -> None:
    change(journal, statement)
    report = check(journal)
    assert any(problem in text for text in texts(report))
    assert report.root is not None


def test_a_redacted_event_verifies_by_the_hash_of_its_data(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    checkpointed(path, redacted=2)
    report = check(path, keys=[KEY.verifier])
    assert (report.ok, report.size, report.checkpoints) == (True, 7, 2)


@pytest.mark.parametrize(
    ("statement", "position", "problem"),
    [
        ("DELETE FROM redaction", 2, "its data is gone, and no redaction is written down"),
        ("UPDATE redaction SET by = 5", 2, "event 5, which ought to say why its data is gone, does not"),
        ("INSERT INTO redaction VALUES (3, 7)", 3, "its data is still here, though event 7 redacted it"),
        ("UPDATE event SET data_hash = zeroblob(32) WHERE position = 2", 2, "does not hash to its leaf"),
        ("UPDATE event SET data_hash = NULL WHERE position = 2", 2, "does not hash to its leaf"),
        ("UPDATE event SET data = '{}', salt = zeroblob(16) WHERE position = 2", 2, "does not hash"),
        ("UPDATE event SET salt = zeroblob(16) WHERE position = 2", 2, "half of what goes when data goes"),
    ],
)
def test_a_redaction_that_is_none_is_named(
    tmp_path: Path, statement: str, position: int, problem: str
) -> None:
    path = tmp_path / "journal.db"
    checkpointed(path, redacted=2)
    change(path, statement)
    found = [wrong for wrong in check(path).problems if problem in wrong.text]
    assert [wrong.position for wrong in found] == [position]


def test_data_that_vanishes_without_a_word_is_named(journal: Path) -> None:
    with Reader(journal) as reader:
        record = reader.get(4)
    assert record is not None
    salt = f"(SELECT salt FROM event WHERE position = {record.position})"
    connection = apsw.Connection(str(journal))
    found = connection.execute(salt[1:-1]).get
    connection.close()
    assert isinstance(found, bytes)
    kept = data_hash(found, record.data or "").hex()
    change(journal, f"UPDATE event SET data = NULL, salt = NULL, data_hash = x'{kept}' WHERE position = 4")
    report = check(journal, keys=[KEY.verifier])
    assert texts(report) == ["position 4: its data is gone, and no redaction is written down"]
    assert report.checkpoints == 2


def test_keys_are_read_as_they_are_handed_around(journal: Path) -> None:
    assert check(journal, keys=[VerifierKey.parse(str(KEY.verifier))]).ok
