"""What became of each message of a context is told from the journal alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.contexts.events import ContextOpened
from bursar.domain.contexts.keeping import ContextForgotten
from bursar.domain.contexts.machine import ContextState
from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.contexts.spans import ordinals
from bursar.domain.errors import NoSuchContext
from bursar.domain.host.events import SettingsChanged
from bursar.domain.patterns.events import PatternStored
from bursar.domain.ports import Message
from bursar.domain.settings import Settings
from bursar.eventstore.reader import Reader
from bursar.projections.why import why
from bursar.projections.windows import ContextView, context_view, context_views, contexts_of

from .conversation import NAME, SUBJECT, Conversation


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Conversation]:
    """Ten messages behind a system prompt."""
    conversation = Conversation(tmp_path / "journal.db")
    conversation.add(Message("system", "be brief"))
    conversation.talk(5)
    yield conversation
    conversation.bodies.close()
    conversation.world.journal.close()


def _view(talk: Conversation, until: int | None = None) -> ContextView:
    talk.world.write()
    with closing(Reader(talk.path)) as reader:
        return context_view(reader, NAME, until)


def test_the_view_is_the_state_that_the_rules_have(talk: Conversation) -> None:
    talk.prune(80)
    talk.compress()
    view, context = _view(talk), talk.context
    assert (view.window, view.tokens, view.limit_tokens) == (context.window, context.tokens, 1000)
    assert view.state is ContextState.ACTIVE


def test_each_message_that_was_left_out_names_the_decision_and_its_score(talk: Conversation) -> None:
    pruned = talk.prune(80)
    out = [row for row in _view(talk).messages if row.where != "sent"]
    assert out
    assert all((row.where, row.decided, row.score) == ("left out", pruned, row.ordinal + 1) for row in out)


def test_each_message_in_a_summary_names_the_summary(talk: Conversation) -> None:
    compressed = talk.compress()
    rows = _view(talk).messages
    (summary,) = [row for row in rows if row.summary]
    replaced = [row for row in rows if row.where == "summed up"]
    assert summary.where == "sent"
    assert [row.ordinal for row in replaced] == list(range(1, 9))
    assert {(row.stands_in, row.decided) for row in replaced} == {(summary.ordinal, compressed)}


def test_what_is_put_back_is_sent_and_its_summary_is_not(talk: Conversation) -> None:
    talk.compress()
    restored = talk.restore(*range(1, 9))
    rows = _view(talk).messages
    assert [row.where for row in rows] == ["sent"] * 11 + ["unused"]
    assert {row.decided for row in rows[1:9]} == {restored}
    assert {row.stands_in for row in rows} == {None}


def test_a_moment_before_shows_what_was_sent_then(talk: Conversation) -> None:
    pruned = talk.prune(80)
    assert len(list(ordinals(_view(talk, pruned - 1).window))) == 11
    assert len(list(ordinals(_view(talk, pruned).window))) == 8


def test_what_was_forgotten_has_a_history_and_a_new_one_of_its_name_begins_anew(talk: Conversation) -> None:
    talk.prune(80)
    talk.world.record(ContextForgotten(context=NAME))
    forgotten = _view(talk)
    assert forgotten.state is ContextState.FORGOTTEN
    assert len(forgotten.messages) == 11

    talk.open()
    talk.add(Message("user", "hello again"))
    assert [row.where for row in _view(talk).messages] == ["sent"]


def test_a_name_that_was_never_opened_is_refused_with_those_there_are(talk: Conversation) -> None:
    talk.world.write()
    with closing(Reader(talk.path)) as reader:
        assert contexts_of(reader) == [NAME]
        with pytest.raises(NoSuchContext, match=f"this journal knows {NAME}"):
            context_view(reader, "other")


def test_one_that_was_refused_was_never_there(talk: Conversation) -> None:
    terms = {"model": "fake:a", "agent": "", "genre": "dialogue", "window_tokens": 99, "reserve_tokens": 99}
    talk.world.record(ContextOpened.model_validate({**terms, "context": "refused"}))
    talk.world.write()
    with closing(Reader(talk.path)) as reader:
        assert [view.context for view in context_views(reader)] == [NAME]
        with pytest.raises(NoSuchContext, match=NAME):
            context_view(reader, "refused")


def test_why_a_context_was_pruned_names_the_scores_and_the_way_back(talk: Conversation) -> None:
    pruned = talk.prune(80)
    talk.world.write()
    with closing(Reader(talk.path)) as reader:
        told = str(why(reader, SUBJECT))
    assert f"(#{pruned})" in told.splitlines()[0]
    assert "message 1 (0.000)" in told
    assert f"bursar context restore {NAME} --to {pruned - 1}" in told


def test_why_patterns_were_given_up_names_them_in_their_order(talk: Conversation) -> None:
    limits = Settings(patterns=PatternSettings(max_bytes=10))
    talk.world.record(SettingsChanged(settings=limits))
    for name in ("old", "new"):
        stored = PatternStored(pattern=name, sort="prompt", address="0" * 64, size=8, importance=500)
        talk.world.record(stored)
    talk.world.write()
    with closing(Reader(talk.path)) as reader:
        told = str(why(reader, reader.head()))
    assert "Who went, in this order:\n  1. old: 8 B, 0 uses" in told
