"""Texts of messages, read when they are needed; a bounded number of bytes of them stays at hand."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from ..domain.contexts import entries
from ..domain.contexts.encoding import from_bytes
from ..domain.contexts.state import Context
from ..domain.contexts.values import Entry
from ..domain.errors import BodiesUnusable, BodyCorrupt, BursarError, MessageDamaged, NoSuchBody
from ..domain.ports import Message
from ..engine.engine import Receipt
from .vault import Shelf, Vault

#: Bytes of text that are held, and what each takes beside its own bytes.
HELD_MAX = 64 << 20
_BESIDE = 512
#: Texts that are read in one go, and addresses that are, between which others have their turn.
_BATCH = 128
_ADDRESSES = 1024


class Wanted(NamedTuple):
    """A text to be read."""

    #: Of the event that names its address.
    position: int
    #: Where the event may not have been written yet.
    address: str | None


class _Held:
    """Messages of one context that are at hand, by the positions of their events."""

    def __init__(self) -> None:
        #: The least lately used first.
        self.messages: OrderedDict[int, Message] = OrderedDict()
        #: Bytes of each. Apart from them: what refers to no other object costs the collector of garbage
        #: nothing, and there may be a hundred thousand.
        self.sizes: dict[int, int] = {}
        self.size = 0

    def put(self, position: int, message: Message, size: int) -> None:
        self.size += size - self.sizes.get(position, 0)
        self.sizes[position] = size
        self.messages[position] = message
        self.messages.move_to_end(position)

    def get(self, position: int) -> Message | None:
        message = self.messages.get(position)
        if message is not None:
            self.messages.move_to_end(position)
        return message

    def let_go(self) -> None:
        """Of the one that was not used for longest."""
        position, _message = self.messages.popitem(last=False)
        self.size -= self.sizes.pop(position)

    @property
    def takes(self) -> int:
        """Bytes, with what each takes beside its own."""
        return self.size + len(self.sizes) * _BESIDE


class Texts:
    """The messages that were read or added last, of the contexts that were used last."""

    def __init__(self, vault: Vault, held_max: int = HELD_MAX) -> None:
        self._vault = vault
        self._held_max = held_max
        #: By context, the least lately used first.
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._takes = 0
        #: Addresses whose events are on their way to the journal, by position.
        self._coming: dict[int, str] = {}

    def keep(self, context: str, receipt: Receipt, message: Message, size: int, address: str) -> None:
        """Hold a message that was just put."""
        self.coming(receipt, address)
        self._hold(context, receipt.position, message, size)

    def coming(self, receipt: Receipt, address: str) -> None:
        """Know where a text lies whose event is on its way to the journal."""
        self._coming[receipt.position] = address
        receipt.committed.add_done_callback(lambda _done: self._coming.pop(receipt.position, None))

    async def read(self, context: Context, ordinals: Iterable[int]) -> list[Message]:
        """Messages of a context, in the order asked for. Raises MessageDamaged, and what the store raises."""
        found: list[Message] = []
        left = iter(ordinals)
        batch = tuple(islice(left, _BATCH))
        while batch:
            found += await self._batch(context, batch)
            batch = tuple(islice(left, _BATCH))
            if batch:
                # What is held is as long as what is not, and nobody has waited for it.
                await asyncio.sleep(0)
        return found

    async def addresses(self, context: Context) -> list[str]:
        """Where the texts of all messages of a context lie, by ordinal."""
        found: list[str] = []
        every = entries.every(context.entries)
        while batch := [self._wanted(entry) for entry in islice(every, _ADDRESSES)]:
            found += await self._vault.do(partial(_addresses, batch))
        return found

    def held(self, contexts: Iterable[str]) -> int:
        """Bytes of text that are held of some contexts."""
        return sum(self._held[name].size for name in frozenset(contexts) if name in self._held)

    def drop(self, contexts: Iterable[str]) -> int:
        """Hold nothing of some contexts any more; returns the bytes that were."""
        return sum(map(self._drop, frozenset(contexts)))

    def drop_all(self) -> None:
        """Hold nothing."""
        self._held.clear()
        self._takes = 0

    async def _batch(self, context: Context, ordinals: Sequence[int]) -> list[Message]:
        every = [entries.at(context.entries, ordinal) for ordinal in ordinals]
        held = self._of(context.name)
        messages = [held.get(entry.position) for entry in every]
        missing = [place for place, message in enumerate(messages) if message is None]
        if missing:
            wanted = [self._wanted(every[place]) for place in missing]
            read = await self._vault.do(partial(_read, f"context/{context.name}", wanted))
            for place, message in zip(missing, read, strict=True):
                if isinstance(message, BursarError):
                    damaged = ordinals[place]
                    raise MessageDamaged(
                        context=context.name, ordinal=damaged, problem=str(message)
                    ) from message
                messages[place] = message
                self._hold(context.name, every[place].position, message, every[place].size)
        return [message for message in messages if message is not None]

    def _wanted(self, entry: Entry) -> Wanted:
        return Wanted(entry.position, self._coming.get(entry.position))

    def _of(self, context: str) -> _Held:
        held = self._held.setdefault(context, _Held())
        self._held.move_to_end(context)
        return held

    def _hold(self, context: str, position: int, message: Message, size: int) -> None:
        held = self._of(context)
        before = held.takes
        held.put(position, message, size)
        self._takes += held.takes - before
        while self._takes > self._held_max:
            name, oldest = next(iter(self._held.items()))
            if not oldest.messages:
                del self._held[name]
            elif oldest is held and len(held.messages) == 1:
                break  # one is always held: it was asked for just now
            else:
                before = oldest.takes
                oldest.let_go()
                self._takes += oldest.takes - before

    def _drop(self, context: str) -> int:
        held = self._held.pop(context, None) or _Held()
        self._takes -= held.takes
        return held.size


def _read(subject: str, wanted: Sequence[Wanted], shelf: Shelf) -> list[Message | BursarError]:
    """The messages, or what is wrong with each."""
    addresses = _addresses(wanted, shelf)
    texts = shelf.bodies.get_many(subject, addresses)
    return [_message(subject, address, text, shelf) for address, text in zip(addresses, texts, strict=True)]


def _message(subject: str, address: str, text: bytes | None, shelf: Shelf) -> Message | BursarError:
    try:
        # By itself it says what is wrong with it.
        return from_bytes(shelf.bodies.get(subject, address) if text is None else text)
    except (BodyCorrupt, NoSuchBody) as error:
        return error
    except ValueError as error:
        return BodyCorrupt(address=address, problem=str(error))


def _addresses(wanted: Sequence[Wanted], shelf: Shelf) -> list[str]:
    named = shelf.reader.fields([one.position for one in wanted if one.address is None], "address")
    return [_address(shelf, one, named) for one in wanted]


def _address(shelf: Shelf, wanted: Wanted, named: dict[int, str]) -> str:
    address = wanted.address or named.get(wanted.position)
    if address is None:
        raise BodiesUnusable(path=shelf.journal, problem=f"event {wanted.position} names no text")
    return address
