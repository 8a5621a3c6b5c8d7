"""`bursar context`: what is sent, what was left out and why; and putting it back without a manager."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.ports import Message, ToolCall
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.projections.redecide import redecide

from ..projections.conversation import NAME, SUBJECT, Conversation
from .calling import inside, on_terminal

#: The first turn, and the answer of the second: a window begins with the user.
LEFT_OUT = ["question 0", "answer 0", "answer 1"]


@pytest.fixture
def talk(tmp_path: Path) -> Conversation:
    """A conversation that was pruned."""
    conversation = Conversation(tmp_path / "journal.db")
    conversation.add(Message("system", "be brief"), pinned=True)
    conversation.talk(5)
    conversation.prune(80)
    return conversation


@pytest.fixture
def journal(talk: Conversation) -> Path:
    """Its journal, when its manager has gone."""
    talk.close()
    return talk.path


def test_the_list_has_every_context_with_what_it_sends(journal: Path) -> None:
    told = json.loads(inside("context", "list", "--json", journal=journal).stdout)
    assert [(row["context"], row["sent_messages"], row["all_messages"]) for row in told] == [(NAME, 8, 11)]
    assert "scout" in inside("context", "list", journal=journal).stdout


def test_show_tells_the_text_and_the_fate_of_every_message(journal: Path) -> None:
    told = inside("context", "show", NAME, journal=journal).stdout
    assert "question 0" in told
    assert "left out, score 0.000 (#" in told
    assert "8 messages, 80 of 1000 tokens" in told


def test_show_can_be_confined_to_what_is_left_out(journal: Path) -> None:
    told = json.loads(inside("context", "show", NAME, "--left-out", "--json", journal=journal).stdout)
    assert [row["text"] for row in told["messages"]] == LEFT_OUT


def test_show_at_an_earlier_position_shows_what_was_sent_then(journal: Path) -> None:
    shown = json.loads(inside("context", "show", NAME, "--at", "16", "--json", journal=journal).stdout)
    assert shown["sent_messages"] == shown["all_messages"]


def test_diff_shows_what_left(journal: Path) -> None:
    told = json.loads(inside("context", "diff", NAME, "16", "--json", journal=journal).stdout)
    assert [row["text"] for row in told["left"]] == LEFT_OUT
    assert (told["after_tokens"], told["came"]) == (80, [])


def test_restore_puts_back_what_was_left_out_and_the_journal_still_verifies(journal: Path) -> None:
    told = inside("context", "restore", NAME, "1", "2", journal=journal)
    assert told.exit_code == 0, told.output
    assert "80 → 100 tokens" in told.stdout
    shown = json.loads(inside("context", "show", NAME, "--left-out", "--json", journal=journal).stdout)
    assert [row["ordinal"] for row in shown["messages"]] == [4]
    _assert_sound(journal)


def test_restore_brings_everything_back_without_numbers(journal: Path) -> None:
    assert inside("context", "restore", NAME, journal=journal).exit_code == 0
    assert "Nothing is left out" in inside("context", "restore", NAME, journal=journal).stdout


def test_restore_to_a_moment_brings_back_what_was_sent_then(journal: Path) -> None:
    assert inside("context", "restore", NAME, "--to", "16", journal=journal).exit_code == 0
    shown = json.loads(inside("context", "show", NAME, "--json", journal=journal).stdout)
    assert shown["sent_messages"] == 11


def test_what_the_window_cannot_take_is_refused_with_the_figures(talk: Conversation) -> None:
    talk.add(Message("user", "long"), tokens=915)
    talk.close()
    refused = inside("context", "restore", NAME, journal=talk.path)
    assert refused.exit_code == 2
    assert "1025" in refused.stderr and "1000" in refused.stderr


def test_numbers_that_there_are_not_and_names_that_there_are_not_are_usage_errors(journal: Path) -> None:
    assert "numbered from 0" in inside("context", "restore", NAME, "99", journal=journal).stderr
    unknown = inside("context", "show", "other", journal=journal)
    assert unknown.exit_code == 2
    assert f"this journal knows {NAME}" in unknown.stderr


def test_texts_that_cannot_be_read_are_no_reason_to_show_nothing(journal: Path) -> None:
    for name in (".blobs.db", ".keys.db"):
        Path(f"{journal}{name}").unlink()
    told = inside("context", "show", NAME, journal=journal)
    assert told.exit_code == 0
    assert "Texts cannot be shown: none are kept beside this journal" in told.stdout


def test_forgetting_a_context_ends_it_and_its_history_stays(journal: Path) -> None:
    assert inside("forget", SUBJECT, "--yes", journal=journal).exit_code == 0
    told = inside("context", "show", NAME, journal=journal)
    assert "(forgotten, as of #" in told.stdout
    assert "question" not in told.stdout
    assert "left out, score" in told.stdout
    _assert_sound(journal)


def test_what_a_terminal_would_obey_is_shown_and_not_obeyed(talk: Conversation) -> None:
    talk.add(Message("user", "a\x1b[2Jb\u202ec\x00d"))
    call = ToolCall("call_1", "look", '{"where": "there"}')
    talk.add(Message("assistant", "", tool_calls=(call,)))
    talk.close()
    shown = on_terminal("context", "show", NAME, "--full", "--journal", talk.path)
    assert "a\\u001b[2Jb\\u202ec\\u0000d" in shown
    assert '→ look({"where": "there"})' in shown


def _assert_sound(journal: Path) -> None:
    """Tree and decisions are as they were written."""
    assert check(journal).ok
    with closing(Reader(journal)) as reader:
        assert redecide(reader).ok
