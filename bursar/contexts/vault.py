"""The texts beside the journal, on a thread of their own, opened when the first is put or read."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..domain.errors import ManagerClosed
from ..eventstore.bodies.store import BodyStore
from ..eventstore.reader import Reader

T = TypeVar("T")

_TRUE = ("1", "true", "t", "yes", "y", "on")


class Shelf:
    """The files, for the thread that they are used on."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._bodies: BodyStore | None = None
        self._reader: Reader | None = None

    @property
    def journal(self) -> str:
        """Path of the journal."""
        return self._journal

    @property
    def kept(self) -> bool:
        """Whether any text was ever kept beside the journal."""
        return self._bodies is not None or BodyStore.exists(self._journal)

    @property
    def bodies(self) -> BodyStore:
        """The texts. Making their files is put off to here: who holds no context has none."""
        if self._bodies is None:
            keyring = os.environ.get("BURSAR_BODY_KEYRING", "").lower() in _TRUE
            self._bodies = BodyStore.open(self._journal, keyring=keyring)
        return self._bodies

    @property
    def reader(self) -> Reader:
        """The journal, which names the addresses of the texts."""
        if self._reader is None:
            self._reader = Reader(self._journal)
        return self._reader

    def close(self) -> None:
        """Let go of the files and of the keys."""
        if self._bodies is not None:
            self._bodies.close()
        if self._reader is not None:
            self._reader.close()


class Vault:
    """Runs what needs the texts where they may be used; one thing after another."""

    def __init__(self, journal: str) -> None:
        self._shelf = Shelf(journal)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bursar texts")
        self._used = self._closed = False

    @property
    def name(self) -> str:
        """Of the file that the texts lie in."""
        return f"{os.path.basename(self._shelf.journal)}.blobs.db"  # noqa: PTH119 - it is a text already

    async def do(self, work: Callable[[Shelf], T]) -> T:
        """What some work on the texts comes to; once begun it is done, also when its caller is cancelled."""
        if self._closed:
            raise ManagerClosed
        self._used = True
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._shelf)

    async def close(self) -> None:
        """Close the files, after what was begun."""
        used, self._used, self._closed = self._used, False, True
        if used:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._shelf.close)
            self._thread.shutdown()
