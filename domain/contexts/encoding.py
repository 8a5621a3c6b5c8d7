"""A message as the bytes that are kept of it; the same message gives the same bytes, and they it."""

import json
from typing import Any

from ..ports import Message, ToolCall


def to_bytes(message: Message) -> bytes:
    """Canonical JSON in UTF-8. Raises UnicodeEncodeError for half of a surrogate pair."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        fields["tool_calls"] = [[call.id, call.name, call.arguments] for call in message.tool_calls]
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        fields["name"] = message.name
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def from_bytes(kept: bytes) -> Message:
    """The message that was kept. Raises ValueError for bytes that are none."""
    try:
        fields = json.loads(kept)
        return Message(
            role=fields["role"],
            content=fields["content"],
            tool_calls=tuple(ToolCall(*call) for call in fields.get("tool_calls", ())),
            tool_call_id=fields.get("tool_call_id"),
            name=fields.get("name"),
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no message ({error})") from error
