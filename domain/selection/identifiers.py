"""What a text names that no other words can stand for: ids, numbers, dates, paths, addresses, hashes.

One pass over the runs of characters between separators, by patterns that have nothing to try twice; what a
run is, plain functions say. What looks like JSON is not parsed, so that what was cut off serves as well: a
quoted string is one name, or is read as prose, and keys are left out unless they are ids themselves.
"""

import re
from collections.abc import Iterator
from typing import Final

#: A longer run is content (base64, a page without spaces) and names nothing.
MAX_LETTERS: Final = 256
#: A longer string in JSON is prose, and so is one of more words.
_NAME_LETTERS: Final = 64
_NAME_WORDS: Final = 4

_MONTH: Final = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    "Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
#: `May 5`, `May 5th, 2024`, `5 May 2024`.
_DATE: Final = (
    rf"{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? [0-9]{{4}})?(?!\w)|"
    rf"[0-9]{{1,2}} {_MONTH}(?: [0-9]{{4}})?(?!\w)"
)
#: A comma within a number, where three digits follow; no number has more groups than these.
_THOUSANDS: Final = r"[$\u20ac\u00a3]?[0-9]{1,3}(?:,[0-9]{3}){1,8}(?:\.[0-9]{1,20})?(?!\w|,[0-9])"
#: Scripts without spaces between words, and their punctuation: in what means `order 12345 is sent`, 12345.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\uffef"
)
#: Characters that are not seen, turn the direction of what is around them, or are half of one.
UNSEEN: Final = "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_RUN: Final = rf"[^\s\x00-\x1f\x7f-\x9f{UNSEEN}\"'`<>()\[\]{{}},;|\u2018-\u201f\u00ab\u00bb{_UNSPACED}]++"
_PROSE: Final = re.compile(f"{_DATE}|{_THOUSANDS}|{_RUN}")
#: A string, closed or not; or a run outside of one.
_JSON: Final = re.compile(rf'"((?:[^"\\]|\\.)*+)"?|{_RUN}', re.DOTALL)
#: What a key that is an id has, and one that has a number for its name seldom.
_LONG_NUMBER: Final = re.compile("[0-9].?[0-9].?[0-9]")
_CALL: Final = re.compile(r"[\w.:-]{1,128}\((?=[{\[])")
_KEY: Final = re.compile(r"[ \t\r\n]{0,8}:")

#: What is no part of a name, and could be taken for markup where it is repeated.
_UNFIT: Final = re.compile(r"[\\<>\[\]{}]")
_DIGIT: Final = re.compile("[0-9]")
_EMAIL: Final = re.compile(r"[^@]+@[^@.]+\.[^@]+")
#: Three upper-case letters or more: JFK, ABC-X.
_CODE: Final = re.compile(r"[A-Z]{3,}(?:[-_./][A-Z]+)*")
_JOINED: Final = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)+|[a-z]+(?:[A-Z][a-z]+)+")
_PATH: Final = re.compile(r"(?:~|\.{1,2})?/[^/]|[A-Za-z]:\\|[^/]+/.+\.[A-Za-z]{1,8}$")
_LEADING: Final = "*_#:.!?=&+~-\\"
_TRAILING: Final = "*_:.!?=&\\-"


def identifiers(text: str) -> tuple[str, ...]:
    """What the text names, as written there, in order of first appearance, each once. Linear in the text."""
    return tuple(dict.fromkeys(_in_json(text) if is_json(text) else _in_lines(text)))


def is_json(text: str) -> bool:
    """It begins as objects and lists of JSON do."""
    return text[:64].lstrip()[:1] in ("{", "[")


def _in_lines(text: str) -> Iterator[str]:
    """Of which one may be a record, or a call with its arguments: `name({"id": 7})`."""
    for line in text.splitlines():
        call = _CALL.match(line)
        if call or is_json(line):
            yield from _in_json(line[call.end() if call else 0 :])
        else:
            yield from _in_prose(line)


def _in_json(text: str) -> Iterator[str]:
    for match in _JSON.finditer(text):
        string = match.group(1)
        if string is None:
            yield from _named(match.group())
        elif _KEY.match(text, match.end()):
            yield from (string,) if _is_name(string) and _LONG_NUMBER.search(string) else ()
        elif _is_name(string):
            yield string
        else:
            yield from _in_prose(string)


def _is_name(string: str) -> bool:
    """A value that is one name: `ATL`, `Suite 740`, `Mia`, but not `economy` and no sentence."""
    if not 0 < len(string) <= _NAME_LETTERS or _UNFIT.search(string) or not string.isprintable():
        return False
    parts = string.split(" ")
    if len(parts) == 1:
        return _is_identifier(string) or string[0].isupper()
    return len(parts) <= _NAME_WORDS and all(part[:1].isupper() or _has_digit(part) for part in parts)


def _in_prose(text: str) -> Iterator[str]:
    for match in _PROSE.finditer(text):
        run = match.group()
        yield from (run,) if " " in run else _named(run)


def _named(run: str) -> Iterator[str]:
    # Most runs are words.
    if run.isalpha() and run[1:].islower():
        return
    bare = _bare(run) if len(run) <= MAX_LETTERS else ""
    if bare and _is_identifier(bare):
        yield bare


def _bare(run: str) -> str:
    """Without the marks around it; a sign or dot before digits stays, and what begins a path."""
    run = run.rstrip(_TRAILING)
    bare = run.lstrip(_LEADING)
    before = run[: len(run) - len(bare)]
    if before[-1:] in ("-", "+", ".") and bare[:1].isdigit():
        return before[-1] + bare
    return run if bare.startswith("/") and before in ("~", ".", "..") else bare


def _is_identifier(run: str) -> bool:
    return (
        _has_digit(run)
        or "://" in run
        or _CODE.fullmatch(run) is not None
        or _JOINED.fullmatch(run) is not None
        or _EMAIL.fullmatch(run) is not None
        or _PATH.match(run) is not None
    )


def _has_digit(run: str) -> bool:
    return _DIGIT.search(run) is not None
