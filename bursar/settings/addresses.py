"""How providers are named, reached and opened: callables that read a value or raise `Refused`."""

import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from .quantities import Refused

_URL_LENGTH_MAX = 2048
_KEY_LENGTH_MAX = 4096
#: A key file is read as far as this, and holds one line.
_KEY_FILE_BYTES_MAX = _KEY_LENGTH_MAX + 2
_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_DEVICE = re.compile(r"gpu[0-9]{1,3}")


def url(value: object) -> str:
    """The base URL of a provider, without a slash or `/v1` at its end: adapters know their paths."""
    allowed = 'a URL such as "http://127.0.0.1:11434"'
    if not isinstance(value, str):
        raise Refused("is not a URL", allowed)
    text = value.strip()
    if not text.isprintable() or not text.isascii() or " " in text or len(text) > _URL_LENGTH_MAX:
        raise Refused("is malformed", allowed)
    try:
        parts = urlsplit(text)
        _check(parts, text, allowed)
    except ValueError as problem:
        if isinstance(problem, Refused):
            raise
        raise Refused("is malformed", allowed) from None
    return f"{parts.scheme}://{parts.netloc.lower()}{re.sub('(/v1)?/*$', '', parts.path)}"


def _check(parts: SplitResult, text: str, allowed: str) -> None:
    if parts.scheme not in ("http", "https") or not text.lower().startswith(f"{parts.scheme}://"):
        raise Refused("begins neither with http:// nor with https://", allowed)
    if "@" in parts.netloc:
        raise Refused("has a name or password in it", f"{allowed}, and what opens it as `key`")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Refused("has a query or fragment", allowed)
    if not parts.hostname or parts.port == 0:
        raise Refused("names no host or port", allowed)
    _refuse_nobodys(parts.hostname, allowed)


def _refuse_nobodys(host: str, allowed: str) -> None:
    """Addresses at which no provider is, and those at which clouds hand out their keys."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if address.is_unspecified:
        raise Refused("is an address to listen at, not one to call", allowed)
    if address.is_link_local or address.is_multicast:
        raise Refused("is a link-local or multicast address", allowed)


def shown(value: object) -> str:
    """A URL without what may be secret in it, whatever else may be wrong with it."""
    bare = re.split(r"[?#]", str(value), maxsplit=1)[0]
    return repr(re.sub(r"//.*@", "//…@", bare))


def key(value: object) -> SecretStr:
    """What opens a provider: one line of printable ASCII."""
    allowed = "the key as text, one line of printable ASCII"
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        raise Refused("is not a key", allowed)
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Refused("is malformed", allowed)
    if len(text) > _KEY_LENGTH_MAX:
        raise Refused("is too long for a key", allowed)
    return SecretStr(text)


def key_in(path: Path) -> SecretStr:
    """The key that a file holds. Raises OSError or `Refused`."""
    with path.open("rb") as file:
        content = file.read(_KEY_FILE_BYTES_MAX + 1)
    try:
        return key(content.decode("ascii"))
    except UnicodeDecodeError:
        raise Refused("is malformed", "the key as text, one line of printable ASCII") from None


def provider(value: object) -> str:
    """The name that a user gives to a provider."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 64:
        raise Refused("is no name for a provider", 'a name such as "lab" or "lab-2", in small letters')
    return value


def device(value: object) -> str:
    """Where models are held: a graphics device, main memory, another machine, or whichever it is."""
    if not isinstance(value, str) or not (value in ("auto", "ram", "remote") or _DEVICE.fullmatch(value)):
        raise Refused("is no device", '"auto", "ram", "remote", or a graphics device such as "gpu0"')
    return value
