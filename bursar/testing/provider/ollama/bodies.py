"""Requests as Go's JSON reads them, and refusals in its words."""

import json
from dataclasses import dataclass, field
from typing import Any, cast

from ..world import Installed, World
from .durations import keep_alive_s


class Refused(Exception):
    """An answer with an error status and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True, slots=True)
class Ask:
    """A request's body, with what most of them have."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def model(self) -> str:
        """As it was written."""
        return str(self.fields.get("model") or self.fields.get("name") or "")

    @property
    def keep_alive_s(self) -> float | None:
        """Seconds; None where it was not said."""
        try:
            return keep_alive_s(self.fields.get("keep_alive"))
        except ValueError as problem:
            raise Refused(400, str(problem)) from None

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given, whole numbers checked as Ollama does."""
        given = cast("dict[str, Any]", self.fields.get("options") or {})
        for name in ("num_ctx", "num_batch", "num_predict", "num_keep", "seed"):
            value = given.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise Refused(500, f'option "{name}" must be of type integer')
        return given

    def flag(self, name: str, default: bool | None) -> bool | None:
        """A field that is true, false or absent."""
        value = self.fields.get(name)
        return value if isinstance(value, bool) else default

    @property
    def streams(self) -> bool:
        """Whether the answer comes in lines."""
        return self.flag("stream", True) is True


def read_ask(body: bytes, shape: str) -> Ask:
    """Parse a body; `shape` is the name of Ollama's type. Raises `Refused`."""
    if not body.strip():
        raise Refused(400, "missing request body")
    try:
        fields = json.loads(body)
    except ValueError:
        raise Refused(400, _syntax(body)) from None
    if not isinstance(fields, dict):
        raise Refused(400, f"json: cannot unmarshal {_kind(fields)} into Go value of type api.{shape}")
    given = cast("dict[str, Any]", fields)
    for name, kind in (("model", str), ("options", dict), ("messages", list), ("prompt", str)):
        value = given.get(name)
        if value is not None and not isinstance(value, kind):
            go = {str: "string", dict: "map[string]interface {}", list: "[]api.Message"}[kind]
            text = f"json: cannot unmarshal {_kind(value)} into Go struct field {shape}.{name} of type {go}"
            raise Refused(400, text)
    _check_calls(given.get("messages") or [])
    ask = Ask(given)
    _ = ask.keep_alive_s  # it is read with the body, so a bad one is refused before anything else
    return ask


def _check_calls(messages: list[object]) -> None:
    """Arguments are objects, and never the texts that OpenAI has."""
    for message in messages:
        calls: list[Any] = _field(message, "tool_calls") or []
        for call in calls:
            arguments = _field(_field(call, "function"), "arguments")
            if not isinstance(arguments, dict):
                raise Refused(
                    400,
                    f"json: cannot unmarshal {_kind(arguments)} into Go struct field "
                    "ToolCallFunction.messages.tool_calls.function.arguments "
                    "of type api.ToolCallFunctionArguments",
                )


def _field(value: object, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def find(world: World, name: str) -> Installed | None:
    """The installed model of that name; a tag that is missing is `latest`."""
    named = (model for own, model in world.models.items() if full_name(own) == full_name(name))
    return next(named, None)


def full_name(name: str) -> str:
    """With its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _syntax(body: bytes) -> str:
    text = body.decode("utf-8", "replace").lstrip()
    if text.startswith("{") and len(text) > 1:
        return f"invalid character '{text[1:].lstrip()[:1]}' looking for beginning of object key string"
    return f"invalid character '{text[:1]}' looking for beginning of value"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    names: dict[type, str] = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")
