"""The children that live: how one comes to be, is found again, ends, and is missed."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from ....domain.errors import BursarError
from ....domain.models.values import RAM, Description, Residency
from ....domain.ports import LostListener
from ..uninterrupted import uninterrupted
from .child import Order
from .client import Client, Window
from .launch import launch
from .process import Child, ChildBusy, ChildFailed, ConnectionLost, same_process
from .records import Record, Records

#: Until a child that an earlier manager left behind has shown that it is well.
_ADOPT_S = 10.0


@dataclass(frozen=True, slots=True)
class Resident:
    """A model in memory: its process, and the way to talk to it."""

    record: Record
    child: Child
    client: Client
    window: Window

    def residency(self) -> Residency:
        """What the port reports, measured now."""
        return Residency(
            model=self.record.model,
            digest=self.record.digest,
            memory={RAM: self.child.rss()},
            provenance="rss",
            context_tokens=self.window.context_tokens,
            slots=self.window.slots,
            pid=self.child.pid,
        )

    def serves(self, description: Description, digest: str) -> bool:
        """Whether loading `description` again would give the same."""
        asked = self.record.digest, self.record.slots, self.record.context_tokens
        return asked == (digest, description.slots, description.context_tokens)


class Residents:
    """The children of one manager, by model.

    Callers see to it that only one task at a time deals with a model.
    """

    def __init__(
        self, records: Records, *, orphan_grace_s: float, load_timeout_s: float, threads: int
    ) -> None:
        self.lost: LostListener = lambda model, cause: None
        self._records, self._orphan_grace_s, self._load_timeout_s = records, orphan_grace_s, load_timeout_s
        self._threads = threads
        self._residents: dict[str, Resident] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, model: str) -> Resident | None:
        """The model's resident, if it is in memory."""
        return self._residents.get(model)

    def __iter__(self) -> Iterator[Resident]:
        """All of them, in the order of their names."""
        return iter([self._residents[model] for model in sorted(self._residents)])

    async def begin(self, description: Description, path: Path, digest: str) -> Resident:
        """Start a child and wait until it answers. Whatever goes wrong, nothing is left running.

        Raises `ChildFailed`, `ConnectionLost`, a `BursarError`, `OSError` or `TimeoutError`.
        """
        model = description.model
        child = await Child.own(launch(self._order(description, path)))
        try:
            record = Record(
                model=model,
                digest=digest,
                pid=child.pid,
                started_ms=child.started_ms,
                socket=str(self._records.socket(model)),
                slots=description.slots,
                context_tokens=description.context_tokens,
            )
            self._records.write(record)
            async with asyncio.timeout(self._load_timeout_s):
                resident = await _meet(child, record)
            self._records.write(resident.record)
            return self._keep(resident)
        except BaseException:
            await uninterrupted(self._undo(child, model))
            raise

    async def adopt_all(self) -> None:
        """Take over the children of an earlier manager, and clear away what is left of others."""
        self._records.prepare()
        for record in self._records.all():
            # Another manager is connected to it, against the rules; it is not ours to report.
            with suppress(ChildBusy):
                await self.adopt(record.model)

    async def adopt(self, model: str) -> Resident | None:
        """Take over the model's child if an earlier manager left one. Raises `ChildBusy`."""
        record = self._records.read(model)
        process = same_process(record) if record else None
        if record is None or process is None:
            self._records.remove(model)
            return None
        try:
            async with asyncio.timeout(_ADOPT_S):
                return await self._take_over(record, process)
        except (ChildFailed, ConnectionLost, BursarError, OSError, TimeoutError):
            # It is ours, it is of no use, and it holds memory.
            await asyncio.to_thread(_end_process, process)
            self._records.remove(model)
            return None

    async def end(self, resident: Resident) -> None:
        """End the child, and return when its process is gone. Raises `ChildFailed` if it will not go."""
        await uninterrupted(resident.child.stop())
        self._on_end(resident, resident.child.ended)

    async def let_go(self) -> None:
        """Close every connection; the children wait for the next manager."""
        residents, self._residents = list(self), {}
        for resident in residents:
            await resident.child.let_go()
            await resident.client.close()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _take_over(self, record: Record, process: psutil.Process) -> Resident:
        if record.port is None:
            raise ChildFailed("it was loading for a manager that is gone")
        child = await Child.adopt(record, process)
        try:
            return self._keep(await _meet(child, record))
        except BaseException:
            await uninterrupted(child.let_go())
            raise

    async def _undo(self, child: Child, model: str) -> None:
        await child.kill()
        self._records.remove(model)

    def _keep(self, resident: Resident) -> Resident:
        if resident.child.ended.done():
            raise ChildFailed(resident.child.ended.result())
        self._residents[resident.record.model] = resident
        resident.child.ended.add_done_callback(partial(self._on_end, resident))
        return resident

    def _on_end(self, resident: Resident, ended: "asyncio.Task[str]") -> None:
        """Forget the child, once, and tell of it unless it was meant to end."""
        model = resident.record.model
        if ended.cancelled() or self._residents.get(model) is not resident:
            return
        del self._residents[model]
        self._records.remove(model)
        closing = asyncio.create_task(resident.client.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        if not resident.child.stopping:
            self.lost(model, ended.result())

    def _order(self, description: Description, path: Path) -> Order:
        return Order(
            path=str(path),
            context_tokens=description.context_tokens,
            slots=description.slots,
            threads=self._threads,
            socket=str(self._records.socket(description.model)),
            record=str(self._records.path(description.model)),
            grace_s=self._orphan_grace_s,
        )


async def _meet(child: Child, record: Record) -> Resident:
    """Wait until the child's model answers, and ask what it has really allocated."""
    greeting = await child.greeted()
    client = Client(record.model, greeting["url"], greeting["key"], record.slots)
    try:
        window = await client.window()
    except BaseException:
        await client.close()
        raise
    port = int(greeting["url"].rpartition(":")[2])
    return Resident(record.model_copy(update={"port": port}), child, client, window)


def _end_process(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.kill()
        process.wait(_ADOPT_S)
