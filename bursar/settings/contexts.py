"""How conversations, patterns and agents are kept within their limits."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, PlainValidator

from ..domain.contexts import settings as domain
from .kinds import Bytes, Count, PositiveCount, PositiveSeconds, Section, Share, Switch
from .names import model
from .quantities import MOST, Size, Time, Whole, or_none

_OptionalTime = Annotated[float | None, PlainValidator(or_none(Time(least_ms=1)))]
_OptionalModel = Annotated[str | None, PlainValidator(or_none(model))]
_DAY_S = 86_400


class Preserve(Section):
    """Which contexts are neither packed nor closed, although nobody used them for so long."""

    #: Those whose agent is asking their model for something.
    active: Switch = True
    #: Those that hold a message of at least `context.importance_threshold`.
    important: Switch = True
    #: Of each agent's, the one that was used last.
    recent: Switch = False


class Context(Section):
    """What a model is told of a conversation, and when that is made smaller."""

    #: What becomes of an answer to a prompt that the provider cut: `error` fails it, `warn` logs it and
    #: marks the answer. The journal has it either way.
    on_truncation: Literal["error", "warn"] = "error"
    #: Share of what a context may have from which on its older messages are replaced by a summary.
    compress_at: Share = 0.85
    #: Share that it is brought down to; less than `compress_at`.
    compress_to: Share = 0.6
    #: How a summary is made when nobody says: `extractive` from what is there, `model` by the context's own
    #: model; `off` compresses only when asked.
    automatic: Literal["extractive", "model", "off"] = "extractive"
    #: Messages at the end that compressing leaves whole; fewer when a context has more than it may.
    keep_last: PositiveCount = 10
    #: Tokens that a summary may have at most. Where a context may have little, its summary has half of what
    #: the context is brought down to, and what the messages that stay leave over.
    summary_tokens: PositiveCount = 2000
    #: Tokens that are kept free for the answer, unless whoever opens a context says otherwise.
    reserve_tokens: Count = 1024
    #: Model whose vectors say how alike a message and a query are in meaning, besides their words; the texts
    #: are sent to its provider. None, or one that does not answer within a minute, leaves it to the words.
    embedding_model: _OptionalModel = None
    #: `auto` has a model loaded anew with a larger window when a conversation outgrows the one it has and
    #: there is memory for it, where whoever opens a context does not say; `fixed` leaves it as it is.
    window: Literal["fixed", "auto"] = "fixed"
    #: From which importance on a message counts as important.
    importance_threshold: Share = 0.3
    max_contexts: PositiveCount = 10_000
    #: In one context, those that are no longer sent included.
    max_messages: PositiveCount = 200_000
    #: Text of one message.
    max_message: Bytes = 4 << 20
    #: Text that is sent in all contexts of an agent, unless `agents.<name>.limit` says otherwise; nothing
    #: is added to them while they hold more.
    per_agent: Bytes = 100 << 20
    #: The same in all contexts together; `context.global` is another name of it.
    total: Bytes = Field(default=1 << 30, validation_alias=AliasChoices("total", "global"))
    #: A context that nobody used for so long is packed; None leaves it as it is.
    idle: _OptionalTime = 900.0
    #: One that nobody used for so long is closed; None for never.
    max_age: _OptionalTime = None
    preserve: Preserve = Preserve()


class Compression(Section):
    """How the texts of idle contexts are packed. Nothing of them is lost by that."""

    #: `adaptive` packs harder the less memory there is and the more there is to pack; `fixed` by `level`.
    strategy: Literal["adaptive", "fixed"] = "adaptive"
    #: Zstandard's: 1 is the fastest, 19 packs the hardest.
    level: Annotated[int, PlainValidator(Whole(1, 19))] = 3
    #: What packing may leave of a text for it to be worth its time.
    ratio: Share = 0.7
    #: What all that is packed may take; when it takes that much, nothing more is packed.
    max_size: Bytes = 1 << 30
    #: A context that has been packed for so long is closed; None for never.
    max_age: _OptionalTime = None


class Patterns(Section):
    """Which of the stored prompts and results are given up."""

    #: Who goes first when they take more than `max_size`: those unused for longest, used least, the
    #: largest, or the least important.
    priority: Literal["age", "usage", "size", "importance"] = "usage"
    #: What their texts may take together.
    max_size: Bytes = 64 << 20
    #: A pattern that nobody used for so long is given up, if it was used less often than `min_usage`.
    max_age: PositiveSeconds = 30.0 * _DAY_S
    min_usage: Count = 2
    #: Leave those of at least `importance_threshold` alone, whatever they take.
    preserve_important: Switch = True
    importance_threshold: Share = 0.8


class Agent(Section):
    """What an agent is, and what it may have."""

    #: What it works on: it decides which messages matter when a context is filtered for it.
    specialisation: domain.Specialisation = "general"
    #: Added to the priority of each of its contexts; the higher, the later they are packed and closed.
    priority: Annotated[int, PlainValidator(Whole(-MOST))] = 0
    #: Text in its contexts' windows; None for `context.per_agent`.
    limit: Annotated[int | None, PlainValidator(or_none(Size()))] = None


def context(section: Context) -> domain.ContextSettings:
    """What the rules are told."""
    return domain.ContextSettings(
        compress_at_per_mille=_thousandths(section.compress_at),
        compress_to_per_mille=_thousandths(section.compress_to),
        automatic=section.automatic,
        keep_last=section.keep_last,
        summary_tokens=section.summary_tokens,
        reserve_tokens=section.reserve_tokens,
        sizing=section.window,
        importance_per_mille=_thousandths(section.importance_threshold),
        max_contexts=section.max_contexts,
        max_messages=section.max_messages,
        max_message_bytes=section.max_message,
        agent_bytes=section.per_agent,
        global_bytes=section.total,
        idle_ms=_thousandths_or_none(section.idle),
        max_age_ms=_thousandths_or_none(section.max_age),
        preserve=_preserved(section.preserve),
    )


def compression(section: Compression) -> domain.CompressionSettings:
    """What the rules are told."""
    return domain.CompressionSettings(
        strategy=section.strategy,
        level=section.level,
        ratio_per_mille=_thousandths(section.ratio),
        max_bytes=section.max_size,
        max_age_ms=_thousandths_or_none(section.max_age),
    )


def patterns(section: Patterns) -> domain.PatternSettings:
    """What the rules are told."""
    return domain.PatternSettings(
        priority=section.priority,
        max_bytes=section.max_size,
        max_age_ms=_thousandths(section.max_age),
        min_usage=section.min_usage,
        preserve_important=section.preserve_important,
        importance_per_mille=_thousandths(section.importance_threshold),
    )


def agents(table: Mapping[str, Agent]) -> dict[str, domain.AgentSettings]:
    """What the rules are told."""
    return {
        name: domain.AgentSettings(
            specialisation=agent.specialisation, priority=agent.priority, limit_bytes=agent.limit
        )
        for name, agent in table.items()
    }


def _preserved(section: Preserve) -> tuple[domain.Rule, ...]:
    rules: tuple[tuple[domain.Rule, bool], ...] = (
        ("active", section.active),
        ("important", section.important),
        ("recent", section.recent),
    )
    return tuple(rule for rule, holds in rules if holds)


def _thousandths_or_none(value: float | None) -> int | None:
    return None if value is None else _thousandths(value)


def _thousandths(value: float) -> int:
    """Exact: every value was rounded to thousandths when it was read."""
    return round(value * 1000)
