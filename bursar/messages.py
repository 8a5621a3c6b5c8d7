"""Messages as users write them."""

from collections.abc import Mapping

from .contexts.reading import message_from
from .domain.errors import InvalidMessage
from .domain.ports import Message

#: A message, or a mapping as OpenAI's clients send it: `role`, `content`, and where there are any
#: `tool_calls`, `tool_call_id` and `name`.
AnyMessage = Message | Mapping[str, object]


def read_message(message: AnyMessage) -> Message:
    """The message that a mapping stands for. Raises ValueError, in which nothing of its text is repeated."""
    if isinstance(message, Message):
        return message
    if message.get("content") is None and not message.get("tool_calls"):
        raise ValueError("a message has a text as content, or tool_calls")
    try:
        return message_from(message)
    except InvalidMessage as error:
        raise ValueError(f"a message has another form: {error}") from None
