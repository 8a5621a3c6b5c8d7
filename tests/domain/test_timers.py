"""The next moment at which time alone can change what should be done, and nothing before it or twice."""

from bursar.domain.host.events import ManagerStopping
from bursar.domain.models.events import FreeRequested, PinChanged
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import (
    arrived,
    configured,
    described,
    finished,
    found,
    load_failed,
    loaded,
    resident,
    running,
    started,
    unload_failed,
)
from bursar.testing.specification import Given, Happening, after, given

_FOREVER = {"idle_price_ms_per_gib_hour": 0}


def wakeup_ms(flow: Given, fired: int = 0) -> int | None:
    """How long until the next timer, after one that fired `fired` ms from now."""
    moment = next_wakeup(flow.state, flow.state.at + fired * 1_000_000 if fired else 0)
    return None if moment is None else (moment - flow.state.at) // 1_000_000


def waiting(*more: Happening, **limits: int) -> Given:
    """ann waits for `b`; the only place is taken by `a`, which somebody holds."""
    limits = {"max_models_loaded": 1, "lease_max_ms": 10**9, **_FOREVER, **limits}
    return given(
        running(**limits), resident("a", slots=9), arrived("a"), described("b"), arrived("b", "ann"), *more
    )


def test_nothing_waits_for_time_in_an_empty_manager() -> None:
    assert wakeup_ms(given(running(), described("a"))) is None


def test_a_deadline() -> None:
    assert wakeup_ms(waiting(arrived("b", deadline_ms=70))) == 70


def test_the_end_of_a_lease() -> None:
    assert wakeup_ms(waiting(lease_max_ms=5_000)) == 5_000


def test_the_end_of_a_budget() -> None:
    assert wakeup_ms(waiting(arrived("a"), after(300), arrived("a"), overtake_budget_ms=1_000)) == 700


def test_the_end_of_the_pause_after_a_failed_load() -> None:
    flow = given(running(load_cooldown_ms=400), described("a"), arrived("a"), load_failed("a"))
    assert wakeup_ms(flow) == 400


def test_the_moment_at_which_an_idle_model_is_worth_its_memory_no_more() -> None:
    assert wakeup_ms(given(running(inactivity_timeout_ms=900, **_FOREVER), resident("a"))) == 900


def test_a_model_that_is_worth_nothing_leaves_at_once() -> None:
    """It takes a terabyte and loads in no time."""
    flow = given(running(), described("a", 1 << 40), arrived("a"), loaded("a", load_ms=0), finished("a"))
    assert wakeup_ms(flow) == 0


def test_the_earliest_moment_counts() -> None:
    assert wakeup_ms(waiting(arrived("b", deadline_ms=70), arrived("b", deadline_ms=50))) == 50


def test_a_moment_that_something_else_came_after_is_still_due() -> None:
    """The timer was about to fire when another fact came: it must fire all the same."""
    flow = waiting(lease_max_ms=5_000)
    assert wakeup_ms(flow.and_then(after(6_000), described("c"))) == 0
    idle = given(running(inactivity_timeout_ms=900, **_FOREVER), resident("a"))
    assert wakeup_ms(idle.and_then(after(950), described("c"))) == 0


def test_a_setting_may_make_something_due_at_once() -> None:
    flow = waiting(after(3_000))
    shorter = configured(max_models_loaded=1, lease_max_ms=2_000, **_FOREVER)
    assert wakeup_ms(flow.and_then(shorter)) == 0


def test_unpinning_may_make_something_due_at_once() -> None:
    flow = given(
        running(inactivity_timeout_ms=900, **_FOREVER), resident("a"), PinChanged(model="a", pinned=True)
    )
    idle = flow.and_then(after(2_000))
    assert wakeup_ms(idle) is None
    assert wakeup_ms(idle.and_then(PinChanged(model="a", pinned=False))) == 0


def test_a_budget_that_ended_without_helping_does_not_fire_again() -> None:
    """A step that decides nothing is not recorded: only the one who fired knows that it did."""
    flow = waiting(arrived("a"), overtake_budget_ms=1_000)
    assert wakeup_ms(flow) == 1_000
    assert wakeup_ms(flow, fired=999) == 1_000
    assert wakeup_ms(flow, fired=1_000) == 10**9


def test_a_model_that_refused_to_leave_is_asked_again_when_somebody_wants_its_room() -> None:
    flow = given(
        running(max_models_loaded=1, load_cooldown_ms=4_000, **_FOREVER),
        *(resident("a"), described("b"), arrived("b"), unload_failed("a")),
    )
    assert wakeup_ms(flow) == 4_000
    assert wakeup_ms(flow, fired=4_000) is None
    unwanted = given(
        running(load_cooldown_ms=4_000, **_FOREVER), resident("a"), FreeRequested(), unload_failed("a")
    )
    assert wakeup_ms(unwanted) is None


def test_a_model_that_refused_to_leave_is_asked_again_while_memory_is_short_or_the_manager_closes() -> None:
    short = given(
        running(memory_bytes=50, load_cooldown_ms=4_000, **_FOREVER),
        described("a"),
        found("a"),
        unload_failed("a"),
    )
    assert short.state.host.overcommitted
    assert wakeup_ms(short) == 4_000
    closing = given(running(load_cooldown_ms=4_000), resident("a"), ManagerStopping(), unload_failed("a"))
    assert wakeup_ms(closing) == 4_000


def test_an_idle_model_that_refused_to_leave_is_left_alone_until_its_pause_is_over() -> None:
    flow = given(
        running(inactivity_timeout_ms=100, load_cooldown_ms=4_000, **_FOREVER),
        *(resident("a"), FreeRequested(), unload_failed("a")),
    )
    assert wakeup_ms(flow) == 4_000


def test_a_model_that_refused_to_leave_is_never_asked_again_at_once() -> None:
    """Nobody waits for the answer: without a pause a provider that refuses would be asked without end."""
    closing = given(running(load_cooldown_ms=0), resident("a"), ManagerStopping(), unload_failed("a"))
    assert wakeup_ms(closing) == 1_000


def test_nothing_is_idle_before_the_manager_serves() -> None:
    flow = given(running(inactivity_timeout_ms=900, **_FOREVER), resident("a"), started())
    assert wakeup_ms(flow) is None
