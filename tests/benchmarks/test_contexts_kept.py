"""What the benchmark of contexts measures of what is kept, on conversations that are made up."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contexts import metric, query_agnostic, traces
from benchmarks.contexts.as_context import of_messages, read
from bursar.domain.contexts.structure import atoms, problems


@pytest.fixture(autouse=True)
def words_as_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens need a package of the extra `bench`; words do here."""

    def count(text: str) -> int:
        return len(text.split())

    monkeypatch.setattr(metric, "count", count)
    monkeypatch.setattr(traces, "count", count)


def trace() -> list[dict[str, Any]]:
    """A booking that is looked up at the beginning, and changed after much talk."""
    found = {"id": "M05KNL", "flight": "HAT110", "remark": "nothing to see " * 30}
    talk = [said("user" if place % 2 else "assistant", "and so on " * 20) for place in range(12)]
    return [
        said("system", "Be kind."),
        said("user", "Please change my booking."),
        called("get", {"user": "mia_9"}, "c1"),
        {"role": "tool", "tool_call_id": "c1", "name": "get", "content": json.dumps(found)},
        *talk,
        said("user", "Yes, do."),
        called("change", {"id": "M05KNL", "flight": "HAT110", "to": "NEW1"}, "c2"),
    ]


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def called(name: str, arguments: dict[str, str], key: str) -> dict[str, Any]:
    call = {"id": key, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def test_a_trace_is_a_context_whose_calls_and_results_are_one() -> None:
    messages = [read(message) for message in trace()]
    context = of_messages(messages, [1] * len(messages))
    assert problems(context.entries, context.window) == ()
    assert (2, 3) in atoms(context.entries, context.window)


def test_a_call_is_a_case_by_its_values_that_stood_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_LEAST_TOKENS", 0)
    [case] = traces._cases(trace())  # pyright: ignore[reportPrivateUsage] - what is measured is said here
    assert case.values == ("M05KNL", "HAT110")
    assert len(case.messages) == 16


def test_the_summary_keeps_what_the_window_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_LEAST_TOKENS", 0)
    monkeypatch.setitem(traces._ROWS, "LangChain trim_messages", traces._recent)  # pyright: ignore[reportPrivateUsage] - it needs the extra
    folder = tmp_path / "tau-bench-dev"
    folder.mkdir()
    (folder / "gpt-4o-airline-half.json").write_text(json.dumps([{"traj": trace()}]))
    figures, table = traces.traces(tmp_path, False)
    assert figures["cases"] == 1
    assert figures["recent window"]["VR@50"] == 0.0
    assert figures["ours"]["VR@50"] == 1.0
    assert figures["cleared in place"]["VR"] == 1.0
    assert "goal VR@50 >= 0.96: met" in table


def test_of_a_dialogue_the_answer_stays_and_each_weight_is_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_agnostic, "_langchain", query_agnostic._random)  # pyright: ignore[reportPrivateUsage] - it needs the extra
    _write_dialogue(tmp_path)
    figures, table = query_agnostic.query_agnostic(tmp_path, False)
    assert figures["locomo"]["ours"]["R@30"] == 1.0
    assert figures["locomo"]["recent window"]["R@30"] == 0.0
    assert {name.split()[0] for name in figures["turned"]} > {"time", "name", "answer", "length"}
    assert "goal LoCoMo R@30 >= 0.55: met" in table


def _write_dialogue(folder: Path) -> None:
    chatter = ["Hey! How are you?", "Wow, you are so great!", "Thanks, you too!", "What do you think?"]
    said = ["Where do you live now?", "I moved to Lisbon in March 2023.", *chatter * 3]
    turns = [
        {"speaker": "AB"[place % 2], "dia_id": f"D1:{place + 1}", "text": text}
        for place, text in enumerate(said)
    ]
    talk = {"sample_id": "made-up", "conversation": {"session_1": turns}}
    asked = {"question": "Where does B live?", "evidence": ["D1:2"], "category": 1}
    for name, text in (
        ("locomo-dev/locomo-dev.json", [{**talk, "qa": [asked]}]),
        ("qmsum-dev/M1.json", _meeting()),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps(text))


def _meeting() -> dict[str, Any]:
    return {
        "meeting_transcripts": [{"speaker": "Chair", "content": f"item {number}"} for number in range(6)],
        "specific_query_list": [{"query": "item one", "relevant_text_span": [["1", "2"]]}],
    }
