"""What each fact about models leads to, besides what `schedule` does after every fact."""

from ..draft import Draft
from ..host.state import Phase
from ..reasons import Comparisons, Reason
from ..requests.events import LeaseRevoked
from ..requests.line import lacks_room
from ..resilience.fallback import redirect
from ..resilience.gate import hold
from .abilities import way_out
from .admission import Fits, admit
from .events import (
    FreeRequested,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelWakeFailed,
    ModelWoken,
    ModelWrittenOff,
    ResidencyChanged,
    ResourcesFreed,
    UnloadRequested,
)
from .growth import tell_excess, tell_shrunk
from .leaving import drain, may_drain
from .machine import LOADABLE, ModelState
from .plans import assume, start_load
from .refusals import load_failure, reject


def on_loaded(draft: Draft, fact: ModelLoaded | ModelWoken) -> None:
    """It may take more or grant less than expected; and somebody may have changed his mind meanwhile."""
    tell_excess(draft, fact.model, fact.residency)
    tell_shrunk(draft, fact.model, fact.residency)
    _let_go_if_unwanted(draft, fact.model)
    _let_go_if_outgrown(draft, fact.model)


def on_found(draft: Draft, fact: ModelFound | ResidencyChanged) -> None:
    """What others loaded or changed may have a smaller window than ours has; or it is a load of ours."""
    tell_shrunk(draft, fact.model, fact.residency)
    if isinstance(fact, ModelFound):
        _let_go_if_unwanted(draft, fact.model)


def _let_go_if_unwanted(draft: Draft, name: str) -> None:
    model = draft.state.models[name]
    if model.unwanted and may_drain(draft.state, model):
        drain(draft, model, "operator", None, Reason(rule="unload.requested"))


def _let_go_if_outgrown(draft: Draft, name: str) -> None:
    """While it was loaded a larger window was chosen for it."""
    model = draft.state.models[name]
    tests = Comparisons()
    if not model.window_tokens or model.description is None or model.state is not ModelState.READY:
        return
    if (
        tests.hold("asked_tokens", model.asked_tokens, "<", model.description.context_tokens)
        and tests.hold("pinned", int(draft.state.host.pinned(name)), "==", 0)
        and tests.hold("way_out", way_out(draft.state, model) or "", "==", "unload")
    ):
        drain(draft, model, "window", None, Reason(rule="window.outgrown", tests=tests.tests))


def on_slept(draft: Draft, fact: ModelSlept) -> None:
    """It serves nobody before it is woken; somebody may have waited for its memory."""
    revoke_leases(draft, fact.model, f"it was put to sleep ({fact.origin})")
    _finish_freeing(draft)


def on_load_failed(draft: Draft, fact: ModelLoadFailed | ModelWakeFailed) -> None:
    """Whoever waited for it hears why, or is served by another model; who was only busy is waited for."""
    if fact.code == "PROVIDER_BUSY":
        return
    values = load_failure(fact.code, fact.model, fact.cause_text)
    for request in draft.state.waiting():
        if request.model == fact.model and not redirect(draft, request, "fallback.load_failed"):
            reject(draft, request, fact.code, values, Reason(rule="load.failed"))


def on_lost(draft: Draft, fact: ModelLost) -> None:
    """Its leases are void, and its memory is struck from the books."""
    revoke_leases(draft, fact.model, fact.cause_text)
    draft.conclude(ModelWrittenOff(model=fact.model, reason=Reason(rule="model.lost")))
    _finish_freeing(draft)


def revoke_leases(draft: Draft, model: str, cause: str) -> None:
    """Whoever holds it holds nothing any more."""
    for position in draft.state.models[model].leases:
        draft.conclude(
            LeaseRevoked(
                request=position,
                model=model,
                code="MODEL_LOST",
                values={"model": model, "cause": cause},
                reason=Reason(rule="lease.model_lost"),
            )
        )


def on_unload_requested(draft: Draft, fact: UnloadRequested) -> None:
    """Drain it; one that is still loading leaves as soon as it is loaded."""
    model = draft.state.models.get(fact.model)
    if model and may_drain(draft.state, model):
        drain(draft, model, "operator", None, Reason(rule="unload.requested"))


def on_free_requested(draft: Draft, _fact: FreeRequested) -> None:
    """Drain what `evolve` found idle; when that is nothing, all is done already."""
    freeing = draft.state.freeing
    for name in freeing.pending if freeing else ():
        model = draft.state.models[name]
        if may_drain(draft.state, model):
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
        if not model or not model.description or model.state not in LOADABLE or name in state.plans:
            continue
        if assume(draft, model):
            continue
        verdict = admit(draft.state, None, model.description)
        held = hold(draft.state, name, Comparisons(), load=True)
        if isinstance(verdict, Fits) and verdict.free_now and held is None:
            start_load(draft, name, None, verdict.need, verdict.reason)
