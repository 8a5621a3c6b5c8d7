"""How many a provider serves at once, and what is done for one that keeps failing."""

from bursar.domain.models.events import ModelDrainStarted, ModelUnloadStarted
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.resilience.events import ConcurrencyChanged, RecoveryStarted
from bursar.domain.resilience.settings import ConcurrencySettings, Procedure
from bursar.testing.facts import arrived, resident
from bursar.testing.specification import Given, after, decided

from .support import BREAKER, MODEL, OTHER, answered, breaker, call, failed, serving, settings

#: Nothing but concurrency.
CALM = BREAKER.model_copy(update={"minimum_number_of_calls": 1000, "sliding_window_size": 1000})


def busy(slots: int = 8, holders: int = 8, **others: object) -> Given:
    """Somebody in every slot."""
    return serving(settings(CALM, **others), slots=slots).and_then(*[arrived(MODEL)] * holders)


def test_a_timeout_cuts_it_to_nine_tenths_and_who_comes_waits() -> None:
    flow = busy()
    taken = flow.when(failed(code="PROVIDER_TIMEOUT"))
    taken.then(decided(ConcurrencyChanged, before=None, after=7, rule="concurrency.cut"))
    taken.given.when(arrived(MODEL)).then(decided(RequestQueued, rule="queue.concurrency"))


def test_it_never_falls_below_one() -> None:
    flow = serving(settings(CALM), slots=3)
    flow = flow.and_then(call(failed(code="PROVIDER_TIMEOUT"), 30))
    assert breaker(flow.state).limit == 1
    flow.when(arrived(MODEL)).then(LeaseGranted)


def test_answers_raise_it_until_the_slots_are_the_limit_again() -> None:
    flow = busy().and_then(failed(code="PROVIDER_TIMEOUT"))
    limits: list[int | None] = []
    while breaker(flow.state).limit is not None:
        flow = flow.and_then(arrived(MODEL), answered())
        limits.append(breaker(flow.state).limit)
    assert limits[-1] is None
    assert 1 < len(limits) <= 8


def test_it_is_not_raised_while_less_than_half_of_it_is_used() -> None:
    flow = serving(settings(CALM), slots=8).and_then(call(failed(code="PROVIDER_TIMEOUT"), 1))
    limit = breaker(flow.state).limit
    assert breaker(flow.and_then(call(answered(), 50)).state).limit == limit


def test_switched_off_nothing_is_cut() -> None:
    flow = busy(concurrency=ConcurrencySettings(mode="off"))
    flow.when(failed(code="PROVIDER_TIMEOUT")).then_nothing()


def test_small_moves_of_a_large_limit_are_not_recorded() -> None:
    flow = busy(slots=100, holders=100).and_then(failed(code="PROVIDER_TIMEOUT"))
    seen = [
        event
        for event in flow.and_then(*[answered()] * 40).history
        if event.body.name == "ConcurrencyChanged"
    ]
    assert len(seen) <= 2


# --- recovery procedures ------------------------------------------------------------------------------------

CLEANUP = Procedure(action="cleanup", threshold=3, cooldown_ms=10_000)
SCALE_DOWN = Procedure(action="scale-down", threshold=2, cooldown_ms=10_000)


def test_a_procedure_begins_after_so_many_failures_in_a_row() -> None:
    flow = serving(settings(CALM, recovery=(CLEANUP,))).and_then(call(failed(), 2), arrived(MODEL))
    flow.when(failed()).then(decided(RecoveryStarted, action="cleanup", failures=3))
    interrupted = flow.and_then(answered(), call(failed(), 2))
    assert not breaker(interrupted.state).procedures


def test_it_begins_again_only_after_its_cool_down() -> None:
    flow = serving(settings(CALM, recovery=(CLEANUP,))).and_then(
        call(failed(), 3), arrived(MODEL), arrived(MODEL)
    )
    flow = flow.when(failed()).then_nothing()
    flow.and_then(after(10_000)).when(failed()).then(decided(RecoveryStarted, failures=5))


def test_scaling_down_halves_it_and_what_nobody_uses_leaves() -> None:
    flow = serving(settings(CALM, recovery=(SCALE_DOWN,)), slots=8)
    flow = flow.and_then(
        resident("p:idle"), resident(OTHER), call(failed(), 1), arrived(MODEL), arrived(MODEL)
    )
    taken = flow.when(failed())
    taken.then(
        decided(RecoveryStarted, action="scale-down"),
        decided(ConcurrencyChanged, after=4, rule="recovery.scale_down"),
        decided(ModelDrainStarted, model="p:idle", motive="recovery"),
        decided(ModelUnloadStarted, model="p:idle"),
    )
