"""Who may hold a conversation, and under which terms."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from . import agents
from . import events as e
from .compressing import compress_if_due
from .refusing import Values, beyond, unavailable


def on_opened(draft: Draft, fact: e.ContextOpened) -> None:
    """Open it, or go on with it under other terms; or say why not."""
    tests = Comparisons()
    refusal = _refusal(draft, fact, tests)
    if refusal is not None:
        code, values = refusal
        known = draft.state.contexts.named[fact.context].position != draft.fact.position
        reason = Reason(rule="contexts.open", tests=tests.tests)
        draft.conclude(
            e.ContextRefused(context=fact.context, known=known, code=code, values=values, reason=reason)
        )
        return
    compress_if_due(draft, fact.context)
    agents.review_all(draft)


def _refusal(draft: Draft, fact: e.ContextOpened, tests: Comparisons) -> tuple[str, Values] | None:
    state = draft.state
    context = state.contexts.named[fact.context]
    if not tests.hold("open", int(context.open), "==", 1):
        return "CONTEXT_UNAVAILABLE", unavailable(context, "open another one, or forget this one first")
    budget = fact.budget_tokens
    if budget is not None and not tests.hold("budget_tokens", budget, ">=", 1):
        what, remedy = (
            f"the least budget of {fact.context}",
            "allow at least one token, or leave it to the window",
        )
        return "CONTEXT_LIMIT_EXCEEDED", beyond(what, 1, budget, "budget_tokens", remedy)
    if not tests.hold("reserve_tokens", fact.reserve_tokens, "<", fact.window_tokens):
        remedy = "keep fewer tokens free for the answer, or use a larger window"
        return "CONTEXT_LIMIT_EXCEEDED", beyond(
            f"the tokens kept free of {fact.context}",
            fact.reserve_tokens,
            fact.window_tokens - 1,
            "window_tokens",
            remedy,
        )
    limit = state.host.settings.context.max_contexts
    if context.position == draft.fact.position and not tests.hold(
        "contexts", state.contexts.open, "<=", limit
    ):
        what, remedy = "the number of open contexts", "close or forget some of them"
        return "CONTEXT_LIMIT_EXCEEDED", beyond(
            what, state.contexts.open, limit, "context.max_contexts", remedy
        )
    return None
