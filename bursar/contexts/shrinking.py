"""Making windows smaller: by a summary, by leaving out what matters least, by what a query asks for."""

from collections.abc import Sequence
from typing import cast

from ..domain.contexts import spans
from ..domain.contexts.events import (
    CompressionAsked,
    CompressionDiscarded,
    CompressionFailed,
    ContextCompressed,
    ContextCompressionStarted,
    ContextPruned,
    MessagesRestored,
    MessagesWanted,
    PruneAsked,
)
from ..domain.contexts.spans import spans_of
from ..domain.contexts.state import Context
from ..domain.contexts.values import Method
from ..domain.errors import MemoryOptimizationFailed
from ..domain.reasons import Reason
from .asking import decided, outcome
from .caching import Caching
from .effects import ContextEffects
from .kit import Kit
from .results import Reduced, RestoredMessages
from .scoring import Scoring

#: Messages at the end that stay whatever a query asks for: what it refers to without naming it.
RECENT = 2

_COMPRESSED = (ContextCompressed, CompressionDiscarded, CompressionFailed)


class Shrinking:
    """Asks the rules to make windows smaller, and says what came of it."""

    def __init__(self, kit: Kit, scoring: Scoring, caching: Caching, effects: ContextEffects) -> None:
        self._kit = kit
        self._scoring = scoring
        self._caching = caching
        self._effects = effects

    async def compress(
        self, name: str, method: Method, target_tokens: int | None = None, keep_last: int | None = None
    ) -> Reduced:
        """Replace older messages by a summary. Raises MemoryOptimizationFailed and what the rules refuse."""
        await self._caching.wake(name)
        # One at a time: another one may be under way.
        await self._effects.settled(name)
        asked = CompressionAsked(
            context=name, method=method, target_tokens=target_tokens, keep_last=keep_last
        )
        end = await outcome(self._kit.engine, asked, ContextCompressionStarted, _COMPRESSED)
        if isinstance(end, ContextCompressed):
            return _reduced(end)
        if isinstance(end, CompressionFailed):
            cause = f"{end.code}: {end.cause_text}"
        else:
            cause = _because(cast(CompressionDiscarded, end).reason)
        raise MemoryOptimizationFailed(context=name, what="compress", cause=cause)

    async def prune(
        self,
        name: str,
        *,
        target_tokens: int | None = None,
        target_bytes: int | None = None,
        query: str | None = None,
        agent: str | None = None,
    ) -> Reduced:
        """Leave messages out, for a query if there is one, of whoever's specialisation `agent` names.

        Raises MemoryOptimizationFailed when what must stay is more than the target.
        """
        context = self._kit.context(name)
        embedded = False
        if query is not None and not _fits(context, target_tokens, target_bytes):
            # It may take its time, in which messages can be added.
            embedded = await self._scoring.embedding.prepare(context, query)
        await self._caching.wake(name)
        async with self._kit.desks.at(name):
            while True:
                context = self._kit.context(name)
                if _fits(context, target_tokens, target_bytes):
                    return _untouched(context)
                scores, scorer = await self._scores(context, query, agent, embedded=embedded)
                now = self._kit.context(name)
                # A summary may have taken its place meanwhile.
                if now.revision == context.revision and now.window == context.window:
                    break
            asked = PruneAsked(
                context=context.name,
                revision=context.revision,
                target_tokens=target_tokens,
                target_bytes=target_bytes,
                keep_last=None if query is None else RECENT,
                scores=tuple(scores),
                scorer=scorer,
            )
            return _reduced(await decided(self._kit.engine, asked, ContextPruned))

    async def put_back(self, name: str, ordinals: Sequence[int]) -> RestoredMessages:
        """Have messages sent again that were left out."""
        await self._caching.wake(name)
        wanted = MessagesWanted(context=name, wanted=spans_of(sorted(set(ordinals))))
        body = await decided(self._kit.engine, wanted, MessagesRestored)
        return RestoredMessages(
            name,
            tuple(spans.ordinals(body.restored)),
            body.before_tokens,
            body.after_tokens,
            body.before_bytes,
            body.after_bytes,
        )

    async def _scores(
        self, context: Context, query: str | None, agent: str | None, *, embedded: bool
    ) -> tuple[list[int], str]:
        if query is None:
            return await self._scoring.importance(context), f"importance {context.genre} 1"
        profile = self._kit.profile(context.agent if agent is None else agent)
        return await self._scoring.query(context, query, profile, embedded=embedded)


def _fits(context: Context, target_tokens: int | None, target_bytes: int | None) -> bool:
    within_tokens = target_tokens is None or context.tokens <= target_tokens
    return within_tokens and (target_bytes is None or context.size <= target_bytes)


def _untouched(context: Context) -> Reduced:
    return Reduced((), context.tokens, context.tokens, context.size, context.size, 0, 0)


def _reduced(body: ContextCompressed | ContextPruned) -> Reduced:
    return Reduced(
        (body.context,),
        body.before_tokens,
        body.after_tokens,
        body.before_bytes,
        body.after_bytes,
        body.removed_messages,
        body.saved_kv_bytes,
    )


def _because(reason: Reason) -> str:
    """What a decision against a summary was taken from: the comparisons that did not hold, or did."""
    failed = [test for test in reason.tests if not test.holds] or list(reason.tests)
    return "; ".join(f"{test.what} {test.left} {test.op} {test.right}" for test in failed) or reason.rule
