"""How a model leaves: it takes nobody new, serves whom it serves, and is then unloaded."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from ..state import State
from .abilities import abilities, way_out
from .events import ModelDrainCancelled, ModelDrainStarted, ModelUnloadStarted, Motive
from .machine import ModelState
from .state import Model


def drain(draft: Draft, model: Model, motive: Motive, plan: int | None, reason: Reason) -> None:
    """Take nobody new, and unload when those it serves are done."""
    draft.conclude(
        ModelDrainStarted(model=model.name, motive=motive, plan=plan, leases=len(model.leases), reason=reason)
    )


def spare(draft: Draft, model: str, reason: Reason) -> None:
    """Let a draining model stay."""
    draft.conclude(ModelDrainCancelled(model=model, reason=reason))


def drain_everything(draft: Draft) -> None:
    """The manager is closing: whatever it loaded leaves, pinned or not; what others loaded is theirs."""
    for model in tuple(draft.state.models.values()):
        if (
            may_drain(draft.state, model)
            and not stays(draft.state, model)
            and model.retry_at <= draft.state.at
        ):
            drain(draft, model, "shutdown", None, Reason(rule="manager.stopping"))


def may_drain(state: State, model: Model) -> bool:
    """Whether a model is in memory and can be made to leave it."""
    return model.state in (ModelState.READY, ModelState.SLEEPING) and way_out(state, model) is not None


def stays(state: State, model: Model) -> bool:
    """Whether a model in memory stays there when the manager closes, as far as it is not leaving already."""
    settled = model.state in (ModelState.READY, ModelState.SLEEPING)
    return settled and (model.origin == "external" or way_out(state, model) is None)


def unload_drained(draft: Draft) -> None:
    """Unload the draining that serve nobody any more."""
    for model in tuple(draft.state.models.values()):
        if model.state is not ModelState.DRAINING:
            continue
        tests = Comparisons()
        if tests.hold("leases", len(model.leases), "==", 0):
            how = way_out(draft.state, model) or "unload"
            can = abilities(draft.state, model.name)
            if how == "sleep":
                tests.hold("its provider can unload", int(can.unload), "==", 0)
                tests.hold("its provider can sleep", int(can.sleep), "==", 1)
            draft.conclude(
                ModelUnloadStarted(
                    model=model.name,
                    motive=model.motive or "operator",
                    plan=model.plan,
                    how=how,
                    reason=Reason(rule="unload.drained", tests=tests.tests),
                )
            )
