"""What is different between two states, place by place."""

import json
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from ..domain.state import State
from .history import state_to_json

#: What JSON can hold.
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

#: Stands for a side on which there is nothing.
ABSENT = "∅"


class Change(NamedTuple):
    """One place where two values differ; `ABSENT` where one of them has nothing."""

    path: str
    before: Json
    after: Json

    def __str__(self) -> str:
        return f"{self.path}: {shown(self.before)} → {shown(self.after)}"


def differences(before: State, after: State) -> list[Change]:
    """Every place where the two states differ, in the order of their fields."""
    return list(compared(plain(before), plain(after)))


def plain(state: State) -> Json:
    """The state as JSON has it: dicts, lists, texts, integers."""
    found: Json = json.loads(state_to_json(state))
    return found


def compared(before: Json, after: Json, path: str = "") -> Iterator[Change]:
    """Every place where two JSON values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from compared(before.get(key, ABSENT), after.get(key, ABSENT), _below(path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            yield from compared(_at(before, index), _at(after, index), f"{path}[{index}]")
    elif before != after:
        yield Change(path, before, after)


def flat(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every place of a JSON value with what is there, empty dicts and lists included."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flat(inner, _below(path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from flat(inner, f"{path}[{index}]")
    else:
        yield path, value


def shown(value: Json) -> str:
    """A value as it is printed: JSON, or the sign for nothing."""
    return ABSENT if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _at(values: list[Json], index: int) -> Json:
    return values[index] if index < len(values) else ABSENT


def _below(path: str, key: str) -> str:
    """A key that is no plain name stands in brackets: `models["llama:small"].state`."""
    if not key.isidentifier():
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
