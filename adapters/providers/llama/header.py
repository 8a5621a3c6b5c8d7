"""A GGUF header, read within bounds.

The `gguf` package has a reader, which makes numpy objects of every vocabulary entry (18 s and 684 MB for
128 k tokens, where this takes 0.4 s and no memory) and follows a damaged count for as long as memory lasts.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

#: Far above what real files have, low enough to give up on garbage at once.
_ENTRIES_MAX = 100_000
_STRINGS_MAX = 1 << 21
_ARRAY_MAX = 1 << 24
_HEADER_BYTES_MAX = 128 << 20
_KEPT_STRING_MAX = 1 << 16
_KEPT_ARRAY_MAX = 4096
_DIMENSIONS_MAX = 8

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

Scalar = int | float | str
Fields = dict[str, Scalar | tuple[Scalar, ...]]


class NotAModel(Exception):
    """The file is no GGUF file, or a damaged one; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Header:
    """What precedes the weights. Long texts and long arrays, such as the vocabulary, are left out."""

    fields: Fields
    array_lengths: dict[str, int]
    #: Offset of the weights in the file.
    data_start: int
    #: Where each tensor starts, from `data_start`.
    tensor_offsets: tuple[int, ...]


def read_header(path: Path) -> Header:
    """Read the header of `path`, and nothing of its weights. Raises `NotAModel` or `OSError`."""
    if path.is_dir():
        raise NotAModel("it is a folder, not a model file")
    with path.open("rb", buffering=1 << 20) as file:
        return _Reader(file, path.stat().st_size).header()


@dataclass(slots=True)
class _Reader:
    file: BinaryIO
    size: int
    place: int = 0
    strings: int = 0
    fields: Fields = field(default_factory=dict[str, Scalar | tuple[Scalar, ...]])
    array_lengths: dict[str, int] = field(default_factory=dict[str, int])

    def header(self) -> Header:
        if (magic := self._take(4)) != b"GGUF":
            raise NotAModel(f"it is not a GGUF file: it starts with {magic!r}")
        version = self._number("I")
        if version not in (2, 3):
            raise NotAModel(f"its GGUF version {version} is not supported, or its bytes are swapped")
        tensors, fields = self._count(_ENTRIES_MAX, "tensors"), self._count(_ENTRIES_MAX, "fields")
        for _ in range(fields):
            self._field()
        offsets = tuple(self._tensor_offset() for _ in range(tensors))
        return Header(self.fields, self.array_lengths, self._aligned(), offsets)

    def _field(self) -> None:
        key = self._text()
        if not key or key in self.fields or key in self.array_lengths:
            raise NotAModel(f"its header is damaged: {key!r} is no name for a field, or there are two of it")
        kind = self._number("I")
        if kind == _ARRAY:
            self._array(key)
        elif kind == _STRING:
            if (text := self._text()) is not None:
                self.fields[key] = text
        else:
            self.fields[key] = self._scalar(kind)

    def _array(self, key: str) -> None:
        kind, length = self._number("I"), self._count(_ARRAY_MAX, f"entries of {key}")
        self.array_lengths[key] = length
        if kind == _STRING:
            self._skip_strings(length)
        elif length <= _KEPT_ARRAY_MAX:
            self.fields[key] = tuple(self._scalar(kind) for _ in range(length))
        else:
            self._skip(length * struct.calcsize(self._code(kind)))

    def _skip_strings(self, count: int) -> None:
        self.strings += count
        if self.strings > _STRINGS_MAX:
            raise NotAModel(f"its header is damaged: it announces {self.strings} strings")
        for _ in range(count):
            self._skip(self._number("Q"))

    def _tensor_offset(self) -> int:
        self._skip(self._number("Q"))
        self._skip(8 * self._count(_DIMENSIONS_MAX, "dimensions", "I") + 4)
        return self._number("Q")

    def _aligned(self) -> int:
        alignment = self.fields.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0:
            raise NotAModel(f"its alignment is {alignment}")
        return -(-self.place // alignment) * alignment

    def _count(self, most: int, of: str, code: str = "Q") -> int:
        if (count := self._number(code)) > most:
            raise NotAModel(f"its header is damaged: it announces {count} {of}")
        return count

    def _text(self) -> str | None:
        length = self._number("Q")
        if length > _KEPT_STRING_MAX:
            self._skip(length)
            return None
        return self._take(length).decode("utf-8", "replace")

    def _scalar(self, kind: int) -> int | float:
        code = self._code(kind)
        value: int | float = struct.unpack("<" + code, self._take(struct.calcsize(code)))[0]
        return value

    def _number(self, code: str) -> int:
        return int.from_bytes(self._take(struct.calcsize(code)), "little")

    @staticmethod
    def _code(kind: int) -> str:
        try:
            return _SCALARS[kind]
        except KeyError:
            raise NotAModel(f"its header is damaged: it has a value of type {kind}") from None

    def _take(self, length: int) -> bytes:
        self._advance(length)
        data = self.file.read(length)
        if len(data) < length:
            raise NotAModel("it ends in the middle of its header")
        return data

    def _skip(self, length: int) -> None:
        self._advance(length)
        self.file.seek(self.place)

    def _advance(self, length: int) -> None:
        self.place += length
        if self.place > self.size:
            raise NotAModel("it ends in the middle of its header")
        if self.place > _HEADER_BYTES_MAX:
            raise NotAModel(f"its header is damaged: it goes beyond {_HEADER_BYTES_MAX >> 20} MiB")
