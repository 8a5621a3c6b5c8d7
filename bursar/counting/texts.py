"""What of a message is counted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from ..domain.ports import Message

#: Characters that are handled before others have their turn.
SLICE = 1 << 15


def text_of(message: Message) -> str:
    """All that the model is shown of a message but what its template adds."""
    if not message.tool_calls and not message.name and not message.tool_call_id:
        return message.content
    calls = (part for call in message.tool_calls for part in (call.id, call.name, call.arguments))
    parts = (message.name, message.tool_call_id, message.content, *calls)
    return "\n".join(part for part in parts if part)


def text_of_tools(tools: Sequence[Mapping[str, object]]) -> str:
    """What the model is shown of the tools that it may call."""
    return "\n".join(json.dumps(tool, ensure_ascii=False, separators=(",", ":")) for tool in tools)


def digest(text: str) -> bytes:
    """What a text is known by once it was counted."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def slices(text: str) -> Iterator[str]:
    """The text in pieces that are short enough to hold nobody up."""
    return (text[start : start + SLICE] for start in range(0, len(text), SLICE))
