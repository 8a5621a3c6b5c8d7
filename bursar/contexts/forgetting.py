"""Forgetting a context: its texts first, then the record of it, then what is known of it."""

from functools import partial

from ..domain.contexts.keeping import ContextForgotten
from ..domain.erasure.events import SubjectForgotten
from ..domain.errors import NoSuchContext, NoSuchSubject
from ..eventstore.bodies.store import Forgotten
from ..projections.history import to_event
from .asking import taken
from .effects import ContextEffects
from .kit import Kit
from .results import ForgottenContext
from .vault import Shelf


class Forgetting:
    """Makes texts unrecoverable. A call that was interrupted is completed by the next one."""

    def __init__(self, kit: Kit, effects: ContextEffects) -> None:
        self._kit = kit
        self._effects = effects

    async def forget(self, name: str, because: str | None, basis: str | None) -> ForgottenContext:
        """Destroy the keys of all its texts, and write that down. Raises NoSuchContext."""
        async with self._kit.desks.at(name), self._effects.without(name):
            subject = f"context/{name}"
            gone = await self._kit.vault.do(partial(_forget, subject))
            position = None if gone is None else gone.recorded
            if gone is not None and position is None:
                position = await self._recorded(gone, because, basis)
                await self._kit.vault.do(partial(_note, subject, position))
            known = name in self._kit.state.contexts.named
            if known:
                await taken(self._kit.engine, ContextForgotten(context=name))
            elif gone is None:
                raise NoSuchContext(context=name, remedy="nothing was ever kept of it")
        if gone is None:
            return ForgottenContext(name, 0, 0, None, again=False)
        return ForgottenContext(name, gone.bodies, gone.bytes, position, again=not known)

    async def _recorded(self, gone: Forgotten, because: str | None, basis: str | None) -> int:
        """Position of the record, which a call that was interrupted may have written."""
        fact = SubjectForgotten(
            forgotten=gone.id,
            destroyed_at=gone.at,
            bodies=gone.bodies,
            stored_bytes=gone.bytes,
            because=because,
            basis=basis,
        )
        written = await self._kit.vault.do(partial(_written, fact))
        if written is not None:
            return written
        return (await taken(self._kit.engine, fact)).position


def _forget(subject: str, shelf: Shelf) -> Forgotten | None:
    if not shelf.kept:
        return None
    try:
        return shelf.bodies.forget(subject)
    except NoSuchSubject:
        return None


def _note(subject: str, position: int, shelf: Shelf) -> None:
    shelf.bodies.recorded(subject, position)


def _written(fact: SubjectForgotten, shelf: Shelf) -> int | None:
    last = shelf.reader.last(fact.subject(0))
    told = None if last is None else to_event(last).body
    same = isinstance(told, SubjectForgotten) and told.destroyed_at == fact.destroyed_at
    return last.position if last is not None and same else None
