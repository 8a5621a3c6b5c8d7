"""A manager with a model that knows what little there is to know of texts, and a conversation for it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bursar

from .support import Talker, assistant, bodies, user

PETS = (
    "My cat sleeps on the sofa.",
    "The invoice of March is overdue.",
    "We fly to Lisbon on Friday.",
    "A parcel arrived this morning.",
    "The heating makes a noise.",
    "Our neighbour plays the piano.",
)
#: Has no word with any of them in common.
QUERY = "feline"


class Thinker(Talker):
    """Knows of each text whether it is about animals."""

    def __init__(self) -> None:
        super().__init__(window=2048)
        self.embedded: list[list[str]] = []
        #: What it says of texts instead of vectors.
        self.refuses: Exception | None = None
        #: Characters of a text that it takes.
        self.longest = 100_000
        #: How often it was given more.
        self.refused = 0
        self.width = 2
        #: It waits until this is set.
        self.hold: asyncio.Event | None = None
        self.waits = asyncio.Event()

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        if self.hold is not None:
            self.waits.set()
            await self.hold.wait()
        if self.refuses is not None:
            raise self.refuses
        if max(len(text.encode()) for text in texts) > self.longest:
            self.refused += 1
            raise bursar.ContextTooLarge(model=model, prompt_tokens=None, context_tokens=None)
        self.embedded.append(list(texts))
        return tuple(self._vector(text) for text in texts)

    def _vector(self, text: str) -> tuple[float, ...]:
        about = 3.0 if "cat" in text or "feline" in text else 0.5
        return (about, 1.0, *(0.0 for _ in range(self.width - 2)))

    @property
    def texts(self) -> list[str]:
        """All that were embedded, in order."""
        return [text for texts in self.embedded for text in texts]


EMBEDDING = {"embedding_model": "sim:b", "automatic": "off"}


async def told(manager: bursar.ResourceManager, name: str = "talk", **terms: Any) -> bursar.ContextHandle:
    """A context with the pets and what comes after them."""
    handle = await manager.open_context(name, model="sim:a", reserve_tokens=100, **terms)
    for text in PETS:
        await manager.add_messages(name, [user(text), assistant("I see.")])
    await manager.add_messages(name, [user("Well?"), assistant("Well.")])
    return handle


async def kept(handle: bursar.ContextHandle, query: str = QUERY, *, tokens: int = 60) -> list[str]:
    """Contents of what the query leaves of a context."""
    await handle.prune(target_tokens=tokens, query=query)
    return [message.content for message in await handle.messages()]


def scorers(folder: Path) -> list[str]:
    """How what was pruned was scored."""
    return [one.scorer for one in bodies(folder, "PruneAsked")]
