"""The kernel: `decide` what follows from a fact, `evolve` the state by what happened. Both are pure."""

from collections.abc import Callable
from dataclasses import dataclass

from .contexts import agents, growing
from .contexts import evolve as contexts_evolve
from .contexts import rules as contexts
from .contexts.caching import settle
from .contexts.reclaim import reclaim
from .copying import replace
from .counting import evolve as counting_evolve
from .counting.events import TokensReported
from .draft import Draft
from .erasure import evolve as erasure_evolve
from .erasure.events import EventRedacted, Redacted, SubjectForgotten
from .events import Body, Event, Fact
from .host import evolve as host_evolve
from .host.events import (
    ManagerReconciled,
    ManagerStarted,
    ManagerStopped,
    ManagerStopping,
    MetricsSampled,
    SettingsChanged,
    StateDigested,
    TimerFired,
)
from .models import evolve as models_evolve
from .models import rules as models
from .models.events import (
    EffectOutcomeUnknown,
    FreeRequested,
    MemoryMeasured,
    ModelDescribed,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelWakeFailed,
    ModelWoken,
    PinChanged,
    ResidencyChanged,
    UnloadRequested,
)
from .models.idle import unload_idle
from .models.lapse import revoke_expired
from .models.schedule import schedule
from .models.sensing import notice
from .patterns import evolve as patterns_evolve
from .patterns import rules as patterns
from .patterns.reclaim import reclaim_due
from .providers import evolve as providers_evolve
from .providers.events import ProviderObserved
from .requests import evolve as requests_evolve
from .requests import rules as requests
from .requests.events import PromptTruncated, RequestArrived, RequestCancelled, RequestFinished
from .resilience import evolve as resilience_evolve
from .resilience.calls import OBSERVE
from .resilience.events import BreakerSet, RecoveryFinished, RetryAsked
from .resilience.retries import on_retry_asked
from .resilience.review import follow_settings, on_breaker_set
from .state import State

#: How each type of event changes what it is about.
_CHANGES: dict[type[Body], Callable[..., State]] = {
    **host_evolve.EVOLVE,
    **models_evolve.EVOLVE,
    **providers_evolve.EVOLVE,
    **requests_evolve.EVOLVE,
    **resilience_evolve.EVOLVE,
    **contexts_evolve.EVOLVE,
    **counting_evolve.EVOLVE,
    **patterns_evolve.EVOLVE,
    **erasure_evolve.EVOLVE,
}


def _counted(observe: Callable[..., State], change: Callable[..., State]) -> Callable[..., State]:
    def both(state: State, body: Body, event: Event) -> State:
        return change(observe(state, body, event), body, event)

    return both


#: How each type of event changes the state: what it says of a call to a provider comes first.
EVOLVE: dict[type[Body], Callable[..., State]] = {
    kind: _counted(OBSERVE[kind], change) if kind in OBSERVE else change for kind, change in _CHANGES.items()
}


@dataclass(frozen=True, slots=True)
class Step:
    """A fact, what was decided from it, and the state after both."""

    fact: Event
    decisions: tuple[Event, ...]
    state: State

    @property
    def events(self) -> tuple[Event, ...]:
        """The batch that goes into the journal."""
        return (self.fact, *self.decisions)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a fact goes back to: the event that it is the outcome of, and the root of that flow."""

    position: int
    correlation: int


def initial() -> State:
    """The state before the first event."""
    return State()


def evolve(state: State, event: Event) -> State:
    """Fold one event into the state; raises `IllegalTransition` when it cannot have happened in it."""
    moved = replace(state, position=event.position, at=event.at)
    return EVOLVE[type(event.body)](moved, event.body, event)


def decide(state: State, fact: Event) -> tuple[Event, ...]:
    """What follows from a fact, given the state before it."""
    return take(state, fact).decisions


def take(state: State, fact: Event) -> Step:
    """Decide and evolve in one go: a step."""
    draft = Draft(state, fact, evolve)
    RULES[type(fact.body)](draft, fact.body)
    return Step(fact, tuple(draft.decisions), draft.state)


def step(state: State, fact: Fact, *, at: int, actor: str = "bursar", origin: Origin | None = None) -> Step:
    """Take a step from a fact that has no place yet: it gets the next position, and time does not go back."""
    position = state.position + 1
    return take(
        state,
        Event(
            position=position,
            at=max(at, state.at),
            cause=origin.position if origin else None,
            correlation=origin.correlation if origin else position,
            actor=actor,
            body=fact,
        ),
    )


def _on_started(draft: Draft, _fact: ManagerStarted) -> None:
    requests.abort_open(draft, "manager.started")
    settle(draft)
    schedule(draft)


def _on_stopping(draft: Draft, _fact: ManagerStopping) -> None:
    requests.abort_open(draft, "manager.stopping")
    schedule(draft)


def _then_preload(draft: Draft, _fact: ManagerReconciled | SettingsChanged) -> None:
    follow_settings(draft)
    agents.review_all(draft)
    schedule(draft)
    models.preload(draft)


def _on_timer(draft: Draft, _fact: TimerFired) -> None:
    revoke_expired(draft)
    unload_idle(draft)
    reclaim(draft)
    reclaim_due(draft)
    schedule(draft)


def _only_schedule(draft: Draft, _fact: Fact) -> None:
    schedule(draft)


def _only_noted(_draft: Draft, _fact: Fact) -> None:
    """The fact changes what is known, and nothing follows from it."""


def _both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def both(draft: Draft, fact: Fact) -> None:
        first(draft, fact)
        second(draft, fact)

    return both


def _then_schedule(rule: Callable[..., None]) -> Callable[..., None]:
    def both(draft: Draft, fact: Fact) -> None:
        rule(draft, fact)
        schedule(draft)

    return both


#: What follows from each type of fact.
RULES: dict[type[Body], Callable[..., None]] = {
    ManagerStarted: _on_started,
    ManagerReconciled: _then_preload,
    ManagerStopping: _on_stopping,
    ManagerStopped: _only_noted,
    SettingsChanged: _then_preload,
    StateDigested: _only_schedule,
    MetricsSampled: _only_schedule,
    TimerFired: _on_timer,
    ProviderObserved: _only_schedule,
    ModelDescribed: _only_schedule,
    ModelLoaded: _then_schedule(models.on_loaded),
    ModelLoadFailed: _then_schedule(_both(growing.on_model_failed, models.on_load_failed)),
    ModelUnloaded: _then_schedule(_both(growing.on_model_unloaded, models.on_unloaded)),
    ModelUnloadFailed: _then_schedule(_both(growing.on_model_unloaded, models.on_unloaded)),
    ModelLost: _then_schedule(models.on_lost),
    ModelFound: _then_schedule(models.on_found),
    ModelSlept: _then_schedule(models.on_slept),
    ModelWoken: _then_schedule(models.on_loaded),
    ModelWakeFailed: _then_schedule(models.on_load_failed),
    ResidencyChanged: _then_schedule(models.on_found),
    MemoryMeasured: _then_schedule(notice),
    EffectOutcomeUnknown: _only_noted,
    PinChanged: _only_schedule,
    UnloadRequested: _then_schedule(models.on_unload_requested),
    FreeRequested: _then_schedule(models.on_free_requested),
    RequestArrived: requests.on_arrived,
    RequestCancelled: _only_schedule,
    RequestFinished: _only_schedule,
    PromptTruncated: _only_noted,
    RetryAsked: _then_schedule(on_retry_asked),
    BreakerSet: _then_schedule(on_breaker_set),
    RecoveryFinished: _only_schedule,
    **contexts.RULES,
    TokensReported: _only_noted,
    **patterns.RULES,
    SubjectForgotten: _only_noted,
    EventRedacted: _only_noted,
    Redacted: _only_noted,
}
