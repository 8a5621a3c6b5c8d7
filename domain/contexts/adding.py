"""Which messages are taken in."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from ..state import State
from . import agents, entries, spans
from . import events as e
from .compressing import compress_if_due
from .growing import widen_if_due
from .least import least_tokens
from .machine import ContextState
from .refusing import Values, beyond, too_large, unavailable, unknown
from .state import Context

Refusal = tuple[str, Values] | None

_TAKES = (ContextState.ACTIVE, ContextState.COMPRESSING)
_REMEDY = {
    ContextState.CLOSED: "open another one",
    ContextState.CACHED: "restore it first",
    ContextState.CACHING: "wait until it is packed, and restore it",
    ContextState.RESTORING: "wait until it is restored",
}


def on_added(draft: Draft, fact: e.MessageAdded) -> None:
    """Take it in, and make room before there is none; or say why not."""
    tests = Comparisons()
    refusal = _refusal(draft, fact, tests)
    if refusal is not None and refusal[0] == "CONTEXT_TOO_LARGE" and widen_if_due(draft, fact.context):
        tests = Comparisons()
        refusal = _refusal(draft, fact, tests)
    if refusal is not None:
        code, values = refusal
        reason = Reason(rule="contexts.add", tests=tests.tests)
        draft.conclude(e.MessageRefused(context=fact.context, code=code, values=values, reason=reason))
        return
    compress_if_due(draft, fact.context)
    agents.review(draft, draft.state.contexts.named[fact.context].agent)


def _refusal(draft: Draft, fact: e.MessageAdded, tests: Comparisons) -> Refusal:
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        tests.hold("known", 0, "==", 1)
        return "NO_SUCH_CONTEXT", unknown(fact.context)
    # It is not there yet for what is asked of the state it came into.
    if not any(tests.hold("state", context.state.value, "==", taking.value) for taking in _TAKES):
        return "CONTEXT_UNAVAILABLE", unavailable(context, _REMEDY[context.state])
    return (
        _answers_nothing(context, fact, tests)
        or _beyond_limits(draft.state, context, fact, tests)
        or (_can_be_kept_back(fact, tests) and _beyond_agent(draft.state, context, tests))
        or (fact.role != "assistant" and _beyond_window(context, tests))
        or None
    )


def _answers_nothing(context: Context, fact: e.MessageAdded, tests: Comparisons) -> Refusal:
    """A result is of a call that is in the window and lacks one; a tool's message of no call stands alone."""
    if fact.answers is None:
        return None
    last = entries.count(context.entries) - 1
    problem = ""
    if not tests.hold("role", fact.role, "==", "tool"):
        problem = "only a tool's message can be a result"
    elif not (
        tests.hold("answers", fact.answers, ">=", 0) and tests.hold("answers", fact.answers, "<", last)
    ):
        problem = "there is no such message"
    else:
        call = entries.at(context.entries, fact.answers)
        if not tests.hold("results", call.answered, "<=", call.calls):
            problem = "all its calls have their results" if call.calls else "it calls no tool"
        elif not tests.hold("in_window", int(spans.holds(context.window, fact.answers)), "==", 1):
            problem = "the call was left out"
    if not problem:
        return None
    remedy = "Give the ordinal of a message that calls a tool, or put it back first."
    given = str(fact.answers)
    values = {"field": "answers", "problem": problem, "given": given, "remedy": remedy}
    return "INVALID_MESSAGE", {**values, "cause": f"the call that it answers: {problem}"}


def _beyond_limits(state: State, context: Context, fact: e.MessageAdded, tests: Comparisons) -> Refusal:
    settings = state.host.settings.context
    code = "CONTEXT_LIMIT_EXCEEDED"
    messages = entries.count(context.entries)
    if not tests.hold("messages", messages, "<=", settings.max_messages):
        what, remedy = f"the number of messages of {context.name}", "go on in another context"
        return code, beyond(what, messages, settings.max_messages, "context.max_messages", remedy)
    if not tests.hold("message_bytes", fact.size, "<=", settings.max_message_bytes):
        remedy = "shorten it, or split it"
        limit = settings.max_message_bytes
        return code, beyond("the message's bytes", fact.size, limit, "context.max_message", remedy)
    used = state.contexts.used_bytes
    if not tests.hold("all_bytes", used, "<=", settings.global_bytes):
        what, remedy = "the bytes of all contexts", "prune, compress, close or forget some of them"
        return code, beyond(what, used, settings.global_bytes, "context.total", remedy)
    return None


def _can_be_kept_back(fact: e.MessageAdded, tests: Comparisons) -> bool:
    """What a model has said, or a tool has found, is lost to who cannot add it; a user can say it later."""
    return tests.hold("role", fact.role, "!=", "assistant") and tests.hold(
        "result", int(fact.answers is not None), "==", 0
    )


def _beyond_agent(state: State, context: Context, tests: Comparisons) -> Refusal:
    throttled = agents.should_throttle(state, context.agent)
    if not tests.hold("throttled", int(throttled), "==", 1):
        return None
    limit_bytes, setting = agents.limit(state, context.agent)
    used_bytes = agents.used(state, context.agent)
    return "AGENT_THROTTLED", {
        "agent": context.agent,
        "used_bytes": str(used_bytes),
        "limit_bytes": str(limit_bytes),
        "setting": setting,
        "cause": f"the contexts of {context.agent} have {used_bytes} bytes, and {limit_bytes} are allowed",
    }


def _beyond_window(context: Context, tests: Comparisons) -> Refusal:
    """Whether it could never be sent: with nothing beside it but what must stay, it is too much.

    A window that is over its limit for now is none of this: it is pruned before it is sent.
    """
    limit = context.limit_tokens
    if tests.hold("window_tokens", context.tokens, "<=", limit):
        return None
    least = least_tokens(context, limit)
    if tests.hold("least_tokens", least, "<=", limit):
        return None
    return "CONTEXT_TOO_LARGE", too_large(context, least)
