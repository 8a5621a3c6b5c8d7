"""How a connection comes to be: the name resolved once, its addresses looked at, TLS where it is due."""

import asyncio
import ipaddress
import socket
import ssl

from .address import Address, is_forbidden
from .failures import ConnectFailed, ConnectRefused
from .transport import Patience


class Connector:
    """Connects to one address."""

    def __init__(self, address: Address, connect_s: float) -> None:
        self._address, self._connect_s = address, connect_s
        self._context: ssl.SSLContext | None = None

    async def connect(self, protocol: asyncio.Protocol, patience: Patience) -> None:
        """Give `protocol` a connection. Raises `ConnectRefused`, `ConnectFailed` or `TimedOut`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(patience.until(loop.time(), self._connect_s)):
                await self._connect(protocol)
        except TimeoutError as late:
            raise patience.over(loop.time(), "connect", self._connect_s) from late

    async def _connect(self, protocol: asyncio.Protocol) -> None:
        address = self._address
        tls = await self._tls() if address.scheme == "https" else None
        problems: list[OSError] = []
        for host in await self._resolve():
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: protocol,
                    host,
                    address.port,
                    ssl=tls,
                    server_hostname=address.host if tls else None,
                )
            except OSError as problem:
                problems.append(problem)
            else:
                return
        if any(isinstance(problem, ConnectionRefusedError) for problem in problems):
            raise ConnectRefused(f"nobody listens at {address.url}") from problems[-1]
        raise ConnectFailed(f"{address.url} cannot be reached: {problems[-1]}") from problems[-1]

    async def _resolve(self) -> list[str]:
        """Its addresses. We connect to what was looked at: asked again, a name may stand for another."""
        address = self._address
        try:
            ipaddress.ip_address(address.host)
        except ValueError:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(
                    address.host, address.port, type=socket.SOCK_STREAM
                )
            except OSError as problem:
                raise ConnectFailed(f"the name in {address.url} is not known: {problem}") from problem
            hosts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        else:
            hosts = [address.host]
        for host in hosts:
            if is_forbidden(host):
                raise ConnectFailed(f"{address.url} leads to {host}, where no provider can be")
        return hosts

    async def _tls(self) -> ssl.SSLContext:
        # Reading the machine's certificates takes some 20 ms.
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        return self._context
