"""Who asks for what, and when: a mixed workload of several agents, or one taken from a trace."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from random import Random

from ..domain.errors import SettingsInvalid

#: What the models' window leaves room for.
PROMPT_TOKENS_MAX = 1500
ANSWER_TOKENS_MAX = 128

_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of the workload."""

    #: Seconds after the start.
    at_s: float
    model: str
    agent: str
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class _Agent:
    """Works in bursts on a model it prefers, and now and then asks another."""

    name: str
    favourite: int
    prompt_tokens: tuple[int, int]
    answer_tokens: tuple[int, int]


_AGENTS = (
    _Agent("coder", 3, (40, 200), (16, 32)),
    _Agent("reviewer", 2, (60, 300), (8, 24)),
    _Agent("chatter", 0, (20, 120), (16, 64)),
    _Agent("summarizer", 1, (100, 500), (16, 32)),
)


def mixed(models: Sequence[str], requests: int, seed: int) -> list[Arrival]:
    """Agents taking turns: each comes with a burst of requests, most of them for the model it prefers."""
    random = Random(seed)
    found: list[Arrival] = []
    at_s = 0.0
    turns = cycle(random.sample(_AGENTS, len(_AGENTS)))
    while len(found) < requests:
        agent = next(turns)
        at_s += random.expovariate(0.8)
        for _ in range(min(random.randint(1, 4), requests - len(found))):
            at_s += random.expovariate(8.0)
            model = models[agent.favourite] if random.random() < 0.7 else random.choice(models)
            found.append(
                Arrival(
                    at_s,
                    model,
                    agent.name,
                    random.randint(*agent.prompt_tokens),
                    random.randint(*agent.answer_tokens),
                )
            )
    return found


def from_trace(path: Path, models: Sequence[str], requests: int, seed: int, speed: float) -> list[Arrival]:
    """Arrivals and lengths of a trace in the Azure LLM inference format, models assigned by a Zipf law.

    Lengths are capped to what the models' window holds. Raises `SettingsInvalid` naming file and line.
    """
    random = Random(seed)
    weights = [1 / rank for rank in range(1, len(models) + 1)]
    rows = list(islice(_rows(path), requests))
    if not rows:
        raise SettingsInvalid(
            path="--trace", problem="it has no requests", given=path, remedy="Give another file."
        )
    start = rows[0][0]
    found: list[Arrival] = []
    for moment, prompt_tokens, answer_tokens in rows:
        model = random.choices(range(len(models)), weights)[0]
        found.append(
            Arrival(
                (moment - start).total_seconds() / speed,
                models[model],
                f"agent-{model}",
                min(max(prompt_tokens, 1), PROMPT_TOKENS_MAX),
                min(max(answer_tokens, 1), ANSWER_TOKENS_MAX),
            )
        )
    return sorted(found, key=lambda arrival: arrival.at_s)


def _rows(path: Path) -> Iterator[tuple[datetime, int, int]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise _unreadable(path, 1, f"it has no column {missing[0]}")
            for row in reader:
                yield _row(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, 1, str(error)) from None


def _row(path: Path, line: int, row: dict[str, str]) -> tuple[datetime, int, int]:
    try:
        # The format has seven digits of a second; Python reads six.
        moment = datetime.fromisoformat(row["TIMESTAMP"][:26])
        return moment, int(row["ContextTokens"]), int(row["GeneratedTokens"])
    except (ValueError, TypeError) as error:
        raise _unreadable(path, line, str(error)) from None


def _unreadable(path: Path, line: int, problem: str) -> SettingsInvalid:
    return SettingsInvalid(
        path="--trace",
        problem=problem,
        given=f"{path}, line {line}",
        remedy=f"It must be a CSV file with the columns {', '.join(_COLUMNS)}.",
    )
