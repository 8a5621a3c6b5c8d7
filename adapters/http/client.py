"""The client that adapters use."""

import json as json_text
import re
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from .address import Address, parse_address
from .failures import BadAnswer, TooLarge
from .lean import LeanTransport
from .limits import CAPS, CONNECTIONS, TIMEOUTS, Caps, Connections, Timeouts
from .port import Answer, Headers, Query, ServerEvent
from .reading import Events, Lines
from .transport import Exchange, Outgoing, Patience, Transport

if TYPE_CHECKING:
    import httpx

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_OURS = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "content-type"}
_ERROR, _REDIRECT, _SWITCHING = 400, 300, 101


class HttpClient:
    """Implements `Http`: requests to one base URL, bounded in every direction.

    `headers` go with every request, to this URL and to no other. `transport` replaces what moves the bytes.
    No cookies are kept. An answer that is encoded (gzip) was not asked for and is refused, because what it
    grows to is not bounded by what was sent. Raises `ValueError` for a URL or header that cannot be.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = TIMEOUTS,
        caps: Caps = CAPS,
        connections: Connections = CONNECTIONS,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._address = parse_address(base_url)
        self._timeouts, self._caps = timeouts, caps
        sent = {"Accept-Encoding": "identity", **_checked(headers or {})}
        self._transport: Transport = (
            LeanTransport(self._address, sent, timeouts, caps, connections)
            if transport is None
            else _over_httpx(self._address, sent, timeouts, transport)
        )

    @property
    def base_url(self) -> str:
        """Where it asks."""
        return self._address.url

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send, and return the whole answer."""
        patience = Patience(None, self._timeouts.total_s if timeout_s is None else timeout_s)
        async with Streamed(self, self._outgoing(method, path, json, query), patience) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        idle_s: float | None = None,
        total_s: float | None = None,
    ) -> "Streamed":
        """Send, and hand out the answer once its headers are there."""
        patience = Patience(self._timeouts.idle_s if idle_s is None else idle_s, total_s)
        return Streamed(self, self._outgoing(method, path, json, query), patience)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def send(self, request: Outgoing, patience: Patience) -> tuple[Exchange, Caps]:
        """Send; refuse an answer that is a redirect or encoded."""
        exchange = await self._transport.send(request, patience)
        try:
            _check(exchange, self.base_url)
        except BaseException:
            await exchange.end()
            raise
        return exchange, self._caps

    def _outgoing(self, method: str, path: str, json: object, query: Query | None) -> Outgoing:
        body = (
            None if json is None else json_text.dumps(json, separators=(",", ":"), allow_nan=False).encode()
        )
        return Outgoing(method, self._address.target(path, query), body)


class Streamed:
    """Implements `StreamedAnswer`, inside of `async with`."""

    def __init__(self, client: HttpClient, request: Outgoing, patience: Patience) -> None:
        self._client, self._request, self._patience = client, request, patience

    async def __aenter__(self) -> "Streamed":
        self._exchange, self._caps = await self._client.send(self._request, self._patience)
        self.status: int = self._exchange.status
        self.headers: Headers = self._exchange.headers
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._exchange.end()

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Its lines, without their ends and without empty ones."""
        lines = Lines(self._caps.line)
        async for piece in self._pieces():
            for line in lines.feed(piece):
                if line:
                    yield line
        if rest := lines.rest():
            yield rest

    async def events(self) -> AsyncGenerator[ServerEvent, None]:
        """Its server-sent events."""
        lines, events = Lines(self._caps.line), Events(self._caps.line)
        async for piece in self._pieces():
            for line in lines.feed(piece):
                if event := events.feed(line):
                    yield event
        for event in (events.feed(lines.rest()), events.end()):
            if event:
                yield event

    async def read(self) -> bytes:
        """All of it; of the body of an error as much as may be."""
        failed = self.status >= _ERROR
        cap = self._caps.error_body if failed else self._caps.body
        pieces: list[bytes] = []
        size = 0
        while size <= cap and (piece := await self._exchange.piece()):
            pieces.append(piece)
            size += len(piece)
        if size > cap and not failed:
            raise TooLarge("body", cap)
        return b"".join(pieces)[:cap]

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        size = 0
        while piece := await self._exchange.piece():
            size += len(piece)
            if size > self._caps.stream:
                raise TooLarge("stream", self._caps.stream)
            yield piece


def _over_httpx(
    address: Address, headers: Mapping[str, str], timeouts: Timeouts, transport: "httpx.AsyncBaseTransport"
) -> Transport:
    # Importing httpx takes 70 ms, and only few need it.
    from .over_httpx import OverHttpx

    return OverHttpx(address, headers, timeouts, transport)


def _check(exchange: Exchange, url: str) -> None:
    if exchange.status >= _ERROR:
        return
    if exchange.status >= _REDIRECT:
        target = _host(exchange.headers.get("location", ""))
        raise BadAnswer(f"{url} answered with a redirect ({exchange.status}{target}), which is not followed")
    if exchange.status == _SWITCHING:
        raise BadAnswer(f"{url} wants to speak another protocol than HTTP")
    encoding = exchange.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadAnswer(f"{url} answered with {encoding[:40]!r} encoding, which was not asked for")


def _host(location: str) -> str:
    """The host that a redirect leads to, without the rest of the URL, which may be secret."""
    host = re.match(r"(?:[a-z]+:)?//(?:[^/?#@]*@)?([^/?#]*)", location, re.IGNORECASE)
    return f" to {host[1][:100]!r}" if host else ""


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"the header {name!r} cannot be set; leave it off")
        # The value may be a key, so it is not shown.
        if _UNSENDABLE.search(value) or value != value.strip():
            raise ValueError(
                f"the value of the header {name!r} has a control character, a character beyond Latin-1, or "
                f"space around it; check for a line's end that was copied along"
            )
    return headers
