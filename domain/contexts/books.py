"""The sums over all contexts, kept with every change: nothing adds them up at a message."""

from ..copying import replace
from ..state import State
from .machine import ContextState
from .state import Agent, Context, Contexts


def with_context(state: State, context: Context) -> State:
    """The state with one context new or replaced; those that were used last stand last."""
    contexts = state.contexts
    before = contexts.named.get(context.name)
    named = {**contexts.named}
    if before is not None and _steps_back(before, context):
        del named[context.name]
    named[context.name] = context
    return replace(state, contexts=_counted(contexts, before, context, named))


def without_context(state: State, name: str) -> State:
    """The state without one context."""
    contexts = state.contexts
    named = {other: context for other, context in contexts.named.items() if other != name}
    return replace(state, contexts=_counted(contexts, contexts.named[name], None, named))


def with_agent(state: State, agent: Agent) -> State:
    """The state with what is known of one agent replaced; of one that holds nothing, nothing is."""
    return replace(state, contexts=replace(state.contexts, agents=_with(state.contexts.agents, agent)))


def _steps_back(before: Context, after: Context) -> bool:
    """It was used, or there is nothing to wait for: whoever looks for the longest unused finds it late."""
    set_aside = after.state is not before.state and after.state in (ContextState.CACHED, ContextState.CLOSED)
    return set_aside or after.used_at != before.used_at


def _counted(
    contexts: Contexts, before: Context | None, after: Context | None, named: dict[str, Context]
) -> Contexts:
    agents, opened, used_bytes, packed_bytes = contexts.agents, 0, 0, 0
    for context, sign in ((before, -1), (after, 1)):
        if context is None:
            continue
        packed_bytes += sign * context.packed
        if context.open:
            opened += sign
            used_bytes += sign * context.size
            agents = _moved(agents, context.agent, sign, sign * context.size)
    if before is not None and before.agent in agents:
        agents = _with(agents, agents[before.agent])
    return replace(
        contexts,
        named=named,
        agents=agents,
        open=contexts.open + opened,
        used_bytes=contexts.used_bytes + used_bytes,
        packed_bytes=contexts.packed_bytes + packed_bytes,
    )


def _moved(agents: dict[str, Agent], name: str, contexts: int, used_bytes: int) -> dict[str, Agent]:
    """A context without an agent is nobody's."""
    if not name:
        return agents
    agent = agents.get(name) or Agent(name)
    moved = replace(agent, contexts=agent.contexts + contexts, used_bytes=agent.used_bytes + used_bytes)
    return {**agents, name: moved}


def _with(agents: dict[str, Agent], agent: Agent) -> dict[str, Agent]:
    others = {**agents, agent.name: agent}
    if not (agent.contexts or agent.throttled):
        del others[agent.name]
    return others
