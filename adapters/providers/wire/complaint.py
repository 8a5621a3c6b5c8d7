"""What a provider said was wrong, out of whatever it said it in."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

#: Of a body so many bytes are looked at, of what it says so many characters read, and so many told on.
_LOOKED_AT_BYTES = 1 << 16
_READ_CHARACTERS = 4000
_TOLD_CHARACTERS = 300
#: An error may be JSON in a string in JSON: Ollama hands on what its llama-server answered. Twice is 9 deep.
_DEPTH_MAX = 12
_LIST_MAX = 8
_COUNT_MAX = 1 << 53
#: Fields that hold the error or its words, in the order they are read.
_HOLDERS = ("error", "message", "detail", "msg")

#: What looks like a key is not told on, wherever a provider repeats one.
_KEYS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;<>]+"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(authorization|api[-_ ]?key(?: provided)?)(\W{1,4})(?!bearer|basic)\w\S*"),
        r"\1\2***",
    ),
    (re.compile(r"\b(?:sk|hf|gsk)[-_][\w-]{8,}"), "***"),
)
_TITLE = re.compile(r"(?i)<title[^<>]*>([^<]*)")
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error as read: its words, and what it says in fields of its own."""

    #: One line, short enough to be told on, and without keys.
    text: str
    #: All that it says, in lower case, for rules to look in.
    words: str
    #: Every `type` and `code` that is a name, in lower case.
    kinds: frozenset[str]
    #: The status that it gives itself.
    status: int | None
    prompt_tokens: int | None
    context_tokens: int | None


def read_body(body: bytes) -> Complaint:
    """Read the body of an answer: JSON of any shape, HTML, text or nothing. Never raises."""
    return read_value(body[:_LOOKED_AT_BYTES].decode("utf-8", "replace"))


def read_value(value: object) -> Complaint:
    """Read an error that was found as a value. Never raises."""
    texts: list[str] = []
    kinds: set[str] = set()
    fields: dict[object, object] = {}
    for part in _parts(value, 0):
        if isinstance(part, str):
            texts.append(part)
        else:
            fields.update(part)
            kinds.update(
                kind.lower() for kind in (part.get("type"), part.get("code")) if isinstance(kind, str)
            )
    said = _without_keys(" ".join(" ".join(texts)[:_READ_CHARACTERS].split()))
    return Complaint(
        text=_cut(said) or "it did not say why",
        words=said.lower(),
        kinds=frozenset(kinds),
        status=_count(fields.get("code")),
        prompt_tokens=_count(fields.get("n_prompt_tokens")),
        context_tokens=_count(fields.get("n_ctx")),
    )


def excerpt(data: bytes) -> str:
    """The beginning of what should have been something else, for telling."""
    return _cut(_without_keys(" ".join(data[:_READ_CHARACTERS].decode("utf-8", "replace").split())))


def _parts(value: object, depth: int) -> Iterator[str | dict[object, object]]:
    """The texts and the objects within, outer ones first."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, str):
        yield from _parts_of_text(value, depth)
    elif isinstance(value, dict):
        fields = cast("dict[object, object]", value)
        yield fields
        for name in _HOLDERS:
            yield from _parts(fields.get(name), depth + 1)
    elif isinstance(value, list):
        for item in cast("list[object]", value)[:_LIST_MAX]:
            yield from _parts(item, depth + 1)
    elif value is not None:
        yield str(value)


def _parts_of_text(text: str, depth: int) -> Iterator[str | dict[object, object]]:
    before, brace, _ = text.partition("{")
    try:
        nested: object = json.JSONDecoder().raw_decode(text, len(before))[0] if brace else None
    except (ValueError, RecursionError):
        nested = None
    parts = list(_parts(nested, depth + 1))
    if any(isinstance(part, str) for part in parts):
        yield before
        yield from parts
    else:
        yield from (part for part in parts if not isinstance(part, str))
        yield _readable(text)


def _readable(text: str) -> str:
    """A page of HTML as its title or its words, anything else as it is."""
    if text.lstrip()[:1] != "<":
        return text
    title = _TITLE.search(text)
    return title[1] if title and title[1].strip() else _TAG.sub(" ", text)


def _without_keys(text: str) -> str:
    for key, instead in _KEYS:
        text = key.sub(instead, text)
    return text


def _cut(text: str) -> str:
    return text if len(text) <= _TOLD_CHARACTERS else text[: _TOLD_CHARACTERS - 1] + "…"


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _COUNT_MAX else None
