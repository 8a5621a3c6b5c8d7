"""The patterns: stored, read, removed, and their texts deleted once the journal says that they are gone.

The journal and the texts are two files. A text is put before the event that names it, and deleted after the
event that gives it up: after a crash in between, the state still says what is to be deleted, and `begin`
deletes it. All texts that a name ever had have one key, and go together when the name does.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from ..adapters.logs import get_logger
from ..contexts.vault import Vault
from ..domain.errors import BursarError, NoSuchBody, PatternLimitExceeded
from ..domain.events import Event
from ..domain.patterns.events import (
    PatternKind,
    PatternRefused,
    PatternRemoved,
    PatternsReclaimed,
    PatternStored,
    PatternTextsDeleted,
)
from ..domain.patterns.state import Pattern as Kept
from ..engine.desk import error_from
from ..engine.engine import Engine, Receipt
from . import texts
from .finding import Finder
from .texts import Stored
from .uses import Uses
from .values import Pattern, PatternRow, row, with_text

_log = get_logger("bursar.patterns")

#: Texts that are deleted before that is recorded.
_BATCH = 64


class PatternShelf:
    """Stores patterns, and does what the rules decide about them. Let `hear` hear every event."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault
        self._uses = Uses(engine)
        self._finder = Finder(vault)
        #: While a text is put and named, or deleted and said to be.
        self._lock = asyncio.Lock()
        #: Addresses whose events are on their way to the journal, by position.
        self._coming: dict[int, str] = {}
        #: Position of the last event that is in the journal.
        self._heard = engine.state.position
        self._deleting: asyncio.Task[None] | None = None
        self._closed = False

    def begin(self) -> None:
        """Delete the texts that a crash left."""
        self._delete_soon()

    def hear(self, event: Event) -> None:
        """Delete the texts of those that were given up."""
        self._heard = event.position
        if isinstance(event.body, PatternRemoved | PatternsReclaimed | PatternRefused):
            self._delete_soon()

    async def store(self, name: str, text: bytes, sort: PatternKind, importance: int, agent: str) -> None:
        """Keep a text under a name, in the place of what was there. Raises PatternLimitExceeded."""
        limit = self._engine.state.host.settings.patterns.max_bytes
        if len(text) > limit:
            raise PatternLimitExceeded(pattern=name, size=len(text), room=limit, limit=limit)
        # Who goes for it is decided by how often they were used.
        self._uses.tell()
        async with self._lock:
            if self._may_delete(name):
                await self._delete([name])
            address = await self._vault.do(partial(texts.put, name, text))
            fact = PatternStored(
                pattern=name, sort=sort, address=address, size=len(text), importance=importance, agent=agent
            )
            receipt = self._engine.submit(fact)
            self._coming[receipt.position] = address
        try:
            await asyncio.shield(receipt.committed)
        finally:
            del self._coming[receipt.position]
        _raise_refusal(receipt)

    async def get(self, name: str) -> Pattern | None:
        """A pattern with its text, which counts as a use; None when there is none."""
        kept = self._engine.state.patterns.named.get(name)
        text = None if kept is None else await self._read(kept)
        if kept is None or text is None:
            return None
        self._uses.add(name)
        return with_text(self._row(kept), text)

    def rows(self, sort: PatternKind | None, agent: str | None) -> list[PatternRow]:
        """Those that are kept, by name."""
        return [self._row(kept) for kept in self._wanted(sort, agent)]

    async def find(
        self, query: str, limit: int, sort: PatternKind | None, agent: str | None
    ) -> list[PatternRow]:
        """Those whose texts match best, the best first."""
        everything = [self._stored(kept) for kept in self._wanted(None, None)]
        wanted = frozenset(kept.name for kept in self._wanted(sort, agent))
        matches = await self._finder.ranked(query, everything, wanted)
        named = self._engine.state.patterns.named
        found = [self._row(named[match.name]) for match in matches if match.name in named]
        return found[: max(0, limit)]

    async def remove(self, name: str) -> bool:
        """Keep a pattern no more; whether it was there."""
        if name not in self._engine.state.patterns.named:
            return False
        await asyncio.shield(self._engine.submit(PatternRemoved(pattern=name)).committed)
        return True

    async def close(self) -> None:
        """Record what is counted, and begin nothing more; what is to be deleted then is at the next start."""
        self._closed = True
        told = self._uses.tell()
        if told is not None:
            with suppress(BursarError):
                await told
        if self._deleting is not None:
            await self._deleting

    def _row(self, kept: Kept) -> PatternRow:
        return row(kept, self._uses.of(kept.name))

    def _wanted(self, sort: PatternKind | None, agent: str | None) -> list[Kept]:
        named = self._engine.state.patterns.named
        return [
            named[name]
            for name in sorted(named)
            if sort in (None, named[name].sort) and agent in (None, named[name].agent)
        ]

    def _stored(self, kept: Kept) -> Stored:
        return Stored(kept.name, kept.position, self._coming.get(kept.position))

    async def _read(self, kept: Kept) -> str | None:
        """Its text; None when it was forgotten meanwhile, or by somebody who forgot its subject."""
        try:
            body = await self._vault.do(partial(texts.read, self._stored(kept)))
        except NoSuchBody:
            if self._engine.state.patterns.named.get(kept.name) == kept:
                _log.warning("the text of a pattern is gone", pattern=kept.name)
                await self.remove(kept.name)
            return None
        return body.decode()

    def _may_delete(self, name: str) -> bool:
        at = self._engine.state.patterns.leaving.get(name)
        return at is not None and at <= self._heard

    def _delete_soon(self) -> None:
        if not self._closed and (self._deleting is None or self._deleting.done()):
            self._deleting = asyncio.get_running_loop().create_task(
                self._delete_all(), name="bursar deleting patterns"
            )

    async def _delete_all(self) -> None:
        try:
            while batch := [name for name in self._engine.state.patterns.leaving if self._may_delete(name)]:
                async with self._lock:
                    await self._delete([name for name in batch[:_BATCH] if self._may_delete(name)])
                if self._closed:
                    return
        except BursarError as error:
            # What is left to delete is in the state: the next start tries it again.
            _log.warning("texts of patterns could not be deleted", error=str(error))

    async def _delete(self, names: Sequence[str]) -> None:
        """Delete the texts of some, one after another so that others are served in between, and say so."""
        gone: list[str] = []
        for name in names:
            await self._vault.do(partial(texts.delete, name))
            gone.append(name)
            if self._closed:
                break
        if gone:
            receipt = self._engine.submit(PatternTextsDeleted(patterns=tuple(gone)))
            await asyncio.shield(receipt.committed)
            await self._vault.do(partial(texts.note, gone, receipt.position))


def _raise_refusal(receipt: Receipt) -> None:
    for event in receipt.step.decisions:
        if isinstance(event.body, PatternRefused):
            raise error_from(event.body.code, event.body.values)
