"""What is kept when nobody has asked yet: pruning by importance, beside what others do.

One selection serves all questions of a conversation. Ours runs as the product does: its importance, and the
plan that its rules make of it. LoCoMo by evidence turns, QMSum by their tokens: meetings are of short turns,
and "the shortest first" would win.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from bursar.domain.contexts.planning import Infeasible, keep
from bursar.domain.contexts.spans import ordinals
from bursar.domain.contexts.values import Genre
from bursar.domain.selection import genres
from bursar.domain.selection.features import Features, features
from bursar.domain.selection.importance import score
from bursar.domain.selection.values import Turn

from .as_context import of_turns
from .baselines import trimmed
from .data import ADVERSARIAL, Conversation, locomo, qmsum
from .metric import Kept, fill, order, recall, sizes

PERCENT = (10, 30, 50)
#: Evidence recall on LoCoMo at so many per cent of the tokens.
GOALS = {30: 0.55, 50: 0.76}
#: How far each weight is turned to see what hangs on it.
_TURNED = (0.7, 1.3)

#: A selection: the indices that are kept of turns with so many tokens, within a budget.
Select = Callable[[Conversation, list[int], int], set[int]]
Figures = dict[str, Any]


def query_agnostic(data: Path, quick: bool) -> tuple[Figures, str]:
    """Recall of each selection, and the goals."""
    dialogues, meetings = locomo(data, quick=quick), qmsum(data, quick=quick)
    figures: Figures = {
        "locomo": {name: _recalls(dialogues, select) for name, select in _rows("dialogue").items()},
        "qmsum": {name: _recalls(meetings, select) for name, select in _rows("document").items()},
    }
    ours = figures["locomo"]["ours"]
    figures["each"] = {talk.key: _recalls([talk], _ours("dialogue")) for talk in dialogues}
    figures["turned"] = {} if quick else _turned(dialogues)
    figures["goals"] = {f"R@{percent}": ours[f"R@{percent}"] >= goal for percent, goal in GOALS.items()}
    return figures, "\n".join(_table(figures))


def _rows(genre: Genre) -> dict[str, Select]:
    return {
        "random": _random,
        "recent window": lambda talk, tokens, budget: _window(range(len(tokens))[::-1], tokens, budget),
        "first + last": lambda talk, tokens, budget: (
            _window(range(len(tokens)), tokens, budget // 2)
            | _window(range(len(tokens))[::-1], tokens, budget // 2)
        ),
        "oldest first": lambda talk, tokens, budget: _window(range(len(tokens)), tokens, budget),
        "LangChain trim_messages": _langchain,
        "longest first": lambda talk, tokens, budget: fill(order(tokens), tokens, budget),
        "ours": _ours(genre),
    }


def _random(talk: Conversation, tokens: list[int], budget: int) -> set[int]:
    turns = list(range(len(tokens)))
    Random(f"{talk.key} {budget}").shuffle(turns)
    return fill(turns, tokens, budget)


def _window(turns: Sequence[int], tokens: Sequence[int], budget: int) -> set[int]:
    """Turns in order until one does not fit."""
    kept: set[int] = set()
    for turn in turns:
        budget -= tokens[turn]
        if budget < 0:
            break
        kept.add(turn)
    return kept


def _langchain(talk: Conversation, tokens: list[int], budget: int) -> set[int]:
    return trimmed(talk.turns, tokens)("")(budget)


def _ours(genre: Genre) -> Select:
    def select(talk: Conversation, tokens: list[int], budget: int) -> set[int]:
        scores = score(_seen(talk.turns), genre)
        plan = keep(of_turns(talk.turns, tokens, genre), scores, target_tokens=budget, keep_last=0)
        return set() if isinstance(plan, Infeasible) else set(ordinals(plan.kept))

    return select


@cache
def _seen(turns: tuple[Turn, ...]) -> list[Features]:
    return [features(turn) for turn in turns]


def _recalls(talks: Sequence[Conversation], select: Select) -> dict[str, float]:
    """Means over questions: of evidence turns, of their tokens, and of questions that miss nothing."""
    found: dict[str, float] = {}
    for percent in PERCENT:
        kept = [one for talk in talks for one in _questions(talk, select, percent)]
        found[f"R@{percent}"] = mean(one.turns for one in kept)
        found[f"T@{percent}"] = mean(one.tokens for one in kept)
        found[f"full@{percent}"] = mean(float(one.full) for one in kept)
    return found


def _questions(talk: Conversation, select: Select, percent: int) -> Iterator[Kept]:
    tokens = sizes(talk.turns)
    kept = select(talk, tokens, sum(tokens) * percent // 100)
    for question in talk.questions:
        if question.category != ADVERSARIAL:
            yield recall(question, kept, tokens)


def _turned(talks: Sequence[Conversation]) -> dict[str, dict[str, float]]:
    """Ours with each weight in its turn made smaller and larger."""
    found: dict[str, dict[str, float]] = {}
    chosen = genres.GENRES["dialogue"]
    try:
        for weight, value in chosen._asdict().items():
            for by in _TURNED if value else ():
                genres.GENRES["dialogue"] = chosen._replace(**{weight: value * by})
                found[f"{weight} x{by}"] = _recalls(talks, _ours("dialogue"))
    finally:
        genres.GENRES["dialogue"] = chosen
    return found


def _table(figures: Figures) -> Iterator[str]:
    yield f"{'LoCoMo, by turns':26}{'R@10':>8}{'R@30':>8}{'R@50':>8}{'full@30':>9}"
    for name, row in figures["locomo"].items():
        yield _line(name, [*(row[f"R@{percent}"] for percent in PERCENT), row["full@30"]])
    for name, row in figures["each"].items():
        yield _line(f"  ours, {name}", [*(row[f"R@{percent}"] for percent in PERCENT), row["full@30"]])
    turned = figures["turned"].values()
    for word, pick in (("lowest", min), ("highest", max)) if turned else ():
        values = [pick(row[f"R@{percent}"] for row in turned) for percent in PERCENT]
        yield _line(f"  a weight 30 % off, {word}", [*values, pick(row["full@30"] for row in turned)])
    yield f"{'QMSum, by tokens':26}{'T@10':>8}{'T@30':>8}{'T@50':>8}{'full@30':>9}"
    for name, row in figures["qmsum"].items():
        yield _line(name, [*(row[f"T@{percent}"] for percent in PERCENT), row["full@30"]])
    for name, met in figures["goals"].items():
        goal = GOALS[int(name.removeprefix("R@"))]
        yield f"goal LoCoMo {name} >= {goal}: {'met' if met else 'NOT MET'}"


def _line(name: str, values: Sequence[float]) -> str:
    return f"{name:26}" + "".join(f"{value:8.3f}" for value in values)
