"""The ladder of steps that need less memory, and what an agent is given of a conversation."""

from collections.abc import Sequence
from typing import Literal

from ..counting.learning import Learning
from ..domain.contexts import entries as blocks
from ..domain.contexts import planning, spans
from ..domain.contexts.machine import ContextState
from ..domain.contexts.relief import MemoryOptimized
from ..domain.contexts.state import Context
from ..domain.contexts.values import Entry
from ..domain.errors import InvalidMessage, MemoryOptimizationFailed
from ..domain.ports import Message
from ..domain.selection.turns import turn_of
from .asking import NOT_DONE, taken
from .caching import Caching
from .kit import Kit
from .packing import pressure_per_mille
from .reading import Addition
from .results import OptimizedMemory, Reduced
from .scoring import Scoring
from .shrinking import RECENT, Shrinking

Strategy = Literal["standard", "aggressive"]

#: What templates add to a message at most, as far as is known.
_TEMPLATE_TOKENS = 8


class Relieving:
    """Takes the steps one after another: a failed one is no reason not to take the next."""

    def __init__(self, kit: Kit, shrinking: Shrinking, caching: Caching, scoring: Scoring) -> None:
        self._kit = kit
        self._shrinking = shrinking
        self._caching = caching
        self._scoring = scoring

    async def optimize(
        self, model: str | None, names: Sequence[str], strategy: Strategy | None
    ) -> OptimizedMemory:
        """Compress idle contexts; where memory is short, let go of what is held and pack them as well."""
        chosen = strategy or self._by_pressure()
        idle = sorted(filter(self._is_idle, names), key=self._urgency)
        reduced = [await self._compressed(name) for name in idle]
        texts = 0
        if chosen == "aggressive":
            for one in dict.fromkeys(self._kit.context(name).model for name in names):
                of_model = [name for name in names if self._kit.context(name).model == one]
                texts += (await self._caching.reduce(one, of_model)).saved_text_bytes
            for name in idle:
                await self._packed(name)
        together = Reduced.together(reduced)
        result = OptimizedMemory(model, chosen, len(idle), texts, together.saved_kv_bytes)
        await taken(
            self._kit.engine,
            MemoryOptimized(
                model=model,
                strategy=chosen,
                contexts=len(idle),
                saved_text_bytes=result.saved_text_bytes,
                saved_kv_bytes=result.saved_kv_bytes,
            ),
        )
        return result

    async def chosen(
        self, agent: str, additions: Sequence[Addition], query: str, max_tokens: int, model: str | None
    ) -> list[Message]:
        """Of messages that are nobody's, those that a query asks for, within so many tokens."""
        messages = [one.message for one in additions]
        context = _unheld(additions, await self._tokens(messages, model), max_tokens)
        profile = self._kit.profile(agent)
        importances = [one.importance for one in additions]
        scores = await self._scoring.of(messages, query, profile, importances, agent)
        plan = planning.keep(context, scores, max_tokens, None, RECENT)
        if isinstance(plan, planning.Infeasible):
            raise MemoryOptimizationFailed(
                context=agent,
                what="filter",
                cause=f"what must stay has {plan.required_tokens} tokens, and {max_tokens} are possible",
            )
        return [messages[ordinal] for ordinal in spans.ordinals(plan.kept)]

    async def _tokens(self, messages: Sequence[Message], model: str | None) -> list[int]:
        """For a model; rather too many than too few for none in particular."""
        if model is not None:
            return [count.tokens for count in await self._kit.counter.count(model, messages)]
        count = Learning(lambda: self._kit.state.counting).estimator("").at_most
        texts = [turn_of(message).text for message in messages]
        return await self._kit.scorer.do(lambda: [count(text) + _TEMPLATE_TOKENS for text in texts])

    def _by_pressure(self) -> Strategy:
        state = self._kit.state
        threshold = state.host.settings.limits.memory_threshold_per_mille
        return "aggressive" if pressure_per_mille(state) >= threshold else "standard"

    def _is_idle(self, name: str) -> bool:
        context = self._kit.context(name)
        idle_ms = self._kit.state.host.settings.context.idle_ms
        if context.state is not ContextState.ACTIVE:
            return False
        return idle_ms is None or self._kit.engine.clock.now() - context.used_at >= idle_ms * 1_000_000

    def _urgency(self, name: str) -> tuple[int, int]:
        """The lowest priority first, then the longest unused."""
        context = self._kit.context(name)
        own = self._kit.state.host.settings.agents.get(context.agent)
        return context.priority + (own.priority if own else 0), context.used_at

    async def _compressed(self, name: str) -> Reduced:
        context = self._kit.context(name)
        try:
            return await self._shrinking.compress(name, "extractive")
        except NOT_DONE:
            # There is nothing to be gained, or something is under way.
            return Reduced((), context.tokens, context.tokens, context.size, context.size, 0, 0)

    async def _packed(self, name: str) -> None:
        try:
            await self._caching.move_to_cache(name)
        except NOT_DONE:
            return


def _unheld(additions: Sequence[Addition], tokens: Sequence[int], max_tokens: int) -> Context:
    """Messages as if they were a context's. Raises InvalidMessage for a result of a call that none makes."""
    known: blocks.Entries = ()
    for number, (one, count) in enumerate(zip(additions, tokens, strict=True)):
        answers = _caller(additions[:number], one.message)
        if answers is not None:
            caller = blocks.at(known, answers)
            known = blocks.changed(known, answers, caller._replace(answered=caller.answered + 1))
        known = blocks.appended(
            known,
            Entry(
                position=number + 1,
                role=one.message.role,
                tokens=count,
                size=len(one.encoded),
                importance=one.importance,
                pinned=one.pinned,
                calls=len(one.message.tool_calls),
                answers=answers,
            ),
        )
    return Context(
        name="",
        position=0,
        model="",
        agent="",
        genre="dialogue",
        window_tokens=max_tokens,
        reserve_tokens=0,
        budget_tokens=None,
        priority=0,
        opened_at=0,
        used_at=0,
        entries=known,
        window=spans.spans_of(range(len(additions))),
        tokens=sum(tokens),
        size=sum(len(one.encoded) for one in additions),
    )


def _caller(before: Sequence[Addition], message: Message) -> int | None:
    if message.tool_call_id is None:
        return None
    for number in reversed(range(len(before))):
        if any(call.id == message.tool_call_id for call in before[number].message.tool_calls):
            return number
    raise InvalidMessage(
        field="tool_call_id",
        problem="no message before it makes a call of that id",
        given="an unknown id",
        remedy="Give the assistant's message that makes the call as well.",
    )
