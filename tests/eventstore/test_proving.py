"""Proofs that are made from a journal, and the program that checks them without one."""

import ast
import json
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import JournalCorrupt, NoSuchPosition, NotProvable
from bursar.eventstore import committing
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import Frontier
from bursar.eventstore.proof import proving
from bursar.eventstore.proof.check_proof import checked, ed25519
from bursar.eventstore.proof.notary import Notary
from bursar.eventstore.proof.proofs import consistency_path, inclusion_path
from bursar.eventstore.proof.proving import Document, last_note, prove, prove_extension, script
from bursar.eventstore.proof.signing import SigningKey
from bursar.eventstore.reader import Reader

from .helpers import draft, fill

KEY = SigningKey("bursar/test", bytes(32))
EVENTS = 21


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a redacted event and one that no checkpoint is about."""
    path = tmp_path_factory.mktemp("proving") / "journal.db"
    with Journal.open(path) as journal:
        notary = Notary(journal, KEY)
        batch = [draft(position, subject="model/größer") for position in range(1, EVENTS)]
        batch.append(draft(EVENTS, type_="EventRedacted", data='{"event":5}'))
        journal.append_now(batch, expected=0)
        journal.redact(5, EVENTS)
        notary.sign()
        journal.append_now([draft(EVENTS + 1)], expected=EVENTS)
        journal.abandon()
    return path


def check(proof: Document, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as somebody does who has Python and nothing else."""
    (folder / "proof.json").write_text(json.dumps(proof), "utf-8")
    (folder / "check_proof.py").write_text(script(), "utf-8")
    command = [sys.executable, "-I", "-S", str(folder / "check_proof.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=60)


def test_an_event_is_proved_to_who_has_only_python(journal: Path, tmp_path: Path) -> None:
    ran = check(prove(journal, 17, [KEY.verifier]), "--key", str(KEY.verifier), folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == "PROVED: this event is in the journal, as it was written:"
    assert '  data         {"n":17}' in lines
    assert "  subject      model/größer" in lines
    assert lines[-1] == f"It is signed by {KEY.verifier}."
    assert str(last_note(journal)) in ran.stdout


def test_every_event_is_proved_and_a_redacted_one_too(journal: Path) -> None:
    for position in range(1, EVENTS + 1):
        proof = prove(journal, position)
        lines = checked(json.loads(json.dumps(proof)))
        assert ("salt" in proof["event"]) is (position != 5)
        assert any("has been redacted" in line for line in lines) is (position == 5)
        assert lines[-1].startswith("NOT CHECKED: who signed the note.")


def test_a_beginning_is_proved(journal: Path, tmp_path: Path) -> None:
    for old in range(1, EVENTS + 1):
        checked(prove_extension(journal, old), str(KEY.verifier))
    ran = check(prove_extension(journal, 6, [KEY.verifier]), folder=tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.startswith(
        "PROVED: the journal of these many events and this root was only added to:\n\n  6\n"
    )
    assert "which came with the proof: compare it with a key you know" in ran.stdout


def proved(proof: Document) -> bool:
    try:
        checked(proof, str(KEY.verifier))
    except (LookupError, TypeError, ValueError, AttributeError, struct.error):
        return False
    return True


@given(st.data())
@settings(max_examples=60)
def test_nothing_of_a_proof_can_be_changed(journal: Path, data: st.DataObject) -> None:
    proof: Any = prove(journal, data.draw(st.sampled_from([5, 17])))
    assert proved(proof)
    event = proof["event"]
    redundant = {"data_hash"} if event["data"] is not None else set[str]()
    places: list[tuple[Any, Any]] = [(event, name) for name in event if name not in redundant]
    places += [(proof["path"], number) for number in range(len(proof["path"]))]
    places += [(proof, "note"), (proof, "path")]
    holder, name = data.draw(st.sampled_from(places))
    holder[name] = data.draw(changes(holder[name]))
    assert not proved(proof)


def test_no_letter_of_a_note_can_be_another(journal: Path) -> None:
    proof = prove(journal, 3)
    note = proof["note"]
    for place in range(len(note)):
        proof["note"] = note[:place] + _other(note[place]) + note[place + 1 :]
        assert not proved(proof), f"{place}: {note[place]!r}"
    proof["note"] = note
    assert proved(proof)


def changes(value: Any) -> st.SearchStrategy[Any]:
    """Something else of the same kind."""
    if isinstance(value, int):
        return st.integers(-(2**63), 2**63 - 1).filter(lambda other: other != value)
    if isinstance(value, list):
        return st.sampled_from([value[1:], value[:-1], [*value, "00" * 32], value[::-1]])
    if isinstance(value, str):
        at = st.integers(0, len(value) - 1)
        return at.map(lambda place: value[:place] + _other(value[place]) + value[place + 1 :])
    return st.sampled_from([0, 3, "{}"])


def _other(letter: str) -> str:
    return "1" if letter != "1" else "0"


def test_a_forged_signature_is_seen_without_any_library(journal: Path, tmp_path: Path) -> None:
    forger = SigningKey("bursar/test", bytes([1] * 32))
    proof = prove(journal, 3)
    proof["note"] = str(forger.sign(proof["note"].partition("\n\n")[0] + "\n"))
    ran = check(proof, "--key", str(KEY.verifier), folder=tmp_path)
    assert ran.returncode == 1
    assert ran.stdout.startswith("NOT PROVED: the note is not signed by the key bursar/test+")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=99), st.integers(0, 511))
@settings(max_examples=25)
def test_its_signatures_are_those_of_the_library(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert ed25519(public, message, signature)
    assert not ed25519(public, message + b"!", signature)
    forged = bytearray(signature)
    forged[bit // 8] ^= 1 << bit % 8
    with suppress(ValueError):
        assert not ed25519(public, message, bytes(forged))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"note": 3}', '{"note": "a\\n\\nb"}'])
def test_what_is_no_proof_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    ran = check({}, str(tmp_path / "other.json"), folder=tmp_path)
    assert ran.returncode in (1, 2)
    assert "Traceback" not in ran.stderr


def test_the_program_is_for_old_pythons_and_needs_nothing() -> None:
    tree = ast.parse(script(), feature_version=(3, 8))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
@settings(max_examples=25)
def test_what_was_written_down_gives_the_same_path_as_all_leaves(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("trees") / "journal.db"
    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(committing, "ROOT_EVERY", 4)
        monkey.setattr(proving, "_LEVEL_WRITTEN", 2)
        with Journal.open(path) as journal:
            for size in batches:
                here = journal.head
                journal.append_now([draft(here + n + 1) for n in range(size)], expected=here)
            Notary(journal, KEY).sign()
        with Reader(path) as reader:
            leaves = list(reader.leaves())
        position = data.draw(st.integers(1, len(leaves)))

        def stretch(first: int, end: int) -> bytes:
            return Frontier.of(leaves[first:end]).root()

        wanted = inclusion_path(position - 1, len(leaves), stretch)
        assert prove(path, position)["path"] == [node.hex() for node in wanted]
        wanted = consistency_path(position, len(leaves), stretch)
        assert prove_extension(path, position)["path"] == [node.hex() for node in wanted]


def test_what_is_in_no_checkpoint_or_not_there_is_told(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(NotProvable, match=f"{EVENTS} events are in a signed checkpoint"):
        prove(journal, EVENTS + 1)
    with pytest.raises(NoSuchPosition):
        prove(journal, EVENTS + 2)
    fill(tmp_path / "unsigned.db", 3)
    with pytest.raises(NotProvable, match="position 2 cannot be proved: 0 events are in"):
        prove(tmp_path / "unsigned.db", 2)
    assert last_note(tmp_path / "unsigned.db") is None


def test_a_journal_that_is_not_what_was_signed_proves_nothing(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    with Reader(journal) as reader:
        leaf = reader.leaf(3)
    assert leaf is not None
    for suffix in ("", "-wal"):
        file = journal.with_name(journal.name + suffix)
        copy.with_name(copy.name + suffix).write_bytes(file.read_bytes())
    Journal.open(copy).close()
    copy.write_bytes(copy.read_bytes().replace(leaf, bytes(32)))
    for position in (3, 9):
        with pytest.raises(JournalCorrupt, match="do not lead to the root that was signed"):
            prove(copy, position)
