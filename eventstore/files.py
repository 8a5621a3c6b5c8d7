"""Where a journal may lie, and how its file comes into being."""

import fcntl
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import apsw

from ..domain.errors import JournalUnusable
from .identity import APPLICATION_ID, FORMAT

#: SQLite's log is memory shared by the processes of one machine; over a network it is not shared, and the
#: file breaks.
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs",
    "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.davfs",
})  # fmt: skip

#: Bytes that are rewritten at a time.
_PIECE = 1 << 20

_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


def schema() -> str:
    """The statements that make an empty journal."""
    return files(__package__).joinpath("schema.sql").read_text("utf-8")


def make_folder(path: str) -> None:
    """Make the folder of the file, readable by its owner only, when there is none. Raises JournalUnusable."""
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnusable(path=path, problem=f"{error.filename}: {error.strerror}") from error


def create(path: str, created_at: int) -> None:
    """Make an empty journal, readable by its owner only; for who holds the ownership. Raises JournalUnusable.

    It is made under another name and renamed when it is whole: a file under the journal's name is never half
    a journal, so an empty file there is somebody else's.
    """
    log = Path(path + "-wal")
    if log.exists() and log.stat().st_size:
        problem = (
            f"{log} is the log of a journal that is gone; SQLite would apply it to a new one: move it away"
        )
        raise JournalUnusable(path=path, problem=problem)
    building = path + ".new"
    try:
        for leftover in (building, building + "-journal", building + "-wal", building + "-shm"):
            Path(leftover).unlink(missing_ok=True)
        # SQLite gives its files the mode of the database, and would make that with the umask's.
        os.close(os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _fill(building, created_at)
        _sync(building)
        Path(building).rename(path)
        sync_folder(path)
    except (OSError, apsw.Error) as error:
        raise JournalUnusable(path=path, problem=f"it cannot be made ({error})") from error


def sync_folder(path: str) -> None:
    """Make the names in the folder of the file survive a power cut."""
    _sync(str(Path(path).parent))


def refuse_network(path: str) -> None:
    """Raise JournalUnusable when the file lies on a network file system, where this can be told."""
    try:
        system = file_system(path, Path("/proc/mounts").read_text("utf-8", "surrogateescape"))
    except OSError:
        return
    if system in _NETWORK:
        raise JournalUnusable(
            path=path, problem=f"it lies on a network file system ({system}); use a local disk"
        )


def file_system(path: str, mounts: str) -> str:
    """The type of the file system that holds the path, by a text in the format of /proc/mounts."""
    found, length = "", 0
    for line in mounts.splitlines():
        _, point, system, *_ = line.split(" ")
        point = _unescaped(point)
        if len(point) >= length and (path == point or path.startswith(point.rstrip("/") + "/")):
            found, length = system, len(point)
    return found


def synced(descriptor: int) -> None:
    """Bring a file's content to the disk itself, by the strongest means there is. Raises OSError."""
    full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:  # on macOS fsync leaves it in the drive's cache
        fcntl.fcntl(descriptor, full)
    else:
        _fdatasync(descriptor)


def rewritten(descriptor: int) -> None:
    """Write a file's content to it once more and bring it to the disk itself. Raises OSError.

    After a sync that failed, the kernel may hold pages that it will never write and no longer reports: that
    they can be read is no proof that they are on the disk, and the next sync succeeds without them.
    """
    offset = 0
    while piece := os.pread(descriptor, _PIECE, offset):
        offset += os.pwrite(descriptor, piece, offset)
    synced(descriptor)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(path: str, created_at: int) -> None:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # Nobody misses half of it after a power cut, so one sync of the whole is enough.
        connection.pragma("synchronous", 0)
        connection.pragma("journal_mode", "memory")
        with connection:
            connection.execute(schema())
            connection.execute("INSERT INTO journal VALUES (?, ?, ?)", (os.urandom(16), created_at, FORMAT))
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", FORMAT)
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()


def _unescaped(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
