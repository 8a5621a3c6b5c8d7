"""Leaving messages out of a window, so that it has no more tokens and bytes than it is to have."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from . import agents, spans
from . import events as e
from .machine import ContextState
from .memory import kv_bytes
from .planning import Infeasible, Plan, keep
from .refusing import Values, failed, no_such_context, optimisation, unavailable
from .state import Context

_WHAT = "prune"
_POSSIBLE = (ContextState.ACTIVE, ContextState.COMPRESSING)


def on_prune_asked(draft: Draft, fact: e.PruneAsked) -> None:
    """Leave out what matters least, or say why not."""
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, _WHAT)
        return
    tests = Comparisons()
    hindrance = _hindrance(context, fact, tests)
    if hindrance is not None:
        code, values = hindrance
        optimisation(draft, fact.context, _WHAT, code, values, tests)
        return
    last = draft.state.host.settings.context.keep_last if fact.keep_last is None else fact.keep_last
    plan = keep(context, fact.scores, fact.target_tokens, fact.target_bytes, last)
    if _is_possible(fact, plan, tests) and isinstance(plan, Plan):
        _conclude(draft, context, plan, tests)
        return
    needed = f"{plan.required_tokens} tokens and {plan.required_size} bytes"
    cause = f"what must stay has {needed}, and {_allowed(fact)} are allowed"
    optimisation(
        draft, fact.context, _WHAT, "MEMORY_OPTIMIZATION_FAILED", failed(context.name, _WHAT, cause), tests
    )


def _hindrance(context: Context, fact: e.PruneAsked, tests: Comparisons) -> tuple[str, Values] | None:
    if not any(tests.hold("state", context.state.value, "==", state.value) for state in _POSSIBLE):
        return "CONTEXT_UNAVAILABLE", unavailable(context, "it can be pruned when it is active")
    cause = ""
    messages = spans.length(context.window)
    if not tests.hold("revision", fact.revision, "==", context.revision):
        cause = f"it was scored at revision {fact.revision}, and is at {context.revision}: score it anew"
    elif not tests.hold("scores", len(fact.scores), "==", messages):
        cause = f"there are {len(fact.scores)} scores for {messages} messages: score it anew"
    elif not _is_over(context, fact, tests):
        cause = f"there is nothing to do: it has {context.tokens} tokens and {context.size} bytes"
    return ("MEMORY_OPTIMIZATION_FAILED", failed(context.name, _WHAT, cause)) if cause else None


def _is_over(context: Context, fact: e.PruneAsked, tests: Comparisons) -> bool:
    """Whether the window has more than it is to have, of one or the other."""
    tokens, size = fact.target_tokens, fact.target_bytes
    return (tokens is not None and tests.hold("before_tokens", context.tokens, ">", tokens)) or (
        size is not None and tests.hold("before_bytes", context.size, ">", size)
    )


def _is_possible(fact: e.PruneAsked, plan: Plan | Infeasible, tests: Comparisons) -> bool:
    """Whether what must stay is no more than there may be, and something stays."""
    tokens, size = fact.target_tokens, fact.target_bytes
    return (
        (tokens is None or tests.hold("required_tokens", plan.required_tokens, "<=", tokens))
        and (size is None or tests.hold("required_bytes", plan.required_size, "<=", size))
        and tests.hold("kept_messages", plan.messages if isinstance(plan, Plan) else 0, ">", 0)
    )


def _allowed(fact: e.PruneAsked) -> str:
    limits = ((fact.target_tokens, "tokens"), (fact.target_bytes, "bytes"))
    return " and ".join(f"{limit} {unit}" for limit, unit in limits if limit is not None)


def _conclude(draft: Draft, context: Context, plan: Plan, tests: Comparisons) -> None:
    messages = spans.length(context.window)
    draft.conclude(
        e.ContextPruned(
            context=context.name,
            model=context.model,
            kept=plan.kept,
            dropped=plan.dropped,
            dropped_scores=plan.dropped_scores,
            before_messages=messages,
            after_messages=plan.messages,
            removed_messages=messages - plan.messages,
            before_tokens=context.tokens,
            after_tokens=plan.tokens,
            before_bytes=context.size,
            after_bytes=plan.size,
            saved_kv_bytes=kv_bytes(draft.state, context.model, context.tokens - plan.tokens),
            reason=Reason(rule="prune.scores", tests=tests.tests),
        )
    )
    agents.review(draft, context.agent)
