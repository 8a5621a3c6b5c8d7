"""Adding messages: counted, kept, and then told to the rules, in the order of the calls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

from ..counting import Counted
from ..domain.contexts import entries
from ..domain.contexts.events import MessageAdded
from ..domain.contexts.machine import ContextState
from ..domain.contexts.state import Context
from ..domain.contexts.values import Spans
from ..domain.errors import ContextUnavailable, InvalidMessage
from ..domain.ports import Message
from ..engine.engine import Receipt
from .asking import refusal, written
from .kit import Kit, Wake
from .reading import Addition
from .vault import Shelf

#: Messages that are counted, and steps that are taken, in one go, between which the event loop has its turn.
_BATCH = 64


class Adding:
    """Takes messages in."""

    def __init__(self, kit: Kit, wake: Wake) -> None:
        self._kit = kit
        self._wake = wake

    async def add(self, name: str, additions: Sequence[Addition]) -> list[int]:
        """Add messages, and return their ordinals once they are in the journal.

        Where one is refused those before it stay, and those after it are not added. Raises NoSuchContext,
        ContextUnavailable, InvalidMessage and what the rules refuse with.
        """
        if not additions:
            return []
        async with self._kit.desks.at(name):
            context = await self._ready(name)
            answered = await _Calls(self._kit, context).resolve([one.message for one in additions])
            counts = await self._counted(context.model, [one.message for one in additions])
            put = partial(_put, f"context/{name}", [one.encoded for one in additions])
            addresses = await self._kit.vault.do(put)
            ordinals: list[int] = []
            receipt: Receipt | None = None
            for number, (addition, address) in enumerate(zip(additions, addresses, strict=True)):
                known, within = answered[number]
                answers = known if within is None else ordinals[within]
                # It may have been packed, or have begun to be, since it was looked at.
                await self._wake(name)
                ordinals.append(entries.count(self._kit.context(name).entries))
                receipt = self._submit(name, addition, counts[number], address, answers)
                if refusal(receipt) is not None:
                    break
                if number % _BATCH == _BATCH - 1:
                    # What is written all at once is heard of all at once.
                    await written(receipt)
        # They are written in the order in which they were taken.
        if receipt is not None:
            await written(receipt)
        return ordinals

    async def _counted(self, model: str, messages: Sequence[Message]) -> list[Counted]:
        counts: list[Counted] = []
        for first in range(0, len(messages), _BATCH):
            counts += await self._kit.counter.count(model, messages[first : first + _BATCH])
            await asyncio.sleep(0)
        return counts

    async def _ready(self, name: str) -> Context:
        await self._wake(name)
        context = self._kit.context(name)
        if context.state is ContextState.CLOSED:
            remedy = "it can be read; forget it, or go on under another name"
            raise ContextUnavailable(context=name, state=context.state.value, remedy=remedy)
        return context

    def _submit(
        self, name: str, addition: Addition, count: Counted, address: str, answers: int | None
    ) -> Receipt:
        message = addition.message
        receipt = self._kit.engine.submit(
            MessageAdded(
                context=name,
                role=message.role,
                address=address,
                size=len(addition.encoded),
                tokens=count.tokens,
                counted_by=count.by,
                error_per_mille=count.error_per_mille,
                importance=addition.importance,
                pinned=addition.pinned,
                calls=len(message.tool_calls),
                answers=answers,
            )
        )
        self._kit.texts.keep(name, receipt, message, len(addition.encoded), address)
        return receipt


class _Calls:
    """Which calls of a context's window results answer."""

    def __init__(self, kit: Kit, context: Context) -> None:
        self._kit = kit
        self._context = context

    async def resolve(self, messages: Sequence[Message]) -> list[tuple[int | None, int | None]]:
        """For each message the one whose call it answers: its ordinal, or its place among those given.

        Raises InvalidMessage for a result of a call that nobody made, or that has its result.
        """
        found: list[tuple[int | None, int | None]] = []
        callers: dict[str, int] = {}
        #: Results that there are, by what they answer and the id of the call; and whose were looked up.
        answered: set[tuple[int | None, int | None, str]] = set()
        looked_up: set[int] = set()
        for number, message in enumerate(messages):
            call = message.tool_call_id
            within = None if call is None else callers.get(call)
            known = await self._known(call) if call is not None and within is None else None
            if known is not None and known not in looked_up:
                looked_up.add(known)
                results = await self._results(known)
                answered.update((known, None, one.tool_call_id) for one in results if one.tool_call_id)
            if call is not None:
                if (known, within, call) in answered:
                    raise _invalid(message, "the call has its result")
                answered.add((known, within, call))
            found.append((known, within))
            callers.update((one.id, number) for one in message.tool_calls)
        return found

    async def _known(self, call: str) -> int:
        """Ordinal of the newest message in the window that makes the call."""
        async for ordinal, message in self._newest_first():
            if any(one.id == call for one in message.tool_calls):
                return ordinal
        problem = f"no message that is sent makes a call of that id ({len(call)} characters)"
        raise InvalidMessage(
            field="tool_call_id",
            problem=problem,
            given="an unknown id",
            remedy="Add the assistant's message that makes the call first, or restore it.",
        )

    async def _newest_first(self) -> AsyncIterator[tuple[int, Message]]:
        for ordinal in _backwards(self._context.window):
            if entries.at(self._context.entries, ordinal).calls:
                [message] = await self._kit.texts.read(self._context, (ordinal,))
                yield ordinal, message

    async def _results(self, caller: int) -> list[Message]:
        """The results that a message's calls have."""
        after = range(caller + 1, entries.count(self._context.entries))
        wanted = [one for one in after if entries.at(self._context.entries, one).answers == caller]
        return await self._kit.texts.read(self._context, wanted)


def _backwards(window: Spans) -> list[int]:
    return [ordinal for first, last in reversed(window) for ordinal in range(last, first - 1, -1)]


def _put(subject: str, texts: Sequence[bytes], shelf: Shelf) -> list[str]:
    return shelf.bodies.put_many(subject, texts)


def _invalid(message: Message, problem: str) -> InvalidMessage:
    given = f"an id of {len(message.tool_call_id or '')} characters"
    return InvalidMessage(field="tool_call_id", problem=problem, given=given, remedy="A call has one result.")
