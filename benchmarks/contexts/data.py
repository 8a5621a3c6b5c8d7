"""What is measured on: conversations with questions whose evidence people labelled, and traces of agents.

`shared/data/*/NOTE.md` has the sources and licences. LoCoMo is for measuring only; nothing of it is ours.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bursar.domain.selection.values import Turn

from ..streams import MissingData

#: LoCoMo's questions that ask for what was never said.
ADVERSARIAL = 5
#: What `--quick` reads: of the meetings about as many, evenly spaced, because neighbours are of one kind.
QUICK_CONVERSATIONS, QUICK_MEETINGS = 1, 5

#: Labels are written D8:6, and by mistake D:11:26 and D30:05; several stand in one string.
_LABEL = re.compile(r"D:?(\d+):(\d+)")


class Question(NamedTuple):
    """What is asked of a conversation, and where its answer stands."""

    text: str
    #: Indices of turns, ascending; never empty.
    evidence: tuple[int, ...]
    #: LoCoMo's 1 to 5; 0 elsewhere.
    category: int = 0


class Conversation(NamedTuple):
    """Turns in order, and what is asked of them."""

    key: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def locomo(data: Path, *, quick: bool = False) -> list[Conversation]:
    """The conversations of two people over months; questions without evidence are left out."""
    found = [_dialogue(raw) for raw in json.loads(_file(data / "locomo-dev" / "locomo-dev.json").read_text())]
    return found[:QUICK_CONVERSATIONS] if quick else found


def qmsum(data: Path, *, quick: bool = False) -> list[Conversation]:
    """The meetings, with the queries that are about a part of one."""
    paths = sorted(_file(data / "qmsum-dev").glob("*.json"))
    step = max(1, len(paths) // QUICK_MEETINGS) if quick else 1
    return [_meeting(path) for path in paths[::step]]


def tau(data: Path, *, quick: bool = False) -> list[list[dict[str, Any]]]:
    """The agents' traces: messages in OpenAI's format, with tool calls and results; a tenth when quick."""
    raw = json.loads(_file(data / "tau-bench-dev" / "gpt-4o-airline-half.json").read_text())
    return [trace["traj"] for trace in (raw[::10] if quick else raw)]


def _file(path: Path) -> Path:
    if not path.exists():
        raise MissingData(path)
    return path


def _dialogue(raw: dict[str, Any]) -> Conversation:
    turns: list[Turn] = []
    where: dict[tuple[int, int], int] = {}
    for turn in _sessions(raw["conversation"]):
        where[_labels(turn["dia_id"])[0]] = len(turns)
        turns.append(Turn("user", turn["text"], turn["speaker"]))
    return Conversation(raw["sample_id"], tuple(turns), tuple(_questions(raw["qa"], where)))


def _sessions(conversation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    number = 1
    while (turns := conversation.get(f"session_{number}")) is not None:
        yield from turns
        number += 1


def _questions(raw: list[dict[str, Any]], where: dict[tuple[int, int], int]) -> Iterator[Question]:
    for question in raw:
        labels = [label for text in question["evidence"] for label in _labels(text)]
        evidence = sorted({where[label] for label in labels if label in where})
        if evidence:
            yield Question(question["question"], tuple(evidence), question["category"])


def _labels(text: str) -> list[tuple[int, int]]:
    return [(int(session), int(turn)) for session, turn in _LABEL.findall(text)]


def _meeting(path: Path) -> Conversation:
    raw = json.loads(path.read_text())
    turns = tuple(Turn("user", turn["content"], turn["speaker"]) for turn in raw["meeting_transcripts"])
    questions = (_query(query, len(turns)) for query in raw["specific_query_list"])
    return Conversation(path.stem, turns, tuple(question for question in questions if question.evidence))


def _query(raw: dict[str, Any], turns: int) -> Question:
    spans = [(int(first), int(last)) for first, last in raw["relevant_text_span"]]
    evidence = {turn for first, last in spans for turn in range(first, min(last + 1, turns))}
    return Question(raw["query"], tuple(sorted(evidence)))
