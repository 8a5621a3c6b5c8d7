"""HTTP/1.1 answers out of bytes (RFC 9112), strict where leniency could make two answers of one."""

import re

from .failures import BadAnswer, ConnectionBroken, TooLarge

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [^\r\n]*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
#: The size of a chunk and its extensions, which nobody uses.
_CHUNK_LINE_BYTES_MAX = 4096
_BODILESS = (204, 304)
_CONTINUE, _SWITCHING, _OK = 100, 101, 200


class Parser:
    """Reads one answer to `method`, whose headers have at most `cap` bytes, trailers included.

    Raises `BadAnswer` and `TooLarge`; the connection is good for nothing then.
    """

    def __init__(self, method: str, cap: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        #: The headers of the final answer are there.
        self.begun = False
        #: All of it is there.
        self.done = False
        #: Once done: another request may follow on the same connection.
        self.reusable = False
        self._method, self._cap = method, cap
        self._rest: bytes = b""
        self._header_bytes = 0
        #: Of the body, or of the chunk; None for a body that ends with the connection.
        self._left: int | None = 0
        self._chunked = False
        self._expected = "size"

    def feed(self, data: bytes) -> bytes:
        """Take what came; return what it has of the body."""
        if self.begun:
            return self._body(data)
        data = self._rest + data
        while True:
            # A server that ends lines otherwise would be waited for in vain.
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                self._check_beginning(data)
                return b""
            self._header_bytes += end + 4
            self._check_size(0)
            begun = self._head(data[:end])
            data = data[end + 4 :]
            if begun:
                self._rest = b""
                return self._body(data) if data else b""

    def end(self) -> None:
        """The connection has ended. Raises `ConnectionBroken` unless that is how the body ends."""
        if self.begun and not self.done and self._left is None:
            self.done = True
        if not self.done:
            where = "in the middle of its answer" if self.begun else "before its answer"
            raise ConnectionBroken(
                f"it closed the connection {where}", answered=bool(self.status or self._rest)
            )

    def _check_beginning(self, data: bytes) -> None:
        self._check_size(len(data))
        if not data.startswith(b"HTTP/1."[: len(data)]):
            raise BadAnswer(f"it does not speak HTTP/1.1; it began with {data[:40]!r}")
        if b"\n\n" in data:
            raise BadAnswer("its headers end lines otherwise than with CR LF")

    def _check_size(self, pending: int) -> None:
        if self._header_bytes + pending > self._cap:
            raise TooLarge("headers", self._cap)

    def _head(self, head: bytes) -> bool:
        """Read a head; return whether it is the final one. Interim answers (1xx) are passed over."""
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise BadAnswer(f"it does not speak HTTP/1.1; it began with {first[:40]!r}")
        self.headers = _headers(lines)
        self.status = int(status[2])
        if _CONTINUE <= self.status < _OK and self.status != _SWITCHING:
            return False
        self.begun = True
        self._frame(status[1] == b"1")
        return True

    def _frame(self, modern: bool) -> None:
        """Find out how the body ends (RFC 9112 §6.3)."""
        headers = self.headers
        options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
        self.reusable = modern and "close" not in options
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if self._method == "HEAD" or self.status in _BODILESS or self.status == _SWITCHING:
            self.done = True
            self.reusable = self.reusable and self.status != _SWITCHING
        elif coding is not None:
            if coding.lower() != "chunked" or length is not None or not modern:
                raise BadAnswer(f"it frames its answer in two ways or an unknown one: {coding[:40]!r}")
            self._chunked = True
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise BadAnswer(f"its Content-Length is {length[:40]!r}")
            self._left = int(length)
            self.done = self._left == 0
        else:
            self._left = None
            self.reusable = False

    def _body(self, data: bytes) -> bytes:
        if self._chunked and not self.done:
            return self._chunks(data)
        if self._left is None:
            return data
        body = data[: self._left]
        self._left -= len(body)
        self.done = self._left == 0
        if len(data) > len(body):
            # Whose answer would that be?
            self.reusable = False
        return body

    def _chunks(self, data: bytes) -> bytes:
        data, self._rest = self._rest + data, b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.done:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._rest = data[at:]
                self._check_chunk_line(self._rest)
                break
            self._chunk_line(data[at:end])
            at = end + 2
        if self.done and at < len(data):
            self.reusable = False
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _chunk_line(self, line: bytes) -> None:
        """A line between the data: a size, the empty line after a chunk, or a trailer."""
        self._check_chunk_line(line)
        if self._expected == "gap":
            if line:
                raise BadAnswer("a chunk of its answer is longer than it says")
            self._expected = "size"
        elif self._expected == "size":
            size = _CHUNK.fullmatch(line)
            if size is None:
                raise BadAnswer(f"a chunk of its answer has the size {line[:40]!r}")
            self._left = int(size[1], 16)
            self._expected = "gap" if self._left else "trailer"
        elif line:
            # What a trailer says came too late to matter.
            self._header_bytes += len(line) + 2
            self._check_size(0)
        else:
            self.done = True

    def _check_chunk_line(self, line: bytes) -> None:
        if self._expected == "trailer":
            self._check_size(len(line))
        elif len(line) > _CHUNK_LINE_BYTES_MAX or (self._expected == "gap" and line not in {b"", b"\r"}):
            raise BadAnswer(f"a chunk of its answer is not framed as it should: {line[:40]!r}")


def _headers(lines: list[bytes]) -> dict[str, str]:
    """By name in lower case; those that come twice become a list, as RFC 9110 §5.3 has it."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not _NAME.fullmatch(name) or "\n" in value or "\r" in value or "\0" in value:
            raise BadAnswer(f"one of its headers is {line[:40]!r}")
        name, value = name.lower(), value.strip(" \t")
        if name in headers:
            if name == "content-length":
                raise BadAnswer("it says twice how long its answer is")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers
