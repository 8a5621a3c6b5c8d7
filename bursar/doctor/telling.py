"""The findings as text: a table of the providers, then each in full, then the rest."""

from collections.abc import Iterator

from ..adapters.cli.output import styled, table
from ..adapters.cli.pipes import write
from ..projections.figures import columns, count, size
from .findings import Findings, JournalFinding, ProviderFinding

_HEADING = ("PROVIDER", "STATE", "VERSION", "ANSWERED IN", "INSTALLED", "LOADED", "AT", "KNOWN FROM")
_RIGHT = ("ANSWERED IN", "INSTALLED", "LOADED")
_NONE = "No provider: start Ollama or LM Studio, or set providers.llama.folder to a folder of GGUF files."


def tell(found: Findings) -> None:
    """Write it to standard output."""
    if found.providers:
        table(_HEADING, map(_row, found.providers), right=_RIGHT)
    else:
        styled(_NONE, "bold")
    for provider in found.providers:
        if provider.enabled:
            styled(f"\n{provider.name}", "bold")
            write("\n".join(columns(list(_in_full(provider)), indent=2)))
    if found.ignored:
        styled("\nanswered, or looked for, and not used", "bold")
        write("\n".join(columns([(one.url, one.reason) for one in found.ignored], indent=2)))
    styled("\nmachine", "bold")
    write("\n".join(columns(list(_of_machine(found)), indent=2)))
    write("")
    verdict = "All is well." if found.well else "Not all is well: see the problems above."
    styled(verdict, "green" if found.well else "red")


def _row(provider: ProviderFinding) -> tuple[str, ...]:
    latency = "" if provider.latency_ms is None else f"{provider.latency_ms:g} ms"
    return (
        provider.name,
        _state(provider),
        provider.version,
        latency,
        "" if provider.installed is None else str(provider.installed),
        "" if provider.loaded is None else str(provider.loaded),
        provider.place,
        provider.source,
    )


def _state(provider: ProviderFinding) -> str:
    if not provider.enabled:
        return "switched off"
    if provider.well:
        return "well"
    return "not well" if provider.reachable else "not reachable"


def _in_full(provider: ProviderFinding) -> Iterator[tuple[str, str]]:
    if provider.code:
        yield "problem", f"{provider.code}: {provider.cause}"
    if provider.remedy:
        yield "remedy", provider.remedy
    if provider.note:
        yield "note", provider.note
    if not provider.reachable:
        return
    yield "can", ", ".join(("chat", *provider.capabilities))
    reasons: dict[str, list[str]] = {}
    for ability, why in provider.lacks.items():
        reasons.setdefault(why, []).append(ability)
    for why, abilities in reasons.items():
        yield "cannot", f"{', '.join(abilities)}: {why}"


def _of_machine(found: Findings) -> Iterator[tuple[str, str]]:
    machine = found.machine
    for device in machine.devices:
        used = f"{size(device.used_bytes)} of {size(device.total_bytes)} in use"
        yield (
            device.device,
            used if device.device != "ram" else f"{used}, {count(machine.cores, 'processor')}",
        )
    if machine.no_gpu:
        yield "gpu", f"none: {machine.no_gpu}"
    yield "journal", _journal(found.journal)
    yield "versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())


def _journal(journal: JournalFinding) -> str:
    match journal.state:
        case "absent":
            return f"{journal.path}: not there yet, the first start makes it"
        case "unusable":
            return journal.problem
        case state:
            by = f" by process {journal.owner}" if journal.owner else ""
            return (
                f"{journal.path}: {count(journal.events, 'event')}, {size(journal.size_bytes)}, {state}{by}"
            )
