"""Facts about contexts with defaults, and settings in which little is enough."""

from typing import Any

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.events import (
    CompressionAsked,
    ContextOpened,
    MessageAdded,
    MessagePinned,
    MessagesWanted,
    PruneAsked,
    SummaryMade,
)
from bursar.domain.contexts.settings import AgentSettings, CompressionSettings, ContextSettings
from bursar.domain.contexts.spans import length, ordinals, spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.values import Role
from bursar.domain.events import Fact
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.testing.facts import running
from bursar.testing.specification import Given, Happening, LateFact, given

NAME = "talk"
MODEL = "p:a"
AGENT = "writer"


def settings(**changes: Any) -> Settings:
    """Three messages at the end stay whole, nothing is compressed unasked, and nothing by time."""
    own: dict[str, Any] = {name: changes.pop(name) for name in ("compression", "agents") if name in changes}
    chosen: dict[str, Any] = {
        "keep_last": 3,
        "automatic": "off",
        "idle_ms": None,
        "summary_tokens": 40,
        **changes,
    }
    compression = CompressionSettings(**own.get("compression", {}))
    agents = {name: AgentSettings(**fields) for name, fields in own.get("agents", {}).items()}
    return Settings(context=ContextSettings(**chosen), compression=compression, agents=agents)


def begun(**changes: Any) -> Given:
    """A manager with such settings, and one context that is open."""
    terms = changes.pop("terms", {})
    return given(running(settings(**changes)), opened(**terms))


def opened(name: str = NAME, **changes: Any) -> ContextOpened:
    """A window of 1000 tokens, none of them for the answer."""
    terms: dict[str, Any] = {
        "model": MODEL,
        "agent": AGENT,
        "genre": "dialogue",
        "window_tokens": 1000,
        "reserve_tokens": 0,
        **changes,
    }
    return ContextOpened(context=name, **terms)


def said(role: Role = "user", tokens: int = 10, *, name: str = NAME, **changes: Any) -> MessageAdded:
    """A message; ten bytes a token."""
    fields: dict[str, Any] = {"size": tokens * 10, "counted_by": "test", "address": "a" * 64, **changes}
    return MessageAdded(context=name, role=role, tokens=tokens, **fields)


def talked(turns: int, tokens: int = 10, name: str = NAME) -> Happening:
    """The user and the assistant, in turns."""
    roles: tuple[Role, ...] = ("user", "assistant")
    return tuple(said(role, tokens, name=name) for _ in range(turns) for role in roles)


def compress(**changes: Any) -> CompressionAsked:
    """Somebody wants a summary."""
    return CompressionAsked(context=NAME, method="extractive", **changes)


def summed_up(tokens: int = 10, **changes: Any) -> LateFact:
    """The summary that a compression under way asked for."""

    def fact(state: State) -> Fact:
        context = the(state)
        fields: dict[str, Any] = {
            "revision": context.revision,
            "replacing": context.replacing,
            "address": "b" * 64,
            "size": tokens * 10,
            "counted_by": "test",
            "method": "extractive",
            "facts": 1,
            **changes,
        }
        return SummaryMade(context=NAME, tokens=tokens, **fields)

    return fact


def prune(target: int | None = None, scores: tuple[int, ...] | None = None, **changes: Any) -> LateFact:
    """Somebody wants fewer tokens; without scores, the older the worse."""

    def fact(state: State) -> Fact:
        context = the(state)
        given_scores = tuple(range(length(context.window))) if scores is None else scores
        fields: dict[str, Any] = {"revision": context.revision, "target_tokens": target, **changes}
        return PruneAsked(context=NAME, scores=given_scores, scorer="test", **fields)

    return fact


def wanted(*numbers: int) -> MessagesWanted:
    """Somebody wants messages back."""
    return MessagesWanted(context=NAME, wanted=spans_of(numbers))


def pinned(ordinal: int, pinned: bool = True, importance: int | None = None) -> MessagePinned:
    """A message is to stay."""
    return MessagePinned(context=NAME, ordinal=ordinal, pinned=pinned, importance=importance)


def cached(name: str = NAME, size: int = 10) -> k.ModelCached:
    """The texts are packed."""
    return k.ModelCached(
        context=name,
        model=MODEL,
        cache_path="bodies.db",
        before_bytes=size * 10,
        after_bytes=size,
        saved_bytes=size * 9,
        ratio_per_mille=100,
        messages=1,
        blocks=1,
        digest="c" * 64,
    )


def unpacked(*lost: int, name: str = NAME) -> k.ContextRestored:
    """The texts are there again, but for some."""
    return k.ContextRestored(context=name, messages=1, bytes=1, restore_ms=1, lost=spans_of(lost))


def the(state: State, name: str = NAME) -> Context:
    """The context as it is."""
    return state.contexts.named[name]


def window(flow: Given) -> list[int]:
    """What is sent, by ordinal."""
    return list(ordinals(the(flow.state).window))
