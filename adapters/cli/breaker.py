"""`bursar breaker`."""

import time
from collections.abc import Sequence
from typing import get_args

import click

from ...domain.resilience.events import BreakerSet, Wished
from ...domain.state import State
from ...eventstore.reader import Reader
from ...eventstore.snapshots import SnapshotStore
from ...projections.breakers import BreakerRow, breaker_table, providers_of
from ...projections.figures import ago, moment, span
from ...projections.snapshots import restore
from .options import reading
from .output import emit, on_terminal, table
from .owning import owner_of
from .pipes import write

_HEADING = (
    "PROVIDER",
    "BREAKER",
    "SINCE",
    "CALLS",
    "FAILED",
    "SLOW",
    "SERVES",
    "OPENED BECAUSE",
    "WAITS FOR",
)
_NUMBERS = ("CALLS", "FAILED", "SLOW", "SERVES")
#: What is left out first where the terminal is narrow.
_OPTIONAL = ("SERVES", "SINCE", "SLOW", "OPENED BECAUSE")
_NS_PER_MS = 1_000_000


@click.command()
@click.argument("provider", required=False)
@click.option(
    "--set", "wanted", type=click.Choice(get_args(Wished)), help="Bring PROVIDER's into this state."
)
@reading
def breaker(provider: str | None, wanted: Wished | None, journal: str, as_json: bool) -> None:
    """Whether each provider may be asked, and why; or set it.

    CALLS is what there is to judge by, of how many there must be; FAILED and SLOW are shares of them, and
    from which on it opens. SERVES is how many requests its models serve, of how many they may when that is
    limited.

    With --set it stays as it was set until somebody sets `closed`, which leaves it to the rules again.
    `forced_open` turns every request away, `disabled` lets all pass and counts nothing, `metrics_only` lets
    all pass and writes down when it would have opened. The fact goes to the manager that runs, or into the
    journal when none does.
    """
    if wanted is not None and provider is None:
        raise click.UsageError("Say of which provider: bursar breaker PROVIDER --set STATE.")
    state = _state(journal)
    if provider is not None:
        _require_known(state, provider)
    if provider is not None and wanted is not None:
        with owner_of(journal) as owner:
            owner.record(BreakerSet(provider=provider, state=wanted))
        state = _state(journal)
    rows = [row for row in breaker_table(state, time.time_ns()) if provider in (None, row.provider)]
    if as_json:
        emit([row.model_dump(mode="json") for row in rows])
    elif rows:
        _tell(rows)
    else:
        write("The journal knows no providers yet.")


def _state(journal: str) -> State:
    with Reader(journal) as reader:
        return restore(reader, SnapshotStore.beside(journal))


def _require_known(state: State, provider: str) -> None:
    known = providers_of(state)
    if provider not in known:
        names = ", ".join(known) or "none"
        raise click.UsageError(f"The journal knows no provider {provider!r}. It knows: {names}.")


def _tell(rows: Sequence[BreakerRow]) -> None:
    table(_HEADING, map(_cells, rows), right=_NUMBERS, optional=_OPTIONAL)


def _cells(row: BreakerRow) -> list[str]:
    since = ago(row.since, time.time_ns()) if on_terminal() else moment(row.since)
    return [
        row.provider,
        row.state.value,
        since if row.since else "",
        f"{row.calls} of {row.calls_needed}",
        _share(row.failed, row.calls, row.failure_rate_threshold_per_mille),
        _share(row.slow, row.calls, row.slow_call_rate_threshold_per_mille),
        str(row.in_flight) if row.limit is None else f"{row.in_flight} of {row.limit}",
        row.cause,
        "; ".join(_waits(row)),
    ]


def _share(some: int, calls: int, threshold: int) -> str:
    share = some * 100 // calls if calls else 0
    return f"{share} of {threshold / 10:g} %"


def _waits(row: BreakerRow) -> list[str]:
    waits = [row.waits_for] if row.waits_for else []
    if row.busy_until:
        waits.append(f"it is busy for {span((row.busy_until - time.time_ns()) // _NS_PER_MS)} more")
    return waits
