"""Proofs that somebody without the journal can check: what an event was, and that nothing before was changed.

A path of hashes leads from the event to the root that a signed checkpoint names. Nothing between leaves and
roots is kept, so the path is made anew: what of it is in the trees written down every thousand events, or is
a root of archived segments, is taken from there, and the rest is hashed from a thousand leaves at a time.
"""

from collections.abc import Sequence
from contextlib import closing
from importlib.resources import files
from typing import Any

from ...domain.errors import JournalCorrupt, NoSuchPosition, NotProvable
from ..connections import READ_ERRORS, connect_reading, translated
from ..identity import StrPath, resolve
from ..keeping.archived import Archive
from ..merkle import SEGMENT, WIDTH, Frontier, interior_hash
from ..reader import Reader
from ..records import Leaf, Record
from .notes import Checkpoint, Note, VerifierKey
from .proofs import consistency_path, extends, includes, inclusion_path

#: Of the documents.
FORMAT = "bursar proof 1"
#: The program that checks them.
SCRIPT = "check_proof.py"

#: Subtrees of 2 to the power of this many leaves are looked for among those written down.
_LEVEL_WRITTEN = 10
_LEVEL_SEGMENT = SEGMENT.bit_length() - 1

Document = dict[str, Any]


def prove(path: StrPath, position: int, keys: Sequence[VerifierKey] = ()) -> Document:
    """A proof that the event at the position is in the journal, for `check_proof.py` and its like.

    `keys`: those the journal signs with; the one that signed the note is named in the proof. Raises
    NoSuchPosition, NotProvable when no checkpoint is about it yet, JournalCorrupt when the journal is not
    what was signed, ArchiveMissing.
    """
    with closing(_Journal(path)) as journal:
        record, leaf = journal.event(position)
        note, checkpoint = journal.note(position)
        index, size = position - 1, checkpoint.size
        hashes = inclusion_path(index, size, journal.stretch)
        if not includes(leaf.leaf, index, size, hashes, checkpoint.root):
            raise journal.corrupt(position)
        return {
            "format": FORMAT,
            "event": _event(record, leaf),
            "leaf": leaf.leaf.hex(),
            **_grounds(note, checkpoint, hashes, keys),
        }


def prove_extension(path: StrPath, old: int, keys: Sequence[VerifierKey] = ()) -> Document:
    """A proof that the journal of `old` events is the beginning of the one that was signed last.

    Raises what `prove` does.
    """
    with closing(_Journal(path)) as journal:
        note, checkpoint = journal.note(old)
        root = journal.stretch(0, old)
        hashes = consistency_path(old, checkpoint.size, journal.stretch)
        if not extends(old, root, checkpoint.size, checkpoint.root, hashes):
            raise journal.corrupt(old)
        return {
            "format": FORMAT,
            "old": {"size": old, "root": root.hex()},
            **_grounds(note, checkpoint, hashes, keys),
        }


def last_note(path: StrPath) -> Note | None:
    """The last checkpoint that was signed. Raises NoteInvalid when it is none."""
    with closing(_Journal(path)) as journal:
        return journal.last_note()


def script() -> str:
    """The program that checks proofs, and needs nothing but Python."""
    return files(__package__).joinpath(SCRIPT).read_text("utf-8")


class _Journal:
    """What proofs are made from."""

    def __init__(self, path: StrPath) -> None:
        self._path = resolve(path)
        self._reader = Reader(self._path)
        try:
            self._connection = connect_reading(self._path)
            entries = self._rows("SELECT * FROM archive ORDER BY segment")
        except BaseException:
            self._reader.close()
            raise
        self._archive = Archive(self._path, entries)
        self._segments: list[bytes] = [entry[1] for entry in entries]

    def close(self) -> None:
        self._reader.close()
        self._connection.close()

    def corrupt(self, position: int) -> JournalCorrupt:
        problem = "its hashes do not lead to the root that was signed; `bursar verify` says more"
        return JournalCorrupt(path=self._path, position=position, problem=problem)

    def event(self, position: int) -> tuple[Record, Leaf]:
        head = self._reader.head()
        if not 0 < position <= head:
            raise NoSuchPosition(position=position, head=head)
        if position <= self._archive.last:
            found = self._archive.get(position)
            if found is not None:
                return found.record, found.leaf
        record = self._reader.get(position)
        rows = self._rows("SELECT salt, data_hash, leaf FROM event WHERE position = ?", position)
        if record is None or not rows:
            raise self.corrupt(position)
        return record, Leaf._make(rows[0])

    def note(self, position: int) -> tuple[Note, Checkpoint]:
        """The last that was signed, if it is about the position."""
        note = self.last_note()
        checkpoint = None if note is None else Checkpoint.parse(note.text)
        if note is None or checkpoint is None or not 0 < position <= checkpoint.size:
            size = 0 if checkpoint is None else checkpoint.size
            problem = f"{size} events are in a signed checkpoint; `bursar checkpoint` signs what is there now"
            raise NotProvable(position=position, problem=problem)
        return note, checkpoint

    def last_note(self) -> Note | None:
        rows = self._rows("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return Note.parse(f"{rows[0][0]}") if rows else None

    def stretch(self, first: int, end: int) -> bytes:
        """The hash over the leaves from one index to, not including, another."""
        leaves = end - first
        level = leaves.bit_length() - 1
        if leaves == 1 << level and first % leaves == 0:
            return self._subtree(level, first >> level)
        middle = first + (1 << (leaves - 1).bit_length() - 1)
        return interior_hash(self.stretch(first, middle), self.stretch(middle, end))

    def _subtree(self, level: int, index: int) -> bytes:
        """The root of a perfect subtree: the one at the index, of those with two to the level leaves."""
        first, end = index << level, (index + 1) << level
        if level >= _LEVEL_SEGMENT and end <= self._archive.last:
            return Frontier.of(self._segments[first // SEGMENT : end // SEGMENT]).root()
        if level >= _LEVEL_WRITTEN and (written := self._written(level, index)) is not None:
            return written
        if level > _LEVEL_WRITTEN:
            return interior_hash(self._subtree(level - 1, 2 * index), self._subtree(level - 1, 2 * index + 1))
        leaves = self._leaves(first, end)
        if len(leaves) != end - first:
            raise self.corrupt(first + 1)
        return Frontier.of(leaves).root()

    def _leaves(self, first: int, end: int) -> list[bytes]:
        if end <= self._archive.last:
            return [event.leaf.leaf for event in self._archive.events(first, end)]
        rows = self._rows("SELECT leaf FROM event WHERE position > ? AND position <= ?", first, end)
        return [leaf for (leaf,) in rows]

    def _written(self, level: int, index: int) -> bytes | None:
        """From a tree that was written down before the subtree beside it was full; a right one never is."""
        first, end = (index + 1) << level, (index + 2) << level
        if index & 1:
            return None
        rows = self._rows("SELECT size, frontier FROM root WHERE size >= ? AND size < ? LIMIT 1", first, end)
        if not rows:
            return None
        size: int = rows[0][0]
        packed: bytes = rows[0][1]
        at = WIDTH * (size >> level + 1).bit_count()
        return packed[at : at + WIDTH]

    def _rows(self, query: str, *bindings: int) -> list[Any]:
        try:
            return self._connection.execute(query, bindings).fetchall()
        except READ_ERRORS as error:
            raise translated(self._path, error, 0) from error


def _event(record: Record, leaf: Leaf) -> Document:
    event: Document = record._asdict()
    if leaf.salt is None or leaf.data_hash is not None:
        return {**event, "data_hash": (leaf.data_hash or b"").hex()}
    return {**event, "salt": leaf.salt.hex()}


def _grounds(
    note: Note, checkpoint: Checkpoint, hashes: Sequence[bytes], keys: Sequence[VerifierKey]
) -> Document:
    signer = note.signer(keys)
    return {
        "path": [node.hex() for node in hashes],
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "note": str(note),
        "key": None if signer is None else str(signer),
    }
