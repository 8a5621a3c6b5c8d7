"""What an adapter asks of HTTP: short answers as a whole, long ones line by line; all of it bounded."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from .failures import BadAnswer

Headers = Mapping[str, str]
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `BadAnswer`."""
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise BadAnswer(f"its answer is not JSON: {self.body[:200]!r}") from problem


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event; `event` is empty where the server named none."""

    event: str
    data: bytes


class StreamedAnswer(Protocol):
    """An answer that is still coming; only one of its methods may be used, inside of the block.

    Read to its end, its connection serves the next request; left before, it is closed.
    """

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    def lines(self) -> AsyncGenerator[bytes, None]:
        """Its lines, without their ends and without empty ones."""
        ...

    def events(self) -> AsyncGenerator[ServerEvent, None]:
        """Its server-sent events; comments are left out, but show that the server lives.

        A line of JSON that is not in the form of an event counts as one: some servers send that. Of the last
        event the empty line may be missing.
        """
        ...

    async def read(self) -> bytes:
        """All of it; of an answer whose status says error, what its cap allows."""
        ...


class Http(Protocol):
    """Requests to one base URL. No redirects are followed and no environment is read.

    Every method raises subclasses of `HttpFailure`. A status that says error is an answer, no failure.
    Cancelling a request closes its connection, which is how a provider hears that nobody waits any more.
    A path begins with a slash. What may not stand in a URL is escaped; escapes that it has (`%2F`) are kept.
    """

    @property
    def base_url(self) -> str: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send, and return the whole answer. `timeout_s` is for all of it; None for the client's default."""
        ...

    def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        idle_s: float | None = None,
        total_s: float | None = None,
    ) -> AbstractAsyncContextManager[StreamedAnswer]:
        """Send, and hand out the answer once its headers are there.

        `idle_s`: at most this long without a byte, the headers included (None for the client's default).
        `total_s`: at most this long in all (None for no such limit). Leaving the block ends the answer.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
