"""Tool calls out of the pieces of a streamed answer.

OpenAI numbers the calls, and sends the name of each once and its arguments bit by bit. Others leave the
number out, give every call the same one, send whole calls, send arguments as an object, or give no ids.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ....domain.errors import ProviderUnavailable
from ....domain.ports import ToolCall
from .fields import record, records, string, whole

#: No answer has more calls, nor more characters of arguments: whoever sends them never ends.
_CALLS_MAX = 512
_CHARACTERS_MAX = 1 << 24


@dataclass(slots=True)
class _Begun:
    """A call of which more may come."""

    index: int | None
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """The arguments as far as they have come."""
        return "".join(self.arguments)


@dataclass(slots=True)
class Calls:
    """The calls of one answer; puts together what belongs together. Raises `ProviderUnavailable`."""

    provider: str
    model: str
    _begun: list[_Begun] = field(default_factory=list[_Begun])
    _characters: int = 0

    def take(self, pieces: object) -> None:
        """Take in `tool_calls` of one event, whatever it is."""
        for piece in records(pieces):
            function = record(piece.get("function"))
            name = string(function.get("name"))
            call = self._of(whole(piece.get("index")), string(piece.get("id")), name)
            call.name = call.name or name
            self._add(call, arguments_text(function.get("arguments")))

    def take_whole(self, given: object) -> None:
        """Take in `tool_calls` of a server that has each in one piece."""
        for piece in records(given):
            function = record(piece.get("function"))
            call = self._begin(_Begun(None, string(piece.get("id")), string(function.get("name"))))
            self._add(call, arguments_text(function.get("arguments")))

    def whole(self, ids: "Ids") -> tuple[ToolCall, ...]:
        """The calls, in the order in which they began."""
        told = [call for call in self._begun if call.id or call.name or call.text]
        if not all(call.name for call in told):
            raise self._strange("a call of a tool without its name")
        return tuple(ToolCall(ids.of(call.id), call.name, call.text or "{}") for call in told)

    def _of(self, index: int | None, given: str, name: str) -> _Begun:
        """The call that a piece belongs to, or a new one."""
        for call in reversed(self._begun):
            if _goes_on(call, index, given, name):
                call.id = call.id or given
                return call
        return self._begin(_Begun(index, given))

    def _begin(self, call: _Begun) -> _Begun:
        if len(self._begun) == _CALLS_MAX:
            raise self._strange(f"more than {_CALLS_MAX} calls of tools")
        self._begun.append(call)
        return call

    def _add(self, call: _Begun, arguments: str) -> None:
        call.arguments.append(arguments)
        self._characters += len(arguments)
        if self._characters > _CHARACTERS_MAX:
            raise self._strange(f"more than {_CHARACTERS_MAX} characters of arguments for tools")

    def _strange(self, problem: str) -> ProviderUnavailable:
        return ProviderUnavailable(provider=self.provider, cause=f"{self.model} answered with {problem}")


def _goes_on(call: _Begun, index: int | None, given: str, name: str) -> bool:
    """Whether a piece is more of a call, and not the beginning of another one."""
    if name and call.name and name != call.name:
        return False
    if index is not None and call.index is not None:
        return call.index == index and not (given and call.id and given != call.id)
    return call.id == given if given else not name


class Ids:
    """Ids for the calls of one answer: their own, or else `call_<n>`, counted on from earlier ones.

    The same conversation gets the same ids, and no call gets that of an earlier one: its result would be
    taken for the other's.
    """

    def __init__(self, earlier: Sequence[str]) -> None:
        self._taken = set(earlier)
        self._next = len(earlier)

    def of(self, given: str) -> str:
        """The id of the next call, `given` unless another has it."""
        if given and given not in self._taken:
            self._taken.add(given)
            return given
        while (made := f"call_{self._next}") in self._taken:
            self._next += 1
        self._taken.add(made)
        return made


def arguments_text(given: object) -> str:
    """Arguments as a JSON text, whether they came as one or as an object."""
    if given is None or isinstance(given, str):
        return given or ""
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def arguments_object(text: str) -> dict[str, Any]:
    """Arguments as an object, for servers that take no other; what is none becomes its field `value`."""
    try:
        found: object = json.loads(text or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = text
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"value": found}


def openai_calls(calls: Iterable[ToolCall]) -> list[dict[str, Any]]:
    """Calls as OpenAI's API has them in a message."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
