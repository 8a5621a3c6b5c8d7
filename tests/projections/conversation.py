"""A conversation in a real journal with real texts beside it, and without a manager."""

from collections.abc import Sequence
from pathlib import Path

from bursar.domain.contexts.encoding import to_bytes
from bursar.domain.contexts.events import (
    CompressionAsked,
    ContextOpened,
    MessageAdded,
    MessagesWanted,
    PruneAsked,
    SummaryMade,
)
from bursar.domain.contexts.spans import length, spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.kernel import Origin
from bursar.domain.ports import Message
from bursar.eventstore.bodies.store import BodyStore

from .world import World

NAME = "chat"
SUBJECT = f"context/{NAME}"


class Conversation:
    """Turns of two, each message of ten tokens, in a window of a thousand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.world = World.started(path)
        self.bodies = BodyStore.open(path)
        self.open()

    def open(self) -> None:
        """Begin it, or begin anew after it was forgotten."""
        opened = ContextOpened(
            context=NAME,
            model="fake:a",
            agent="scout",
            genre="dialogue",
            window_tokens=1100,
            reserve_tokens=100,
        )
        self.world.record(opened)

    @property
    def context(self) -> Context:
        """As it is now."""
        return self.world.state.contexts.named[NAME]

    def add(self, message: Message, *, pinned: bool = False, tokens: int = 10) -> int:
        """Add a message; return the event's position."""
        kept = to_bytes(message)
        address = self.bodies.put(SUBJECT, kept)
        return self.world.record(
            MessageAdded(
                context=NAME,
                role=message.role,
                address=address,
                size=len(kept),
                tokens=tokens,
                counted_by="estimate",
                error_per_mille=40,
                pinned=pinned,
            )
        )

    def talk(self, turns: int) -> None:
        """Questions and answers."""
        for turn in range(turns):
            self.add(Message("user", f"question {turn}"))
            self.add(Message("assistant", f"answer {turn}"))

    def prune(self, target_tokens: int, scores: Sequence[int] | None = None) -> int:
        """Leave out; return the position of the decision."""
        given = scores or range(1, length(self.context.window) + 1)
        fact = PruneAsked(
            context=NAME,
            revision=self.context.revision,
            target_tokens=target_tokens,
            scores=tuple(given),
            scorer="importance dialogue 1",
            keep_last=1,
        )
        return self.world.record(fact) + 1

    def compress(self) -> int:
        """Replace all but the last by a summary; return the position of the decision."""
        started = self.world.record(CompressionAsked(context=NAME, method="extractive", keep_last=2)) + 1
        context = self.context
        kept = to_bytes(Message("user", "what was said, in short"))
        fact = SummaryMade(
            context=NAME,
            revision=context.revision,
            replacing=context.replacing,
            address=self.bodies.put(SUBJECT, kept),
            size=len(kept),
            tokens=12,
            counted_by="estimate",
            method="extractive",
            facts=2,
        )
        return self.world.record(fact, origin=Origin(started, started - 1)) + 1

    def restore(self, *numbers: int) -> int:
        """Put back; return the position of the decision."""
        return self.world.record(MessagesWanted(context=NAME, wanted=spans_of(numbers))) + 1

    def close(self) -> None:
        """Write everything and let go, so that a command can have it."""
        self.world.write()
        self.bodies.close()
        self.world.journal.close()
