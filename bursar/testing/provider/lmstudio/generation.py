"""Prompts counted, and answers of numbered words, for every family of endpoints."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from ..calling import written
from ..world import Gone, Instance, tokens
from . import refusing
from .studio import Studio

#: Tokens of an answer that nobody limits.
_ANSWER = 16
#: Tokens that a template puts around a message.
_FRAME = 4


@dataclass(slots=True)
class Generation:
    """One answer: what was asked, and what it took. Times in seconds."""

    studio: Studio
    instance: Instance
    #: Tokens of the prompt, and of the answer that is to come.
    prompt: int
    count: int
    #: Whether the limit ends it, or the model itself.
    limited: bool
    words: list[str] = field(default_factory=list[str])
    first: float = 0.0
    took: float = 0.0

    async def run(self) -> AsyncGenerator[str, None]:
        """The words, one by one; raises `Refused` when the model goes meanwhile."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with (
                self.studio.answering(self.instance),
                aclosing(self.studio.world.words(self.instance, self.count)) as words,
            ):
                async for word in words:
                    self.first = self.first or loop.time() - started
                    self.words.append(word)
                    yield word
        except Gone:
            raise refusing.unloaded() from None
        self.took = loop.time() - started

    async def whole(self) -> str:
        """All of it."""
        async with aclosing(self.run()) as words:
            return "".join([word async for word in words])

    @property
    def finish(self) -> str:
        """Why it ended, as OpenAI says it."""
        return "length" if self.limited else "stop"

    @property
    def pace(self) -> float:
        """Tokens in a second."""
        return round(len(self.words) / self.took, 2) if self.took else 0.0


def begin(studio: Studio, instance: Instance, texts: Sequence[str], limit: object) -> Generation:
    """Count the prompt and see that it fits. Raises `Refused`."""
    prompt = sum(len(tokens(text)) + _FRAME for text in texts)
    if prompt >= instance.context:
        if studio.switches.overflow == "crash":
            studio.crash(instance)
            raise refusing.crashed()
        if studio.switches.overflow == "refuse":
            raise refusing.overflowing(prompt, instance.context)
        prompt = instance.context // 2
    room = instance.context - prompt
    asked = limit if isinstance(limit, int) and limit >= 0 else _ANSWER
    count = min(asked, room)
    return Generation(studio, instance, prompt, count, limited=count < _ANSWER or asked > room)


def contents(messages: object) -> list[str]:
    """The texts of OpenAI messages; of parts, those that are text."""
    found: list[str] = []
    for message in _items(messages):
        content = message if isinstance(message, str) else _field(message, "content")
        parts = [content] if isinstance(content, str) else [_field(part, "text") for part in _items(content)]
        text = "".join([part for part in parts if isinstance(part, str)])
        found.append(text + (written(cast("dict[str, Any]", message)) if isinstance(message, dict) else ""))
    return found


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _field(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None
