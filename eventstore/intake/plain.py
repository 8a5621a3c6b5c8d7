"""Reading JSON that strangers sent, so that everybody who reads it again reads the same."""

import json
import re
from collections.abc import Sequence
from reprlib import Repr
from typing import Any, TypeGuard

from ...domain.errors import SubmissionRefused

_DEPTH_MAX = 64
#: Of values and keys, about; the owner reads them on its event loop.
_PARTS_MAX = 20_000
_SEPARATORS = (b",", b":", b"[", b"{")
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_INTEGERS = range(-(1 << 63), 1 << 63)
#: More than any of those has, its sign among them.
_DIGITS = 21
#: Characters of what was refused that are told.
_TOLD = 100
_TELLER = Repr()
_TELLER.maxstring = _TOLD


def parsed(line: bytes) -> Any:
    """What a line of JSON says: whole numbers of 64 bits, no key twice, nothing that UTF-8 cannot say.

    Takes some milliseconds at most, whatever the line is. Raises SubmissionRefused.
    """
    _require_few(line)
    try:
        found = json.loads(
            line.decode(),
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except UnicodeDecodeError as error:
        raise refused("the line", "it is not UTF-8", beginning(line)) from error
    except RecursionError as error:
        raise _too_deep(beginning(line)) from error
    except json.JSONDecodeError as error:
        raise refused("the line", f"it is not JSON ({error})", beginning(line)) from error
    _require_plain(found)
    return found


def refused(what: str, problem: str, given: object) -> SubmissionRefused:
    """Why something is not taken; of what was given the beginning is told."""
    return SubmissionRefused(what=what, problem=problem, given=_TELLER.repr(given)[:_TOLD])


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether JSON calls it an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether JSON calls it a list."""
    return isinstance(value, list)


def beginning(line: bytes) -> str:
    """Of a line that may be anything, as much as is told."""
    return line[:_TOLD].decode(errors="replace")


def _require_few(line: bytes) -> None:
    if _separators(line) <= _PARTS_MAX:
        return
    # A text may have many of them in it; but looking into many texts takes too long again.
    texts = (line.count(b'"') - line.count(b'\\"')) // 2
    if texts > _PARTS_MAX or _separators(_STRINGS.sub(b"", line)) > _PARTS_MAX:
        raise refused("the request", f"it may have some {_PARTS_MAX} values", beginning(line))


def _separators(line: bytes) -> int:
    return sum(map(line.count, _SEPARATORS))


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers differ in which of two they keep, so there must not be two."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise refused("a key", "it is there twice", key)
        found[key] = value
    return found


def _whole(text: str) -> int:
    # Reading thousands of digits takes longer than it is worth.
    value = int(text) if len(text) < _DIGITS else None
    if value is None or value not in _INTEGERS:
        raise refused("a number", "it does not fit 64 bits", text)
    return value


def _no_fraction(text: str) -> Any:
    raise refused("a number", "numbers must be whole", text)


def _require_plain(found: Any) -> None:
    """Nothing that is too deep for others to read, or that UTF-8 cannot say."""
    level: list[Any] = [found]
    for _ in range(_DEPTH_MAX):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if not value.isascii():
                    _require_unicode(value)
            elif is_object(value):
                below += value
                below += value.values()
            elif is_list(value):
                below += value
        if not below:
            return
        level = below
    raise _too_deep(found)


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refused("a text", "it has half a character", text) from error


def _too_deep(given: object) -> SubmissionRefused:
    return refused("the request", f"it may be nested {_DEPTH_MAX} deep", given)
