"""How long a request may take, and how large its answer may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, for requests that bring none of their own."""

    #: Until one of the pool's connections is free.
    pool_s: float = 60
    #: Until a new connection stands, names and certificates included.
    connect_s: float = 10
    #: Streams: from the request to the last of the headers, then from one piece of the answer to the next.
    idle_s: float = 300
    #: Whole answers: from the call to the last byte.
    total_s: float = 60


@dataclass(frozen=True, slots=True)
class Caps:
    """Bytes that an answer may have."""

    #: Status line and headers, those of interim answers included.
    headers: int = 64 << 10
    #: A line of a stream; the data of one of its events.
    line: int = 1 << 20
    #: A whole answer.
    body: int = 64 << 20
    #: The answer to a request that failed; it is cut there, and that is no failure.
    error_body: int = 64 << 10
    #: A stream.
    stream: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Connections:
    """How many there are, and for how long."""

    #: At a time, those kept for later included.
    most: int = 128
    #: Requests that wait for one.
    waiting: int = 1024
    #: How long one is kept for the next request; servers close theirs after five seconds, or more.
    spare_s: float = 4


TIMEOUTS, CAPS, CONNECTIONS = Timeouts(), Caps(), Connections()
