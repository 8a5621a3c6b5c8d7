"""Texts of a context's messages, where this user can read them."""

from types import TracebackType
from typing import Self

from ...domain.contexts.encoding import from_bytes
from ...domain.errors import BursarError
from ...domain.ports import Message
from ...eventstore.bodies.store import BodyStore
from ...projections.windows import MessageRow


class Texts:
    """The bodies beside a journal; without them, or without their key, there are no texts and no error."""

    def __init__(self, journal: str, context: str) -> None:
        #: Why texts cannot be shown; empty when they can.
        self.problem = ""
        self._subject = f"context/{context}"
        self._bodies: BodyStore | None = None
        if not BodyStore.exists(journal):
            self.problem = "none are kept beside this journal"
            return
        try:
            self._bodies = BodyStore.open(journal)
        except BursarError as error:
            self.problem = str(error)

    def message(self, row: MessageRow) -> Message | None:
        """The message itself; None when it cannot be read."""
        if self._bodies is None:
            return None
        try:
            return from_bytes(self._bodies.get(self._subject, row.address))
        except (BursarError, ValueError) as error:
            self.problem = self.problem or str(error)
            return None

    def whole(self, row: MessageRow) -> str:
        """All of its text, tool calls included; escape sequences and the like are shown and not obeyed."""
        message = self.message(row)
        if message is None:
            return "(not readable)"
        calls = [f"→ {call.name}({call.arguments})" for call in message.tool_calls]
        return _harmless("\n".join([message.content, *calls] if message.content else calls))

    def excerpt(self, row: MessageRow, length: int) -> str:
        """Its beginning, on one line."""
        text = " ".join(self.whole(row)[: length * 4].split())
        return text if len(text) <= length else f"{text[: length - 1]}…"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bodies is not None:
            self._bodies.close()


def _harmless(text: str) -> str:
    """What a terminal would take for a command, or for the other direction, as its code."""
    return "".join(
        char if char in "\n\t" or (char.isprintable() and not _turns(char)) else f"\\u{ord(char):04x}"
        for char in text
    )


def _turns(char: str) -> bool:
    """Whether it changes the direction of what follows."""
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"
