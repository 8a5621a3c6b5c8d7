"""The key that signs: made once, for its owner's eyes only, never another's in its place."""

import os
import stat
from pathlib import Path

import pytest

from bursar.domain.errors import SigningKeyUnusable
from bursar.eventstore.proof.signing import VARIABLE, SigningKey, find, find_or_make

NAME = "bursar/test"


@pytest.fixture(autouse=True)
def no_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_the_key_is_made_beside_the_journal_for_its_owner_only(journal: Path) -> None:
    assert find(journal) is None
    made = find_or_make(journal, NAME)
    file = journal.with_name("journal.db.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made.verifier.name == NAME
    assert find_or_make(journal, "another").verifier == made.verifier
    assert list(journal.parent.iterdir()) == [file]


def test_two_keys_are_never_alike(tmp_path: Path) -> None:
    keys = {find_or_make(tmp_path / f"{n}.db", NAME).exported() for n in range(3)}
    assert len(keys) == 3


def test_the_key_can_be_elsewhere(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, mine = tmp_path / "safe.key", SigningKey.generate("mine")
    monkeypatch.setenv(VARIABLE, str(elsewhere))
    made = find_or_make(journal, NAME)
    assert elsewhere.exists()
    assert not journal.with_name("journal.db.key").exists()
    assert find(journal, mine.exported()) is not None
    monkeypatch.setenv(VARIABLE, mine.exported())
    found = find(journal)
    assert found is not None
    assert found.verifier == mine.verifier != made.verifier


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_read_or_write_is_refused(journal: Path, mode: int) -> None:
    find_or_make(journal, NAME)
    journal.with_name("journal.db.key").chmod(mode)
    with pytest.raises(SigningKeyUnusable, match="others may read or write it"):
        find_or_make(journal, NAME)


def test_a_link_is_not_followed(journal: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    journal.with_name("journal.db.key").symlink_to(target)
    with pytest.raises(SigningKeyUnusable, match="symbolic links"):
        find_or_make(journal, NAME)
    assert target.read_text() == ""


def test_what_is_no_file_is_refused_and_not_waited_for(journal: Path) -> None:
    os.mkfifo(journal.with_name("journal.db.key"), 0o600)
    with pytest.raises(SigningKeyUnusable, match="not a regular file"):
        find(journal)


@pytest.mark.parametrize("kept", [0, 60, -2])
def test_a_file_without_a_whole_key_is_refused_and_not_repeated(journal: Path, kept: int) -> None:
    key = find_or_make(journal, NAME).exported()
    journal.with_name("journal.db.key").write_text(key[:kept])
    with pytest.raises(SigningKeyUnusable, match="it is not PRIVATE") as caught:
        find_or_make(journal, NAME)
    assert key[-30:-10] not in str(caught.value)


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyUnusable, match="it cannot be made"):
        find_or_make(tmp_path / "nowhere" / "journal.db", NAME)


def test_who_is_slower_takes_the_key_of_who_was_faster(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = SigningKey.generate("other")
    file = journal.with_name("journal.db.key")

    def faster(source: str, target: str) -> None:
        file.write_text(mine.exported())
        file.chmod(0o600)
        raise FileExistsError

    monkeypatch.setattr(os, "link", faster)
    assert find_or_make(journal, NAME).verifier == mine.verifier
