"""What LangChain's `trim_messages` keeps: the end of a conversation, from a message that may stand first."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bursar.domain.ports import Message

from .tokens import MissingExtra


def trimmed(messages: Sequence[Message], tokens: Sequence[int], budget: int) -> set[int]:
    """As its documentation has it for agents: starts with the user, ends with the user or a tool's result."""
    try:
        theirs: Any = import_module("langchain_core.messages")
    except ImportError:
        raise MissingExtra("langchain-core") from None

    def converted(place: int, message: Message) -> Any:
        if message.role == "user":
            return theirs.HumanMessage(message.content, id=str(place))
        if message.role == "tool":
            return theirs.ToolMessage(message.content, tool_call_id=message.tool_call_id or "", id=str(place))
        return theirs.AIMessage(message.content, id=str(place))

    def counted(some: Sequence[Any]) -> int:
        return sum(tokens[int(message.id)] for message in some)

    kept = theirs.trim_messages(
        [converted(place, message) for place, message in enumerate(messages)],
        max_tokens=budget,
        token_counter=counted,
        strategy="last",
        start_on="human",
        end_on=("human", "tool"),
    )
    return {int(message.id) for message in kept}
