"""When a model is loaded with another window: a conversation outgrows the one it has, or nobody needs it.

Only where whoever holds the conversation wants that, and where there is memory for it beside all other
models. A model in memory leaves for a larger window once it serves nobody; never for a smaller one.
"""

from dataclasses import dataclass

from ..draft import Draft
from ..models import ledger
from ..models.abilities import way_out
from ..models.events import ModelLoadFailed, ModelUnloaded, ModelUnloadFailed
from ..models.leaving import drain
from ..models.machine import RESIDENT, ModelState
from ..models.schedule import schedule
from ..models.state import Model
from ..models.values import Description
from ..reasons import Comparisons, Reason
from ..state import State
from .growth import WindowChosen, WindowWanted
from .state import Context
from .windows import recommended_window, window_for

#: States in which the next load is still to come, or can be awaited.
_BEFORE_A_LOAD = (ModelState.ABSENT, ModelState.FAILED, ModelState.UNLOADING)


@dataclass(frozen=True, slots=True)
class Larger:
    """A window that a model can have, over all slots, and why."""

    before_tokens: int
    context_tokens: int
    tests: Comparisons


def widen_if_due(draft: Draft, name: str) -> bool:
    """Choose a larger window before there is so little room that compressing would begin; whether one was."""
    context = draft.state.contexts.named.get(name)
    if context is None or context.sizing != "auto":
        return False
    room = context.window_tokens - context.reserve_tokens
    due = room * draft.state.host.settings.context.compress_at_per_mille // 1000
    if context.limit_tokens < room or context.tokens < due:
        return False
    return _widen(draft, context, _due_tokens(draft.state, context))


def on_window_wanted(draft: Draft, fact: WindowWanted) -> None:
    """Choose one that is large enough, if there is one."""
    context = draft.state.contexts.named.get(fact.context)
    if context is not None:
        _widen(draft, context, fact.tokens)


def larger(state: State, context: Context, tokens: int) -> Larger | None:
    """The window that a context's model can have for so many tokens, the answer included; None for none."""
    model = state.models.get(context.model)
    described = model.description if model else None
    if model is None or described is None:
        return None
    tests = Comparisons()
    slots = max(1, described.slots)
    most = described.most_context_tokens
    wanted = (recommended_window(state, context.name, most // slots, tokens) or 0) * slots
    possible = (
        tests.hold("sizing", context.sizing, "==", "auto")
        and tests.hold("most_context_tokens", most, ">", described.context_tokens)
        and tests.hold("wanted_tokens", wanted, ">", described.context_tokens)
        and (not model.failed_tokens or tests.hold("wanted_tokens", wanted, "<", model.failed_tokens))
        and _is_movable(state, model, tests)
        and _fits(state, model, described.model_copy(update={"context_tokens": wanted}), tests)
    )
    return Larger(described.context_tokens, wanted, tests) if possible else None


def on_model_failed(draft: Draft, fact: ModelLoadFailed) -> None:
    """What could not be loaded with a larger window is loaded as its provider would."""
    model = draft.state.models[fact.model]
    tests = Comparisons()
    if model.described is None or fact.code.startswith("PROVIDER_"):
        return
    asked, own = model.asked_tokens, model.described.context_tokens
    if tests.hold("asked_tokens", asked, ">", own):
        _choose(draft, model, asked, own, Reason(rule="window.failed", tests=tests.tests), failed=True)


def on_model_unloaded(draft: Draft, fact: ModelUnloaded | ModelUnloadFailed) -> None:
    """What could not leave keeps its window; what left comes back with the one that is needed by then."""
    model = draft.state.models[fact.model]
    described = model.description
    if described is None:
        return
    tests = Comparisons()
    if isinstance(fact, ModelUnloadFailed):
        chosen, asked = model.window_tokens, model.asked_tokens
        if tests.hold("asked_tokens", asked, "<", chosen):
            _choose(draft, model, chosen, asked, Reason(rule="window.kept", tests=tests.tests), failed=True)
        return
    # One that left for a larger window has yet to come back with it.
    if model.window_tokens and tests.hold("asked_tokens", model.asked_tokens, ">=", described.context_tokens):
        needed = _needed(draft.state, model, described)
        if tests.hold("needed_tokens", needed, "<", described.context_tokens):
            reason = Reason(rule="window.needless", tests=tests.tests)
            _choose(draft, model, described.context_tokens, needed, reason)


def _widen(draft: Draft, context: Context, tokens: int) -> bool:
    found = larger(draft.state, context, tokens)
    if found is None:
        return False
    model = draft.state.models[context.model]
    reason = Reason(rule="window.larger", tests=found.tests.tests)
    _choose(draft, model, found.before_tokens, found.context_tokens, reason, context=context.name)
    if model.state is ModelState.READY:
        drain(draft, model, "window", None, Reason(rule="window.larger"))
    schedule(draft)
    return True


def _choose(
    draft: Draft,
    model: Model,
    before: int,
    tokens: int,
    reason: Reason,
    *,
    context: str = "",
    failed: bool = False,
) -> None:
    draft.conclude(
        WindowChosen(
            model=model.name,
            context=context,
            before_tokens=before,
            context_tokens=tokens,
            failed=failed,
            reason=reason,
        )
    )


def _is_movable(state: State, model: Model, tests: Comparisons) -> bool:
    """Whether it is loaded before it serves next, or may be: it is ours, and nobody wants it to stay."""
    if model.state in (ModelState.READY, ModelState.LOADING):
        return (
            tests.hold("origin", model.origin, "==", "own")
            and tests.hold("asked_tokens", model.asked_tokens, ">", 0)
            and tests.hold("pinned", int(state.host.pinned(model.name)), "==", 0)
            and tests.hold("way_out", way_out(state, model) or "", "==", "unload")
        )
    if model.state is ModelState.DRAINING:
        return tests.hold("motive", model.motive or "", "==", "window")
    return any(tests.hold("model_state", model.state.value, "==", one.value) for one in _BEFORE_A_LOAD)


def _fits(state: State, model: Model, wide: Description, tests: Comparisons) -> bool:
    """Whether there is memory for it beside all other models."""
    free = ledger.available(state)
    own = model.memory if model.state in RESIDENT else {}
    need = ledger.expected_memory(state, wide)[0]
    fits = [
        tests.hold(f"free {device}", free[device] + own.get(device, 0), ">=", size)
        for device, size in need.items()
        if device in free
    ]
    return all(fits)


def _needed(state: State, model: Model, described: Description) -> int:
    """The window, over all slots, that open conversations with a model need; at least its provider's own."""
    slots = max(1, described.slots)
    least = model.described.context_tokens // slots if model.described else 0
    needs = [
        _needed_by(state, context, described.most_context_tokens // slots)
        for context in state.contexts.named.values()
        if context.open and context.model == model.name
    ]
    return max([least, *needs]) * slots


def _needed_by(state: State, context: Context, most: int) -> int:
    if context.sizing != "auto":
        return context.window_tokens
    tokens = _due_tokens(state, context) - context.reserve_tokens
    return window_for(tokens, context.reserve_tokens, current=context.window_tokens, most=most)


def _due_tokens(state: State, context: Context) -> int:
    """The window in which compressing what a context holds would just begin."""
    at = state.host.settings.context.compress_at_per_mille
    return -(-context.tokens * 1000 // at) + context.reserve_tokens + 1
