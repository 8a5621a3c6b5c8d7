"""How users say what conversations, patterns and agents may have."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain import settings as domain
from bursar.domain.contexts.settings import (
    AgentSettings,
    CompressionSettings,
    ContextSettings,
    PatternSettings,
    Specialisation,
)
from bursar.domain.errors import SettingsInvalid
from bursar.domain.selection.specialisation import PROFILES
from bursar.settings import Settings


def test_the_defaults_are_those_of_the_rules() -> None:
    ours, defaults = Settings().domain(), domain.Settings()
    for name in ("context", "compression", "patterns", "agents"):
        assert getattr(ours, name) == getattr(defaults, name)


def test_every_setting_reaches_the_rules_in_their_units() -> None:
    settings = Settings(
        context={
            "compress_at": "90%",
            "compress_to": 0.5,
            "automatic": "model",
            "keep_last": 4,
            "summary_tokens": 300,
            "reserve_tokens": 512,
            "importance_threshold": 0.4,
            "max_contexts": 50,
            "max_messages": 1000,
            "max_message": "1 MB",
            "per_agent": "10 MB",
            "total": "200 MB",
            "idle": "5m",
            "max_age": "30d",
            "preserve": {"active": False, "important": False, "recent": True},
        },
        compression={
            "strategy": "fixed",
            "level": 9,
            "ratio": 0.5,
            "max_size": "500 MB",
            "max_age": "1d",
        },
        patterns={
            "priority": "age",
            "max_size": "64 MB",
            "max_age": "15m",
            "min_usage": 5,
            "preserve_important": False,
            "importance_threshold": 0.9,
        },
        agents={"frontend-specialist": {"specialisation": "coding", "priority": -2, "limit": "2 MiB"}},
    ).domain()
    assert settings.context == ContextSettings(
        compress_at_per_mille=900,
        compress_to_per_mille=500,
        automatic="model",
        keep_last=4,
        summary_tokens=300,
        reserve_tokens=512,
        importance_per_mille=400,
        max_contexts=50,
        max_messages=1000,
        max_message_bytes=1_000_000,
        agent_bytes=10_000_000,
        global_bytes=200_000_000,
        idle_ms=300_000,
        max_age_ms=30 * 86_400_000,
        preserve=("recent",),
    )
    assert settings.compression == CompressionSettings(
        strategy="fixed", level=9, ratio_per_mille=500, max_bytes=500_000_000, max_age_ms=86_400_000
    )
    assert settings.patterns == PatternSettings(
        priority="age",
        max_bytes=64_000_000,
        max_age_ms=900_000,
        min_usage=5,
        preserve_important=False,
        importance_per_mille=900,
    )
    assert settings.agents == {
        "frontend-specialist": AgentSettings(specialisation="coding", priority=-2, limit_bytes=2 << 20)
    }


def test_an_agent_may_work_on_whatever_the_filter_knows() -> None:
    assert set(get_args(Specialisation)) == set(PROFILES)


def test_what_contexts_may_take_together_goes_by_the_documents_name_too() -> None:
    assert Settings(context={"global": "1 GB"}) == Settings(context={"total": "1 GB"})


def test_a_change_leaves_what_else_is_said_of_agents() -> None:
    settings = Settings(agents={"ann": {"priority": 1}, "bob": {"limit": "1 MB"}})
    changed = settings.changed(agents={"ann": {"limit": "2 MB"}}, context={"idle": None})
    assert changed == Settings(
        agents={"ann": {"priority": 1, "limit": "2 MB"}, "bob": {"limit": "1 MB"}}, context={"idle": None}
    )


@pytest.mark.parametrize(
    ("written", "path", "problem", "remedy"),
    [
        (
            {"context": {"compress_to": 0.85}},
            "context.compress_to",
            "is not less than context.compress_at, which is 0.85",
            "Lower it",
        ),
        (
            {"context": {"compress_at": 0.5}},
            "context.compress_to",
            "is not less than context.compress_at, which is 0.5",
            "raise context.compress_at",
        ),
        ({"context": {"compress_at": 85}}, "context.compress_at", "is too much", '"80%"'),
        ({"context": {"automatic": "on"}}, "context.automatic", "is none of the choices", "'off'"),
        ({"context": {"keep_last": 0}}, "context.keep_last", "is less than 1", "from 1"),
        ({"context": {"max_message": "4 XB"}}, "context.max_message", "has an unknown unit, XB", '"14 GiB"'),
        ({"context": {"idle": 0}}, "context.idle", "is less than a millisecond", '"none"'),
        ({"context": {"preserve": ["active"]}}, "context.preserve", "is not a table", "Write a table."),
        ({"context": {"preserve": {"old": True}}}, "context.preserve.old", "is not a setting", "recent"),
        (
            {"context": {"global": 1, "total": 1}},
            "context.global",
            "is another name of a setting that is given, too",
            "Leave one of them out.",
        ),
        ({"compression": {"level": 20}}, "compression.level", "is more than 19", "from 1 to 19"),
        ({"compression": {"ratio": 0}}, "compression.ratio", "is less than a per-mille", "above 0"),
        ({"patterns": {"priority": "size "}}, "patterns.priority", "is none of the choices", "'importance'"),
        ({"patterns": {"max_age": "none"}}, "patterns.max_age", "is not a time", '"1h30m"'),
        ({"agents": {"": {}}}, 'agents.""', "is malformed", '"frontend-specialist"'),
        ({"agents": {"a\nb": {}}}, 'agents."a\\nb"', "is malformed", '"frontend-specialist"'),
        ({"agents": {"ann": 3}}, "agents.ann", "is not a table", "Write a table"),
        ({"agents": {"ann": {"limits": 3}}}, "agents.ann.limits", "is not a setting", "agents.ann.limit?"),
        (
            {"agents": {"ann": {"specialisation": "cook"}}},
            "agents.ann.specialisation",
            "is none of the choices",
            "'coding'",
        ),
    ],
)
def test_a_refusal_says_where_what_and_what_else(
    written: dict[str, Any], path: str, problem: str, remedy: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Settings(**written)
    values = refused.value.values
    assert (values["path"], values["problem"]) == (path, problem)
    assert remedy in str(values["remedy"])


@given(
    at=st.integers(2, 1000),
    idle_ms=st.none() | st.integers(1, 10**11),
    size=st.integers(1, 2**53),
    agents=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9._ -]{1,20}", fullmatch=True).filter(lambda name: name == name.strip()),
        st.tuples(
            st.sampled_from(get_args(Specialisation)), st.integers(-(2**53), 2**53), st.integers(1, 2**53)
        ),
        max_size=4,
    ),
)
def test_what_the_rules_get_is_what_was_set(
    at: int, idle_ms: int | None, size: int, agents: dict[str, tuple[str, int, int]]
) -> None:
    settings = Settings(
        context={
            "compress_at": at / 1000,
            "compress_to": (at - 1) / 1000,
            "idle": None if idle_ms is None else f"{idle_ms}ms",
            "max_message": f"{size} B",
        },
        patterns={"max_size": size},
        agents={
            name: {"specialisation": kind, "priority": priority, "limit": limit}
            for name, (kind, priority, limit) in agents.items()
        },
    )
    for told in (settings.domain(), settings.changed().domain()):
        assert (told.context.compress_at_per_mille, told.context.compress_to_per_mille) == (at, at - 1)
        assert told.context.idle_ms == idle_ms
        assert told.context.max_message_bytes == told.patterns.max_bytes == size
        assert {
            name: (agent.specialisation, agent.priority, agent.limit_bytes)
            for name, agent in told.agents.items()
        } == agents


def test_the_model_for_embeddings_is_named_and_none_by_default() -> None:
    assert Settings().context.embedding_model is None
    chosen = Settings(context={"embedding_model": "ollama:nomic-embed-text"})
    assert chosen.context.embedding_model == "ollama:nomic-embed-text"
    assert chosen.changed(context={"embedding_model": None}).context.embedding_model is None
    # The rules hear of no vectors.
    assert chosen.domain() == Settings().domain()
    with pytest.raises(SettingsInvalid, match=r"context\.embedding_model: is malformed"):
        Settings(context={"embedding_model": " "})
