"""SQLite on a simulated disk."""

# SQLite names the methods.
# ruff: noqa: N802

import ctypes
import itertools
from contextlib import suppress
from errno import ENOSPC
from random import Random
from typing import Any

import apsw

from .disk import Disk, DiskError

_FOLDER = "/crash"
_NAME = "bursar-crash"
#: By number, which their files' paths begin with.
_disks: dict[str, Disk] = {}
_numbers = itertools.count(1)


def mount(disk: Disk) -> str:
    """Put a disk where SQLite finds it; the folder its files are in."""
    _vfs()
    folder = f"{_FOLDER}/{next(_numbers)}"
    _disks[folder] = disk
    return folder


def unmount(folder: str) -> None:
    """Take a disk away."""
    del _disks[folder]


def connect(path: str) -> apsw.Connection:
    """Open a database on a mounted disk. Raises apsw.Error."""
    return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=_NAME)


def seed_sqlite(seed: object) -> None:
    """Draw what SQLite draws by itself (the salts of its log) from a seed, for this process, from now on."""
    source = _Entropy(Random(f"{seed}/sqlite"))
    try:
        apsw.randomness(0)
        apsw.randomness(1)
    finally:
        source.unregister()


class _Entropy(apsw.VFS):
    """SQLite asks the default VFS, once."""

    def __init__(self, random: Random) -> None:
        self._random = random
        super().__init__("bursar-crash-entropy", "", makedefault=True)

    def xRandomness(self, numbytes: int) -> bytes:
        return self._random.randbytes(numbytes)


class _File(apsw.VFSFile):
    """No xShm: a connection needs `PRAGMA locking_mode=EXCLUSIVE` before its log is opened."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._handle = disk.open(name)

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            return self._disk.read(self._handle, amount, offset)
        except DiskError as error:
            raise _sqlite(error, apsw.SQLITE_IOERR_READ) from error

    def xWrite(self, data: Any, offset: int) -> None:
        try:
            self._disk.write(self._handle, bytes(data), offset)
        except DiskError as error:
            raise _sqlite(error, apsw.SQLITE_IOERR_WRITE) from error

    def xTruncate(self, newsize: int) -> None:
        try:
            self._disk.truncate(self._handle, newsize)
        except DiskError as error:
            raise _sqlite(error, apsw.SQLITE_IOERR_TRUNCATE) from error

    def xSync(self, flags: int) -> None:
        try:
            self._disk.sync(self._handle)
        except DiskError as error:
            raise _sqlite(error, apsw.SQLITE_IOERR_FSYNC) from error

    def xFileSize(self) -> int:
        return self._disk.size_of(self._handle)

    def xClose(self) -> None: ...

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        # What SQLite assumes on every Unix: beside what is written nothing changes.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xFileControl(self, op: int, ptr: int) -> bool:
        if op == apsw.SQLITE_FCNTL_MMAP_SIZE:  # asked for the size, which the journal wants to read back
            ctypes.c_int64.from_address(ptr).value = 0
            return True
        return False


class _Disks(apsw.VFS):
    """Everything under one folder is on a simulated disk."""

    def __init__(self) -> None:
        super().__init__(_NAME, "")

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> _File:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk, base = _found(path)
        if base not in disk.names and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError(path)
        flags[1] = flags[0]
        return _File(disk, base)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        disk, base = _found(filename)
        with suppress(FileNotFoundError):
            disk.delete(base)
        if syncdir:
            disk.sync_folder()

    def xAccess(self, pathname: str, flags: int) -> bool:
        disk, base = _found(pathname)
        return base in disk.names

    def xFullPathname(self, name: str) -> str:
        return name

    def xCurrentTime(self) -> float:
        return 2461000.5

    def xCurrentTimeInt64(self) -> int:
        return 212630443200000

    def xSleep(self, microseconds: int) -> int:
        return microseconds


def _sqlite(error: DiskError, number: int) -> apsw.Error:
    """What SQLite calls an error of the disk."""
    if error.errno == ENOSPC:
        return apsw.FullError(str(error))
    failure = apsw.IOError(str(error))
    setattr(failure, "extendedresult", number)  # noqa: B010 - the stubs do not know it
    return failure


def _found(path: str) -> tuple[Disk, str]:
    folder, _, base = path.rpartition("/")
    return _disks[folder], base


def _vfs() -> None:
    if _NAME not in apsw.vfs_names():
        _registered.append(_Disks())


#: Kept, since SQLite holds no reference.
_registered: list[apsw.VFS] = []
