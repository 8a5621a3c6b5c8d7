"""Conversations, patterns and counts in a script: nearly everything that can be said of them."""

from bursar.domain.contexts import events as e
from bursar.domain.contexts import growth as g
from bursar.domain.contexts import keeping as k
from bursar.domain.contexts import relief as r
from bursar.domain.contexts.settings import CompressionSettings, ContextSettings, PatternSettings
from bursar.domain.contexts.values import Role, Sizing, Span
from bursar.domain.counting.events import TokensReported
from bursar.domain.patterns import events as p
from bursar.domain.settings import Limits, Settings

from .scripts import Action, Configure, Prune, Restart, SumUp, Tell, Wait

_HASH = "a" * 64


def _settings(limits: Limits) -> Settings:
    """So little of everything that each limit is reached."""
    return Settings(
        limits=limits,
        context=ContextSettings(
            keep_last=2,
            summary_tokens=40,
            agent_bytes=4_000,
            max_contexts=2,
            idle_ms=5_000,
            max_age_ms=20_000,
            preserve=("important",),
        ),
        compression=CompressionSettings(max_bytes=1_000),
        patterns=PatternSettings(max_bytes=100, max_age_ms=1_000),
    )


def _opened(context: str, window_tokens: int = 1_000, sizing: Sizing = "fixed") -> Tell:
    return Tell(
        e.ContextOpened(
            context=context,
            model="a",
            agent="writer",
            genre="agent",
            window_tokens=window_tokens,
            reserve_tokens=100,
            sizing=sizing,
        )
    )


def _said(
    role: Role, tokens: int = 20, context: str = "talk", calls: int = 0, answers: int | None = None
) -> Tell:
    return Tell(
        e.MessageAdded(
            context=context,
            role=role,
            address=_HASH,
            size=tokens * 4,
            tokens=tokens,
            counted_by="script",
            calls=calls,
            answers=answers,
        )
    )


def _asked(context: str = "talk") -> Tell:
    return Tell(e.CompressionAsked(context=context, method="model"))


_TURNS = (_said("user"), _said("assistant")) * 4
_CACHED = Tell(
    k.ModelCached(
        context="talk",
        model="a",
        cache_path="bodies.db",
        before_bytes=800,
        after_bytes=200,
        saved_bytes=600,
        ratio_per_mille=250,
        messages=10,
        blocks=1,
        digest=_HASH,
    )
)
_RESTORED = Tell(k.ContextRestored(context="talk", messages=10, bytes=800, restore_ms=3, lost=(Span(3, 3),)))


def talks(limits: Limits) -> tuple[Action, ...]:
    """A conversation from its beginning to its end, twice; and what is kept beside."""
    return (Configure(_settings(limits)), *_TALK, *_KEPT, *_REMEMBERED, *_TALK, Wait(60_000))


_TALK: tuple[Action, ...] = (
    _opened("talk"),
    _said("system"),
    _said("user"),
    _said("assistant", calls=2),
    _said("tool", answers=2),
    _said("tool", answers=2),
    _said("tool", answers=9),
    *_TURNS,
    Prune("talk", 180),
    Prune("talk", 5),
    Tell(e.MessagesWanted(context="talk", wanted=(Span(3, 3),))),
    _asked(),
    Tell(e.SummaryAttempted(context="talk", attempt=1, model="a", problem="uncited")),
    SumUp("talk", 20),
    _said("user"),
    _said("assistant"),
    _asked(),
    SumUp("talk", 900),
    _said("user"),
    _said("assistant"),
    _asked(),
    Tell(e.CompressionFailed(context="talk", code="SYSTEM_ERROR", cause_text="the script says so")),
    Tell(e.MessagePinned(context="talk", ordinal=5, pinned=True)),
    Tell(e.ContextUsed(context="talk", messages=5, tokens=100)),
    _said("user", 600),
    SumUp("talk", 30),
    _opened("talk", 100),
    _opened("other", sizing="auto"),
    _opened("third"),
    _said("user", 800, "other"),
    _said("user", context="other"),
    Tell(g.WindowWanted(context="other", tokens=1_500)),
    Tell(k.ContextClosed(context="other")),
    Tell(k.ContextForgotten(context="other")),
)
_KEPT: tuple[Action, ...] = (
    Tell(k.CacheAsked(context="talk")),
    Tell(k.ContextCacheFailed(context="talk", code="SYSTEM_ERROR", cause_text="the script says so")),
    Tell(k.CacheAsked(context="talk")),
    _CACHED,
    Tell(k.RestoreAsked(context="talk")),
    Tell(k.ContextRestoreFailed(context="talk", code="SYSTEM_ERROR", cause_text="the script says so")),
    Tell(k.RestoreAsked(context="talk")),
    _RESTORED,
    _asked(),
    Restart(),
    Tell(r.WorkingMemoryReduced(model="a", before_bytes=10, after_bytes=5, freed={"index": 5})),
    Tell(
        r.MemoryOptimized(model=None, strategy="standard", contexts=1, saved_text_bytes=5, saved_kv_bytes=0)
    ),
    Tell(k.ContextForgotten(context="talk")),
    _opened("idle"),
    _said("user", context="idle"),
    _opened("empty"),
    Wait(60_000),
    Tell(k.ContextForgotten(context="idle")),
    Tell(k.ContextForgotten(context="empty")),
)
_REMEMBERED: tuple[Action, ...] = (
    Tell(p.PatternStored(pattern="one", sort="prompt", address=_HASH, size=60)),
    Tell(p.PatternsUsed(uses={"one": 3})),
    Tell(p.PatternStored(pattern="two", sort="result", address=_HASH, size=60)),
    Tell(p.PatternStored(pattern="large", sort="result", address=_HASH, size=600)),
    Tell(p.PatternRemoved(pattern="two")),
    Tell(p.PatternTextsDeleted(patterns=("one", "two"))),
    Tell(TokensReported(model="a", features=(1, 2), messages=1, estimated_tokens=10, reported_tokens=11)),
)
