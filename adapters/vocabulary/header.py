"""The tokenizer in a GGUF file's header, read within bounds; the weights behind it are not touched.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from pathlib import Path
from typing import BinaryIO

#: Far above what real files have, low enough to give up on garbage at once.
_FIELDS_MAX = 100_000
_ENTRIES_MAX = 1 << 21
_TEXT_BYTES_MAX = 1 << 20
_HEADER_BYTES_MAX = 256 << 20

_BOOLEAN, _STRING, _ARRAY = 7, 8, 9
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOLEAN: "?", 10: "Q", 11: "q", 12: "d"}
_PREFIX = "tokenizer.ggml."

Number = int | float
Value = Number | str | tuple[str, ...] | tuple[Number, ...]


class NoVocabulary(Exception):
    """The file holds no vocabulary that we can use; the message says why."""


def read_tokenizer(path: Path) -> dict[str, Value]:
    """The fields `tokenizer.ggml.…` of a file, without that prefix. Raises `NoVocabulary` or `OSError`."""
    if not path.is_file():
        raise NoVocabulary("it is not a regular file")
    with path.open("rb", buffering=1 << 20) as file:
        return _Reader(file, min(path.stat().st_size, _HEADER_BYTES_MAX)).tokenizer()


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def tokenizer(self) -> dict[str, Value]:
        if self._take(4) != b"GGUF" or self._number("I") not in (2, 3):
            raise NoVocabulary("it is no GGUF file of version 2 or 3")
        self._take(8)
        fields: dict[str, Value] = {}
        for _ in range(self._count(_FIELDS_MAX)):
            name = self._text()
            if name.startswith(_PREFIX):
                fields[name.removeprefix(_PREFIX)] = self._value(self._number("I"))
            else:
                self._skip_value(self._number("I"))
        return fields

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._scalar(kind)
        of, length = self._number("I"), self._count(_ENTRIES_MAX)
        if of == _STRING:
            return tuple(self._text() for _ in range(length))
        code = self._code(of)
        return struct.unpack(f"<{length}{code}", self._take(length * struct.calcsize(code)))

    def _skip_value(self, kind: int) -> None:
        if kind == _STRING:
            self._skip(self._number("Q"))
        elif kind != _ARRAY:
            self._skip(struct.calcsize(self._code(kind)))
        else:
            of, length = self._number("I"), self._number("Q")
            if of != _STRING:
                self._skip(length * struct.calcsize(self._code(of)))
                return
            if length > _ENTRIES_MAX:
                raise NoVocabulary(f"its header is damaged: it announces {length} strings")
            for _ in range(length):
                self._skip(self._number("Q"))

    def _text(self) -> str:
        length = self._number("Q")
        if length > _TEXT_BYTES_MAX:
            raise NoVocabulary(f"its header is damaged: it announces a text of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _count(self, most: int) -> int:
        count = self._number("Q")
        if count > most:
            raise NoVocabulary(f"its header is damaged: it announces {count} entries")
        return count

    def _scalar(self, kind: int) -> Number:
        code = self._code(kind)
        value: Number = struct.unpack("<" + code, self._take(struct.calcsize(code)))[0]
        return value

    def _number(self, code: str) -> int:
        return int.from_bytes(self._take(struct.calcsize(code)), "little")

    @staticmethod
    def _code(kind: int) -> str:
        if kind not in _CODES:
            raise NoVocabulary(f"its header is damaged: it has a value of type {kind}")
        return _CODES[kind]

    def _take(self, length: int) -> bytes:
        self._advance(length)
        data = self._file.read(length)
        if len(data) < length:
            raise NoVocabulary("it ends in the middle of its header")
        return data

    def _skip(self, length: int) -> None:
        self._advance(length)
        self._file.seek(length, 1)

    def _advance(self, length: int) -> None:
        # Before anything is read: a damaged length asks for no memory.
        if length > self._left:
            raise NoVocabulary("it ends in the middle of its header, or its header is damaged")
        self._left -= length
