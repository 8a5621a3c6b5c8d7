"""`checkpoint`, `prove` and `verify --against`: what can be kept elsewhere, and what it shows later."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.notes import Checkpoint, Note, VerifierKey
from bursar.eventstore.proof.signing import VARIABLE, SigningKey

from ..eventstore.helpers import draft
from .calling import bursar, inside


@pytest.fixture
def mine(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that can be written."""
    monkeypatch.delenv(VARIABLE, raising=False)
    return Path(copy(journal, tmp_path / "journal.db"))


def key_of(path: Path) -> str:
    document = json.loads(inside("checkpoint", "--json", journal=path).stdout)
    key: str = document["key"]
    return key


def test_a_checkpoint_is_a_note_and_its_key_is_told_beside_it(mine: Path) -> None:
    ran = bursar("checkpoint", "--journal", mine)
    assert ran.returncode == 0
    note = Note.parse(ran.stdout)
    key = VerifierKey.parse(ran.stderr.strip().removeprefix("key: "))
    assert note.signer([key]) == key
    assert Checkpoint.parse(note.text).size == 47
    assert bursar("checkpoint", "--journal", mine).stdout == ran.stdout
    document = json.loads(bursar("checkpoint", "--json", "--journal", mine).stdout)
    assert (document["size"], document["head"], document["new"], document["note"], document["key"]) == (
        47,
        47,
        False,
        ran.stdout,
        str(key),
    )


def test_beside_an_owner_the_last_checkpoint_is_told_and_none_is_made(mine: Path) -> None:
    with Journal.open(mine):
        ran = inside("checkpoint", journal=mine)
        assert ran.exit_code == 2
        assert "position 47 cannot be proved: nothing was signed yet" in ran.stderr
        assert "47 cannot be proved: 0 events are in a signed" in inside("prove", 47, journal=mine).stderr
    assert not mine.with_name("journal.db.key").exists()


def test_a_key_that_did_not_sign_before_signs_nothing(mine: Path) -> None:
    inside("checkpoint", journal=mine)
    with Journal.open(mine) as journal:
        journal.append_now([draft(48, at=2 * 10**18)], expected=47)
    mine.with_name("journal.db.key").rename(mine.with_name("away.key"))
    ran = inside("checkpoint", journal=mine)
    assert ran.exit_code == 2
    assert f"with another key; name its file in {VARIABLE}" in ran.stderr


def test_an_event_is_proved_into_a_folder_that_checks_itself(mine: Path, tmp_path: Path) -> None:
    ran = bursar("prove", 31, "-o", tmp_path / "proof", "--journal", mine)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(
        "#31 ModelUnloaded on model/fake:rare is in the journal of 47 events: 6 hashes"
    )
    assert lines[2] == f"check it with: python3 {tmp_path}/proof/check_proof.py"
    command = [sys.executable, "-I", str(tmp_path / "proof" / "check_proof.py"), "--key", key_of(mine)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("PROVED: this event is in the journal")


def test_a_proof_can_be_a_file_or_json_or_of_a_beginning(mine: Path, tmp_path: Path) -> None:
    ran = inside("prove", 31, "-o", tmp_path / "proof.json", "--json", journal=mine)
    assert json.loads((tmp_path / "proof.json").read_text("utf-8")) == json.loads(ran.stdout)
    assert [entry.name for entry in tmp_path.glob("*proof*")] == ["proof.json"]
    ran = inside("prove", "--consistency", 20, journal=mine)
    assert ran.stdout.startswith("the journal of 20 events is the beginning of the one of 47 events: ")
    document = json.loads(inside("prove", "--consistency", 20, "--json", journal=mine).stdout)
    assert document["old"]["size"] == 20


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("prove", "Give either a POSITION or --consistency SIZE."),
        ("prove 3 --consistency 4", "Give either a POSITION or --consistency SIZE."),
        ("prove 99", "bursar: there is no event at position 99; the journal has 47 events\n"),
        ("prove 3 -o /dev/null/x", "Not a directory"),
        ("verify --key nonsense", "bursar: the verifier key cannot be used: "),
    ],
)
def test_wrong_usage_says_what_is_wrong(line: str, message: str, mine: Path) -> None:
    ran = inside(*line.split(), journal=mine)
    assert ran.exit_code in (1, 2)
    assert message in ran.stderr


def test_verify_holds_the_journal_against_a_note(mine: Path, tmp_path: Path) -> None:
    note = tmp_path / "kept.note"
    note.write_text(inside("checkpoint", journal=mine).stdout, "utf-8")
    ran = bursar("verify", "--against", note, "--journal", mine)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[1:3] == [
        "checkpoints: 1 signed root as the events give them, and signed",
        "note: the journal still begins with the 47 events that it is about",
    ]
    document = json.loads(inside("verify", "--json", "--against", note, journal=mine).stdout)
    assert (document["ok"], document["tree"]["extends"], document["tree"]["signatures"]) == (True, 47, True)


def test_verify_says_what_a_note_contradicts(mine: Path, tmp_path: Path) -> None:
    key = SigningKey("other", bytes(32))
    text = Note.parse(inside("checkpoint", journal=mine).stdout).text
    other = tmp_path / "other.note"
    other.write_text(str(key.sign(text.replace("\n47\n", "\n48\n"))), "utf-8")
    ran = inside("verify", "--against", other, "--key", key.verifier, journal=mine)
    assert ran.exit_code == 1
    assert "its checkpoint is not signed by a key that is known" in ran.stdout
    assert "position 48: the note is about 48 events, and 47 are here" in ran.stdout
    other.write_text("no note", "utf-8")
    assert inside("verify", "--against", other, journal=mine).exit_code == 2


def test_a_key_that_anybody_can_read_is_told_and_not_used(mine: Path) -> None:
    inside("checkpoint", journal=mine)
    mine.with_name("journal.db.key").chmod(0o644)
    ran = inside("verify", journal=mine)
    assert ran.exit_code == 0
    assert "others may read or write it" in ran.stderr
    assert "signed by nobody knows whom: no key to check with" in ran.stdout
