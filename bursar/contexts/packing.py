"""Packing the texts of a context, and unpacking them."""

from functools import partial

from ..domain.contexts import entries
from ..domain.contexts.keeping import ContextRestored, ModelCached
from ..domain.contexts.packing import level_for
from ..domain.contexts.spans import spans_of
from ..domain.events import Event, Fact
from ..domain.requests.line import NS_PER_MS
from ..domain.state import State
from .kit import Kit
from .scoring import Scoring
from .vault import Shelf

#: Texts that are looked at in one go.
_BATCH = 128


class Packing:
    """Runs the effects of caching and restoring."""

    def __init__(self, kit: Kit, scoring: Scoring) -> None:
        self._kit = kit
        self._scoring = scoring

    async def pack(self, _intent: Event, name: str) -> Fact:
        """Pack all texts of a context, and hold none of them in memory."""
        context = self._kit.context(name)
        addresses = await self._kit.texts.addresses(context)
        settings = self._kit.state.host.settings.compression
        size = sum(entry.size for entry in entries.every(context.entries))
        level = settings.level
        if settings.strategy == "adaptive":
            level = level_for(size, pressure_per_mille(self._kit.state), settings)
        subject = f"context/{name}"
        packed = await self._kit.vault.do(
            lambda shelf: shelf.bodies.pack(
                subject,
                addresses,
                level=level,
                family=f"agent/{context.agent}" if context.agent else f"model/{context.model}",
                ratio_per_mille=settings.ratio_per_mille,
            )
        )
        # Where it is not worth it they stay as they were.
        after = packed.after if packed.blocks else packed.before
        self._kit.texts.drop((name,))
        self._scoring.drop((name,))
        return ModelCached(
            context=name,
            model=context.model,
            cache_path=f"{self._kit.vault.name}#{subject}",
            before_bytes=packed.before,
            after_bytes=after,
            saved_bytes=packed.before - after,
            ratio_per_mille=packed.before * 1000 // after if after else 1000,
            messages=packed.messages,
            blocks=packed.blocks,
            digest=packed.digest,
        )

    async def unpack(self, _intent: Event, name: str) -> Fact:
        """Unpack them, and say which are lost."""
        began = self._kit.engine.clock.now()
        context = self._kit.context(name)
        addresses = await self._kit.texts.addresses(context)
        subject = f"context/{name}"
        unpacked = await self._kit.vault.do(lambda shelf: shelf.bodies.unpack(subject))
        lost: list[int] = []
        # All of them were read just now, unless some had been damaged before they were packed.
        whole = unpacked.messages == len(set(addresses)) and not unpacked.lost
        for first in () if whole else range(0, len(addresses), _BATCH):
            part = addresses[first : first + _BATCH]
            texts = await self._kit.vault.do(partial(_texts, subject, part))
            lost += [first + place for place, text in enumerate(texts) if text is None]
        return ContextRestored(
            context=name,
            messages=unpacked.messages,
            bytes=unpacked.bytes,
            restore_ms=(self._kit.engine.clock.now() - began) // NS_PER_MS,
            lost=spans_of(lost),
        )


def _texts(subject: str, addresses: list[str], shelf: Shelf) -> list[bytes | None]:
    return shelf.bodies.get_many(subject, addresses)


def pressure_per_mille(state: State) -> int:
    """How much of the fullest device is in use, by the last reading."""
    reading = state.host.reading
    if reading is None:
        return 0
    shares = (one.used_bytes * 1000 // one.total_bytes for one in reading.devices if one.total_bytes)
    return max(shares, default=0)
