"""`bursar status` in its plain form, without click: it starts nearly as fast as Python itself."""

import json
import os
import sys
import time

from ...domain.errors import BursarError
from ...projections.figures import ago, amounts, columns, count, listed, moment, size
from ...projections.status import ModelStatus, ProviderStatus, Status, status
from .pipes import hang_up, write

#: Where the journal is when nobody says so: `bursar.db` in the current folder, as for `bursar.open`.
VARIABLE = "BURSAR_JOURNAL"
DEFAULT = "bursar.db"
#: Bytes of log from which something keeps it from starting over.
LOG_MAX = 64 << 20


def plain_status(arguments: list[str]) -> bool:
    """Do it, if the arguments are of the plain form and nothing is wrong; say whether it was done."""
    journal, as_json = os.environ.get(VARIABLE) or DEFAULT, False
    rest = iter(arguments)
    for argument in rest:
        name, given, value = argument.partition("=")
        if argument == "--json":
            as_json = True
        elif name == "--journal" and (journal := value if given else next(rest, "")):
            pass
        else:
            return False
    try:
        found = status(journal)
    except BursarError:
        return False
    try:
        show(found, as_json=as_json)
    except BrokenPipeError:
        hang_up()
    return True


def show(found: Status, *, as_json: bool) -> None:
    """Write a status to standard output."""
    if as_json:
        write(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    else:
        write(described(found, time.time_ns() if sys.stdout.isatty() else None))


def described(found: Status, now: int | None) -> str:
    """A status in words and a table; with times relative to now when that is given."""
    log = f" and {size(found.log_bytes)} of log" if found.log_bytes else ""
    lines = [
        ("journal", f"{found.journal}: {count(found.position, 'event')}, {size(found.size_bytes)}{log}"),
        (
            "last event",
            f"{moment(found.at)}{f', {ago(found.at, now)}' if now else ''}" if found.at else "none",
        ),
        *_kept(found, now),
        ("manager", f"process {found.owner}" if found.owner else "none is running"),
        ("requests", f"{found.running} running, {found.waiting} waiting"),
    ]
    if found.contexts_open:
        lines.append(("contexts", f"{found.contexts_open} open, {found.contexts_packed} of them packed"))
    text = columns(lines)
    if found.models:
        heading = ("MODEL", "STATE", "SINCE", "LEASES", "WAITING", "MEMORY")
        text += ["", *columns([heading, *(_row(model, now) for model in found.models)])]
    if found.providers:
        heading = ("PROVIDER", "ANSWERS", "VERSION", "BREAKER", "MODELS", "PROBLEM")
        text += ["", *columns([heading, *map(_provider, found.providers)])]
    return "\n".join(text)


def _kept(found: Status, now: int | None) -> list[tuple[str, str]]:
    """What there is to say about files and checkpoints."""
    lines: list[tuple[str, str]] = []
    if found.log_bytes > LOG_MAX:
        lines.append(
            ("WARNING", f"the log is longer than {size(LOG_MAX)}: a reader holds it; find and end it")
        )
    if found.archived:
        lines.append(("archive", f"{count(found.archived, 'segment')} in {found.journal}.archive"))
    if found.signed:
        when = ago(found.signed_at, now) if now else moment(found.signed_at)
        lines.append(("signed", f"{count(found.signed, 'event')}, {when}"))
    return lines


def _row(model: ModelStatus, now: int | None) -> tuple[str, ...]:
    return (
        model.model,
        model.state,
        ago(model.since, now) if now else moment(model.since),
        str(model.leases),
        str(model.waiting),
        amounts(model.memory) if model.memory else "-",
    )


def _provider(provider: ProviderStatus) -> tuple[str, ...]:
    answers = {True: "yes", False: "no", None: "-"}[provider.reachable]
    return (
        provider.provider,
        answers,
        provider.version or "-",
        provider.breaker or "closed",
        listed([f"{number} {origin}" for origin, number in sorted(provider.models.items())]) or "-",
        provider.code or "-",
    )
