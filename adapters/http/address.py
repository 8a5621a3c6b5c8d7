"""Where a provider is, as settings say it."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

_PORTS = {"http": 80, "https": 443}
#: Where clouds keep the secrets of a machine, beyond the link-local 169.254.169.254.
_METADATA = (ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200"))
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
#: What may stand in a path as it is; an escape already made (`%2F`) stays one.
_SAFE = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a base URL; `prefix` is its path, without a slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, in the one way to write it."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def target(self, path: str, query: Mapping[str, str] | None) -> str:
        """What stands in a request's first line; what may not stand in a URL is escaped."""
        target = self.prefix + quote(path, safe=_SAFE)
        return f"{target}?{urlencode(query, quote_via=quote)}" if query else target


def parse_address(url: str) -> Address:
    """Read a base URL. Raises `ValueError` with what is wrong with it and what would be right."""
    if _UNPRINTABLE.search(url):
        raise ValueError(f"{_shown(url)} has a space or control character in it; remove it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise ValueError(f"{_shown(url)} is no URL: {problem}") from problem
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{_shown(url)} has a name or password in it; give the key as a setting of its own")
    if parts.scheme not in _PORTS:
        raise ValueError(f"{url!r} must begin with http:// or https://")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError(f"{_shown(url)} has a query or fragment; leave off what begins with ? or #")
    host = _ascii(parts.hostname or "", url)
    if is_forbidden(host):
        raise ValueError(f"{url!r} leads to {host}, where no provider can be")
    return Address(
        parts.scheme,
        host,
        _PORTS[parts.scheme] if port is None else port,
        quote(parts.path.rstrip("/"), safe=_SAFE),
    )


def is_forbidden(host: str) -> bool:
    """Whether it is an address, and one that is link-local, multicast, or where clouds keep secrets."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_link_local or address.is_multicast or address in _METADATA


def _ascii(host: str, url: str) -> str:
    try:
        return host.encode("ascii" if host.isascii() else "idna").decode("ascii") or _no_host(url)
    except UnicodeError as problem:
        raise ValueError(f"{url!r} names a host that cannot be: {problem}") from problem


def _no_host(url: str) -> str:
    raise ValueError(f"{url!r} names no host; write it like http://127.0.0.1:11434")


def _shown(url: str) -> str:
    """The URL without what may be secret in it."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return repr(re.sub(r"//[^/]*@", "//…@", bare))
