"""The rules that the properties check are worth something: each planted fault breaks one of them."""

import pytest

from bursar.domain.settings import Limits, Settings
from bursar.testing.machines import Faults, Kind

from . import mutants
from .invariants import Invariants
from .mutants import Plant
from .scripts import Action, Ask, Cancel, Lose, Pin, Script, Traffic, Wait, is_at_rest


def _script(*actions: Action, faults: Faults | None = None, **limits: int) -> Script:
    """Models of 100 bytes, and `big` ones of 200, where nothing leaves for being idle."""
    return Script(
        kinds={**dict.fromkeys("abcd", Kind(100)), "big": Kind(200)},
        settings=Settings(limits=Limits(idle_price_ms_per_gib_hour=0, **limits)),
        actions=actions,
        totals={},
        faults=faults or Faults(),
    )


_BUSY = _script(Ask("a", 9_000), Wait(5_000), Ask("b"), max_models_loaded=1)
_QUEUED = _script(Ask("a", 9_000), Wait(5_000), Ask("b"), Ask("a"), Wait(9_000), max_models_loaded=1)
_PINNED = _script(
    Ask("a"), Wait(5_000), Ask("b"), Wait(5_000), Pin("a", pinned=True), Ask("c"), max_models_loaded=2
)
_TWO_PLANS = _script(Ask("a"), Wait(5_000), Ask("b"), Ask("c"), Wait(5_000), max_models_loaded=1)
#: A plan for `big` has what `a` left and waits for `b`; one for `d` waits for `c`.
_CLAIMS = _script(
    *(Ask("a"), Wait(5_000), Ask("b", 20_000), Wait(5_000), Ask("c", 30_000), Wait(5_000)),
    *(Ask("big"), Wait(10), Ask("d"), Wait(60_000)),
    memory_bytes=300,
    max_models_loaded=9,
    overtake_budget_ms=0,
)
#: Steady traffic to `a` passes somebody who wants `b`, until the budget is spent.
_STEADY = _script(
    Ask("a"),
    Wait(5_000),
    Traffic("a", 400, 2),
    Ask("b"),
    Traffic("a", 400, 12),
    max_models_loaded=1,
    overtake_budget_ms=2_000,
)
_DRAINING = _script(
    Ask("a", 9_000), Wait(5_000), Ask("b"), Wait(10), Ask("a"), max_models_loaded=1, overtake_budget_ms=0
)
#: `c` is overdue and short of memory while `a` is being loaded: `b`, which is in memory, must not be used.
_BARRED = _script(
    Ask("b"), Wait(5_000), Ask("a"), Wait(1), Ask("big"), Ask("b"), memory_bytes=200, overtake_budget_ms=0
)
_GIVEN_UP = _script(
    Ask("a", 9_000),
    Wait(5_000),
    Ask("b"),
    Wait(10),
    Cancel(1),
    Wait(10),
    max_models_loaded=1,
    overtake_budget_ms=0,
)
_LOST = _script(Ask("a", 9_000), Wait(5_000), Lose("a"))
_REFUSED = _script(
    Ask("a"), Wait(5_000), Ask("b"), Wait(1_000), faults=Faults(unload_fails=1000), max_models_loaded=1
)

_CASES = [
    (mutants.eviction_ignores_leases, _BUSY, "a victim is in use"),
    (mutants.eviction_ignores_the_queue, _QUEUED, "a victim is waited for"),
    (mutants.eviction_ignores_pins, _PINNED, "a pinned model is a victim"),
    (mutants.admission_ignores_plans, _TWO_PLANS, "plans do not fit"),
    (mutants.younger_plans_take_what_older_ones_wait_for, _CLAIMS, "that an older plan waits for"),
    (mutants.plans_are_never_looked_at_again, _GIVEN_UP, "a plan that nobody wants"),
    (mutants.models_are_unloaded_without_being_drained, _DRAINING, "is unloaded that somebody holds"),
    (mutants.draining_models_take_new_leases, _DRAINING, "a lease on a model that does not serve"),
    (mutants.nobody_bars_the_way, _BARRED, "is served before"),
    (mutants.no_budget_is_ever_spent, _STEADY, "is served before"),
    (mutants.leases_of_lost_models_are_forgotten, _LOST, "a lease that only one side knows of"),
    (mutants.decisions_depend_on_something_hidden, _BUSY, "is decided otherwise"),
    (mutants.timers_are_forgotten, _REFUSED, "somebody was never answered"),
]


@pytest.mark.parametrize(("plant", "script", "message"), _CASES, ids=[case[0].__name__ for case in _CASES])
def test_the_rules_catch_a_planted_fault(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, script: Script, message: str
) -> None:
    """The script breaks no rule until the fault is planted, and then it does."""
    _play(script)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=message):
        _play(script)


def _play(script: Script) -> None:
    invariants = Invariants()
    world = script.play(invariants)
    invariants.everybody_was_answered()
    assert is_at_rest(world)
