"""What each fact about models leads to, besides what `schedule` does after every fact."""

from ..draft import Draft
from ..host.state import Phase
from ..reasons import Reason
from ..requests.events import LeaseRevoked
from ..requests.line import lacks_room
from .admission import Fits, admit
from .events import (
    FreeRequested,
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelWrittenOff,
    ResourcesFreed,
    UnloadRequested,
)
from .leaving import drain
from .machine import ModelState
from .plans import start_load
from .refusals import reject


def on_loaded(draft: Draft, fact: ModelLoaded) -> None:
    """Somebody may have changed his mind meanwhile."""
    model = draft.state.models[fact.model]
    if model.unwanted:
        drain(draft, model, "operator", None, Reason(rule="unload.requested"))


def on_load_failed(draft: Draft, fact: ModelLoadFailed) -> None:
    """Whoever waited for it hears why."""
    values = {"model": fact.model, "cause": fact.cause_text}
    for request in draft.state.waiting():
        if request.model == fact.model:
            reject(draft, request, fact.code, values, Reason(rule="load.failed"))


def on_lost(draft: Draft, fact: ModelLost) -> None:
    """Its leases are void, and its memory is struck from the books."""
    for position in draft.state.models[fact.model].leases:
        draft.conclude(
            LeaseRevoked(
                request=position,
                model=fact.model,
                code="MODEL_LOST",
                values={"model": fact.model, "cause": fact.cause_text},
                reason=Reason(rule="lease.model_lost"),
            )
        )
    draft.conclude(ModelWrittenOff(model=fact.model, reason=Reason(rule="model.lost")))
    _finish_freeing(draft)


def on_unload_requested(draft: Draft, fact: UnloadRequested) -> None:
    """Drain it; one that is still loading leaves as soon as it is loaded."""
    model = draft.state.models.get(fact.model)
    if model and model.state is ModelState.READY:
        drain(draft, model, "operator", None, Reason(rule="unload.requested"))


def on_free_requested(draft: Draft, _fact: FreeRequested) -> None:
    """Drain what `evolve` found idle; when that is nothing, all is done already."""
    freeing = draft.state.freeing
    for name in freeing.pending if freeing else ():
        model = draft.state.models[name]
        if model.state is ModelState.READY:
            drain(draft, model, "operator", None, Reason(rule="free.requested"))
    _finish_freeing(draft)


def on_unloaded(draft: Draft, _fact: ModelUnloaded | ModelUnloadFailed) -> None:
    """Somebody may have waited for that memory."""
    _finish_freeing(draft)


def _finish_freeing(draft: Draft) -> None:
    """Report once the last of the models to be freed is gone."""
    freeing = draft.state.freeing
    if freeing and not freeing.pending:
        draft.conclude(
            ResourcesFreed(models=freeing.models, freed=freeing.freed, reason=Reason(rule="free.done"))
        )


def preload(draft: Draft) -> None:
    """Load what the settings want from the start, in their order, as far as it fits and nobody lacks room."""
    state = draft.state
    short = any(lacks_room(state, request) for request in state.waiting())
    if short or state.host.phase is not Phase.RUNNING:
        return
    for name in state.host.settings.preload:
        model = draft.state.models.get(name)
        if not model or not model.description or model.state is not ModelState.ABSENT or name in state.plans:
            continue
        verdict = admit(draft.state, None, model.description)
        if isinstance(verdict, Fits) and verdict.free_now:
            start_load(draft, name, None, verdict.need, verdict.reason)
