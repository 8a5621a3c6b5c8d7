"""Asking each provider how it is: all at once, and none for longer than a few seconds."""

import asyncio
import time
from collections.abc import Awaitable, Sized
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from ..adapters.http.client import HttpClient
from ..adapters.http.failures import HttpFailure
from ..adapters.http.limits import Timeouts
from ..configured import Site, Sites, build
from ..domain.errors import BursarError, SettingsInvalid
from ..domain.ports import Provider
from ..domain.providers.values import Probe
from ..recognising import CAPS, NAMES, Kind, recognise
from ..settings import Settings
from .findings import ProviderFinding
from .managing import joined, notes_of_manager
from .remedies import remedy

#: For everything that one provider is asked.
SECONDS = 10.0
#: For finding out who else it may be.
_WHO_SECONDS = 1.0
#: Servers that bursar knows more of than that they speak OpenAI's protocol.
_OWN: tuple[Kind, ...] = ("ollama", "lmstudio", "llamacpp", "vllm")


async def ask_all(
    sites: Sites, settings: Settings, journal: Path, seconds: float = SECONDS
) -> tuple[ProviderFinding, ...]:
    """What each answers, and what a manager that runs says of it; those switched off are not asked."""
    asked = await asyncio.gather(*(_ask(site, settings, journal, seconds) for site in sites.there))
    said = notes_of_manager(journal)
    noted = (replace(one, note=joined(one.note, said.get(one.name, ""))) for one in asked)
    return (*noted, *_switched_off(settings))


def _switched_off(settings: Settings) -> list[ProviderFinding]:
    servers = settings.providers.servers
    return [
        ProviderFinding(name, server.url or "", "settings", enabled=False)
        for name, server in servers.items()
        if not server.enabled
    ]


async def _ask(site: Site, settings: Settings, journal: Path, seconds: float) -> ProviderFinding:
    try:
        provider = build(site, settings, journal)
    except SettingsInvalid as error:
        return _finding(site, Probe(reachable=False, code=error.code, cause=str(error)))
    started = time.perf_counter()
    probe = Probe(reachable=False, code="PROVIDER_TIMEOUT", cause=f"it said nothing within {seconds:g} s")
    latency_ms = installed = loaded = None
    try:
        async with asyncio.timeout(seconds):
            probe = await provider.probe()
            latency_ms = (time.perf_counter() - started) * 1000
            if probe.reachable and not probe.code:
                installed = await _number(provider.catalogue())
                loaded = await _number(provider.resident()) if _knows_what_is_loaded(site, probe) else None
    except TimeoutError:
        pass
    except BursarError as error:
        probe = Probe(reachable=False, code=error.code, cause=str(error))
    finally:
        await _close(provider)
    return _finding(
        site,
        probe,
        latency_ms=latency_ms,
        installed=installed,
        loaded=loaded,
        found=await _who_is_there(site, probe),
    )


async def _number(asked: Awaitable[Sized]) -> int | None:
    """How many there are; None where it cannot say."""
    try:
        return len(await asked)
    except BursarError:
        return None


def _knows_what_is_loaded(site: Site, probe: Probe) -> bool:
    """The models of the embedded one are its manager's, and of others residency may only be assumed."""
    return site.prefix != "llama" and (probe.capabilities.load or probe.capabilities.measure_memory)


async def _close(provider: Provider) -> None:
    with suppress(BursarError):
        await provider.close()


async def _who_is_there(site: Site, probe: Probe) -> Kind | None:
    """Who answers at the address, where that may be somebody else, or somebody bursar knows better."""
    if site.prefix == "llama" or "nobody listens" in probe.cause or probe.code == "PROVIDER_TIMEOUT":
        return None
    generic = site.prefix.startswith("openai:")
    if not probe.code and not generic:
        return None
    http = HttpClient(site.place, timeouts=Timeouts(connect_s=_WHO_SECONDS, total_s=_WHO_SECONDS), caps=CAPS)
    try:
        async with asyncio.timeout(_WHO_SECONDS):
            found = await (recognise(http, _OWN) if generic else recognise(http))
    except (TimeoutError, HttpFailure):
        return None
    finally:
        await http.close()
    return None if found is None or found.kind == site.prefix else found.kind


def _finding(
    site: Site,
    probe: Probe,
    *,
    latency_ms: float | None = None,
    installed: int | None = None,
    loaded: int | None = None,
    found: Kind | None = None,
) -> ProviderFinding:
    code, cause, note = probe.code, probe.cause, joined(site.note, probe.note)
    if site.prefix == "llama" and not code:
        code, cause = _embedded(Path(site.place))
    # Somebody bursar has more to say to than that: no error, or none of the address.
    better = found if not code or code == "PROVIDER_AUTH_FAILED" else None
    if better in _OWN:
        note = joined(note, f"it is {NAMES[better]}: as providers.{better} bursar could do more with it")
    return ProviderFinding(
        name=site.prefix,
        place=site.place,
        source=site.source,
        reachable=probe.reachable,
        version=probe.version,
        latency_ms=None if latency_ms is None else round(latency_ms, 1),
        capabilities=probe.capabilities.names,
        lacks=dict(sorted(probe.lacks.items())),
        installed=installed,
        loaded=loaded,
        note=note,
        code=code,
        cause=cause,
        remedy=remedy(site, code, cause, None if better else found) if code else "",
    )


def _embedded(folder: Path) -> tuple[str, str]:
    """What is wrong with the embedded llama.cpp: code and cause."""
    if find_spec("xllamacpp") is None:
        return "UNSUPPORTED", "its engine is not installed: pip install 'bursar[llama]'"
    if not folder.is_dir():
        return "SETTINGS_INVALID", f"{folder} is not a folder: mend providers.llama.folder"
    return "", ""
