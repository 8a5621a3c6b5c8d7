"""One running child as the manager sees it: its greeting, its end, and how to bring that about."""

import asyncio
import json
import signal
from contextlib import suppress
from typing import cast

import psutil

from .child import STOP, Greeting
from .complaints import Complaints
from .launch import Launched
from .records import Record

#: What a child may take over each way of being told to end, in seconds.
_STOP_S, _TERMINATE_S, _KILL_S = 1.0, 1.0, 30.0
#: A process that closed its connection is about to end; one that is there after this must be helped.
_LINGER_S = 2.0
#: The start of a process is derived from a clock that may be set in between.
_STARTED_TOLERANCE_MS = 2_000


class ChildFailed(Exception):
    """The child has no model to offer, or will not end; the message says why."""


class ChildBusy(Exception):
    """Another manager is connected to the child."""


class ConnectionLost(Exception):
    """A connection to the child broke, or an answer of its; the message says how."""


class Child:
    """A process that holds one model. `ended` is done, and its result the cause, once the process is gone."""

    def __init__(
        self,
        process: psutil.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        complaints: Complaints | None = None,
    ) -> None:
        self.pid = process.pid
        #: True once we want it to end: its end is no loss then.
        self.stopping = False
        self._process, self._reader, self._writer, self._complaints = process, reader, writer, complaints
        self._first_line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Task[str] = asyncio.create_task(self._run(), name=f"llama child {process.pid}")

    @classmethod
    async def own(cls, launched: Launched) -> "Child":
        """Take charge of a process just started."""
        process = psutil.Process(launched.pid)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=launched.control)
        except BaseException:
            launched.control.close()
            launched.complaints.close()
            process.kill()
            process.wait()
            raise
        return cls(process, reader, writer, Complaints(launched.complaints))

    @classmethod
    async def adopt(cls, record: Record, process: psutil.Process) -> "Child":
        """Connect to a process that an earlier manager has started. Raises `OSError`."""
        reader, writer = await asyncio.open_unix_connection(record.socket)
        return cls(process, reader, writer)

    @property
    def started_ms(self) -> int:
        """When the process was started, in milliseconds since 1970."""
        return _started_ms(self._process)

    async def greeted(self) -> Greeting:
        """Wait until the model answers. Raises `ChildFailed` or `ChildBusy`."""
        line = await asyncio.shield(self._first_line)
        if not line:
            raise ChildFailed(await asyncio.shield(self.ended))
        greeting = cast(Greeting, json.loads(line))
        if greeting["busy"]:
            raise ChildBusy(f"process {self.pid} serves another manager")
        return greeting

    async def stop(self) -> None:
        """End the process, gently first; return when it is gone. Raises `ChildFailed` if it will not go."""
        self.stopping = True
        with suppress(OSError):
            self._writer.write(STOP)
        if await self._gone_within(_STOP_S):
            return
        with suppress(psutil.Error):
            self._process.terminate()
        if not await self._gone_within(_TERMINATE_S):
            await self.kill()

    async def kill(self) -> None:
        """End the process at once; return when it is gone. Raises `ChildFailed` if it will not go."""
        self.stopping = True
        with suppress(psutil.Error):
            self._process.kill()
        if not await self._gone_within(_KILL_S):
            raise ChildFailed(f"process {self.pid} does not end, not even by signal 9")

    async def let_go(self) -> None:
        """Close the connection, and leave the process running for another manager."""
        self.ended.cancel()
        await asyncio.wait({self.ended})
        with suppress(OSError):
            await self._writer.wait_closed()

    def rss(self) -> int:
        """Memory that the process holds, in bytes; 0 once it is gone."""
        try:
            return self._process.memory_info().rss
        except psutil.Error:
            return 0

    async def _gone_within(self, patience_s: float) -> bool:
        done, _ = await asyncio.wait({self.ended}, timeout=patience_s)
        return bool(done)

    async def _run(self) -> str:
        """Read until the connection closes, which tells of the end of a process; return its cause."""
        try:
            with suppress(OSError, ValueError):
                self._first_line.set_result(await self._reader.readline())
                while await self._reader.read(1024):
                    pass
            if not self._first_line.done():
                self._first_line.set_result(b"")
            return await self._cause()
        finally:
            self._writer.close()
            if self._complaints:
                self._complaints.close()

    async def _cause(self) -> str:
        gone, status = await asyncio.to_thread(_wait, self._process, _LINGER_S)
        lingering = not gone
        while not gone:
            with suppress(psutil.Error):
                self._process.kill()
            gone, status = await asyncio.to_thread(_wait, self._process, _LINGER_S)
        if self.stopping:
            return "it was unloaded"
        if lingering:
            return f"process {self.pid} closed its connection and was killed"
        return f"process {self.pid} {self._manner(status)}"

    def _manner(self, status: int | None) -> str:
        if status is None:
            return "is gone"
        manner = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        words = self._last_words(status)
        return f"{manner}: {words}" if words else manner

    def _last_words(self, status: int) -> str:
        if self._complaints is None or (status < 0 and status != -signal.SIGABRT):
            # Only a process that ends by itself says why.
            return ""
        self._complaints.close()
        return self._complaints.why_it_aborted() if status < 0 else self._complaints.why_it_exited()


def same_process(record: Record) -> psutil.Process | None:
    """The process that the record is about, unless it is gone and another one has its pid."""
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if abs(_started_ms(process) - record.started_ms) <= _STARTED_TOLERANCE_MS else None
    except psutil.Error:
        return None


def _started_ms(process: psutil.Process) -> int:
    return round(process.create_time() * 1000)


def _wait(process: psutil.Process, patience_s: float) -> tuple[bool, int | None]:
    """Whether the process is gone, and the status it left if it was ours."""
    try:
        # The stubs know nothing of None, which stands for a process that was not ours to wait for.
        status = cast("int | None", process.wait(patience_s))
    except psutil.TimeoutExpired:
        # One that nobody collects the status of holds no memory any more.
        with suppress(psutil.NoSuchProcess):
            return process.status() == psutil.STATUS_ZOMBIE, None
        return True, None
    return True, None if status is None else int(status)
