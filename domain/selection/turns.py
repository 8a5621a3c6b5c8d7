"""Messages as scoring sees them."""

from ..ports import Message
from .values import Turn


def turn_of(message: Message) -> Turn:
    """A message as text: its content, and a line for each call that it makes."""
    calls = (f"{call.name}({call.arguments})" for call in message.tool_calls)
    text = "\n".join(part for part in (message.content, *calls) if part)
    return Turn(message.role, text, message.name or "")
