"""How models and folders are named: callables that read a value or raise `Refused`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from .quantities import Refused

#: Longer than any id of any registry.
_NAME_LENGTH_MAX = 512


def model(value: object) -> str:
    """A model's id."""
    allowed = 'the id of a model, such as "deepseek-r1:14b"'
    if not isinstance(value, str):
        raise Refused("is not the id of a model", allowed)
    if not value or not value.isprintable() or value != value.strip() or len(value) > _NAME_LENGTH_MAX:
        raise Refused("is malformed", allowed)
    return value


def models(value: object) -> tuple[str, ...]:
    """Ids of models, in this order, each once."""
    allowed = 'a list of ids of models, such as ["deepseek-r1:14b", "qwen2.5-coder"]'
    if not isinstance(value, list | tuple):
        raise Refused("is not a list", allowed)
    found: dict[str, None] = {}
    for item in cast("Sequence[object]", value):
        try:
            name = model(item)
        except Refused:
            raise Refused("holds something that is not the id of a model", allowed) from None
        if name in found:
            raise Refused(f"names {name} twice", allowed)
        found[name] = None
    return tuple(found)


def agent(value: object) -> str:
    """The name of an agent."""
    allowed = 'the name of an agent, such as "frontend-specialist"'
    if not isinstance(value, str):
        raise Refused("is not the name of an agent", allowed)
    if not value or not value.isprintable() or value != value.strip() or len(value) > _NAME_LENGTH_MAX:
        raise Refused("is malformed", allowed)
    return value


def folder(value: object) -> Path:
    """A folder, `~` expanded; it need not be there yet."""
    return _path(value, 'the path of a folder, such as "~/models"')


def file(value: object) -> Path:
    """A file, `~` expanded; it need not be there yet."""
    return _path(value, 'the path of a file, such as "~/.config/bursar/lab.key"')


def _path(value: object, allowed: str) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise Refused("is not a path", allowed)
    return Path(os.path.expanduser(value))  # noqa: PTH111 - Path.expanduser raises where there is no home
