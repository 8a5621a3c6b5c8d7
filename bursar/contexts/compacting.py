"""Making the summary that a compression asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..counting import Counted
from ..domain.contexts import entries, spans, structure
from ..domain.contexts.encoding import to_bytes
from ..domain.contexts.events import ContextCompressionStarted, SummaryAttempted, SummaryMade
from ..domain.contexts.state import Context
from ..domain.contexts.summaries import covered_by
from ..domain.events import Event, Fact
from ..domain.kernel import Origin
from ..domain.ports import Message
from ..domain.selection.turns import turn_of
from ..domain.selection.values import Turn
from .asked import Manager
from .kit import Kit
from .summarising import Ask, Attempt, Summary, resident_only, summarise

#: How often a summary that has turned out too long is made anew.
_SCALED_MOST = 2
#: Bytes of what stays, the newest first, that are looked through for what a summary need not name.
_BESIDE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a summary is to be made of."""

    intent: Event
    body: ContextCompressionStarted
    context: Context
    turns: Sequence[tuple[int, Turn]]
    atoms: Sequence[tuple[int, ...]]
    beside: Sequence[Turn]


class Compacting:
    """Runs the effects of compressions."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        #: Whom the model is asked through; None asks no model.
        self.manager: Manager | None = None

    async def run(self, intent: Event, body: ContextCompressionStarted) -> Fact:
        """Make the summary, from the messages themselves and never from summaries of them, and keep it."""
        context = self._kit.context(body.context)
        wanted = await self._wanted(intent, body, context)
        ask = None
        if body.method == "model" and self.manager is not None:
            ask = resident_only(self.manager, context.model, agent=context.agent)
        count = self._kit.counter.text_counter(context.model)
        summary, counted = await self._made(wanted, ask, count)
        for _ in range(_SCALED_MOST):
            if counted.tokens <= body.max_tokens:
                break
            # Texts of this kind have more tokens than was expected of them.
            count = _scaled(count, summary.text, counted.tokens)
            summary, counted = await self._made(wanted, None, count)
        encoded = to_bytes(Message("user", summary.text))
        subject = f"context/{context.name}"
        return SummaryMade(
            context=context.name,
            revision=body.revision,
            replacing=body.replacing,
            address=await self._kit.vault.do(lambda shelf: shelf.bodies.put(subject, encoded)),
            size=len(encoded),
            tokens=counted.tokens,
            counted_by=counted.by,
            method=summary.method,
            facts=summary.facts,
            struck=summary.struck,
            cited=spans.spans_of(summary.cited),
        )

    async def _wanted(self, intent: Event, body: ContextCompressionStarted, context: Context) -> _Wanted:
        replaced = covered_by(context, body.replacing)
        ordinals = list(spans.ordinals(replaced))
        turns = await self._turns(context, ordinals)
        return _Wanted(
            intent,
            body,
            context,
            list(zip(ordinals, turns, strict=True)),
            structure.atoms(context.entries, replaced),
            await self._turns(context, _beside(context, body)),
        )

    async def _turns(self, context: Context, ordinals: Sequence[int]) -> list[Turn]:
        return [turn_of(message) for message in await self._kit.texts.read(context, ordinals)]

    async def _made(
        self, wanted: _Wanted, ask: Ask | None, count: Callable[[str], int]
    ) -> tuple[Summary, Counted]:
        """A summary, and what it takes in the window."""
        context = wanted.context
        [template] = await self._kit.counter.count(context.model, [Message("user", "")])
        summary = await summarise(
            ask,
            context.model,
            wanted.turns,
            atoms=wanted.atoms,
            beside=wanted.beside,
            max_tokens=max(1, wanted.body.max_tokens - template.tokens),
            window_tokens=context.window_tokens,
            replaces_tokens=_tokens(context, wanted.body),
            count=count,
            genre=context.genre,
            attempted=partial(self._attempted, wanted.intent, context.name),
        )
        [counted] = await self._kit.counter.count(context.model, [Message("user", summary.text)])
        return summary, counted

    def _attempted(self, intent: Event, context: str, attempt: Attempt) -> None:
        fact = SummaryAttempted(
            context=context,
            attempt=attempt.attempt,
            model=attempt.model,
            problem=attempt.problem,
            facts=attempt.facts,
            struck=attempt.struck,
        )
        self._kit.engine.submit(fact, origin=Origin(intent.position, intent.correlation))


def _tokens(context: Context, body: ContextCompressionStarted) -> int:
    return sum(entries.at(context.entries, one).tokens for one in spans.ordinals(body.replacing))


def _beside(context: Context, body: ContextCompressionStarted) -> list[int]:
    """The newest of what stays, no more of it than can be looked through in no time."""
    replaced = frozenset(spans.ordinals(body.replacing))
    found: list[int] = []
    left = _BESIDE_BYTES
    for ordinal in spans.backwards(context.window):
        entry = entries.at(context.entries, ordinal)
        if ordinal in replaced or entry.summary:
            continue
        left -= entry.size
        if left < 0:
            break
        found.append(ordinal)
    return found[::-1]


def _scaled(count: Callable[[str], int], text: str, tokens: int) -> Callable[[str], int]:
    """A counter under which a text has as many tokens as it turned out to have."""
    expected = max(1, count(text))
    return lambda other: -(-count(other) * tokens // expected)
