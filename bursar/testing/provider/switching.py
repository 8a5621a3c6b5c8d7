"""Switches by name, out of text: fields of a dataclass, their types and what their comments say of them."""

import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

_FIELD = re.compile(r"    (\w+): ")
_COMMENT = re.compile(r"    #: (.*)")


@dataclass(frozen=True, slots=True)
class Switch:
    """A field that can be set by text."""

    name: str
    type: str
    text: str


class BadSwitch(ValueError):
    """There is no such switch, or it cannot be set to that."""


def switches_of(kind: type) -> list[Switch]:
    """Those of a dataclass and its bases, in their order, with the comment above each."""
    types = _types(kind)
    comments = dict[str, str]()
    for base in reversed([base for base in kind.__mro__ if base is not object]):
        comments |= _comments(inspect.getsource(base))
    return [Switch(name, _written(types[name]), comments.get(name, "")) for name in types]


def set_switch(target: object, text: str) -> None:
    """Set `NAME=VALUE`, or `NAME` alone for a switch that is on or off. Raises `BadSwitch`."""
    name, equals, value = text.partition("=")
    types = _types(type(target))
    if name not in types:
        raise BadSwitch(f"there is no {name!r}; there are {', '.join(types)}")
    setattr(target, name, _read(name, types[name], value if equals else "true"))


def _types(kind: type) -> dict[str, Any]:
    """Types of the fields that text can set."""
    hints = get_type_hints(kind)
    fields = dataclasses.fields(cast("Any", kind))
    return {field.name: hints[field.name] for field in fields if _is_readable(hints[field.name])}


def _is_readable(of_type: Any) -> bool:
    if dataclasses.is_dataclass(of_type):
        return False
    try:
        TypeAdapter(of_type)
    except PydanticSchemaGenerationError:
        return False
    return True


def _read(name: str, of_type: Any, value: str) -> object:
    """As JSON; what is no JSON, as the text that it is; and for a set, with commas between."""
    adapter: TypeAdapter[object] = TypeAdapter(of_type)
    for attempt in (_as_json, _as_text, _as_list):
        try:
            return attempt(adapter, value)
        except ValidationError:
            continue
    raise BadSwitch(f"{name} cannot be {value!r}: it is {_written(of_type)}, written as JSON or as text")


def _as_json(adapter: TypeAdapter[object], value: str) -> object:
    return adapter.validate_json(value)


def _as_text(adapter: TypeAdapter[object], value: str) -> object:
    return adapter.validate_python(value)


def _as_list(adapter: TypeAdapter[object], value: str) -> object:
    return adapter.validate_python([part for part in value.split(",") if part])


def _written(of_type: Any) -> str:
    text = (
        of_type.__name__ if isinstance(of_type, type) and not hasattr(of_type, "__args__") else str(of_type)
    )
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)


def _comments(source: str) -> dict[str, str]:
    """What is said above each field."""
    comments: dict[str, str] = {}
    told: list[str] = []
    for line in source.splitlines():
        if comment := _COMMENT.match(line):
            told.append(comment[1])
        elif field := _FIELD.match(line):
            comments[field[1]] = " ".join(told)
            told = []
    return comments
