"""How events about models change the state. Nothing is decided here."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..host.state import Totals
from ..providers.names import provider_of
from ..requests.line import NS_PER_MS, lacks_room
from ..state import State, with_model
from . import events as e
from . import freeing, ledger
from .abilities import abilities
from .calibration import identity
from .machine import ModelState, after
from .sensing import sensed, underreported
from .sizes import as_chosen, identify, measured
from .state import Model, Plan
from .values import RAM, Residency

#: Nothing is under way with it, and nothing went wrong.
_AT_REST: dict[str, object] = {
    "intent": None,
    "motive": None,
    "plan": None,
    "failures": 0,
    "failure": "",
    "retry_at": 0,
}

#: An unload is asked for again by the rules and not by somebody who waits: never at once, whatever is set.
_UNLOAD_PAUSE_MS = 1000


def mark_passed(state: State, request: int | None) -> State:
    """Start the overtake budget of earlier requests that lack room while room is made for `request`."""
    if request is None:
        return state
    marked = {
        other.position: replace(other, overtaken_since=state.at)
        for other in state.requests.values()
        if other.position < request and other.overtaken_since is None and lacks_room(state, other)
    }
    return replace(state, requests={**state.requests, **marked}) if marked else state


def _move(state: State, name: str, event: Event, totals: Totals | None = None, **changes: object) -> State:
    """Take the machine's edge for this event, and change what else the event changes of the model."""
    model = state.models.get(name) or Model(name=name)
    into = after(name, model.state, event.body.name)
    moved = replace(model, state=into, since=event.at, **changes)  # type: ignore[arg-type]  # names are checked by `replace` itself
    return with_model(state, moved, totals=totals or state.totals)


def _described(state: State, body: e.ModelDescribed, _event: Event) -> State:
    name = body.description.model
    model = state.models.get(name) or Model(name=name)
    description = as_chosen(body.description, model.window_tokens)
    return with_model(state, replace(model, described=body.description, description=description))


def _load_started(state: State, body: e.ModelLoadStarted, event: Event) -> State:
    """What it takes asleep it takes until it is awake."""
    before = state.models[body.model]
    description = before.description
    provenance = ledger.expected_memory(state, description)[1] if description else ""
    need = {device: size for device, size in body.need.items() if not ledger.is_count(device)}
    held = before.memory if before.state is ModelState.SLEEPING else {}
    plans = {name: plan for name, plan in state.plans.items() if name != body.model}
    started = _move(
        replace(state, plans=plans),
        body.model,
        event,
        memory=ledger.total((held, need)),
        expected=ledger.total((held, need)),
        provenance=provenance,
        identity=identity(description) if description else "",
        asked_tokens=description.context_tokens if description else 0,
        intent=event.position,
        unwanted=False,
        origin="own",
    )
    return mark_passed(started, body.request)


def _loaded(state: State, body: e.ModelLoaded, event: Event) -> State:
    totals = replace(state.totals, loads=state.totals.loads + 1, load_ms=state.totals.load_ms + body.load_ms)
    load_ms = _smoothed(state.models[body.model], body.load_ms)
    return _settle(state, body.model, body.residency, event, totals=totals, load_ms=load_ms)


def _smoothed(model: Model, load_ms: int) -> int:
    return load_ms if model.load_ms is None else (model.load_ms * 3 + load_ms) // 4


def _found(state: State, body: e.ModelFound, event: Event) -> State:
    model = state.models.get(body.model)
    known = identify(model.description if model else None, body.residency)
    assumed = not abilities(state, body.model).load
    how: dict[str, object] = {"identity": known, "assumed": assumed, "origin": body.origin, "expected": {}}
    # A wish to have it out was about a load that is under way, not about what comes of itself later.
    how["asked_tokens"] = body.residency.context_tokens
    how["unwanted"] = model is not None and model.unwanted and model.state is ModelState.LOADING
    return _settle(state, body.model, body.residency, event, None, **how)


def _woken(state: State, body: e.ModelWoken, event: Event) -> State:
    """By us or by somebody else; what waking takes is what being without it costs."""
    model = state.models[body.model]
    known = identify(model.description, body.residency)
    if model.state is not ModelState.LOADING:
        how: dict[str, object] = {"identity": known, "origin": body.origin, "expected": {}, "unwanted": False}
        return _settle(state, body.model, body.residency, event, None, **how)
    return _settle(state, body.model, body.residency, event, load_ms=_smoothed(model, body.wake_ms))


def _settle(
    state: State,
    name: str,
    residency: Residency,
    event: Event,
    totals: Totals | None = None,
    **changes: object,
) -> State:
    """It is in memory now, and takes what the provider measured."""
    moved = _move(
        state,
        name,
        event,
        totals,
        slots=max(1, residency.slots),
        last_used_at=event.at,
        residency=residency,
        **_AT_REST,
        **changes,
    )
    return measured(moved, name, residency.memory, residency.provenance)


def _assumed(state: State, body: e.ResidencyAssumed, event: Event) -> State:
    description = state.models[body.model].description
    return _move(
        state,
        body.model,
        event,
        assumed=True,
        origin="external",
        provenance="assumed",
        slots=max(1, description.slots) if description else 1,
        last_used_at=event.at,
    )


def _slept(state: State, body: e.ModelSlept, event: Event) -> State:
    """What it still takes is counted as it is reported, and remembered for the next plan."""
    before = state.models.get(body.model) or Model(name=body.model)
    left = body.residency.memory or {RAM: before.memory.get(RAM, 0)}
    given_back = {device: max(0, size - left.get(device, 0)) for device, size in before.memory.items()}
    ours = before.state in (ModelState.LOADING, ModelState.UNLOADING, ModelState.READY)
    return _move(
        freeing.gone(state, body.model, given_back),
        body.model,
        event,
        None,
        memory=left,
        asleep=left,
        provenance=f"measured ({body.residency.provenance})",
        residency=body.residency,
        origin=before.origin if ours else body.origin,
        assumed=not abilities(state, body.model).load,
        **_AT_REST,
    )


def _wake_failed(state: State, body: e.ModelWakeFailed, event: Event) -> State:
    """It takes asleep what it took before."""
    totals = replace(state.totals, load_failures=state.totals.load_failures + 1)
    left = state.models[body.model].asleep or {}
    return _failed(state, body.model, event, totals=totals, failure=body.cause_text, memory=left)


def _residency_changed(state: State, body: e.ResidencyChanged, _event: Event) -> State:
    """The ledger follows, up and down; that is no load, and nothing is learnt from it about the next one."""
    model = state.models[body.model]
    assumed = not abilities(state, body.model).load
    changed = replace(
        model,
        residency=body.residency,
        assumed=assumed,
        slots=max(1, body.residency.slots),
        identity=identify(model.description, body.residency),
    )
    return measured(
        with_model(state, changed), body.model, body.residency.memory, body.residency.provenance, learn=False
    )


def _memory_measured(state: State, body: e.MemoryMeasured, _event: Event) -> State:
    return sensed(state, body)


def _noticed(state: State, body: e.UnderreportingNoticed, _event: Event) -> State:
    return underreported(state, body)


def _unmoved(state: State, _body: Body, _event: Event) -> State:
    return state


def _load_failed(state: State, body: e.ModelLoadFailed, event: Event) -> State:
    totals = replace(state.totals, load_failures=state.totals.load_failures + 1)
    failed = _failed(
        state, body.model, event, totals=totals, failure=body.cause_text, memory={}, provenance=""
    )
    breaker = state.breakers.get(provider_of(body.model))
    if body.code != "PROVIDER_BUSY" or breaker is None:
        return failed
    # It is the provider that pauses, and says for how long.
    again = replace(failed.models[body.model], retry_at=breaker.busy_until)
    return with_model(failed, again)


def _failed(
    state: State,
    name: str,
    event: Event,
    totals: Totals | None = None,
    *,
    least_ms: int = 0,
    **changes: object,
) -> State:
    """What was asked for did not happen; the pause before it is asked again doubles every time."""
    failures = state.models[name].failures + 1
    pause_ms = max(least_ms, state.host.settings.limits.load_cooldown_ms) << min(failures - 1, 6)
    return _move(
        state,
        name,
        event,
        totals,
        intent=None,
        motive=None,
        plan=None,
        failures=failures,
        retry_at=event.at + pause_ms * NS_PER_MS,
        **changes,
    )


def _cooled_down(state: State, body: e.ModelCooledDown, event: Event) -> State:
    return _move(state, body.model, event, retry_at=0)


def _drain_started(state: State, body: e.ModelDrainStarted, event: Event) -> State:
    return _move(state, body.model, event, motive=body.motive, plan=body.plan)


def _drain_cancelled(state: State, body: e.ModelDrainCancelled, event: Event) -> State:
    return _move(state, body.model, event, motive=None, plan=None)


def _unload_started(state: State, body: e.ModelUnloadStarted, event: Event) -> State:
    evicted = body.motive in ("evicted", "pressure")
    totals = replace(state.totals, evictions=state.totals.evictions + evicted)
    return _move(state, body.model, event, totals, intent=event.position)


def _unloaded(state: State, body: e.ModelUnloaded, event: Event) -> State:
    freed = freeing.gone(state, body.model, state.models[body.model].memory)
    totals = replace(state.totals, unloads=state.totals.unloads + 1)
    return _gone(freed, body.model, event, totals, failed_tokens=0)


def _written_off(state: State, body: e.ModelWrittenOff, event: Event) -> State:
    return _gone(freeing.gone(state, body.model, {}), body.model, event)


def _gone(state: State, name: str, event: Event, totals: Totals | None = None, **changes: object) -> State:
    """It takes nothing any more."""
    return _move(
        state,
        name,
        event,
        totals,
        memory={},
        provenance="",
        residency=None,
        assumed=False,
        **_AT_REST,
        **changes,
    )


def _unload_failed(state: State, body: e.ModelUnloadFailed, event: Event) -> State:
    """It still takes its memory and serves; nobody wants that room of it again before the pause is over."""
    failed = _failed(state, body.model, event, least_ms=_UNLOAD_PAUSE_MS, failure=body.cause_text)
    return freeing.gone(failed, body.model, {})


def _lost(state: State, body: e.ModelLost, event: Event) -> State:
    totals = replace(state.totals, lost=state.totals.lost + 1)
    return _move(state, body.model, event, totals)


def _pin_changed(state: State, body: e.PinChanged, _event: Event) -> State:
    pins = {**state.host.pins, body.model: body.pinned}
    return replace(state, host=replace(state.host, pins=pins))


def _unload_requested(state: State, body: e.UnloadRequested, _event: Event) -> State:
    """One that loads leaves once it is loaded; one that drains for a plan leaves even without the plan."""
    model = state.models.get(body.model)
    if model and model.state is ModelState.LOADING:
        return with_model(state, replace(model, unwanted=True))
    if model and model.state is ModelState.DRAINING:
        return with_model(state, replace(model, motive="operator", plan=None))
    return state


def _free_requested(state: State, _body: e.FreeRequested, _event: Event) -> State:
    return freeing.wished(state)


def _resources_freed(state: State, _body: e.ResourcesFreed, _event: Event) -> State:
    return replace(state, freeing=None)


def _planned(state: State, body: e.EvictionPlanned, event: Event) -> State:
    if body.model is None:
        return state
    plan = Plan(event.position, body.model, body.request, body.need, body.victims)
    return mark_passed(replace(state, plans={**state.plans, body.model: plan}), body.request)


def _abandoned(state: State, body: e.PlanAbandoned, _event: Event) -> State:
    return replace(state, plans={name: plan for name, plan in state.plans.items() if name != body.model})


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.ModelDescribed: _described,
    e.ModelLoadStarted: _load_started,
    e.ModelLoaded: _loaded,
    e.ModelFound: _found,
    e.ModelSlept: _slept,
    e.ModelWoken: _woken,
    e.ModelWakeFailed: _wake_failed,
    e.ResidencyAssumed: _assumed,
    e.ResidencyChanged: _residency_changed,
    e.MemoryMeasured: _memory_measured,
    e.UnderreportingNoticed: _noticed,
    e.EstimateExceeded: _unmoved,
    e.ContextShrunk: _unmoved,
    e.ModelLoadFailed: _load_failed,
    e.ModelCooledDown: _cooled_down,
    e.ModelDrainStarted: _drain_started,
    e.ModelDrainCancelled: _drain_cancelled,
    e.ModelUnloadStarted: _unload_started,
    e.ModelUnloaded: _unloaded,
    e.ModelUnloadFailed: _unload_failed,
    e.ModelLost: _lost,
    e.ModelWrittenOff: _written_off,
    e.EffectOutcomeUnknown: _unmoved,
    e.PinChanged: _pin_changed,
    e.UnloadRequested: _unload_requested,
    e.FreeRequested: _free_requested,
    e.ResourcesFreed: _resources_freed,
    e.EvictionPlanned: _planned,
    e.PlanAbandoned: _abandoned,
}
