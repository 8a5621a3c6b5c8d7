"""Whatever becomes of calls, whenever, and whatever an operator does: what a breaker promises holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import pytest
from hypothesis import given as given_that
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bursar.domain.events import Event, Fact
from bursar.domain.host.events import TimerFired
from bursar.domain.kernel import evolve, take
from bursar.domain.models.events import ModelLoaded, ModelLoadFailed, ModelLoadStarted, ModelLost
from bursar.domain.models.machine import ModelState
from bursar.domain.providers.names import provider_of
from bursar.domain.reasons import Reason, reevaluate
from bursar.domain.requests.events import LeaseGranted, RequestArrived, RequestCancelled, RequestFinished
from bursar.domain.resilience.concurrency import in_flight
from bursar.domain.resilience.events import (
    BreakerChanged,
    BreakerSet,
    ConcurrencyChanged,
    RequestRedirected,
    RetryAsked,
    RetryGranted,
    Wished,
)
from bursar.domain.resilience.gate import ramped
from bursar.domain.resilience.machine import REFUSING, BreakerState
from bursar.domain.resilience.settings import BreakerSettings, Procedure, Ramp
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import configured, described, loaded, resident, running, unloaded
from bursar.testing.specification import Given, given

from .support import settings
from .test_machine import LEGAL

MODELS = ("p:a", "p:b", "q:c")
CODES = ("PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT", "PROVIDER_BUSY", "CONTEXT_TOO_LARGE", "MODEL_LOST")

Action = tuple[str, int, str]
_ACTIONS = st.one_of(
    st.tuples(
        st.sampled_from(("arrive", "arrive", "answer", "cancel", "lose")), st.integers(0, 5), st.just("")
    ),
    st.tuples(
        st.sampled_from(("fail", "fail", "ask", "load_fails")), st.integers(0, 5), st.sampled_from(CODES)
    ),
    st.tuples(st.just("load"), st.integers(0, 5), st.just("")),
    st.tuples(st.just("slow"), st.integers(0, 5), st.just("")),
    st.tuples(st.just("wait"), st.sampled_from((1, 500, 3_000, 20_000, 61_000)), st.just("")),
    st.tuples(st.just("set"), st.just(0), st.sampled_from(get_args(Wished))),
    st.tuples(st.just("mode"), st.just(0), st.sampled_from(("enforce", "shadow", "off"))),
)
_BREAKERS = st.builds(
    BreakerSettings,
    minimum_number_of_calls=st.integers(1, 5),
    sliding_window_size=st.integers(2, 8),
    sliding_window_type=st.sampled_from(("count", "time")),
    slow_call_duration_threshold_ms=st.sampled_from((None, 500)),
    permitted_calls_in_half_open=st.integers(1, 4),
    max_wait_in_half_open_ms=st.sampled_from((0, 5_000)),
    wait_duration_in_open_state_ms=st.sampled_from((1_000, 30_000)),
    ramp=st.builds(Ramp, window_ms=st.sampled_from((0, 10_000)), aggression=st.integers(1, 3)),
)


@dataclass
class Calls:
    """What this test itself knows of one half-open breaker: who was let through, and who has ended."""

    through: dict[int, bool] = field(default_factory=dict[int, bool])
    ended: int = 0


@dataclass
class Play:
    """A manager and its providers, to which things happen."""

    chosen: Settings
    now: int = 0
    state: State = field(default_factory=State)
    calls: dict[str, Calls] = field(default_factory=dict[str, Calls])
    seen: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        flow = self._begun()
        self.state, self.now = flow.state, flow.now

    def _begun(self) -> Given:
        models = (resident(MODELS[0], slots=4), described(MODELS[1], slots=2), resident(MODELS[2], slots=2))
        return given(running(self.chosen), *models)

    def act(self, action: Action) -> None:
        """One thing happens, if it can."""
        what, n, text = action
        if what == "wait":
            self.wait(n)
        elif what == "mode":
            breaker = self.state.host.settings.breaker.model_copy(update={"mode": text})
            self.submit(configured(self.state.host.settings.model_copy(update={"breaker": breaker})))
        else:
            fact = _fact(self.state, what, n, text)
            if fact is not None:
                self.submit(fact)

    def wait(self, ms: int) -> None:
        """Time passes, and timers fire when they are due."""
        until = self.now + ms * 1_000_000
        fired = self.now
        for _ in range(200):
            due = next_wakeup(self.state, fired)
            if due is None or due > until:
                break
            self.now = fired = max(self.now, due)
            taken = take(self.state, self._event(TimerFired()))
            if taken.decisions:
                self.submit(TimerFired())
        else:
            raise AssertionError("timers fire for ever")
        self.now = until

    def submit(self, fact: Fact) -> Sequence[Event]:
        """Take a step, and check it."""
        event = self._event(fact)
        taken = take(self.state, event)
        assert take(self.state, event) == taken, "decided otherwise the second time"
        state = self.state
        for one in taken.events:
            self._check(state, one)
            state = evolve(state, one)
        assert state == taken.state
        self.state = state
        return taken.decisions

    def _event(self, fact: Fact) -> Event:
        position = self.state.position + 1
        return Event(position, max(self.now, self.state.at), None, position, "bursar", fact)

    def _check(self, state: State, event: Event) -> None:
        reason = getattr(event.body, "reason", None)
        assert event.body.kind == "fact" or (isinstance(reason, Reason) and reevaluate(reason))
        self.seen.add(event.body.name)
        match event.body:
            case BreakerChanged() as changed:
                self._moves(state, changed)
            case LeaseGranted(request=request, model=model):
                self._passes(state, model, request, load=False)
            case ModelLoadStarted(model=model):
                self._passes(state, model, event.position, load=True)
            case RequestFinished(request=request, error_code=code):
                self._ends(state, request, neither=code in state.host.settings.breaker.ignore)
            case RetryAsked(request=request, code=code):
                self._ends(state, request, neither=code in state.host.settings.breaker.ignore)
            case RequestCancelled(request=request):
                self._ends(state, request, neither=True)
            case ModelLoaded(model=model):
                self._ends(state, state.models[model].intent or 0, neither=False)
            case ModelLoadFailed(model=model, code=code):
                ignored = code in state.host.settings.breaker.ignore
                self._ends(state, state.models[model].intent or 0, neither=ignored)
            case ConcurrencyChanged(after=limit):
                assert limit is None or limit >= 1
            case _:
                pass

    def _moves(self, state: State, changed: BreakerChanged) -> None:
        known = state.breakers.get(changed.provider)
        assert known is None or known.state is changed.before
        assert (changed.before, changed.after) in LEGAL
        self.seen.add(f"{changed.before} → {changed.after}")
        self.calls[changed.provider] = Calls()

    def _passes(self, state: State, model: str, call: int, *, load: bool) -> None:
        """A call begins: its breaker must let it."""
        breaker = state.breakers.get(provider_of(model))
        if breaker is None:
            return
        assert breaker.state not in REFUSING, "a call while open"
        assert breaker.busy_until <= state.at, "a call while the provider is busy"
        if breaker.state is BreakerState.HALF_OPEN:
            calls = self.calls[breaker.provider]
            calls.through[call] = True
            permits = state.host.settings.breaker.permitted_calls_in_half_open
            assert len(calls.through) + calls.ended <= permits, "more probes than permits"
        if load:
            return
        flying = in_flight(state, breaker.provider)
        assert breaker.limit is None or flying < breaker.limit
        if breaker.state is BreakerState.RECOVERING:
            assert flying < ramped(state, breaker)

    def _ends(self, state: State, call: int, *, neither: bool) -> None:
        for calls in self.calls.values():
            if calls.through.pop(call, False) and not neither:
                calls.ended += 1


def _fact(state: State, what: str, n: int, text: str) -> Fact | None:
    """Something that can happen in this state."""
    held = [request for request in state.requests.values() if request.granted_at is not None]
    model = MODELS[n % len(MODELS)]
    request = held[n % len(held)].position if held else None
    loading = [known.name for known in state.models.values() if known.state is ModelState.LOADING]
    if what == "arrive":
        return RequestArrived(model=model, purpose="chat", agent="")
    if what == "set":
        return BreakerSet(provider="p", state=text)  # type: ignore[arg-type]  # drawn from what may be wished
    if what == "lose":
        lost = state.models[model].state in (ModelState.READY, ModelState.DRAINING)
        return ModelLost(model=model, cause_text="") if lost else None
    if what == "cancel":
        anybody = list(state.requests)
        return RequestCancelled(request=anybody[n % len(anybody)]) if anybody else None
    unloading = [known.name for known in state.models.values() if known.state is ModelState.UNLOADING]
    if what == "load" and unloading:
        return unloaded(unloading[0])
    if what in ("load", "load_fails") and loading:
        failed = ModelLoadFailed(model=loading[0], code=text, cause_text="", retry_after_ms=None)
        return loaded(loading[0])(state) if what == "load" else failed
    if request is None:
        return None
    if what == "ask":
        return RetryAsked(request=request, code=text, cause_text="")
    if what == "fail":
        return RequestFinished(request=request, outcome="failed", held_ms=1, error_code=text)
    if what in ("answer", "slow"):
        took = 100 if what == "answer" else 60_000
        return RequestFinished(
            request=request, outcome="completed", held_ms=took, first_token_ms=took, completion_tokens=5
        )
    return None


@hypothesis_settings(max_examples=150, deadline=None)
@given_that(breaker=_BREAKERS, actions=st.lists(_ACTIONS, max_size=60), fallback=st.booleans())
def test_whatever_happens_the_promises_hold(
    breaker: BreakerSettings, actions: list[Action], fallback: bool
) -> None:
    play = Play(_chosen(breaker, fallback))
    for action in actions:
        play.act(action)


@hypothesis_settings(max_examples=60, deadline=None)
@given_that(breaker=_BREAKERS, actions=st.lists(_ACTIONS, max_size=40))
def test_once_calls_are_answered_again_it_closes(breaker: BreakerSettings, actions: list[Action]) -> None:
    play = Play(_chosen(breaker, False))
    for action in actions:
        play.act(action)
    play.submit(BreakerSet(provider="p", state="closed"))
    play.act(("mode", 0, "enforce"))
    for _ in range(12):
        play.wait(700_000)
        while play.state.requests or any(m.state is ModelState.LOADING for m in play.state.models.values()):
            before = play.state.position
            for what in ("load", "answer"):
                play.act((what, 0, ""))
            if play.state.position == before:
                play.wait(61_000)
        play.act(("arrive", 0, ""))
    known = play.state.breakers["p"]
    assert known.state is BreakerState.CLOSED
    assert known.probes == ()


def test_the_play_reaches_every_part() -> None:
    """The properties would hold trivially if nothing ever opened."""
    script: list[Action] = [
        *[("arrive", 0, ""), ("fail", 0, "PROVIDER_UNAVAILABLE")] * 3,
        ("arrive", 0, ""),
        ("wait", 30_000, ""),
        *[("arrive", 0, ""), ("answer", 0, "")] * 2,
        *[("arrive", 0, "")] * 3,
        *[("answer", 0, "")] * 3,
        ("wait", 10_000, ""),
        ("arrive", 0, ""),
        ("ask", 0, "PROVIDER_UNAVAILABLE"),
        ("answer", 0, ""),
        ("arrive", 0, ""),
        ("fail", 0, "PROVIDER_TIMEOUT"),
    ]
    breaker = BreakerSettings(
        minimum_number_of_calls=3,
        permitted_calls_in_half_open=2,
        wait_duration_in_open_state_ms=30_000,
        ramp=Ramp(window_ms=10_000),
    )
    play = Play(settings(breaker, fallbacks={"p:a": "q:c"}))
    for action in script:
        play.act(action)
    moves = ("closed → open", "open → half_open", "half_open → recovering", "recovering → closed")
    events = (RequestRedirected, RetryGranted, ConcurrencyChanged)
    assert play.seen >= {*moves, *(event.name for event in events)}


@pytest.mark.parametrize("state", BreakerState)
def test_every_state_can_be_left(state: BreakerState) -> None:
    assert any(before is state and into is not state for before, into in LEGAL)


def _chosen(breaker: BreakerSettings, fallback: bool) -> Settings:
    procedures = tuple(
        Procedure(action=action, threshold=2, cooldown_ms=5_000) for action in ("cleanup", "scale-down")
    )
    return settings(breaker, recovery=procedures, fallbacks={"p:a": "q:c"} if fallback else {})
