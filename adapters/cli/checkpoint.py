"""`bursar checkpoint`."""

import sys

import click

from ...domain.errors import JournalConflict, JournalUnusable, NotProvable, SigningKeyUnusable
from ...eventstore.journal import Journal
from ...eventstore.proof.notary import Notary
from ...eventstore.proof.notes import Checkpoint, Note, VerifierKey, origin
from ...eventstore.proof.proving import last_note
from ...eventstore.proof.signing import VARIABLE, SigningKey, find, find_or_make
from ...eventstore.reader import Reader
from .options import reading
from .output import emit
from .pipes import write


@click.command()
@reading
def checkpoint(journal: str, as_json: bool) -> None:
    """The last signed root of the journal, to be kept elsewhere.

    Signs what is there now, unless a manager is running, which does so every minute. What is written to
    standard output is the note; kept where nobody who can write the journal can write, it shows later, by
    `bursar verify --against`, that nothing before was changed or cut off. The key to check it with is
    written to standard error.
    """
    new = sign(journal)
    with Reader(journal) as reader:
        note, head = last_note(journal), reader.head()
    if note is None:
        raise NotProvable(
            position=head, problem="nothing was signed yet; a running manager does every minute"
        )
    found, key = Checkpoint.parse(note.text), signer(journal, note)
    if as_json:
        document = {"origin": found.origin, "size": found.size, "root": found.root.hex(), "head": head}
        emit({**document, "new": new, "note": str(note), "key": key and str(key)})
        return
    write(str(note).rstrip("\n"))
    if key is not None:
        click.echo(f"key: {key}", err=True)
    if found.size < head:
        click.echo(f"{head - found.size} events have come since and are not in it.", err=True)


def sign(journal: str) -> bool:
    """Sign what is not signed yet, if the journal can be owned; whether it was. Raises SigningKeyUnusable."""
    with Reader(journal) as reader:
        last, head = reader.last_checkpoint(), reader.head()
        if head == (0 if last is None else last[0]):
            return False
        name = origin(reader.journal_id)
    try:
        with Journal.open(journal) as owned:
            key = _key_after(journal, None if last is None else last_note(journal), name)
            return Notary(owned, key).sign() is not None
    except (JournalConflict, JournalUnusable):  # another's, who signs it, or nothing that we may write
        return False


def _key_after(journal: str, last: Note | None, name: str) -> SigningKey:
    """The key to sign with: the one that signed before, and a new one only when none has."""
    if last is None:
        return find_or_make(journal, name)
    key = find(journal)
    if key is None or last.signer([key.verifier]) is None:
        signers = " and ".join(signature.name for signature in last.signatures)
        problem = f"the last checkpoint was signed by {signers} with another key; name its file in {VARIABLE}"
        raise SigningKeyUnusable(path=f"of {journal}", problem=problem)
    return key


def signer(journal: str, note: Note) -> VerifierKey | None:
    """The journal's own key, if we may read it and it signed the note."""
    key = known(journal)
    return None if key is None else note.signer([key])


def known(journal: str) -> VerifierKey | None:
    """The public half of the journal's own key; None, and a word, when it cannot be had."""
    try:
        key = find(journal)
    except SigningKeyUnusable as error:
        sys.stderr.write(f"bursar: {error}\n")
        return None
    return None if key is None else key.verifier
