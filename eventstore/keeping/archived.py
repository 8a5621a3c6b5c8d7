"""Segments that lie in files instead of in the journal, read as if they were in it.

A file holds the 65,536 events of a segment: JSON Lines in zstd, `zstdcat` shows them. The first line says
whose they are; every line after it is an event with all its columns, so that its leaf, and from the leaves
the root, can be computed from the file alone. Lines come in blocks of 500, each a frame of its own, and the
file ends with a table of the frames, in the seekable format of zstd's own `contrib/seekable_format`, so one
event costs one block.
"""

# Importing pathlib would cost a reader more than it saves.
# ruff: noqa: PTH116, PTH118, PTH123
import json
import os
from collections.abc import Collection, Iterator, Sequence
from hashlib import file_digest
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Any, BinaryIO, NamedTuple, cast

from ...domain.errors import ArchiveMissing, JournalCorrupt
from ..bodies.frames import SIZE_MAX, Codec
from ..merkle import SEGMENT
from ..records import Leaf, Record

#: Of the lines of a file.
FORMAT = "bursar archive 1"
#: Events in a frame.
BLOCK = 500
#: Bytes that a frame may hold.
BLOCK_BYTES = SIZE_MAX
#: Frames of a file: one for the first line, the others for the events.
FRAMES = 1 + -(-SEGMENT // BLOCK)

SKIPPABLE, SEEKABLE = 0x184D2A5E, 0x8F92EAB1
#: Magic number and size of the frame that the table is in; sizes of a frame, packed and not; number of
#: frames, flags and magic number.
TABLE_HEAD, TABLE_ENTRY, TABLE_FOOT = Struct("<II"), Struct("<II"), Struct("<IBI")

#: Files that hold what the journal says, as they were when they were looked at.
_known: set[tuple[str, bytes, int, int, int]] = set()


class Archived(NamedTuple):
    """An event of a file."""

    record: Record
    leaf: Leaf


class Entry(NamedTuple):
    """A row of the table `archive`."""

    segment: int
    root: bytes
    file: str
    sha256: bytes


def folder(journal: str) -> str:
    """Where the files of the journal at this resolved path are."""
    return journal + ".archive"


class SegmentFile:
    """One file, opened anew for every block."""

    def __init__(self, path: str, segment: int) -> None:
        """Read its first line. Raises OSError, JournalCorrupt."""
        self.path = path
        self.first = segment * SEGMENT + 1
        self._codec = Codec()
        self._frames = self._read_table()
        #: The first line.
        self.header: dict[str, Any] = self._parsed([self._frame(0)])[0]
        if (self.header.get("format"), self.header.get("first")) != (FORMAT, self.first):
            raise self._corrupt("its first line is not that of this segment")
        self._cached: tuple[int, list[bytes]] = -1, []

    def events(self, first: int, last: int, containing: bytes = b"") -> Iterator[Archived]:
        """The events from one position to another, in order; only those whose lines contain the bytes.

        Raises JournalCorrupt.
        """
        for block in range((first - self.first) // BLOCK, (last - self.first) // BLOCK + 1):
            start = self.first + block * BLOCK
            lines = self._lines(block)[max(0, first - start) : last - start + 1]
            yield from self._events([line for line in lines if containing in line])

    def _lines(self, block: int) -> list[bytes]:
        number, lines = self._cached
        if number != block:
            lines = self._frame(block + 1).splitlines()
            expected = min(BLOCK, SEGMENT - block * BLOCK)
            position = self.first + block * BLOCK
            if len(lines) != expected or not lines[0].startswith(b'{"position":%d,' % position):
                raise self._corrupt(f"its events from position {position} on are not where they should be")
            self._cached = block, lines
        return lines

    def _events(self, lines: list[bytes]) -> list[Archived]:
        try:
            return [
                Archived(
                    Record._make(map(event.__getitem__, Record._fields)),
                    Leaf(_unhexed(event["salt"]), _unhexed(event["data_hash"]), bytes.fromhex(event["leaf"])),
                )
                for event in self._parsed(lines)
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._corrupt(f"it holds a line that is no event ({error!r})") from error

    def _parsed(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """What the lines say: all at once, which takes half of the time."""
        try:
            found: list[object] = json.loads(b"[" + b",".join(lines) + b"]")
        except (ValueError, RecursionError) as error:
            raise self._corrupt(f"it holds a line that is no JSON ({error})") from error
        if len(found) != len(lines) or not all(isinstance(each, dict) for each in found):
            raise self._corrupt("it holds a line that is not one object")
        return cast("list[dict[str, Any]]", found)

    def _frame(self, number: int) -> bytes:
        offset, packed, size = self._frames[number]
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                return self._codec.decompress(file.read(packed), size)
        except (ValueError, OSError) as error:
            raise self._corrupt(f"block {number} cannot be read ({error})") from error

    def _read_table(self) -> list[tuple[int, int, int]]:
        """Offset of every frame, and its size, packed and not."""
        with open(self.path, "rb") as file:
            try:
                sizes = _sizes(file)
            except (ValueError, StructError) as error:
                raise self._corrupt(f"its table of blocks is not there ({error})") from error
        table, offset = list[tuple[int, int, int]](), 0
        for packed, size in sizes:
            table.append((offset, packed, size))
            offset += packed
        return table

    def _corrupt(self, problem: str) -> JournalCorrupt:
        return JournalCorrupt(path=self.path, position=self.first, problem=problem)


class Archive:
    """The archived events of one journal."""

    def __init__(self, journal: str, entries: Sequence[Sequence[Any]]) -> None:
        """`entries` are the rows of the journal's table `archive`, in order."""
        self._journal = journal
        self._entries = [Entry._make(entry) for entry in entries]
        #: How many there are.
        self.segments = len(self._entries)
        #: Last archived position.
        self.last = self.segments * SEGMENT
        self._open: tuple[int, SegmentFile] | None = None

    def read(
        self,
        after: int,
        until: int,
        *,
        types: Collection[str] | None = None,
        subject: str | None = None,
        correlation: int | None = None,
    ) -> Iterator[Record]:
        """As `Reader.read`, for archived positions. Raises ArchiveMissing, JournalCorrupt."""
        needle = _subject_in_line(subject)
        for record, _ in self.events(after, until, needle):
            if (
                (types is None or record.type in types)
                and (subject is None or record.subject == subject)
                and (correlation is None or record.correlation == correlation)
            ):
                yield record

    def events(self, after: int, until: int, containing: bytes = b"") -> Iterator[Archived]:
        """The events after a position, up to and including another, with what ties them to the tree."""
        until = min(until, self.last)
        while after < until:
            segment = after // SEGMENT
            end = min(until, (segment + 1) * SEGMENT)
            yield from self.file(segment).events(after + 1, end, containing)
            after = end

    def get(self, position: int) -> Archived | None:
        """The event at a position; None when it is not archived."""
        return next(self.events(position - 1, position), None) if position > 0 else None

    def last_of(self, subject: str) -> Record | None:
        """The last archived event of a subject; looks at all of them, from the newest segment on."""
        for entry in reversed(self._entries):
            first = entry.segment * SEGMENT
            found = None
            for record in self.read(first, first + SEGMENT, subject=subject):
                found = record
            if found is not None:
                return found
        return None

    def subjects(self, prefix: str) -> set[str]:
        """The subjects that begin with the prefix; looks at all events."""
        needle = _subject_in_line(prefix).removesuffix(b'"')
        found = (record.subject for record, _ in self.events(0, self.last, needle))
        return {subject for subject in found if subject.startswith(prefix)}

    def file(self, segment: int) -> SegmentFile:
        """The file of a segment, which is what it was when its rows left the journal.

        Raises ArchiveMissing when it is not there, JournalCorrupt when it is another.
        """
        if self._open is not None and self._open[0] == segment:
            return self._open[1]
        entry = self._entries[segment]
        path = os.path.join(folder(self._journal), entry.file)
        try:
            _require_same(path, entry)
            opened = SegmentFile(path, segment)
        except OSError as error:
            first = segment * SEGMENT + 1
            raise ArchiveMissing(
                path=self._journal, first=first, last=first + SEGMENT - 1, file=path, problem=error.strerror
            ) from error
        self._open = segment, opened
        return opened


def _require_same(path: str, entry: Entry) -> None:
    """Raise JournalCorrupt unless it has the hash it should have. Looks once, unless the file changes."""
    status = os.stat(path)
    known = path, entry.sha256, status.st_ino, status.st_size, status.st_mtime_ns
    if known in _known:
        return
    with open(path, "rb") as file:
        found = file_digest(file, "sha256").digest()
    if found != entry.sha256:
        raise JournalCorrupt(
            path=path,
            position=entry.segment * SEGMENT + 1,
            problem="it is not the file that the events of this segment were moved to; put that one back",
        )
    _known.add(known)


def _sizes(file: BinaryIO) -> list[tuple[int, int]]:
    table = FRAMES * TABLE_ENTRY.size + TABLE_FOOT.size
    end = file.seek(0, os.SEEK_END)
    if end < TABLE_HEAD.size + table:
        raise ValueError("the file is too short")
    file.seek(end - table - TABLE_HEAD.size)
    head, content = TABLE_HEAD.unpack(file.read(TABLE_HEAD.size)), file.read(table)
    foot = TABLE_FOOT.unpack_from(content, FRAMES * TABLE_ENTRY.size)
    if head != (SKIPPABLE, table) or foot != (FRAMES, 0, SEEKABLE):
        raise ValueError("the file does not end with one")
    sizes = list(TABLE_ENTRY.iter_unpack(content[: FRAMES * TABLE_ENTRY.size]))
    if sum(packed for packed, _ in sizes) != end - table - TABLE_HEAD.size:
        raise ValueError("it is that of another file")
    return [(packed, size) for packed, size in sizes]


def _subject_in_line(subject: str | None) -> bytes:
    """What the line of an event of the subject contains. (Inside data every quotation mark is escaped.)"""
    return b"" if subject is None else f'"subject":{json.dumps(subject, ensure_ascii=False)}'.encode()


def _unhexed(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)
