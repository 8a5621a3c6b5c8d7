"""What is in memory is compared with what the journal says, before anybody is served."""

from ..domain.errors import BursarError
from ..domain.events import Fact
from ..domain.host.events import ManagerReconciled
from ..domain.kernel import Origin
from ..domain.models.events import (
    EffectOutcomeUnknown,
    ModelDescribed,
    ModelFound,
    ModelLost,
    ModelUnloaded,
)
from ..domain.models.machine import RESIDENT, ModelState
from ..domain.models.state import Model
from ..domain.models.values import Residency
from ..providers import Directory
from .engine import Engine


async def reconcile(engine: Engine, directory: Directory) -> None:
    """Turn every difference into a fact, and then say that requests may be served."""
    held = await directory.resident()
    for model in tuple(engine.state.models.values()):
        if model.state in RESIDENT:
            _compare(engine, model, held.pop(model.name, None))
    for name, residency in held.items():
        await describe(engine, directory, name)
        engine.submit(ModelFound(model=name, residency=residency))
    for name in (*engine.state.host.settings.preload, *engine.state.host.settings.pins):
        await describe(engine, directory, name)
    engine.submit(ManagerReconciled())


async def describe(engine: Engine, directory: Directory, model: str) -> None:
    """Record what the provider says of a model, when that is new; not being able to say is no error here."""
    try:
        description = await directory.find(model).describe()
    except BursarError:
        return
    known = engine.state.models.get(description.model)
    if known is None or known.description != description:
        engine.submit(ModelDescribed(description=description))


def _compare(engine: Engine, model: Model, held: Residency | None) -> None:
    """One model that the journal believes to take memory."""
    if model.state in (ModelState.LOADING, ModelState.UNLOADING):
        _settle_intent(engine, model, held)
    elif held is None:
        engine.submit(ModelLost(model=model.name, cause_text="it was gone when the manager started"))


def _settle_intent(engine: Engine, model: Model, held: Residency | None) -> None:
    """A load or unload whose outcome nobody heard: what the provider holds is the outcome."""
    origin = None
    if model.intent is not None:
        origin = Origin(model.intent, model.intent)
        engine.submit(EffectOutcomeUnknown(model=model.name, intent=model.intent), origin=origin)
    fact: Fact
    if held is not None:
        fact = ModelFound(model=model.name, residency=held)
    elif model.state is ModelState.UNLOADING:
        fact = ModelUnloaded(model=model.name, unload_ms=0)
    else:
        fact = ModelLost(model=model.name, cause_text="its load did not survive the previous manager")
    engine.submit(fact, origin=origin)
