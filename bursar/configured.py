"""Which providers there are: those that the settings name, and those that were found."""

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import psutil

from .adapters.logs import get_logger
from .adapters.providers.timeouts import ProviderTimeouts
from .discovery import PLACES, Found, Ignored, Place, discover
from .domain.errors import SettingsInvalid
from .domain.models.values import REMOTE
from .domain.ports import Provider
from .settings import Settings
from .settings.addresses import key_in
from .settings.quantities import Refused
from .settings.servers import Llama, LlamaCpp, LmStudio, Ollama, OpenAI, Server, Vllm
from .settings.variables import variables

_log = get_logger("bursar.providers")


@dataclass(frozen=True, slots=True)
class Site:
    """A provider that is to be used."""

    prefix: str
    #: Its URL, or the folder of the embedded one.
    place: str
    #: How it is known: `settings`, a variable, or what it was found at.
    source: str
    server: Server
    note: str = ""

    @property
    def setting(self) -> str:
        """Where its settings are: `providers.openai.lab`."""
        return f"providers.{self.prefix.replace(':', '.')}"

    @property
    def variable(self) -> str:
        """What its settings are called in the environment."""
        return f"BURSAR_PROVIDERS__{self.prefix.replace(':', '__').upper()}"


@dataclass(frozen=True, slots=True)
class Sites:
    """All of them, and who answered and is not used."""

    there: tuple[Site, ...]
    ignored: tuple[Ignored, ...] = ()


async def find_sites(settings: Settings, places: Iterable[Place] | None = None) -> Sites:
    """What the settings name, and if they allow it what answers at the default ports."""
    named = list(_named(settings))
    servers = settings.providers.servers
    wanted = [prefix for prefix, server in servers.items() if server.enabled and server.url is None]
    if not settings.providers.discover:
        return Sites(tuple(named))
    taken = [site.place for site in named]
    found, ignored = await discover(wanted, taken, PLACES if places is None else places)
    for one in found:
        if one.prefix in servers and one.prefix not in wanted:
            ignored.append(
                Ignored(one.url, f"another one is {one.prefix} in the settings; give it a name, too")
            )
        else:
            named.append(_site(one, servers.get(one.prefix, OpenAI())))
    return Sites(tuple(named), tuple(ignored))


def _named(settings: Settings) -> Iterator[Site]:
    from_environment = variables()
    llama = settings.providers.llama
    if llama.folder is not None:
        variable = from_environment.get(("providers", "llama", "folder"))
        yield Site("llama", str(llama.folder), variable or "settings", Server())
    for prefix, server in settings.providers.servers.items():
        if server.enabled and server.url is not None:
            variable = from_environment.get(("providers", *prefix.split(":"), "url"))
            yield Site(prefix, server.url, variable or "settings", server)


def _site(found: Found, server: Server) -> Site:
    return Site(found.prefix, found.url, found.source, server, found.note)


def build(site: Site, settings: Settings, journal: Path) -> Provider:
    """The provider at a site; nothing is asked of it. Raises `SettingsInvalid` for an unreadable key."""
    if site.prefix == "llama":
        return _embedded(Path(site.place), settings.providers.llama, journal)
    times = site.server.timeouts
    options: _Options = {
        "name": site.prefix,
        "key": _key(site),
        "gpu": device(site),
        "timeouts": ProviderTimeouts(
            status_s=times.status, load_s=times.load, unload_s=times.unload, idle_s=times.idle
        ),
    }
    return _adapter(site, options)


def _embedded(folder: Path, llama: Llama, journal: Path) -> Provider:
    from .adapters.providers.llama import LlamaProvider

    return LlamaProvider(
        folder,
        journal.with_name(journal.name + ".run"),
        context_tokens=llama.context_tokens,
        slots=llama.slots,
        threads=llama.threads,
        orphan_grace_s=llama.orphan_grace,
    )


class _Options(TypedDict):
    """What every adapter over HTTP is told."""

    name: str
    key: str | None
    gpu: str | None
    timeouts: ProviderTimeouts


def _adapter(site: Site, options: _Options) -> Provider:
    server = site.server
    match server:
        case Ollama():
            from .adapters.providers.ollama import OllamaProvider

            tokens, slots, kv_type = server.context_tokens, server.slots, server.kv_type
            return OllamaProvider(site.place, context_tokens=tokens, slots=slots, kv_type=kv_type, **options)
        case LmStudio():
            from .adapters.providers.lmstudio import LmStudioProvider

            tokens, ttl_s = server.context_tokens, round(server.ttl)
            return LmStudioProvider(site.place, context_tokens=tokens, ttl_s=ttl_s, **options)
        case LlamaCpp():
            from .adapters.providers.llamacpp import LlamaCppServer

            return LlamaCppServer(site.place, **options)
        case Vllm():
            return _vllm(site.place, server, options)
        case OpenAI():
            from .adapters.providers.openai import OpenAIProvider

            tokens, slots = server.context_tokens, server.slots
            return OpenAIProvider(site.place, context_tokens=tokens, slots=slots, **options)
        case _:
            raise TypeError(f"{site.prefix} is no provider that is asked over HTTP")


def _vllm(url: str, server: Vllm, options: _Options) -> Provider:
    from .adapters.providers.vllm import VllmProvider

    return VllmProvider(
        url,
        context_tokens=server.context_tokens,
        slots=server.slots,
        reserved_bytes=server.reserved,
        sleep_level=server.sleep_level,
        **options,
    )


def _key(site: Site) -> str | None:
    server = site.server
    if server.key_file is None:
        return server.key.get_secret_value() if server.key else None
    try:
        key = key_in(server.key_file)
        if server.key_file.stat().st_mode & 0o077:
            _log.warning("others can read the key: chmod 600 it", provider=site.prefix, file=server.key_file)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        remedy = "Write the path of a file that holds the key."
    except Refused as refused:
        problem, remedy = f"holds a key that {refused.problem}", f"It holds {refused.allowed}."
    else:
        return key.get_secret_value()
    path = f"{site.setting}.key_file"
    raise SettingsInvalid(path=path, problem=problem, given=str(server.key_file), remedy=remedy)


def device(site: Site) -> str | None:
    """What the provider's models take memory of; None for main memory."""
    if site.server.gpu != "auto":
        return None if site.server.gpu == "ram" else site.server.gpu
    if not _is_here(urlsplit(site.place).hostname or ""):
        return REMOTE
    return first_gpu()


def first_gpu() -> str | None:
    """The graphics device that a provider on this machine uses, as far as anybody can tell."""
    from .adapters.sensors.nvml import Nvml

    gpus = Nvml()
    try:
        return next((device.device for device in gpus.read()), None)
    finally:
        gpus.close()


def _is_here(host: str) -> bool:
    """Whether a host is this machine, by its names and the addresses of its interfaces."""
    if host == "localhost" or host.endswith(".localhost") or host == socket.gethostname().lower():
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    own = (one.address.split("%")[0] for each in psutil.net_if_addrs().values() for one in each)
    return address.is_loopback or str(address) in own
