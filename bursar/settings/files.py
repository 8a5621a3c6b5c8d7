"""Settings in a file: TOML in our names, or JSON in the documents'. The file may be anything."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ..domain.errors import SettingsInvalid
from .documents import translated
from .origin import File, Origin

#: Where settings are when nobody says otherwise, in the working directory.
DEFAULT = Path("bursar.toml")

#: More than settings need.
_BYTES_MAX = 256 << 10
#: A name of more parts than any setting has; tomllib's time grows with the square of their number.
_LONG_NAME = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){32}""")
#: What may be a secret in a line that is shown: all behind `key =`, and what stands before an `@` in a URL.
_OF_KEY = re.compile(r"""((?:key["']?\s*[=:])|//).*""", re.IGNORECASE)
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_file(path: Path) -> tuple[dict[str, Any], Origin]:
    """What the file sets, and what to say of it. Raises FileNotFoundError, or `SettingsInvalid`."""
    text = _text(path)
    if path.suffix.lower() == ".json":
        return translated(_parsed(path, text, _json, "JSON"), _name(path))
    return _parsed(path, text, _toml, "TOML"), File(_name(path))


def _text(path: Path) -> str:
    content = _content(path)
    if len(content) > _BYTES_MAX:
        raise _unusable(path, "is too large for settings", f"more than {_BYTES_MAX >> 10} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(
            path, "is not text in UTF-8", f"byte {content[error.start]:#04x} in line {line}"
        ) from None


def _content(path: Path) -> bytes:
    """At most one byte more than is allowed."""
    try:
        # Without O_NONBLOCK, a pipe that nobody writes to would keep us waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
            if kind != stat.S_IFREG:
                raise _unusable(path, "is not a file", _KINDS.get(kind, "something else"))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(_BYTES_MAX + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, "cannot be read", error.strerror or str(error)) from None
    except ValueError as error:
        raise _unusable(path, "cannot be a path", str(error)) from None


def _parsed(path: Path, text: str, parse: Callable[[str], object], language: str) -> dict[str, Any]:
    try:
        values = parse(text)
    except RecursionError:
        raise _unusable(path, f"is not {language} that can be read", "tables nested without end") from None
    except ValueError as error:
        raise _not_parsed(path, text, str(error), language) from None
    if not isinstance(values, dict):
        raise _unusable(path, "holds no table of settings", type(values).__name__)
    return cast("dict[str, Any]", values)


def _toml(text: str) -> Any:
    import tomllib

    if _LONG_NAME.search(text):
        raise ValueError("a name has more than 32 parts")
    return tomllib.loads(text)


def _json(text: str) -> Any:
    import json

    return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_number)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice")
    return values


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _not_parsed(path: Path, text: str, message: str, language: str) -> SettingsInvalid:
    """Both parsers say `… (at line 3, column 8)` or `…: line 3 column 8 (char 41)`."""
    place = re.search(r"line (\d+),? column (\d+)", message)
    lines = text.splitlines()
    if place:
        line = int(place[1])
    elif "end of document" in message:
        line = len(lines)
    else:
        return _unusable(path, f"is not {language}", message)
    given = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    reason = re.split(r" \(at |: line \d", message)[0]
    return SettingsInvalid(
        path=f"{_name(path)}, line {line}",
        problem=f"is not {language}: {reason[:1].lower()}{reason[1:]}",
        given=_OF_KEY.sub(r"\1 …", given)[:80] or "nothing",
        remedy='Text goes in quotes: memory = "14 GB".' if language == "TOML" else "Mend that line.",
    )


def _unusable(path: Path, problem: str, given: str) -> SettingsInvalid:
    remedy = "Settings are in a file of TOML, or of JSON as the documents have it."
    return SettingsInvalid(path=_name(path), problem=problem, given=given, remedy=remedy)


def missing(path: Path) -> SettingsInvalid:
    """The file that was asked for is not there."""
    return _unusable(path, "is not there", "as the file of settings")


def _name(path: Path) -> str:
    return str(path) if str(path).isprintable() else repr(str(path))
