"""Notes and keys, byte for byte as the rest of the world writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import NoteInvalid
from bursar.eventstore.proof.notes import Checkpoint, Note, Signature, VerifierKey, origin
from bursar.eventstore.proof.signing import SigningKey

# The example of Go's golang.org/x/mod/sumdb/note, and the one of c2sp.org/signed-note.
GO_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
C2SP_VERIFIER = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo"
    " Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
KEY = SigningKey("bursar/test", bytes(32))
OTHER = SigningKey("bursar/test", bytes([1] * 32))
CHECKPOINT = Checkpoint(origin(bytes(16)), 7, bytes(32))


def test_a_key_and_its_signature_are_those_of_go() -> None:
    key = SigningKey.parse(GO_KEY)
    assert (str(key.verifier), key.exported()) == (GO_VERIFIER, GO_KEY + "\n")
    assert str(key.sign(GO_TEXT)) == f"{GO_TEXT}\n{GO_LINE}"
    note = Note.parse(f"{GO_TEXT}\n{GO_LINE}")
    assert note.text == GO_TEXT
    assert note.signer([VerifierKey.parse(GO_VERIFIER)]) == key.verifier


def test_a_note_of_somebody_else_is_read() -> None:
    key = VerifierKey.parse(C2SP_VERIFIER)
    assert Note.parse(C2SP_NOTE).signer([KEY.verifier, key]) == key
    assert str(Note.parse(C2SP_NOTE)) == C2SP_NOTE


def test_a_checkpoint_is_three_lines() -> None:
    assert CHECKPOINT.text() == f"bursar/{'0' * 32}\n7\n{'A' * 43}=\n"
    assert Checkpoint.parse(CHECKPOINT.text()) == CHECKPOINT
    assert Checkpoint.parse(CHECKPOINT.text() + "a line of a later format\n") == CHECKPOINT


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_survives_being_signed_and_read(journal: bytes, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin(journal), size, root)
    note = Note.parse(str(KEY.sign(checkpoint.text())))
    assert note.signer([KEY.verifier]) == KEY.verifier
    assert Checkpoint.parse(note.text) == checkpoint


@given(st.data())
def test_a_note_with_another_text_is_refused(data: st.DataObject) -> None:
    note = str(KEY.sign(CHECKPOINT.text()))
    at = data.draw(st.integers(0, note.index("\n\n") - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != note[at]))
    assert not accepted(note[:at] + letter + note[at + 1 :])


def accepted(note: str) -> bool:
    try:
        return Note.parse(note).signer([KEY.verifier]) is not None
    except NoteInvalid:
        return False


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "\n\n— a AAAAAAA=\n"[1:],
        "text\n\nno dash AAAAAAA=\n",
        "text\n\n— nospace\n",
        "text\n\n— a AAAA\n",  # nothing behind the key's id
        "text\n\n— a AAAAAAB=\n",  # not how these bytes are written
        "text\n\n— a AAAAAAA=",
        "te\rxt\n\n— a AAAAAAA=\n",
        "text\n\n" + "— a AAAAAAA=\n" * 101,
        "x" * (1 << 20) + "\n\n— a AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteInvalid, match="the note cannot be used"):
        Note.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n7\n",
        "origin\n7\nAAAA\n",
        f"origin\n07\n{'A' * 43}=\n",
        f"origin\n-7\n{'A' * 43}=\n",
        f"origin\n7\n{'A' * 42}B=\n",
        f"\n7\n{'A' * 43}=\n",
        f"origin\n7\n{'A' * 43}=",
        f"origin\n7\n{'A' * 43}=\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "PeterNeumann",
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"),
        GO_VERIFIER.replace("Peter", "Pieter"),
        GO_VERIFIER[:-4],
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "a b" + GO_VERIFIER.removeprefix("PeterNeumann"),
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(NoteInvalid, match="the verifier key cannot be used"):
        VerifierKey.parse(key)


def test_signatures_of_unknown_keys_are_passed_over_and_forged_ones_are_not() -> None:
    note, witness = KEY.sign(CHECKPOINT.text()), OTHER.sign(CHECKPOINT.text())
    both = Note(note.text, witness.signatures + note.signatures)
    assert both.signer([KEY.verifier]) == KEY.verifier
    assert both.signer([]) is None
    forged = Signature(KEY.verifier.name, KEY.verifier.key_id, witness.signatures[0].signature)
    with pytest.raises(NoteInvalid, match="is not of this text"):
        Note(note.text, (*note.signatures, forged)).signer([KEY.verifier])
