"""What can go wrong with a request, in terms of HTTP; adapters translate it into errors of the domain."""

from typing import Literal

#: Where time was spent: on the connection, on the first byte of the answer, between two of its bytes, in all.
Wait = Literal["pool", "connect", "headers", "idle", "total"]
#: What was larger than it may be.
Part = Literal["headers", "line", "body", "stream"]


_LATE: dict[Wait, str] = {
    "pool": "none of the connections was free",
    "connect": "no connection came about",
    "headers": "no answer began",
    "idle": "nothing more of the answer came",
    "total": "the answer was not complete",
}


class HttpFailure(Exception):
    """Base of them; the text says what happened, without the URL's secrets."""


class ConnectRefused(HttpFailure):
    """Nobody listens there."""


class ConnectFailed(HttpFailure):
    """No connection came about: no such host, no route, no TLS."""


class ConnectionBroken(HttpFailure):
    """The connection ended before the answer did."""

    def __init__(self, text: str, *, answered: bool) -> None:
        super().__init__(text)
        #: Whether a byte of an answer had come.
        self.answered = answered


class TimedOut(HttpFailure):
    """It took longer than it may."""

    def __init__(self, wait: Wait, seconds: float) -> None:
        super().__init__(f"{_LATE[wait]} within {seconds:g} s")
        self.wait = wait
        self.seconds = seconds


class TooLarge(HttpFailure):
    """The answer is larger than it may be."""

    def __init__(self, part: Part, limit: int) -> None:
        super().__init__(f"its {part} is longer than {limit} bytes")
        self.part = part
        self.limit = limit


class BadAnswer(HttpFailure):
    """The answer is not HTTP, not what was asked for, or a redirect."""
