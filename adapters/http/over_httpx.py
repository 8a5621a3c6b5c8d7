"""Any transport of httpx in place of ours: `httpx.MockTransport`, a proxy's, one for HTTP/2."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import httpx

from .address import Address
from .failures import BadAnswer, ConnectFailed, ConnectionBroken, ConnectRefused, HttpFailure, TimedOut, Wait
from .limits import Timeouts
from .port import Headers
from .transport import Outgoing, Patience


class OverHttpx:
    """Sends by `transport`. Its own limits hold beside ours, the one on headers in place of ours."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        transport: httpx.AsyncBaseTransport,
    ) -> None:
        self._address = address
        self._headers = {"Host": address.authority, **headers}
        self._timeouts = timeouts
        self._transport = transport

    async def send(self, request: Outgoing, patience: Patience) -> "HttpxExchange":
        """Send, and return once the headers are there."""
        headers = dict(self._headers)
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        address = self._address
        outgoing = httpx.Request(
            request.method,
            f"{address.scheme}://{address.authority}{request.target}",
            headers=headers,
            content=request.body,
            extensions={
                "timeout": {
                    "pool": self._timeouts.pool_s,
                    "connect": self._timeouts.connect_s,
                    "read": patience.idle_s,
                    "write": patience.idle_s,
                }
            },
        )
        async with _told(address.url, patience, "headers"):
            response = await self._transport.handle_async_request(outgoing)
        return HttpxExchange(response, address.url, patience)

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


class HttpxExchange:
    """An answer of httpx, as ours."""

    def __init__(self, response: httpx.Response, url: str, patience: Patience) -> None:
        self.status = response.status_code
        self.headers: Headers = {name.lower(): value for name, value in response.headers.items()}
        self._response, self._url, self._patience = response, url, patience
        self._pieces: AsyncIterator[bytes] | None = None

    async def piece(self) -> bytes:
        """The next bytes of its body."""
        # Not `aiter_raw`, which would close the response at its end and hide where it is.
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError(f"{type(stream).__name__} is no asynchronous stream")
        self._pieces = self._pieces or aiter(stream)
        async with _told(self._url, self._patience, "idle"):
            async for piece in self._pieces:
                if piece:
                    return piece
        return b""

    async def end(self) -> None:
        """Close the response."""
        await self._response.aclose()


@asynccontextmanager
async def _told(url: str, patience: Patience, wait: Wait) -> AsyncGenerator[None, None]:
    """Keep the total time, and tell failures of httpx in our terms."""
    try:
        async with asyncio.timeout_at(patience.deadline):
            yield
    except TimeoutError as late:
        raise TimedOut("total", patience.total_s or 0.0) from late
    except httpx.TransportError as failure:
        raise _failure(failure, url, patience, wait) from failure


def _failure(failure: httpx.TransportError, url: str, patience: Patience, wait: Wait) -> HttpFailure:
    text = f"{url}: {str(failure) or type(failure).__name__}"
    match failure:
        case httpx.ConnectTimeout():
            return TimedOut("connect", _seconds(failure, "connect"))
        case httpx.PoolTimeout():
            return TimedOut("pool", _seconds(failure, "pool"))
        case httpx.TimeoutException():
            return TimedOut(wait, patience.idle_s or 0.0)
        case httpx.ConnectError():
            refused = any(isinstance(cause, ConnectionRefusedError) for cause in _causes(failure))
            return ConnectRefused(f"nobody listens at {url}") if refused else ConnectFailed(text)
        case httpx.NetworkError():
            return ConnectionBroken(text, answered=wait == "idle")
        case httpx.RemoteProtocolError() if "disconnected" in str(failure) or "closed" in str(failure):
            return ConnectionBroken(text, answered=wait == "idle")
        case _:
            return BadAnswer(text)


def _seconds(failure: httpx.TimeoutException, of: str) -> float:
    timeouts: Mapping[str, float | None] = failure.request.extensions["timeout"]
    return timeouts[of] or 0.0


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """The failure, and whatever caused it."""
    pending: list[BaseException | None] = [failure]
    while pending:
        if (cause := pending.pop()) is not None:
            yield cause
            pending += [cause.__cause__ or cause.__context__]
            if isinstance(cause, BaseExceptionGroup):
                pending.extend(cast(BaseExceptionGroup[BaseException], cause).exceptions)
