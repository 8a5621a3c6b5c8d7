"""Writing sealed segments to files, and taking their rows out of the journal."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO, cast

import apsw
import zstandard

from ...domain.errors import FileNotWritten, JournalCorrupt, JournalUnusable
from ..connections import READ_ERRORS, connect_reading, translated
from ..identity import StrPath, resolve
from ..journal import Journal
from ..merkle import SEGMENT, Frontier
from ..proof.verify import check
from ..records import COLUMNS, Leaf, Record
from ..recovery import leaf_of
from .archived import (
    BLOCK,
    BLOCK_BYTES,
    FORMAT,
    FRAMES,
    SEEKABLE,
    SKIPPABLE,
    TABLE_ENTRY,
    TABLE_FOOT,
    TABLE_HEAD,
    Archived,
    SegmentFile,
    folder,
)
from .backup import damaged
from .placing import placed

#: Half of it is hashes and salts, so level 19 makes a file 2 % smaller and takes 30 times as long.
_LEVEL = 6
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SEGMENTS = (
    "SELECT coalesce(max(segment) + 1, 0), (SELECT coalesce(max(position), 0) FROM event) FROM archive"
)
_EVENTS = (
    f"SELECT {COLUMNS}, {', '.join(Leaf._fields)} FROM event"  # noqa: S608 - names of our own
    f" WHERE position > ? ORDER BY position LIMIT {SEGMENT}"  # damage behind them is no matter
)

_LEAVES = "SELECT leaf FROM event WHERE position > ? AND position <= ? ORDER BY position"
_REDACTED = (
    "SELECT position FROM event WHERE position > ? AND position <= ? AND data IS NULL ORDER BY position"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment and the file that holds it."""

    segment: int
    first: int
    last: int
    #: Of the perfect subtree over it, in hex.
    root: str
    file: str
    #: Of the file, in hex.
    sha256: str
    size_bytes: int
    #: Events whose data is gone.
    redacted: int
    #: Whether the file had been there before, and still says what the journal says.
    already: bool


def archive(
    path: StrPath, *, keep: int = 1, before: int | None = None, progress: Progress | None = None
) -> list[Segment]:
    """Write the segments of a journal to files beside it, each checked against the journal afterwards.

    All but the last `keep` segments, which are at least the one that is being filled; `before`: only those
    whose events are all older than this (UTC nanoseconds). Works beside the journal's owner. A file that is
    there and says what the journal says stays as it is. `progress` is called with the position reached and
    the last one. Raises JournalUnusable, JournalCorrupt at a row that does not hash to its leaf,
    FileNotWritten.
    """
    journal = resolve(path)
    connection = connect_reading(journal)
    try:
        rows = _Rows(journal, connection)
        segments = list(rows.sealed(max(keep, 1), before))
        _make_folder(journal, needed=bool(segments))
        return [_archived(rows, segment, _part(progress, segments, segment)) for segment in segments]
    finally:
        connection.close()


def drop(path: StrPath, segments: list[Segment], progress: Progress | None = None) -> None:
    """Take the rows of archived segments out of the journal, after a look at the files and at all of it.

    Owns the journal meanwhile, so that nothing is redacted that the files still hold. Raises JournalConflict
    when somebody else does, JournalCorrupt when the journal is damaged, JournalUnusable when a file is not
    what `archive` left: then nothing is taken out.
    """
    journal = resolve(path)
    with Journal.open(journal) as owned:
        connection = connect_reading(journal)
        try:
            rows = _Rows(journal, connection)
            for segment in segments:
                _require_unchanged(rows, segment)
        finally:
            connection.close()
        report = check(journal, progress)
        if not report.ok:
            raise damaged(journal, report.problems[0])
        for segment in segments:
            owned.archive_rows(
                segment.segment,
                bytes.fromhex(segment.root),
                Path(segment.file).name,
                bytes.fromhex(segment.sha256),
            )


class _Rows:
    """The rows of a journal, by segment."""

    def __init__(self, journal: str, connection: apsw.Connection) -> None:
        self.journal = journal
        self._connection = connection
        self.journal_id: bytes = self._first("SELECT journal_id FROM journal")[0]

    def sealed(self, keep: int, before: int | None) -> Iterator[int]:
        """The segments that are in the journal and whose rows will never be more, but for the last ones."""
        start, head = self._first(_SEGMENTS)
        for segment in range(start, (head - 1) // SEGMENT + 1 - keep):
            last = (segment + 1) * SEGMENT
            (at,) = self._first("SELECT at FROM event WHERE position = ?", last)
            if before is not None and at >= before:
                return
            yield segment

    def root(self, segment: int) -> bytes:
        """The root over a segment, of the leaves as they are written down. Raises JournalCorrupt."""
        first = segment * SEGMENT
        try:
            rows = self._connection.execute(_LEAVES, (first, first + SEGMENT))
            return Frontier.of(leaf for (leaf,) in rows).root()
        except READ_ERRORS as error:
            raise translated(self.journal, error, first + 1) from error

    def redacted(self, segment: int) -> list[int]:
        """The positions of a segment whose data is gone."""
        first = segment * SEGMENT
        try:
            return [position for (position,) in self._connection.execute(_REDACTED, (first, first + SEGMENT))]
        except READ_ERRORS as error:
            raise translated(self.journal, error, first + 1) from error

    def of(self, segment: int) -> Iterator[Archived]:
        """The events of a segment, each of which hashes to its leaf. Raises JournalCorrupt."""
        position = segment * SEGMENT
        try:
            for *fields, salt, data_hash, leaf in self._connection.execute(_EVENTS, (position,)):
                event = Archived(Record._make(fields), Leaf(salt, data_hash, leaf))
                if event.record.position != position + 1:
                    break
                position += 1
                if leaf_of(*event) != leaf:
                    self._damaged(position, "the event does not hash to its leaf")
                yield event
        except READ_ERRORS as error:
            raise translated(self.journal, error, position + 1) from error
        if position != (segment + 1) * SEGMENT:
            self._damaged(position + 1, "there is no such event, but later ones")

    def _damaged(self, position: int, problem: str) -> None:
        raise JournalCorrupt(path=self.journal, position=position, problem=problem)

    def _first(self, sql: str, *bindings: int) -> tuple[Any, ...]:
        try:
            row = self._connection.execute(sql, bindings).fetchone()
        except READ_ERRORS as error:
            raise translated(self.journal, error, sum(bindings)) from error
        if row is None:
            raise JournalCorrupt(path=self.journal, position=sum(bindings), problem="there is no such row")
        return cast("tuple[Any, ...]", row)


def _archived(rows: _Rows, segment: int, progress: Callable[[int], None]) -> Segment:
    root = rows.root(segment)
    path = Path(folder(rows.journal), f"{segment:06}.jsonl.zst")
    redacted = rows.redacted(segment)
    header = _header(rows.journal_id, segment, root)
    already = path.exists() and _holds(path, header, redacted)
    if not already:
        with placed(str(path), replace=True) as building:
            with Path(building).open("wb") as file:
                _write(file, header, rows.of(segment), progress)
            if not _holds(Path(building), header, redacted):
                raise FileNotWritten(path=path, problem="it would not be what is in the journal; try again")
    with path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    return Segment(
        segment=segment,
        first=segment * SEGMENT + 1,
        last=(segment + 1) * SEGMENT,
        root=root.hex(),
        file=str(path),
        sha256=sha256,
        size_bytes=path.stat().st_size,
        redacted=len(redacted),
        already=already,
    )


def _write(
    file: BinaryIO, header: dict[str, Any], events: Iterator[Archived], progress: Callable[[int], None]
) -> None:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    table: list[bytes] = []

    def write_frame(lines: list[bytes]) -> None:
        content = b"".join(lines)
        if len(content) > BLOCK_BYTES:
            problem = f"{len(lines)} events in a row have {len(content)} bytes, and it may be {BLOCK_BYTES}"
            raise FileNotWritten(path=file.name, problem=problem)
        packed = compressor.compress(content)
        file.write(packed)
        table.append(TABLE_ENTRY.pack(len(packed), len(content)))

    write_frame([_json(header)])
    block: list[bytes] = []
    for event in events:
        block.append(_line(event))
        if len(block) == BLOCK:
            write_frame(block)
            block = []
            progress(event.record.position)
    write_frame(block)
    content = b"".join(table) + TABLE_FOOT.pack(FRAMES, 0, SEEKABLE)
    file.write(TABLE_HEAD.pack(SKIPPABLE, len(content)) + content)


def _header(journal_id: bytes, segment: int, root: bytes) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "journal": journal_id.hex(),
        "segment": segment,
        "first": segment * SEGMENT + 1,
        "last": (segment + 1) * SEGMENT,
        "root": root.hex(),
    }


def _line(event: Archived) -> bytes:
    salt, data_hash, leaf = event.leaf
    return _json({
        **dict(zip(Record._fields, event.record, strict=True)),
        "salt": salt and salt.hex(),
        "data_hash": data_hash and data_hash.hex(),
        "leaf": leaf.hex(),
    })  # fmt: skip


def _json(document: dict[str, Any]) -> bytes:
    return _encode(document).encode() + b"\n"


def _holds(path: Path, header: dict[str, Any], redacted: list[int]) -> bool:
    """Whether the file is what its header says, by its own content, and has only what was not redacted."""
    frontier, gone = Frontier(), set(redacted)
    try:
        file = SegmentFile(str(path), header["segment"])
        for record, leaf in file.events(header["first"], header["last"]):
            if leaf_of(record, leaf) != leaf.leaf or (record.data is None) is not (record.position in gone):
                return False
            frontier.extend((leaf.leaf,))
    except JournalCorrupt:
        return False
    return file.header == header and frontier.root().hex() == header["root"]


def _require_unchanged(rows: _Rows, segment: Segment) -> None:
    with Path(segment.file).open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    now = sha256, rows.root(segment.segment).hex(), len(rows.redacted(segment.segment))
    if now != (segment.sha256, segment.root, segment.redacted):
        problem = f"{segment.file} does not hold what the journal does any more; archive it again"
        raise JournalUnusable(path=rows.journal, problem=problem)


def _make_folder(journal: str, *, needed: bool) -> None:
    try:
        if needed:
            Path(folder(journal)).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FileNotWritten(path=folder(journal), problem=f"{error.strerror}") from error


def _part(progress: Progress | None, segments: list[int], segment: int) -> Callable[[int], None]:
    """Progress within one of the segments as progress within all of them."""
    if progress is None:
        return lambda _: None
    done, total = segments[0] * SEGMENT, len(segments) * SEGMENT
    return lambda position: progress(position - done, total)
