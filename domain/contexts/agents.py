"""Agents that hold too much: nothing is added for them before they hold clearly less."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from ..state import State
from .relief import AgentReleased, AgentThrottled
from .state import Agent

#: Of its limit, what a throttled agent has to come down to: nobody is throttled twice for one message.
RELEASED_AT_PER_MILLE = 900


def used(state: State, agent: str) -> int:
    """Bytes of text in the windows of an agent's open contexts."""
    known = state.contexts.agents.get(agent)
    return known.used_bytes if known else 0


def should_throttle(state: State, agent: str) -> bool:
    """Whether nothing is added to an agent's contexts."""
    known = state.contexts.agents.get(agent)
    return known is not None and known.throttled


def limit(state: State, agent: str) -> tuple[int, str]:
    """Bytes that an agent's contexts may have, and the setting that says so."""
    own = state.host.settings.agents.get(agent)
    if own is not None and own.limit_bytes is not None:
        return own.limit_bytes, f"agents.{agent}.limit"
    return state.host.settings.context.agent_bytes, "context.per_agent"


def review(draft: Draft, agent: str) -> None:
    """Throttle an agent that went beyond its limit, and release one that came back."""
    known = draft.state.contexts.agents.get(agent)
    if known is not None:
        _review(draft, known)


def review_all(draft: Draft) -> None:
    """All of them: limits changed, or contexts went from one to another."""
    for agent in tuple(draft.state.contexts.agents.values()):
        _review(draft, agent)


def _review(draft: Draft, agent: Agent) -> None:
    limit_bytes, _setting = limit(draft.state, agent.name)
    tests = Comparisons()
    figures = {"agent": agent.name, "used_bytes": agent.used_bytes, "limit_bytes": limit_bytes}
    if not agent.throttled:
        if tests.hold("used_bytes", agent.used_bytes, ">", limit_bytes):
            reason = Reason(rule="agents.throttle", tests=tests.tests)
            draft.conclude(AgentThrottled(**figures, reason=reason))  # type: ignore[arg-type]  # named above
        return
    most = limit_bytes * RELEASED_AT_PER_MILLE // 1000
    if tests.hold("used_bytes", agent.used_bytes, "<=", most):
        reason = Reason(rule="agents.release", tests=tests.tests, evidence={"throttled": agent.since})
        draft.conclude(AgentReleased(**figures, reason=reason))  # type: ignore[arg-type]  # named above
