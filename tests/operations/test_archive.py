"""Archived segments: files that stand for themselves, read as if their events had never left the journal."""

import io
import json
import os
import shutil
import signal
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import (
    ArchiveMissing,
    FileNotWritten,
    JournalConflict,
    JournalCorrupt,
    JournalUnusable,
)
from bursar.eventstore.bodies.frames import Codec
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.archive import Segment, archive, drop
from bursar.eventstore.keeping.archived import BLOCK, FRAMES, TABLE_ENTRY, TABLE_FOOT, SegmentFile
from bursar.eventstore.merkle import SEGMENT, Frontier, data_hash, leaf_hash
from bursar.eventstore.proof.proving import prove
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader

from ..eventstore.helpers import line, start
from .conftest import LONG
from .support import KEY, KILLED, append, names, redact, spoil, written

Kept = tuple[Path, list[Segment]]
FILE = "000000.jsonl.zst"

#: Archives a journal where files may have 100,000 bytes, and says what became of it.
FULL_DISK = """
import resource, sys
from bursar.domain.errors import BursarError
from bursar.eventstore.keeping.archive import archive
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    archive(sys.argv[1])
except BursarError as error:
    print(error)
"""


def segment_file(path: Path) -> Path:
    return Path(f"{path}.archive", FILE)


@pytest.fixture(scope="module")
def readers(whole: Path, dropped: Path) -> tuple[Reader, Reader]:
    """Of the same events, in the journal and in a file."""
    return Reader(whole), Reader(dropped)


def test_a_reader_gives_the_same_events_after_they_have_left(readers: tuple[Reader, Reader]) -> None:
    inside, outside = readers
    assert (inside.segments_archived(), outside.segments_archived()) == (0, 1)
    assert outside.head() == inside.head() == LONG + 1
    assert list(outside.read()) == list(inside.read())
    assert list(outside.rows(after=SEGMENT - 3)) == list(inside.rows(after=SEGMENT - 3))
    assert list(outside.leaves(after=SEGMENT - 3)) == list(inside.leaves(after=SEGMENT - 3))
    assert outside.subjects("model/13") == inside.subjects("model/13") == ["model/13"]


@settings(max_examples=40)
@given(
    after=st.integers(SEGMENT - 600, LONG + 5) | st.integers(0, 10),
    length=st.integers(0, 700),
    types=st.none() | st.sets(st.sampled_from(["T0", "T3", "T9"])),
    subject=st.none() | st.sampled_from(["model/0", "model/2", "nobody"]),
    limit=st.integers(0, 400),
)
def test_reading_across_the_edge_gives_what_all_conditions_hold_for(
    readers: tuple[Reader, Reader],
    after: int,
    length: int,
    types: set[str] | None,
    subject: str | None,
    limit: int,
) -> None:
    inside, outside = (
        list(reader.read(after, after + length, types=types, subject=subject, limit=limit))
        for reader in readers
    )
    assert outside == inside


@settings(max_examples=40)
@given(position=st.integers(-1, LONG + 2) | st.sampled_from([0, 1, 1000, SEGMENT, SEGMENT + 1, LONG]))
def test_single_events_leaves_and_times_are_found(readers: tuple[Reader, Reader], position: int) -> None:
    inside, outside = readers
    assert outside.get(position) == inside.get(position)
    assert outside.leaf(position) == inside.leaf(position)
    assert outside.position_at(1000 * position) == inside.position_at(1000 * position)


def test_the_last_event_of_a_subject_is_found_wherever_it_is(archived: Path) -> None:
    with Journal.open(archived) as journal, Reader(archived) as reader:
        before = reader.last("event/none"), reader.last("model/3")
        append(journal, 7)
        after = reader.last("model/3")
    assert before[0] is None and before[1] is not None and after is not None
    assert after.position > LONG >= before[1].position


def test_the_tree_and_every_proof_stay_as_they_were(whole: Path, dropped: Path) -> None:
    inside, outside = check(whole), check(dropped)
    assert inside.ok and outside.ok
    assert (outside.root, outside.size, outside.archived) == (inside.root, inside.size, SEGMENT)
    for position in (1000, SEGMENT + 1):
        assert prove(dropped, position, (KEY.verifier,)) == prove(whole, position, (KEY.verifier,))


def test_a_file_gives_leaves_and_root_by_itself(kept: Kept) -> None:
    """Nothing but zstd, JSON and SHA-256 is needed; so as not to take long, not every leaf is hashed here."""
    path, (segment,) = kept
    packed = segment_file(path).read_bytes()
    assert sha256(packed).hexdigest() == segment.sha256
    stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    header, *lines = map(json.loads, io.TextIOWrapper(stream, "utf-8"))
    assert (header["segment"], header["first"], header["last"]) == (0, 1, SEGMENT)
    for event in lines[900:1100]:
        hashed = (
            data_hash(bytes.fromhex(event["salt"]), event["data"])
            if event["data"] is not None
            else bytes.fromhex(event["data_hash"])
        )
        leaf = leaf_hash(
            event["position"],
            event["kind"],
            event["type"],
            event["version"],
            event["subject"],
            event["at"],
            event["cause"],
            event["correlation"],
            event["actor"],
            hashed,
        )
        assert leaf.hex() == event["leaf"]
    root = Frontier.of(bytes.fromhex(event["leaf"]) for event in lines).root()
    assert root.hex() == header["root"] == segment.root


def test_one_event_costs_one_block(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SegmentFile(str(segment_file(kept[0])), 0)
    sizes, decompress = list[int](), Codec.decompress

    def counted(codec: Codec, frame: bytes, size: int) -> bytes:
        sizes.append(size)
        return decompress(codec, frame, size)

    monkeypatch.setattr(Codec, "decompress", counted)
    events = [*file.events(BLOCK + 1, BLOCK + 1), *file.events(BLOCK + 2, 2 * BLOCK)]
    assert [event.record.position for event in events] == list(range(BLOCK + 1, 2 * BLOCK + 1))
    assert len(sizes) == 1


def test_a_file_that_still_has_what_was_redacted_since_is_written_again(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept[0].parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        redact(journal, 4242)
    with pytest.raises(JournalUnusable, match="does not hold what the journal does any more"):
        drop(path, kept[1])
    (segment,) = archive(path)
    assert not segment.already
    (event,) = SegmentFile(segment.file, 0).events(4242, 4242)
    assert (event.record.data, event.leaf.salt) == (None, None)


def test_the_last_segments_stay(kept: Kept, tmp_path: Path) -> None:
    assert archive(kept[0], keep=2) == []
    short = written(tmp_path / "journal.db", 5)
    assert archive(short) == []
    assert not Path(f"{short}.archive").exists()


def test_a_journal_goes_on_where_it_was_after_its_segment_has_left(archived: Path) -> None:
    with Journal.open(archived) as journal:
        assert journal.head == LONG + 1
        append(journal, 3)
    with Reader(archived) as reader:
        positions = [record.position for record in reader.read(after=SEGMENT - 2)]
    assert positions == list(range(SEGMENT - 1, LONG + 5))
    assert check(archived).ok
    assert archive(archived) == []


def test_a_reader_in_the_middle_of_rows_that_leave_passes_none_over(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept[0].parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "journal.db"
    with Reader(path) as reader, Reader(path) as other:
        some = reader.read(types=["T1"])
        all_ = other.rows(after=SEGMENT - 5000)
        seen = [next(some).position for _ in range(3)], [next(all_)[0] for _ in range(3)]
        drop(path, kept[1])
        assert seen[0] + [next(some).position for _ in range(300)] == list(range(1, 1516, 5))
        assert seen[1] + [row[0] for row in all_] == list(range(SEGMENT - 4999, LONG + 2))


def test_rows_only_leave_a_journal_that_nobody_else_owns(kept: Kept) -> None:
    path, segments = kept
    with Journal.open(path), pytest.raises(JournalConflict, match=f"process {os.getpid()}"):
        drop(path, segments)
    with Reader(path) as reader:
        assert reader.segments_archived() == 0


def test_rows_do_not_leave_a_damaged_journal(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept[0].parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "journal.db"
    spoil(path, b'{"n":65600}', b'{"n":65601}')
    with pytest.raises(JournalCorrupt, match="position 65600"):
        drop(path, kept[1])
    with Reader(path) as reader:
        assert reader.segments_archived() == 0


def test_an_event_that_is_not_what_was_written_is_not_archived(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path / "journal.db"))
    spoil(path, b'{"n":300}', b'{"n":301}')
    with pytest.raises(JournalCorrupt, match="position 300: the event does not hash to its leaf"):
        archive(path)
    assert names(tmp_path / "journal.db.archive") == []


def test_a_missing_file_is_named_and_can_be_put_back(archived: Path) -> None:
    file = segment_file(archived)
    file.rename(file.with_suffix(".away"))
    with Reader(archived) as reader:
        assert next(reader.read(after=SEGMENT)).position == SEGMENT + 1
        with pytest.raises(ArchiveMissing, match=f"positions 1 to {SEGMENT} .*{FILE}.*put it back"):
            next(reader.read())
        with pytest.raises(ArchiveMissing):
            reader.get(5)
        file.with_suffix(".away").rename(file)
        assert reader.get(5) is not None


def test_a_file_that_is_another_one_is_named(archived: Path) -> None:
    file = segment_file(archived)
    with Reader(archived) as reader:
        assert reader.get(5) is not None
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with Reader(archived) as reader, pytest.raises(JournalCorrupt, match=FILE):
        reader.get(5)


@settings(max_examples=80)
@given(at=st.integers(0), value=st.integers(1, 255), cut=st.booleans())
def test_no_damage_to_a_file_makes_it_give_another_event(kept: Kept, at: int, value: int, cut: bool) -> None:
    """Whether or not anybody looks at its hash first: what cannot be read is JournalCorrupt, nothing else."""
    good = segment_file(kept[0])
    content = bytearray(good.read_bytes())
    # Where the table and the first blocks are, half of the time.
    place = at % 60_000 if at % 2 else -1 - at % 2_000
    content[place] ^= value
    bad = good.with_suffix(".bad")
    bad.write_bytes(content[:place] if cut else content)
    try:
        file = SegmentFile(str(bad), 0)
        found = list(file.events(1, 700))
    except JournalCorrupt:
        return
    assert found == list(SegmentFile(str(good), 0).events(1, 700))


def test_a_block_that_is_a_bomb_is_refused_before_it_is_unpacked(kept: Kept, tmp_path: Path) -> None:
    """It is as large as the block it stands in for, and states 64 MiB where the table says 100 kB."""
    content = segment_file(kept[0]).read_bytes()
    table = content[-FRAMES * TABLE_ENTRY.size - TABLE_FOOT.size :]
    (offset, _), (packed, _) = (TABLE_ENTRY.unpack_from(table, at * TABLE_ENTRY.size) for at in range(2))
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(64 << 20))
    assert len(bomb) < packed
    spoilt = tmp_path / FILE
    spoilt.write_bytes(content[:offset] + bomb + bytes(packed - len(bomb)) + content[offset + packed :])
    with pytest.raises(JournalCorrupt, match=r"block 1 cannot be read .*states 67108864 bytes"):
        list(SegmentFile(str(spoilt), 0).events(1, 1))


def test_a_full_disk_leaves_nothing_behind(whole: Path, tmp_path: Path) -> None:
    path = shutil.copy(whole, tmp_path / "journal.db")
    with start(FULL_DISK, path) as archiving:
        assert line(archiving).startswith(f"{tmp_path}/journal.db.archive/{FILE} was not written: ")
    assert names(tmp_path / "journal.db.archive") == []


def test_a_kill_leaves_nothing_under_the_name(whole: Path, tmp_path: Path) -> None:
    path = shutil.copy(whole, tmp_path / "journal.db")
    with start(KILLED, "bursar.eventstore.keeping.archive:archive", path) as archiving:
        assert archiving.wait() == -signal.SIGKILL
    assert names(tmp_path / "journal.db.archive") == [f"{FILE}.new"]


def test_a_folder_that_cannot_be_made_is_named(whole: Path, tmp_path: Path) -> None:
    path = shutil.copy(whole, tmp_path / "journal.db")
    (tmp_path / "journal.db.archive").touch()
    with pytest.raises(FileNotWritten, match=r"journal\.db\.archive was not written"):
        archive(path)
