"""Putting messages back into a window that were left out of it, and pinning."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from ..state import State
from . import agents, entries, spans
from . import events as e
from .machine import ContextState
from .measuring import total
from .refusing import Values, beyond, failed, no_such_context, optimisation, too_large, unavailable
from .state import Context
from .structure import problems
from .values import Spans
from .widening import whole, widened

_WHAT = "restore"
_POSSIBLE = (ContextState.ACTIVE, ContextState.COMPRESSING)


def on_messages_wanted(draft: Draft, fact: e.MessagesWanted) -> None:
    """Put them back with what belongs to them, or say why not."""
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, _WHAT)
        return
    tests = Comparisons()
    if not any(tests.hold("state", context.state.value, "==", state.value) for state in _POSSIBLE):
        values = unavailable(context, "messages can be put back when it is active")
        optimisation(draft, fact.context, _WHAT, "CONTEXT_UNAVAILABLE", values, tests)
        return
    cause = _unusable(context, fact.wanted, tests)
    if cause:
        values = failed(context.name, _WHAT, cause)
        optimisation(draft, fact.context, _WHAT, "MEMORY_OPTIMIZATION_FAILED", values, tests)
        return
    _put_back(draft, context, fact.wanted, tests)


def on_pinned(draft: Draft, fact: e.MessagePinned) -> None:
    """A message that is pinned while it is left out comes back."""
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, "pin")
        return
    tests = Comparisons()
    known = entries.count(context.entries)
    if not (tests.hold("ordinal", fact.ordinal, ">=", 0) and tests.hold("ordinal", fact.ordinal, "<", known)):
        values = failed(context.name, "pin", f"there is no message {fact.ordinal}")
        optimisation(draft, fact.context, "pin", "MEMORY_OPTIMIZATION_FAILED", values, tests)
        return
    if fact.pinned and not spans.holds(context.window, fact.ordinal):
        wanted = spans.spans_of((fact.ordinal,))
        on_messages_wanted(draft, e.MessagesWanted(context=fact.context, wanted=wanted))


def _unusable(context: Context, wanted: Spans, tests: Comparisons) -> str:
    """What is wrong with a wish; empty for one that can be followed."""
    known = entries.count(context.entries)
    first = min((span.first for span in wanted), default=0)
    last = max((span.last for span in wanted), default=0)
    if not (tests.hold("first", first, ">=", 0) and tests.hold("last", last, "<", known)):
        return f"it has messages 0 to {known - 1}"
    numbers = list(spans.ordinals(wanted))
    lost = sum(entries.at(context.entries, ordinal).lost for ordinal in whole(context.entries, numbers))
    if not tests.hold("lost", lost, "==", 0):
        return "texts of these messages were damaged, and are gone"
    return ""


def _put_back(draft: Draft, context: Context, wanted: Spans, tests: Comparisons) -> None:
    before = dict.fromkeys(spans.ordinals(context.window))
    window = widened(context, spans.ordinals(wanted))
    restored = [ordinal for ordinal in spans.ordinals(window) if ordinal not in before]
    tokens, size = total(context, spans.ordinals(window))
    hindrance = _hindrance(draft.state, context, len(restored), (tokens, size), tests)
    if hindrance is None and not tests.hold("problems", len(problems(context.entries, window)), "==", 0):
        cause = f"then {problems(context.entries, window)[0]}"
        hindrance = "MEMORY_OPTIMIZATION_FAILED", failed(context.name, _WHAT, cause)
    if hindrance is not None:
        code, values = hindrance
        optimisation(draft, context.name, _WHAT, code, values, tests)
        return
    draft.conclude(
        e.MessagesRestored(
            context=context.name,
            restored=spans.spans_of(restored),
            window=window,
            before_tokens=context.tokens,
            after_tokens=tokens,
            before_bytes=context.size,
            after_bytes=size,
            reason=Reason(rule="restore.wanted", tests=tests.tests),
        )
    )
    agents.review(draft, context.agent)


def _hindrance(
    state: State, context: Context, restored: int, after: tuple[int, int], tests: Comparisons
) -> tuple[str, Values] | None:
    tokens, size = after
    if not tests.hold("restored", restored, ">", 0):
        cause = "all of these are in the window, or are summaries of what is"
        return "MEMORY_OPTIMIZATION_FAILED", failed(context.name, _WHAT, cause)
    limit = context.limit_tokens
    if not any(tests.hold("after_tokens", tokens, "<=", most) for most in (limit, context.tokens)):
        return "CONTEXT_TOO_LARGE", too_large(context, tokens)
    used = state.contexts.used_bytes + size - context.size
    most = state.host.settings.context.global_bytes
    if not any(tests.hold("all_bytes", used, "<=", allowed) for allowed in (most, state.contexts.used_bytes)):
        what, remedy = "the bytes of all contexts", "prune, compress, close or forget some of them"
        return "CONTEXT_LIMIT_EXCEEDED", beyond(what, used, most, "context.total", remedy)
    return None
