"""Tool calls as servers with OpenAI's API tell them: in pieces, or whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...domain.ports import ToolCall

#: Characters of arguments in a piece.
_PIECE = 7


def deltas(calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    """The pieces of a stream: each call begins with its id and name, and its arguments come bit by bit."""
    for index, call in enumerate(calls):
        named = {"name": call.name, "arguments": ""}
        yield _delta({"index": index, "id": call.id, "type": "function", "function": named})
        for at in range(0, len(call.arguments), _PIECE):
            yield _delta({"index": index, "function": {"arguments": call.arguments[at : at + _PIECE]}})


def whole_deltas(calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    """The same of servers that have each call in one piece, and do not number them."""
    for call in calls:
        yield _delta(_call(call))


def message(calls: Sequence[ToolCall]) -> dict[str, Any]:
    """What a whole message has beside its text."""
    return {"tool_calls": [_call(call) for call in calls]} if calls else {}


def written(message: Mapping[str, Any]) -> str:
    """What a template writes of a message's calls, however they came."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return "".join(f"{function['name']}({function['arguments']})" for function in functions)


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _delta(piece: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [piece]}
