"""What a client has inside, for tests of its bounds to look at."""

# What is bounded is nobody's business but its owner's, and this is about it.
# pyright: reportPrivateUsage=false

import asyncio
from collections.abc import Callable

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.connection import Connection
from bursar.adapters.http.lean import LeanTransport


def transport_of(client: HttpClient) -> LeanTransport:
    assert isinstance(client._transport, LeanTransport)
    return client._transport


def connection_of(client: HttpClient) -> Connection:
    (connection,) = transport_of(client)._all
    return connection


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until it holds."""
    while not condition():
        await asyncio.sleep(0)
