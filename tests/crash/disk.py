"""A disk in memory. It writes down what is done to it, so that the power can be cut at any moment of that.

What programs see (the kernel's memory) and what is on the disk itself are two things: `Disk` holds the first
and the log of operations, `Platter` works the second out.
"""

import errno
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import NamedTuple


class Do(IntEnum):
    """What can be done to a disk."""

    WRITE = 1
    TRUNCATE = 2
    #: A sync covers what was written before it began, once it has ended.
    SYNC = 3
    SYNCED = 4
    #: It failed, and the kernel will never again try to write what it was to write.
    DROPPED = 5
    CREATE = 6
    DELETE = 7
    SYNC_FOLDER = 8


class Op(NamedTuple):
    """One operation. `file` numbers a file as an inode does: a file deleted and made again is another one.

    `offset` is the size for a TRUNCATE, and for the three of a sync it numbers the sync.
    """

    do: Do
    file: int
    name: str = ""
    offset: int = 0
    data: bytes = b""

    def __str__(self) -> str:
        size = f" {len(self.data)} bytes" if self.data else ""
        return f"{self.do.name.lower().replace('_', ' ')} {self.name}{size} at {self.offset}"


@dataclass(slots=True)
class Handle:
    """An open file."""

    name: str
    file: int
    #: Failed syncs of the file that this handle has been told of: like the kernel, the disk tells each once.
    told: int


class DiskError(OSError):
    """What a disk answers that is broken, or full."""


#: Asked before each operation with its kind (read, write, sync, truncate) and the file's name; may raise
#: DiskError.
Fault = Callable[[str, str], None]


class Disk:
    """Files in one folder, as programs see them, and the log of what was done to them."""

    def __init__(self, files: Mapping[str, bytes | bytearray], *, seed: object = 0) -> None:
        """`files` are on the disk itself already; the machine has been started with it."""
        self.boot = f"{seed}"
        self.random = Random(f"{seed}/disk")
        self.before = files
        self.names = {name: number for number, name in enumerate(self.before)}
        self.contents = {number: bytearray(self.before[name]) for name, number in self.names.items()}
        self.ops: list[Op] = []
        #: Called before each operation is written down.
        self.watch: Callable[[], None] = _nothing
        self.fault: Fault = _never
        #: Whether a sync that fails also throws away what programs see: reads then give what is on the disk.
        self.forgetful = False
        #: Whether it says that it has synced and has not.
        self.lies = False
        self._syncs = 0
        #: Syncs that failed, by file.
        self._failed: Counter[int] = Counter()
        self._aside = False
        self._later: deque[Op] = deque()

    def open(self, name: str) -> Handle:
        """The file of this name, made when there is none."""
        if name not in self.names:
            self.names[name] = number = len(self.contents)
            self.contents[number] = bytearray()
            self._log(Op(Do.CREATE, number, name))
        number = self.names[name]
        return Handle(name, number, self._failed[number])

    def delete(self, name: str) -> None:
        """Take a name away. Raises FileNotFoundError."""
        if name not in self.names:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", name)
        self._log(Op(Do.DELETE, self.names.pop(name), name))

    def read(self, handle: Handle, amount: int, offset: int) -> bytes:
        """As pread does: less than asked for at the end of the file."""
        self.fault("read", handle.name)
        return bytes(self.contents[handle.file][offset : offset + amount])

    def write(self, handle: Handle, data: bytes, offset: int) -> None:
        """As pwrite does, but for the error: some of it may have been written then."""
        try:
            self.fault("write", handle.name)
        except DiskError:
            part = self.random.randrange(len(data)) if data else 0
            self._put(Op(Do.WRITE, handle.file, handle.name, offset, data[:part]))
            raise
        self._put(Op(Do.WRITE, handle.file, handle.name, offset, data))

    def truncate(self, handle: Handle, size: int) -> None:
        """As ftruncate does."""
        self.fault("truncate", handle.name)
        self._put(Op(Do.TRUNCATE, handle.file, handle.name, size))

    def size_of(self, handle: Handle) -> int:
        """Bytes in the file."""
        return len(self.contents[handle.file])

    def sync(self, handle: Handle) -> None:
        """As fdatasync does."""
        self.end_sync(handle, self.begin_sync(handle))

    def begin_sync(self, handle: Handle) -> int:
        """Begin what `end_sync` ends."""
        self._syncs += 1
        self._log(Op(Do.SYNC, handle.file, handle.name, self._syncs))
        return self._syncs

    def end_sync(self, handle: Handle, sync: int) -> None:
        """What was written before the sync began is on the disk itself; or the disk says that it is not."""
        file, name = handle.file, handle.name
        try:
            self.fault("sync", name)
        except DiskError:
            self._log(Op(Do.DROPPED, file, name, sync))
            if self.forgetful:
                self.catch_up()
                self.contents[file] = Platter.of(self).contents.get(file, bytearray())
            self._failed[file] += 1
            handle.told = self._failed[file]
            raise
        if handle.told < self._failed[file]:
            handle.told = self._failed[file]
            raise DiskError(errno.EIO, "an earlier sync failed", name)
        if not self.lies:
            self._log(Op(Do.SYNCED, file, name, sync))

    def sync_folder(self) -> None:
        """Names made and taken away so far are on the disk itself."""
        self._log(Op(Do.SYNC_FOLDER, -1))

    @contextmanager
    def calm(self) -> Generator[None]:
        """Nothing fails in the block."""
        fault, self.fault = self.fault, _never
        try:
            yield
        finally:
            self.fault = fault

    @property
    def faulty(self) -> bool:
        """Whether operations may fail."""
        return self.fault is not _never

    @contextmanager
    def aside(self) -> Generator[None]:
        """Operations of the block are those of a thread that is in no hurry: later ones come in between.

        Until `catch_up`, or until a file is written from its start again, which would have waited for them.
        """
        self._aside = True
        try:
            yield
        finally:
            self._aside = False

    def catch_up(self, most: int | None = None) -> None:
        """Write down what has been put aside."""
        for _ in range(len(self._later) if most is None else min(most, len(self._later))):
            self._append(self._later.popleft())

    def _put(self, op: Op) -> None:
        self._log(op)
        apply(self.contents[op.file], op)

    def _log(self, op: Op) -> None:
        if self._aside:
            self._later.append(op)
            return
        if self._later:
            starts_over = op.do is Do.WRITE and op.offset == 0
            self.catch_up(None if starts_over else self.random.randrange(3))
        self._append(op)

    def _append(self, op: Op) -> None:
        self.watch()
        self.ops.append(op)


class Platter:
    """What is on the disk itself after some of its operations, and what may or may not be."""

    def __init__(self, files: Mapping[str, bytes | bytearray]) -> None:
        self.names = {name: number for number, name in enumerate(files)}
        self.contents = {number: bytearray(files[name]) for name, number in self.names.items()}
        #: Operations on contents that no sync has covered, with their numbers; in order.
        self.pending: list[tuple[int, Op]] = []
        self.pending_names: list[Op] = []
        self._done = 0
        self._began: dict[int, int] = {}

    @classmethod
    def of(cls, disk: Disk) -> "Platter":
        """After all operations of a disk."""
        platter = cls(disk.before)
        for op in disk.ops:
            platter.follow(op)
        return platter

    def follow(self, op: Op) -> None:
        """Go on by one operation."""
        number, self._done = self._done, self._done + 1
        match op.do:
            case Do.WRITE | Do.TRUNCATE:
                self.pending.append((number, op))
            case Do.SYNCED:
                self._harden(op, lambda _at: True)
            case Do.DROPPED:
                # Some of what the kernel has given up had been written all the same.
                self._harden(op, lambda at: Random(at).random() < 0.5)
            case Do.CREATE | Do.DELETE:
                self.contents.setdefault(op.file, bytearray())
                self.pending_names.append(op)
            case Do.SYNC_FOLDER:
                self.names = with_names(self.names, self.pending_names)
                self.pending_names = []
            case Do.SYNC:
                self._began[op.offset] = number

    def _harden(self, synced: Op, reached: Callable[[int], bool]) -> None:
        began = self._began[synced.offset]
        waiting: list[tuple[int, Op]] = []
        for number, op in self.pending:
            if op.file != synced.file or number > began:
                waiting.append((number, op))
            elif reached(number):
                apply(self.contents[op.file], op)
        self.pending = waiting


def apply(content: bytearray, op: Op) -> None:
    """Write to a file, or cut it; what is between its end and a later write is zeros."""
    missing = op.offset - len(content)
    if missing > 0:
        content += bytes(missing)
    if op.do is Do.TRUNCATE:
        del content[op.offset :]
    else:
        content[op.offset : op.offset + len(op.data)] = op.data


def with_names(names: dict[str, int], ops: "list[Op]") -> dict[str, int]:
    """The folder after these operations on it."""
    names = dict(names)
    for op in ops:
        if op.do is Do.CREATE:
            names[op.name] = op.file
        else:
            names.pop(op.name, None)
    return names


def _never(_kind: str, _name: str) -> None:
    pass


def _nothing() -> None:
    pass
