"""How a model leaves: it takes nobody new, serves whom it serves, and is then unloaded."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
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
    """The manager is closing: whatever serves leaves, pinned or not."""
    for model in tuple(draft.state.models.values()):
        if model.state is ModelState.READY and model.retry_at <= draft.state.at:
            drain(draft, model, "shutdown", None, Reason(rule="manager.stopping"))


def unload_drained(draft: Draft) -> None:
    """Unload the draining that serve nobody any more."""
    for model in tuple(draft.state.models.values()):
        if model.state is not ModelState.DRAINING:
            continue
        tests = Comparisons()
        if tests.hold("leases", len(model.leases), "==", 0):
            draft.conclude(
                ModelUnloadStarted(
                    model=model.name,
                    motive=model.motive or "operator",
                    plan=model.plan,
                    reason=Reason(rule="unload.drained", tests=tests.tests),
                )
            )
