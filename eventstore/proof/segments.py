"""What can be checked of archived segments: their roots stand for the events, which lie in files."""

from hashlib import file_digest
from pathlib import Path
from typing import Any

import apsw

from ...domain.errors import BursarError
from ..keeping.archived import Archive, folder
from ..merkle import SEGMENT, WIDTH, Frontier
from .problems import Problems
from .stretches import Authority, Found, restored, signed_root


def check_segments(path: str, connection: apsw.Connection, authority: Authority, problems: Problems) -> Found:
    """The tree over the archived segments, and whether all that is written down about them agrees with it.

    A file is checked if it is there: it may have been taken elsewhere.
    """
    roots, entries = list[bytes](), list[Any](connection.execute("SELECT * FROM archive ORDER BY segment"))
    for segment, root, file, digest in entries:
        first, last = segment * SEGMENT + 1, (segment + 1) * SEGMENT
        if segment != len(roots):
            problems.add("archive", len(roots) * SEGMENT + 1, "gone, and later segments are there", first - 1)
            break
        roots.append(root)
        found = _sha256(Path(folder(path), Path(file).name))
        if found not in (None, digest):
            problems.add("archive", first, f"the file {file} is not the one they were moved to", last)
    size = len(roots) * SEGMENT
    left = connection.execute("SELECT count(*) FROM event WHERE position <= ?", (size,)).get
    if left:
        problems.add("archive", 1, f"{left} of them are here, though their segments are archived", size)
    tree = Frontier.restored(size, Frontier.of(roots).packed())
    result = Found(frontier=tree, expected=size + 1, size=size)
    _check_roots(connection, roots, problems)
    _check_checkpoints(connection, roots, authority, problems, result)
    kept = authority.note
    if kept is not None and 0 < kept.size <= size:
        known = _known(kept.size, roots) or _read(Archive(path, entries), kept.size, roots)
        result.kept = None if known is None else known == kept.root
    return result


def _check_roots(connection: apsw.Connection, roots: list[bytes], problems: Problems) -> None:
    """Those inside a segment can only be held against the segments before it."""
    query = "SELECT size, root, frontier FROM root WHERE size <= ? ORDER BY size"
    whole, before = Frontier(), b""
    for size, root, packed in connection.execute(query, (len(roots) * SEGMENT,)):
        if whole.size < size // SEGMENT:
            whole.extend(roots[whole.size : size // SEGMENT])
            before = whole.packed()
        if restored(size, root, packed) is None:
            problems.add("root", size, "the root written down after it contradicts the subtrees beside it")
        elif packed[: WIDTH * whole.size.bit_count()] != before:
            problems.add("root", 1, "their segments do not give the root written down after the last", size)


def _check_checkpoints(
    connection: apsw.Connection, roots: list[bytes], authority: Authority, problems: Problems, found: Found
) -> None:
    query = (
        "SELECT checkpoint.size, note, root FROM checkpoint LEFT JOIN root ON root.size = checkpoint.size"
        " WHERE checkpoint.size <= ? ORDER BY checkpoint.size"
    )
    for size, note, written in connection.execute(query, (len(roots) * SEGMENT,)):
        root = signed_root(size, note, authority, problems)
        known = _known(size, roots) or written
        if root is None:
            continue
        if known is None:
            found.uncompared += 1
        elif known == root:
            found.checkpoints += 1
        else:
            problems.add("checkpoint", 1, "they do not give the root that was signed after the last", size)


def _known(size: int, roots: list[bytes]) -> bytes | None:
    """The root over so many events, when the segments' give it."""
    segments, rest = divmod(size, SEGMENT)
    return None if rest or segments > len(roots) else Frontier.of(roots[:segments]).root()


def _read(archive: Archive, size: int, roots: list[bytes]) -> bytes | None:
    """The same, with the leaves of the last segment from its file; None when that is not there."""
    whole = size // SEGMENT
    tree = Frontier.restored(whole * SEGMENT, Frontier.of(roots[:whole]).packed())
    try:
        tree.extend(event.leaf.leaf for event in archive.events(whole * SEGMENT, size))
    except BursarError:
        return None
    return tree.root()


def _sha256(path: Path) -> bytes | None:
    """Of a file; None when it is not there."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError:
        return None
