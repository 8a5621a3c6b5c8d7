"""Lines and server-sent events from pieces of a stream. Bytes only: a character may lie in two pieces."""

from .failures import TooLarge
from .port import ServerEvent

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Cuts at LF, CR LF and CR, wherever a piece ends. Raises `TooLarge` for a line of over `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        #: Of the line that has no end yet; joined once it has, so that many small pieces cost no squares.
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._after_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_return = False
        if not piece:
            return []
        self._after_return = piece.endswith(b"\r")
        # Only then can a line be too long; most pieces need not be looked through for one.
        long = self._begun_bytes + len(piece) > self._cap
        lines = piece.splitlines()
        ended = piece.endswith((b"\n", b"\r"))
        rest = b"" if ended else lines.pop()
        if lines and self._begun:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun, self._begun_bytes = [], 0
        if rest:
            self._begun.append(rest)
            self._begun_bytes += len(rest)
        if long and max([self._begun_bytes, *map(len, lines)]) > self._cap:
            raise TooLarge("line", self._cap)
        return lines

    def rest(self) -> bytes:
        """What stands after the last end of a line."""
        return b"".join(self._begun)


class Events:
    """Reads server-sent events as the HTML standard says (§9.2.6), out of lines.

    Two things are more lenient: what the last event lacks of its end is forgiven, and a line that begins
    like an object of JSON is an event. Raises `TooLarge` when an event has more data than `cap` bytes.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._event = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._first = True

    def feed(self, line: bytes) -> ServerEvent | None:
        """The event that this line completes, if it does."""
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self.end()
        if line.startswith(b"{"):
            return ServerEvent("", line)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            if self._data_bytes > self._cap + 1:
                raise TooLarge("line", self._cap)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        return None

    def end(self) -> ServerEvent | None:
        """The event that has begun, if one has."""
        event = ServerEvent(self._event, b"\n".join(self._data)) if self._data else None
        self._event, self._data, self._data_bytes = "", [], 0
        return event
