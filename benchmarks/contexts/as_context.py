"""Conversations as the product knows them, so that its own rules choose what stays."""

from collections.abc import Mapping, Sequence
from typing import Any

from bursar.domain.contexts.entries import Entries, appended
from bursar.domain.contexts.spans import spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.values import Entry, Genre
from bursar.domain.ports import Message
from bursar.domain.selection.values import Turn
from bursar.messages import read_message

#: Any number that is larger than every conversation.
_WIDE = 1 << 30


def of_turns(turns: Sequence[Turn], tokens: Sequence[int], genre: Genre) -> Context:
    """A context whose messages are these turns, with so many tokens each."""
    each = zip(turns, tokens, strict=True)
    return _context([Entry(1, turn.role, size, len(turn.text)) for turn, size in each], genre)


def of_messages(messages: Sequence[Message], tokens: Sequence[int]) -> Context:
    """A context of an agent whose messages are these, with so many tokens each."""
    called: dict[str, int] = {}
    known: list[Entry] = []
    for ordinal, (message, size) in enumerate(zip(messages, tokens, strict=True)):
        answers = called.get(message.tool_call_id) if message.tool_call_id is not None else None
        if answers is not None:
            known[answers] = known[answers]._replace(answered=known[answers].answered + 1)
        called |= {call.id: ordinal for call in message.tool_calls}
        known.append(
            Entry(1, message.role, size, len(message.content), calls=len(message.tool_calls), answers=answers)
        )
    return _context(known, "agent")


def read(raw: Mapping[str, Any]) -> Message:
    """A message of a trace; where it has no text, its text is empty."""
    return read_message({**raw, "content": raw.get("content") or ""})


def _context(known: Sequence[Entry], genre: Genre) -> Context:
    blocks: Entries = ()
    for entry in known:
        blocks = appended(blocks, entry)
    return Context(
        name="measured",
        position=1,
        model="none",
        agent="",
        genre=genre,
        window_tokens=_WIDE,
        reserve_tokens=0,
        budget_tokens=None,
        priority=0,
        opened_at=0,
        used_at=0,
        entries=blocks,
        window=spans_of(range(len(known))),
        tokens=sum(entry.tokens for entry in known),
        size=sum(entry.size for entry in known),
    )
