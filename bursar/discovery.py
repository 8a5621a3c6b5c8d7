"""Providers that answer at their default ports on this machine."""

import asyncio
import ipaddress
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .adapters.http.client import HttpClient
from .adapters.http.failures import ConnectRefused, HttpFailure, TimedOut
from .adapters.http.limits import Timeouts
from .recognising import CAPS, NAMES, Kind, Recognised, recognise
from .settings.addresses import url as read_url
from .settings.quantities import Refused

#: All that looking for providers may take; they are asked at once.
SECONDS = 1.0
#: Where Ollama's own programs look for it.
OLLAMA_HOST = "OLLAMA_HOST"

_OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look, and for whom; whoever is not the first is spoken to in OpenAI's protocol."""

    url: str
    kinds: tuple[Kind, ...]
    #: What says so.
    source: str = "its default port"


@dataclass(frozen=True, slots=True)
class Found:
    """A provider that was looked for."""

    prefix: str
    url: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Somebody who answers, or was to be looked for, and is not used."""

    url: str
    reason: str


PLACES = (
    Place(f"http://127.0.0.1:{_OLLAMA_PORT}", ("ollama",)),
    Place("http://127.0.0.1:1234", ("lmstudio",)),
    Place("http://127.0.0.1:8080", ("llamacpp", "llama-swap", "localai", "openai")),
    Place("http://127.0.0.1:8000", ("vllm", "openai")),
)


async def discover(
    wanted: Collection[str],
    taken: Iterable[str] = (),
    places: Iterable[Place] = PLACES,
    seconds: float = SECONDS,
) -> tuple[list[Found], list[Ignored]]:
    """Who of the wanted providers answers within so long; addresses in `taken` are not asked."""
    found: list[Found] = []
    ignored: list[Ignored] = []
    known = {_authority(url) for url in taken}
    named = [_as_ollama_has_it(place, ignored) for place in places if place.kinds[0] in wanted]
    asked = [place for place in named if _authority(place.url) not in known]
    for result in await asyncio.gather(*(_look(place, seconds) for place in asked)):
        if isinstance(result, Found):
            found.append(result)
        elif result is not None:
            ignored.append(result)
    return found, ignored


def ollama_url(host: str) -> str:
    """The URL that `OLLAMA_HOST` means to Ollama's own client. Raises `Refused`."""
    scheme, separator, rest = host.strip().strip("\"'").partition("://")
    if not separator:
        scheme, rest = "http", host.strip().strip("\"'")
    rest, _, path = rest.partition("/")
    default = _OLLAMA_PORT if not separator else {"http": 80, "https": 443}.get(scheme, _OLLAMA_PORT)
    name, port = _split(rest, default)
    if name in ("", "0.0.0.0", "::"):  # noqa: S104 - to listen at; where that is, 127.0.0.1 answers
        name = "127.0.0.1"
    shown = f"[{name}]" if ":" in name else name
    return read_url(f"{scheme}://{shown}:{port}{'/' if path else ''}{path}")


def _split(authority: str, default: int) -> tuple[str, str | int]:
    try:
        return str(ipaddress.ip_address(authority.strip("[]"))), default
    except ValueError:
        name, colon, port = authority.rpartition(":")
    return (name.strip("[]"), port) if colon else (port, default)


def _as_ollama_has_it(place: Place, ignored: list[Ignored]) -> Place:
    """The place that the variable names, for Ollama and if it names one."""
    host = os.environ.get(OLLAMA_HOST, "") if place.kinds[0] == "ollama" else ""
    if not host.strip():
        return place
    try:
        return Place(ollama_url(host), place.kinds, OLLAMA_HOST)
    except Refused as refused:
        ignored.append(Ignored(OLLAMA_HOST, f"what the variable says {refused.problem}"))
        return place


async def _look(place: Place, seconds: float) -> Found | Ignored | None:
    """Ask whoever is there; None where nobody is."""
    http = HttpClient(place.url, timeouts=Timeouts(connect_s=seconds, total_s=seconds), caps=CAPS)
    try:
        async with asyncio.timeout(seconds):
            recognised = await recognise(http, place.kinds)
    except ConnectRefused:
        named = place.source == OLLAMA_HOST
        return Ignored(place.url, f"{OLLAMA_HOST} names it, and nobody listens there") if named else None
    except (TimeoutError, TimedOut):
        return Ignored(place.url, f"it did not say within {seconds:g} s who it is")
    except HttpFailure as failure:
        return Ignored(place.url, str(failure))
    finally:
        await http.close()
    return _judged(place, recognised)


def _judged(place: Place, recognised: Recognised | None) -> Found | Ignored:
    looked_for = NAMES[place.kinds[0]]
    if recognised is None:
        why = "whose default port that is" if place.source != OLLAMA_HOST else f"which {OLLAMA_HOST} names"
        return Ignored(place.url, f"it is not {looked_for}, {why}")
    kind = recognised.kind
    if kind == "openai":
        remedy = "to use it, name it in the settings: providers.openai.<name>.url"
        return Ignored(place.url, f"it is {NAMES[kind]} and not {looked_for}; {remedy}")
    if recognised.wants_key:
        remedy = f"set providers.{kind}.url and providers.{kind}.key"
        return Ignored(place.url, f"it is {NAMES[kind]} and wants a key: {remedy}")
    if kind == place.kinds[0]:
        return Found(kind, place.url, place.source)
    return Found(f"openai:{kind}", place.url, place.source, f"it is {NAMES[kind]}, used as any OpenAI server")


def _authority(url: str) -> tuple[str, int | None]:
    """Host and port; all names of this machine are one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return ("127.0.0.1" if host in ("localhost", "::1") else host), port
