"""What is kept of the evidence when the question is known, and how long choosing takes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean, quantiles
from time import thread_time_ns
from typing import Any, NamedTuple

from bursar.domain.selection.index import Index
from bursar.domain.selection.values import Turn

from .baselines import BASELINES, Baseline, Chooser, Keeper, filled
from .data import ADVERSARIAL, Conversation, Question, locomo, qmsum
from .metric import Kept, order, recall, sizes

PERCENTS = (5, 10, 30, 50)
#: Of the tokens, in per cent: the recall that we want.
LOCOMO_GOALS = {10: 0.87, 30: 0.95}
QMSUM_GOALS = {10: 0.39, 30: 0.62}
#: Milliseconds that 95 of 100 questions take at most, of so many turns.
MS_GOAL, TURNS = 5.0, 600
_QUESTIONS = 400

OURS = "bursar"


class Row(NamedTuple):
    """One question, measured: by per cent of the tokens, what of its evidence was kept."""

    question: Question
    found: dict[int, Kept]


def ours(turns: Sequence[Turn], tokens: Sequence[int]) -> Chooser:
    """The product's own, called."""
    index = Index()
    for turn in turns:
        index.add(turn)
    return lambda question: filled(order(index.rank(question)), tokens)


#: By the name in the tables, ours last.
SELECTORS: dict[str, Baseline] = {**BASELINES, OURS: ours}


def query_aware(data: Path, quick: bool) -> tuple[dict[str, Any], str]:
    """The tables of LoCoMo and QMSum with the goals beside, and what ranking and adding take."""
    dialogues, meetings = locomo(data, quick=quick), qmsum(data, quick=quick)
    told = {name: list(rows(dialogues, selector)) for name, selector in SELECTORS.items()}
    spoken = {name: list(rows(meetings, selector)) for name, selector in SELECTORS.items()}
    figures: dict[str, Any] = {
        "locomo": {name: dialogue_figures(found) for name, found in told.items()},
        "qmsum": {name: meeting_figures(found) for name, found in spoken.items()},
        **speed(dialogues),
    }
    return figures, "\n".join(_table(figures, quick))


def rows(conversations: Sequence[Conversation], selector: Baseline) -> Iterator[Row]:
    """Every question of every conversation."""
    for conversation in conversations:
        tokens = sizes(conversation.turns)
        choose = selector(conversation.turns, tokens)
        for question in conversation.questions:
            keep = choose(question.text)
            yield Row(question, {percent: _found(question, keep, tokens, percent) for percent in PERCENTS})


def dialogue_figures(found: Sequence[Row]) -> dict[str, float]:
    """Recall by turns over categories 1 to 4, how often nothing is missing, and category 5 apart."""
    answered = [row.found for row in found if row.question.category != ADVERSARIAL]
    adversarial = [row.found for row in found if row.question.category == ADVERSARIAL]
    figures = {f"r{percent}": _mean(answered, percent, lambda kept: kept.turns) for percent in PERCENTS}
    figures |= {f"full{percent}": _mean(answered, percent, lambda kept: kept.full) for percent in (10, 30)}
    return figures | {"adversarial10": _mean(adversarial, 10, lambda kept: kept.turns)}


def meeting_figures(found: Sequence[Row]) -> dict[str, float]:
    """Recall by tokens: turns are so short that whoever takes the shortest would have most of them."""
    every = [row.found for row in found]
    return {f"r{percent}": _mean(every, percent, lambda kept: kept.tokens) for percent in PERCENTS}


def speed(conversations: Sequence[Conversation]) -> dict[str, float]:
    """Milliseconds to rank 600 turns, and microseconds to add one of them, both of processor time."""
    turns = list(islice(cycle(turn for each in conversations for turn in each.turns), TURNS))
    index, before = Index(), thread_time_ns()
    for turn in turns:
        index.add(turn)
    added_ns = thread_time_ns() - before
    asked = [question.text for each in conversations for question in each.questions][:_QUESTIONS]
    taken = quantiles([_ms(index, question) for question in asked], n=100)
    return {
        "p50_ms": round(taken[49], 2),
        "p95_ms": round(taken[94], 2),
        "add_us": round(added_ns / 1000 / TURNS, 1),
    }


def _ms(index: Index, question: str) -> float:
    before = thread_time_ns()
    index.rank(question)
    return (thread_time_ns() - before) / 1e6


def _found(question: Question, keep: Keeper, tokens: Sequence[int], percent: int) -> Kept:
    return recall(question, keep(sum(tokens) * percent / 100), tokens)


def _mean(found: Sequence[dict[int, Kept]], percent: int, of: Callable[[Kept], float]) -> float:
    return round(fmean([of(kept[percent]) for kept in found]), 4) if found else 0.0


def _table(figures: dict[str, Any], quick: bool) -> Iterator[str]:
    yield from _recalls("LoCoMo, turns of evidence", figures["locomo"], {} if quick else LOCOMO_GOALS)
    yield ""
    yield from _recalls("QMSum, tokens of evidence", figures["qmsum"], {} if quick else QMSUM_GOALS)
    yield ""
    if quick:
        yield "goals: judged over all the conversations"
    yield (
        f"{TURNS} turns: a question takes {figures['p50_ms']} ms of a processor, "
        f"95 of 100 at most {figures['p95_ms']} ms "
        f"{_verdict(figures['p95_ms'] < MS_GOAL, f'< {MS_GOAL:g} ms')}; "
        f"adding a turn {figures['add_us']} us"
    )


def _recalls(heading: str, figures: dict[str, dict[str, float]], goals: dict[int, float]) -> Iterator[str]:
    yield f"{heading:26}" + "".join(f"{name:>15}" for name in next(iter(figures.values())))
    for name, measured in figures.items():
        yield f"{name:26}" + "".join(f"{value:>15.3f}" for value in measured.values())
    for percent, goal in goals.items():
        reached = figures[OURS][f"r{percent}"]
        yield f"goal at {percent} %: {_verdict(reached >= goal, f'>= {goal:.2f}')}, {OURS} has {reached:.3f}"


def _verdict(met: bool, goal: str) -> str:
    return f"({goal}: {'met' if met else 'NOT MET'})"
