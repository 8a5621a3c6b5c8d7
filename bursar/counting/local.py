"""Vocabularies that are on this machine, read once in a thread."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..adapters.logs import get_logger
from ..adapters.vocabulary.named import vocabulary_named
from ..adapters.vocabulary.reading import NoVocabulary, vocabulary_of
from ..domain.errors import BursarError
from ..providers import Target

_log = get_logger("bursar.counting")


class Local(NamedTuple):
    """A vocabulary in memory."""

    by: str
    #: Yields the work that was done, in characters, and the tokens found in it, a slice at a time.
    counting: Callable[[str], Iterator[tuple[int, int]]]


class Locals:
    """The vocabularies by model, None where there is none."""

    def __init__(self) -> None:
        self._found: dict[str, Local | None] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    def ready(self, model: str) -> Local | None:
        """The vocabulary, if it was read already."""
        return self._found.get(model)

    def begin(self, target: Target) -> None:
        """Read it, without waiting for it."""
        if target.id not in self._found and target.id not in self._reading:
            self._reading[target.id] = asyncio.get_running_loop().create_task(self._read(target))

    async def find(self, target: Target) -> Local | None:
        """The vocabulary of a model, once it is read; None where it is not on this machine."""
        self.begin(target)
        if reading := self._reading.get(target.id):
            # Whoever waits may be cancelled: the others still want it.
            await asyncio.shield(reading)
        return self._found.get(target.id)

    def drop(self, target: Target) -> None:
        """It is not the model's after all."""
        _log.warning(
            "the vocabulary in the model's file does not count as its provider does", model=target.id
        )
        self._found[target.id] = None

    async def _read(self, target: Target) -> None:
        try:
            self._found[target.id] = await asyncio.to_thread(_local, target)
        finally:
            del self._reading[target.id]


def _local(target: Target) -> Local | None:
    try:
        file = target.provider.model_file(target.name)
        if file is not None:
            return Local("gguf", vocabulary_of(Path(file)).counting)
    except (BursarError, NoVocabulary, OSError) as problem:
        _log.info("the model's vocabulary is not used", model=target.id, cause=str(problem))
    counting = vocabulary_named(target.name)
    return None if counting is None else Local("tiktoken", counting)
