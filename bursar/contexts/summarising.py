"""A summary through the model that is in memory anyway, and what becomes of it when that does not do well.

The extractive summary is made first, and is what is used in the end unless the model's is better: asked once
for all messages, or for parts of them where they do not fit; then once more, in smaller parts, for those that
nothing came of; then whatever facts could be verified. Whatever the model does, there is a summary.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..chat import Answer
from ..domain.contexts.values import Genre, Method
from ..domain.errors import BursarError, ContextTooLarge, ModelVanished, PromptTruncated, Unsupported
from ..domain.models.machine import ModelState
from ..domain.ports import ChatRequest
from ..domain.selection.abstract import SCHEMA, prompt
from ..domain.selection.abstract_composing import FACTS_PER_MILLE, compose
from ..domain.selection.abstract_judging import Fact, Verdict, judge, limit
from ..domain.selection.extraction import Extract, extract
from ..domain.selection.values import Turn
from .chunking import Chunk, NoRoom, Room, chunks

if TYPE_CHECKING:
    from .asked import Manager

#: Asks the model; raises BursarError.
Ask = Callable[[ChatRequest], Awaitable[Answer]]
Count = Callable[[str], int]

#: Whoever waits for an answer is served first.
_PRIORITY = -1
#: Problems that a smaller question does not help.
_HOPELESS = ("not_resident", "no_answer")
#: Facts of attempts that failed are used where there are at least so many.
_FACTS_MIN = 3


@dataclass(frozen=True, slots=True)
class Attempt:
    """The model was asked, or could not be, and its answer is not used."""

    #: From 1.
    attempt: int
    model: str
    #: A code: what `judge` says, or `not_resident`, `no_room`, `no_answer`, `too_large`, `unsupported` or
    #: `too_late`.
    problem: str
    #: Facts of it that could be verified, and that could not.
    facts: int = 0
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands for the messages."""

    text: str
    #: How it was made in the end.
    method: Method
    facts: int
    struck: int
    #: Ordinals, ascending.
    cited: tuple[int, ...]


@dataclass(slots=True)
class _Order:
    """What is asked for, and what has come of it so far."""

    ask: Ask
    model: str
    turns: Sequence[tuple[int, Turn]]
    atoms: Sequence[tuple[int, ...]]
    room: Room
    #: Tokens of the summary, and of what it replaces.
    tokens: int
    replaces_tokens: int
    genre: Genre
    attempted: Callable[[Attempt], None]
    attempts: int = 0
    #: The facts of each part that an answer of use came about.
    stated: list[tuple[Fact, ...]] = field(default_factory=list[tuple[Fact, ...]])
    #: All facts that could be verified, those of other answers included; and how many could not.
    verified: list[Fact] = field(default_factory=list[Fact])
    struck: int = 0
    #: The provider takes a schema, as far as is known.
    schema: bool = True


async def summarise(
    ask: Ask | None,
    model: str,
    turns: Sequence[tuple[int, Turn]],
    *,
    atoms: Sequence[tuple[int, ...]] = (),
    beside: Sequence[Turn] = (),
    max_tokens: int,
    window_tokens: int,
    replaces_tokens: int,
    count: Count,
    attempted: Callable[[Attempt], None],
    genre: Genre = "dialogue",
    timeout_s: float = 120.0,
) -> Summary:
    """What stands for the messages, in at most `max_tokens`, and fewer than they have.

    `ask` is None where no model is to be asked, which takes at most `timeout_s`. Messages of one of the
    `atoms` are never asked about apart, and what the messages `beside` them name the extractive summary's
    ledger need not. `attempted` is told of every attempt that comes to nothing, at once.
    Raises nothing of what the model or its provider does.
    """
    tokens = limit(max_tokens, replaces_tokens)
    fallback = await asyncio.to_thread(
        lambda: extract(turns, max_tokens=tokens, count=count, genre=genre, beside=beside)
    )
    if ask is None or not turns:
        return _extractive(fallback, 0)
    room = Room(window_tokens, tokens * FACTS_PER_MILLE // 1000, count)
    order = _Order(ask, model, turns, atoms, room, tokens, replaces_tokens, genre, attempted)
    try:
        async with asyncio.timeout(timeout_s):
            made = await _asked(order)
    except TimeoutError:
        _failed(order, "too_late")
        made = await _of_what_there_is(order)
    return made or _extractive(fallback, order.struck)


def resident_only(manager: "Manager", model: str, *, agent: str = "") -> Ask:
    """Asks the manager's model, and only while it is in memory: none is loaded for a summary.

    That is looked at when it is asked: one that is evicted before its turn comes is loaded again, as for any
    request. Raises `ModelVanished` where it is not in memory.
    """

    async def ask(request: ChatRequest) -> Answer:
        known = manager.state.models.get(model)
        if known is None or known.state is not ModelState.READY:
            raise ModelVanished(model=model, cause="it is not in memory, and none is loaded for a summary")
        return await manager.chat(
            model,
            request.messages,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            seed=request.seed,
            priority=_PRIORITY,
            schema=request.schema,
            agent=agent,
        )

    return ask


async def _asked(order: _Order) -> Summary | None:
    """Down the ladder; None where only the extractive one is left."""
    todo: Sequence[tuple[int, Turn]] = order.turns
    tried: tuple[list[Chunk], bool] | None = None
    for share in (1, 2):
        try:
            parts = await asyncio.to_thread(chunks, todo, order.atoms, order.room, share)
        except NoRoom:
            _failed(order, "no_room")
            break
        if tried == (parts, order.schema):
            break
        tried = parts, order.schema
        failed = await _failing(order, parts)
        if failed is None:
            break
        if not failed:
            return await _composed(order, _interleaved(order.stated))
        todo = [turn for turn in order.turns if turn[0] in failed]
    return await _of_what_there_is(order)


async def _failing(order: _Order, parts: Sequence[Chunk]) -> list[int] | None:
    """Ask about each part. The messages of those that nothing came of; None where asking on is hopeless."""
    failed: list[int] = []
    for part in parts:
        verdict = await _judged(order, part)
        if isinstance(verdict, str):
            _failed(order, verdict)
            if verdict in _HOPELESS:
                return None
            failed += [ordinal for ordinal, _ in part.turns]
            continue
        order.verified += verdict.facts
        order.struck += len(verdict.struck)
        if verdict.problem is None or (verdict.problem == "nothing" and len(parts) > 1):
            order.stated.append(verdict.facts)
        else:
            _failed(order, verdict.problem, len(verdict.facts), len(verdict.struck))
            failed += [ordinal for ordinal, _ in part.turns]
    return failed


async def _judged(order: _Order, part: Chunk) -> Verdict | str:
    """What the model's answer is worth, or why there is none."""
    request = ChatRequest(
        prompt(part.turns, words=part.words),
        max_tokens=part.answer_tokens,
        temperature=0.0,
        seed=0,
        schema=SCHEMA if order.schema else None,
    )
    try:
        answer = await order.ask(request)
    except ModelVanished:
        return "not_resident"
    except (ContextTooLarge, PromptTruncated):
        return "too_large"
    except Unsupported:
        order.schema = False
        return "unsupported"
    except BursarError:
        return "no_answer"
    if answer.truncation is not None:
        return "too_large"
    return await asyncio.to_thread(
        lambda: judge(
            answer.text,
            answer.finish_reason,
            part.turns,
            max_tokens=part.summary_tokens,
            count=order.room.count,
            replaces_tokens=order.replaces_tokens,
        )
    )


async def _of_what_there_is(order: _Order) -> Summary | None:
    """The facts that were verified, where there are enough of them."""
    facts = _each_once(order.verified)
    return await _composed(order, facts) if len(facts) >= _FACTS_MIN else None


async def _composed(order: _Order, facts: Sequence[Fact]) -> Summary | None:
    """The summary of these facts; None where there is not one, or not one that fits."""
    made = await asyncio.to_thread(
        lambda: compose(
            facts, order.turns, max_tokens=order.tokens, count=order.room.count, genre=order.genre
        )
    )
    if not made.text:
        _failed(order, "no_room" if facts else "nothing", len(facts))
        return None
    return Summary(made.text, "model", made.facts, order.struck, made.cited)


def _failed(order: _Order, problem: str, facts: int = 0, struck: int = 0) -> str:
    order.attempts += 1
    order.attempted(Attempt(order.attempts, order.model, problem, facts, struck))
    return problem


def _interleaved(stated: Sequence[Sequence[Fact]]) -> list[Fact]:
    """What matters most of each part before what matters less of any."""
    return _each_once([fact for row in zip_longest(*stated) for fact in row if fact is not None])


def _each_once(facts: Sequence[Fact]) -> list[Fact]:
    by_text: dict[str, Fact] = {}
    for fact in facts:
        by_text.setdefault(fact.text.casefold(), fact)
    return list(by_text.values())


def _extractive(made: Extract, struck: int) -> Summary:
    return Summary(made.text, "extractive", made.facts, struck, made.cited)
