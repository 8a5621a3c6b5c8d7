"""What users give as names of contexts and as messages: read, or refused with the field that is wrong."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ..domain.contexts.encoding import to_bytes
from ..domain.contexts.values import Role
from ..domain.errors import InvalidContextId, InvalidMessage
from ..domain.ports import Message, ToolCall

_ID_MAX = 128
_ROLES: Mapping[object, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id", "name", "importance", "pinned"})
#: Of what was given, so much is repeated in an error where it is no text of a message.
_GIVEN_MAX = 40


@dataclass(frozen=True, slots=True)
class Addition:
    """A message that is to be added, with what its author says of it."""

    message: Message
    #: As it is kept.
    encoded: bytes
    #: In per-mille; None when nothing was said.
    importance: int | None
    pinned: bool


def require_id(context: object) -> str:
    """The name of a context, if it can be one. Raises InvalidContextId."""
    if not isinstance(context, str):
        raise InvalidContextId(context=type(context).__name__, problem="it is no text")
    problem = id_problem(context)
    if problem is not None:
        shown = context[:_ID_MAX].encode("utf-8", "backslashreplace").decode()
        raise InvalidContextId(context=shown, problem=problem)
    return context


def id_problem(context: str) -> str | None:
    """Why a name cannot be one that people tell from others; None when it can."""
    if not 1 <= len(context) <= _ID_MAX:
        return f"it has {len(context)} characters; from 1 to {_ID_MAX} are possible"
    if context != context.strip(" "):
        return "it begins or ends with a space"
    if "/" in context:
        return "it has a slash, which separates kinds from names"
    unprintable = next((character for character in context if not character.isprintable()), None)
    if unprintable is not None:
        return f"U+{ord(unprintable):04X} in it cannot be printed, or changes how the rest is shown"
    if not unicodedata.is_normalized("NFC", context):
        return "it is not in Unicode's normal form C: another name would look the same"
    return None


def read_message(
    given: object, *, importance: float | None = None, pinned: bool = False, size_max: int
) -> Addition:
    """A message as users give it: ours, or a mapping as OpenAI's API has it.

    A mapping may also have `importance` and `pinned`. Raises InvalidMessage.
    """
    if isinstance(given, Mapping):
        fields = cast(Mapping[str, object], given)
        message = message_from(fields)
        importance = _given(fields, "importance", importance)
        pinned = bool(fields.get("pinned", pinned))
    elif isinstance(given, Message):
        message = _checked(given)
    else:
        raise _invalid("message", "it is neither a Message nor a mapping", type(given).__name__)
    encoded = to_bytes(message)
    if len(encoded) > size_max:
        problem = f"it has {len(encoded)} bytes, and may have {size_max}"
        raise _invalid("content", problem, f"{len(encoded)} bytes", "Put it in parts.")
    return Addition(message, encoded, _per_mille(importance), pinned)


def message_from(fields: Mapping[str, object]) -> Message:
    """The message of a mapping as OpenAI's API has it; its content may be a list of texts."""
    for name in fields.keys() - _FIELDS:
        if fields[name]:  # what clients send along without a value says nothing
            remedy = f"There are {', '.join(sorted(_FIELDS))}."
            raise _invalid(str(name)[:_GIVEN_MAX], "a message has no such field", "a value", remedy)
    role = fields.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        remedy = f"Write one of {', '.join(map(str, _ROLES))}."
        raise _invalid("role", "it is none", repr(role)[:_GIVEN_MAX], remedy)
    return _checked(
        Message(
            role=known,
            content=_content(fields.get("content")),
            tool_calls=_tool_calls(fields.get("tool_calls")),
            tool_call_id=_optional(fields, "tool_call_id"),
            name=_optional(fields, "name"),
        )
    )


def _content(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise _invalid("content", "it is neither a text nor a list of texts", type(content).__name__)
    texts: list[str] = []
    for number, part in enumerate(cast(Sequence[object], content)):
        fields: Mapping[str, object] = {}
        if isinstance(part, Mapping):
            fields = cast(Mapping[str, object], part)
        text = fields.get("text")
        if fields.get("type") != "text" or not isinstance(text, str):
            kind = repr(fields.get("type"))[:_GIVEN_MAX]
            raise _invalid(f"content[{number}]", "only texts are kept", kind, 'Write {"type": "text", …}.')
        texts.append(text)
    return "".join(texts)


def _tool_calls(calls: object) -> tuple[ToolCall, ...]:
    if calls is None:
        return ()
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise _invalid("tool_calls", "it is no list", type(calls).__name__)
    return tuple(_tool_call(number, call) for number, call in enumerate(cast(Sequence[object], calls)))


def _tool_call(number: int, call: object) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    where = f"tool_calls[{number}]"
    if not isinstance(call, Mapping):
        raise _invalid(where, "it is no mapping", type(call).__name__)
    fields = cast(Mapping[str, object], call)
    function = fields.get("function")
    if fields.get("type", "function") != "function" or not isinstance(function, Mapping):
        raise _invalid(f"{where}.function", "only calls of functions are known", type(function).__name__)
    called = cast(Mapping[str, object], function)
    texts = {"id": fields.get("id"), "name": called.get("name"), "arguments": called.get("arguments")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise _invalid(f"{where}.{name}", "it is no text", type(value).__name__)
    return ToolCall(**cast(dict[str, str], texts))


def _checked(message: Message) -> Message:
    if message.role not in _ROLES.values():
        raise _invalid("role", "it is none", repr(message.role)[:_GIVEN_MAX], f"Write one of {list(_ROLES)}.")
    _require_text("content", message.content)
    if message.name is not None:
        _require_text("name", message.name)
    _require_calls(message)
    if message.role != "tool":
        if message.tool_call_id is not None:
            raise _invalid("tool_call_id", "only a tool's result has one", message.role)
    elif not message.tool_call_id:
        remedy = "Give the id of the call that it is the result of."
        raise _invalid("tool_call_id", "a tool's result needs one", "nothing", remedy)
    else:
        _require_text("tool_call_id", message.tool_call_id)
    return message


def _require_calls(message: Message) -> None:
    if message.tool_calls and message.role != "assistant":
        raise _invalid("tool_calls", "only an assistant's message makes any", message.role)
    seen: list[str] = []
    for number, call in enumerate(message.tool_calls):
        for field, value in (("id", call.id), ("name", call.name), ("arguments", call.arguments)):
            _require_text(f"tool_calls[{number}].{field}", value)
        if not call.id or call.id in seen:
            problem = "another call of the message has the same" if call.id else "it is empty"
            raise _invalid(f"tool_calls[{number}].id", problem, f"{len(call.id)} characters")
        seen.append(call.id)


def _require_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise _invalid(field, "it is no text", type(value).__name__)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        problem = f"half of a surrogate pair at {error.start}, which is no character"
        raise _invalid(field, problem, f"{len(value)} characters") from None


def _optional(fields: Mapping[str, object], field: str) -> str | None:
    value = fields.get(field)
    if value is not None and not isinstance(value, str):
        raise _invalid(field, "it is no text", type(value).__name__)
    return value


def _given(fields: Mapping[str, object], field: str, default: float | None) -> float | None:
    value = fields.get(field, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise _invalid(field, "it is no number", type(value).__name__)
    return value


def _per_mille(importance: float | None) -> int | None:
    if importance is None:
        return None
    if not 0 <= importance <= 1:
        raise _invalid("importance", "it is not between 0 and 1", repr(importance)[:_GIVEN_MAX])
    return round(importance * 1000)


def _invalid(field: str, problem: str, given: str, remedy: str = "Correct it.") -> InvalidMessage:
    return InvalidMessage(field=field, problem=problem, given=given, remedy=remedy)
