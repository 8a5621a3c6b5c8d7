"""Texts of the classes whose counts are measured."""

import asyncio
import email
import http
import json
import xml
from itertools import chain
from pathlib import Path
from random import Random
from types import ModuleType

from . import data as sets

_PER_CLASS, _PER_CLASS_QUICK = 400, 120
_CHARACTERS = 900


def classes(data: Path, *, quick: bool = False) -> dict[str, list[str]]:
    """By class: English as people speak and write it, code, and what tools are asked and answer."""
    chance = Random(11)
    most = _PER_CLASS_QUICK if quick else _PER_CLASS
    found = {
        "chat": [turn.text for each in sets.locomo(data, quick=quick) for turn in each.turns],
        "meetings": [turn.text for each in sets.qmsum(data, quick=quick) for turn in each.turns],
        "code": code(),
        "tools": _tools(data, quick=quick),
    }
    return {name: chance.sample(texts, min(most, len(texts))) for name, texts in found.items()}


def code() -> list[str]:
    """The standard library, in pieces."""
    packages: tuple[ModuleType, ...] = (asyncio, email, http, json, xml)
    folders = [Path(package.__file__).parent for package in packages if package.__file__]
    sources = [path.read_text() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [
        source[start : start + _CHARACTERS]
        for source in sources
        for start in range(0, len(source), _CHARACTERS)
    ]


def _tools(data: Path, *, quick: bool) -> list[str]:
    messages = chain.from_iterable(sets.tau(data, quick=quick))
    found: list[str] = []
    for message in messages:
        if message.get("role") == "tool" and message.get("content"):
            found.append(str(message["content"]))
        found += [json.dumps(call["function"]) for call in message.get("tool_calls") or ()]
    return found
