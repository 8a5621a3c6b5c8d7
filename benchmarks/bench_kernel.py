"""How fast the kernel decides, and how fast a journal is replayed."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from time import perf_counter

import apsw

from bursar.domain.events import Event, Fact
from bursar.domain.host.events import ManagerReconciled, ManagerStarted, SettingsChanged
from bursar.domain.kernel import initial, step
from bursar.domain.models.events import (
    ModelDescribed,
    ModelLoaded,
    ModelLoadStarted,
    ModelUnloaded,
    ModelUnloadStarted,
)
from bursar.domain.models.values import RAM, Description, Residency
from bursar.domain.requests.events import LeaseGranted, RequestArrived, RequestFinished
from bursar.domain.settings import Limits, Settings
from bursar.domain.state import State
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.projections.history import events, fold, to_draft

_MODELS = 12
_NS_PER_S = 10**9


def main() -> None:
    """Print steps and events per second."""
    history, seconds, steps = _decide(requests=10_000)
    print(f"kernel    {steps / seconds:>10,.0f} steps/s   ({len(history) / steps:.1f} events a step)")
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        _write(journal, history)
        raw = _raw_rows_per_s(journal)
        with closing(Reader(journal)) as reader:
            started = perf_counter()
            state = fold(events(reader))
            rate = len(history) / (perf_counter() - started)
        assert state.position == len(history)
        print(f"replay    {rate:>10,.0f} events/s  (full models, validated, folded)")
        print(f"raw read  {raw:>10,.0f} rows/s    (SELECT of the same; replay is {rate / raw:.2f} of it)")


def _decide(requests: int) -> tuple[list[Event], float, int]:
    """Drive the kernel through a world in which most requests find their model and some displace another."""
    history: list[Event] = []
    seconds = 0.0
    steps = 0
    state: State = initial()
    for fact, at in _world(requests, history):
        started = perf_counter()
        taken = step(state, fact, at=at)
        seconds += perf_counter() - started
        steps += 1
        state = taken.state
        history += taken.events
    return history, seconds, steps


def _world(requests: int, history: list[Event]) -> Iterator[tuple[Fact, int]]:
    """Facts in order; the outcomes answer what was decided meanwhile."""
    random = Random(1)
    at = _NS_PER_S
    yield ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite=""), at
    yield SettingsChanged(settings=Settings(limits=Limits(max_models_loaded=4))), at
    for n in range(_MODELS):
        yield ModelDescribed(description=_description(n)), at
    yield ManagerReconciled(), at
    names = [f"m{n}" for n in range(_MODELS)]
    weights = [1 / (n + 1) ** 1.5 for n in range(_MODELS)]
    answered = 0
    for _ in range(requests):
        at += random.randrange(_NS_PER_S)
        yield RequestArrived(model=random.choices(names, weights)[0], purpose="chat", agent="a"), at
        while answered < len(history):
            event = history[answered]
            answered += 1
            outcome = _outcome(event)
            if outcome:
                at += random.randrange(_NS_PER_S // 10)
                yield outcome, at


def _outcome(event: Event) -> Fact | None:
    match event.body:
        case ModelLoadStarted(model=model):
            residency = Residency(
                model=model, digest=model, memory={RAM: 1}, provenance="none", context_tokens=1, slots=4
            )
            return ModelLoaded(model=model, residency=residency, load_ms=1000)
        case ModelUnloadStarted(model=model):
            return ModelUnloaded(model=model, unload_ms=10)
        case LeaseGranted(request=request):
            return RequestFinished(request=request, outcome="completed", held_ms=5)
        case _:
            return None


def _description(n: int) -> Description:
    return Description(
        model=f"m{n}",
        digest=f"m{n}",
        engine="none",
        device=RAM,
        weights_bytes=1,
        kv_bytes_per_token=0,
        context_tokens=1,
        overhead_bytes=0,
        slots=4,
        provenance="none",
    )


def _write(journal: Path, history: list[Event]) -> None:
    with Journal.open(journal) as store:
        for start in range(0, len(history), 500):
            store.append_now([to_draft(event) for event in history[start : start + 500]], expected=start)


def _raw_rows_per_s(journal: Path) -> float:
    connection = apsw.Connection(str(journal), flags=apsw.SQLITE_OPEN_READONLY)
    started = perf_counter()
    rows = sum(1 for _ in connection.execute("SELECT position, type, data FROM event ORDER BY position"))
    return rows / (perf_counter() - started)
