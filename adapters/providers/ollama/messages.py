"""Messages as Ollama's own API has them: arguments are objects, and a result names its tool."""

from collections.abc import Sequence
from typing import Any

from ....domain.ports import Message
from ..wire.calls import arguments_object


def native_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation. Ids are passed over by versions that do not have them."""
    tools = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_message(message, tools) for message in messages]


def _message(message: Message, tools: dict[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "function": {
                    "index": index,
                    "name": call.name,
                    "arguments": arguments_object(call.arguments),
                },
            }
            for index, call in enumerate(message.tool_calls)
        ]
    if message.role == "tool":
        name = message.name or tools.get(message.tool_call_id or "")
        ids = {"tool_name": name, "tool_call_id": message.tool_call_id}
        said |= {field: value for field, value in ids.items() if value}
    return said
