"""One provider's models in memory compared with what the journal says of them; every difference is a fact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..domain.events import Fact
from ..domain.kernel import Origin
from ..domain.models.abilities import abilities
from ..domain.models.changes import differs
from ..domain.models.events import (
    EffectOutcomeUnknown,
    Hand,
    ModelFound,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelWoken,
    ResidencyChanged,
)
from ..domain.models.machine import RESIDENT, ModelState
from ..domain.models.state import Model
from ..domain.models.values import Residency
from ..domain.providers.names import provider_of
from ..domain.providers.values import Capabilities
from .engine import Engine

_MOVING = (ModelState.LOADING, ModelState.UNLOADING)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where the models of a provider stood when it was asked: what moved since, its answer is not about."""

    engine: Engine
    provider: str
    stood: Mapping[str, tuple[ModelState, int]]
    #: Whether the outcome of an intent will still be heard.
    awaited: Callable[[int], bool]

    def loading(self) -> list[str]:
        """Models that were being loaded."""
        return [name for name, (state, _since) in self.stood.items() if state is ModelState.LOADING]

    def still(self, name: str) -> Model | None:
        """A model of which the answer tells: it stands as it stood, and nothing is under way with it."""
        model = self.engine.state.models.get(name)
        stood = self.stood.get(name, (ModelState.ABSENT, 0))
        model = model or Model(name=name)
        if (model.state, model.since) != stood:
            return None
        if model.state in _MOVING and model.intent is not None and self.awaited(model.intent):
            return None
        return model


def outlook(engine: Engine, provider: str, awaited: Callable[[int], bool]) -> Outlook:
    """How things stand now, before the provider is asked."""
    return Outlook(
        engine,
        provider,
        {
            model.name: (model.state, model.since)
            for model in engine.state.models.values()
            if provider_of(model.name) == provider
        },
        awaited,
    )


def compare_known(outlook: Outlook, held: Mapping[str, Residency], gone: Callable[[str], str]) -> bool:
    """Those that the journal has in memory; whether any is not there, of which is said what `gone` says."""
    lost = False
    for name in outlook.stood:
        model = outlook.still(name)
        if model is None or model.state not in RESIDENT:
            continue
        residency = held.get(name)
        if model.state in _MOVING:
            _settle(outlook.engine, model, residency, gone(name))
        elif residency is not None:
            _follow(outlook.engine, model, residency)
        else:
            outlook.engine.submit(ModelLost(model=name, cause_text=gone(name), origin=hand_of(model)))
            lost = True
    return lost


def strangers(outlook: Outlook, held: Mapping[str, Residency]) -> list[str]:
    """Those that the provider has in memory and the journal has not, but for what is about to leave."""
    known = outlook.engine.state.models
    return [
        name
        for name, residency in held.items()
        if (name not in known or known[name].state not in RESIDENT)
        and not residency.leaving
        and (residency.memory or _moves(abilities(outlook.engine.state, name)))
    ]


def _moves(can: Capabilities) -> bool:
    """Whether a provider's models come and go, or sleep and wake; where they do not, they are assumed."""
    return can.load or can.sleep


def found(name: str, residency: Residency, origin: Hand) -> Fact:
    """It is in memory, awake or asleep."""
    if residency.asleep:
        return ModelSlept(model=name, residency=residency, origin=origin)
    return ModelFound(model=name, residency=residency, origin=origin)


def hand_of(model: Model) -> Hand:
    """Whose doing it is when it vanishes: our own where it had a process, for those are ours."""
    own = model.residency is not None and model.residency.pid is not None
    return "own" if own else "external"


def _follow(engine: Engine, model: Model, residency: Residency) -> None:
    """It is there; as it was?"""
    sleeps = model.state is ModelState.SLEEPING
    if residency.asleep and not sleeps:
        engine.submit(ModelSlept(model=model.name, residency=residency, origin="external"))
    elif sleeps and not residency.asleep:
        engine.submit(ModelWoken(model=model.name, residency=residency, origin="external"))
    elif not sleeps and (model.assumed or differs(model, residency, engine.state.host.settings.sampling)):
        _note_change(engine, model, residency)


def _note_change(engine: Engine, model: Model, residency: Residency) -> None:
    """Of an assumed model it is news that its provider says what it takes, or can load it by now."""
    can_load = abilities(engine.state, model.name).load
    if model.assumed and not can_load:
        sampling = engine.state.host.settings.sampling
        known = model.residency is not None and not differs(model, residency, sampling)
        if known or (model.residency is None and not residency.memory):
            return
    engine.submit(ResidencyChanged(model=model.name, residency=residency))


def _settle(engine: Engine, model: Model, held: Residency | None, gone: str) -> None:
    """A load or unload whose outcome nobody heard: what the provider holds is the outcome."""
    origin = None
    if model.intent is not None:
        origin = Origin(model.intent, model.intent)
        engine.submit(EffectOutcomeUnknown(model=model.name, intent=model.intent), origin=origin)
    fact: Fact
    if held is not None:
        fact = found(model.name, held, "own")
    elif model.state is ModelState.UNLOADING:
        fact = ModelUnloaded(model=model.name, unload_ms=0)
    else:
        fact = ModelLost(model=model.name, cause_text=f"its load did not survive: {gone}")
    engine.submit(fact, origin=origin)
