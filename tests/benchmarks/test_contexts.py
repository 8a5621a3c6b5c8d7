"""What the benchmark of contexts reads and how it measures, on conversations that are made up."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contexts import metric, query_aware, tokens
from benchmarks.contexts.baselines import BASELINES
from benchmarks.contexts.data import Question, locomo, qmsum, tau
from benchmarks.contexts.metric import Kept, at, fill, order, recall
from benchmarks.streams import MissingData
from bursar.domain.selection.values import Turn


@pytest.fixture
def words_as_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens need a package of the extra `bench`; words do here."""

    def count(text: str) -> int:
        return len(text.split())

    monkeypatch.setattr(metric, "count", count)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dialogue of two sessions and a meeting, with mistakes as the real labels have them."""
    sessions: dict[str, Any] = {
        "speaker_a": "Ann",
        "session_1_date_time": "noon",
        "session_1": _dialogue(1, "We camped by the lake.", "Nice!"),
        "session_2": _dialogue(2, "I sold the car.", "The red one?"),
    }
    questions = [
        _asked("Where did Ann camp?", ["D1:1; D2:1"], 1),
        _asked("Which car?", ["D:2:2", "D2:01", "D2:1"], 4),
        _asked("Whose boat?", ["D1:2"], 5),
        _asked("Nobody said so.", [], 1),
        _asked("A turn that there is not.", ["D9:9", "D"], 1),
    ]
    _write(
        tmp_path / "locomo-dev" / "locomo-dev.json",
        [{"sample_id": "made-up", "conversation": sessions, "qa": questions}],
    )
    meeting: dict[str, Any] = {
        "meeting_transcripts": [{"speaker": "Chair", "content": f"item {number}"} for number in range(4)],
        "specific_query_list": [
            {"query": "item one", "relevant_text_span": [["1", "2"], ["2", "9"]]},
            {"query": "item none", "relevant_text_span": []},
        ],
    }
    _write(tmp_path / "qmsum-dev" / "M1.json", meeting)
    return tmp_path


def test_labels_are_read_with_their_mistakes(data: Path) -> None:
    [dialogue] = locomo(data)
    assert dialogue.key == "made-up"
    assert dialogue.turns[2] == Turn("user", "I sold the car.", "Ann")
    assert dialogue.questions == (
        Question("Where did Ann camp?", (0, 2), 1),
        Question("Which car?", (2, 3), 4),
        Question("Whose boat?", (1,), 5),
    )


def test_spans_of_meetings_include_both_ends_and_stop_with_the_meeting(data: Path) -> None:
    [meeting] = qmsum(data, quick=True)
    assert (meeting.key, len(meeting.turns)) == ("M1", 4)
    assert meeting.questions == (Question("item one", (1, 2, 3)),)


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (locomo, qmsum, tau):
        with pytest.raises(MissingData, match=str(tmp_path)):
            read(tmp_path)


def test_what_does_not_fit_is_skipped_and_what_comes_after_it_taken() -> None:
    assert fill([2, 0, 1], [3, 4, 5], 8) == {2, 0}
    assert fill([2, 0, 1], [3, 6, 5], 7) == {2}
    assert fill([2, 1, 0], [2, 6, 5], 7) == {2, 0}
    assert fill([0], [3], 3) == {0}
    assert fill([0], [3], 2.99) == set()


def test_of_equal_scores_the_earlier_turn_comes_first() -> None:
    assert order([1, 3, 1, 3]) == [1, 3, 0, 2]


def test_recall_counts_turns_and_weighs_them_by_their_tokens() -> None:
    question = Question("?", (0, 1, 2, 3))
    assert recall(question, {0, 1, 2, 9}, [1, 1, 1, 7]) == Kept(0.75, 0.3)
    assert not recall(question, {0, 1, 2}, [1, 1, 1, 7]).full
    assert recall(question, {0, 1, 2, 3}, [1, 1, 1, 7]).full
    assert at(question, [0, 1, 2, 3, 4], [1, 1, 1, 7, 10], 10) == Kept(0.5, 0.2)


@pytest.mark.usefixtures("words_as_tokens")
def test_a_turn_is_counted_with_who_says_it() -> None:
    assert metric.sizes([Turn("user", "I sold it.", "Ann"), Turn("tool", "done")]) == [4, 2]


TURNS = [Turn("user", f"word{number}", "Ann") for number in range(20)]


@pytest.mark.parametrize("name", [name for name in query_aware.SELECTORS if name != "LangChain trim"])
def test_every_selector_keeps_to_the_budget(name: str) -> None:
    sizes: Sequence[int] = [2 + number % 3 for number in range(20)]
    keep = query_aware.SELECTORS[name](TURNS, sizes)("where is word7?")
    for budget in (0, 5, 11, 30):
        assert sum(sizes[turn] for turn in keep(budget)) <= budget
    assert keep(sum(sizes)) == set(range(20))


@pytest.mark.parametrize("name", ["BM25", "bursar"])
def test_who_reads_the_question_keeps_what_it_is_about(name: str) -> None:
    assert query_aware.SELECTORS[name](TURNS, [2] * 20)("where is word7?")(2) == {7}


def test_a_window_and_langchain_keep_the_most_recent() -> None:
    pytest.importorskip("langchain_core")
    for name in ("sliding window", "LangChain trim"):
        assert BASELINES[name](TURNS, [2] * 20)("where is word7?")(7) == {17, 18, 19}


@pytest.mark.usefixtures("words_as_tokens")
def test_the_tables_have_every_selector_and_say_which_goals_are_met(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_aware, "SELECTORS", {"BM25": BASELINES["BM25"], "bursar": query_aware.ours})
    monkeypatch.setattr(query_aware, "TURNS", 4)
    figures, table = query_aware.query_aware(data, quick=False)
    assert set(figures["locomo"]) == set(figures["qmsum"]) == {"BM25", "bursar"}
    assert figures["locomo"]["bursar"]["r50"] == 0.5
    assert "(>= 0.95: NOT MET)" in table
    assert "4 turns: a question takes" in table
    assert "judged over all" not in table
    _, quick = query_aware.query_aware(data, quick=True)
    assert "judged over all" in quick
    assert ">= 0.95" not in quick


def test_what_is_only_measured_beside_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core.messages", None)
    with pytest.raises(SystemExit, match=r"langchain-core is not installed: pip install -e '\.\[bench\]'"):
        BASELINES["LangChain trim"](TURNS, [2] * 20)

    def nowhere(_name: str) -> None:
        return None

    monkeypatch.setattr(tokens, "find_spec", nowhere)
    tokens.encoding.cache_clear()
    with pytest.raises(SystemExit, match="litellm is not installed"):
        tokens.count("text")


def _dialogue(session: int, first: str, second: str) -> list[dict[str, str]]:
    return [
        {"speaker": "Ann", "dia_id": f"D{session}:1", "text": first},
        {"speaker": "Bob", "dia_id": f"D{session}:2", "text": second},
    ]


def _asked(question: str, evidence: list[str], category: int) -> dict[str, Any]:
    return {"question": question, "evidence": evidence, "category": category}


def _write(path: Path, value: object) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(value))
