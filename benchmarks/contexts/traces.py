"""What an agent still knows after its history was made smaller: forward value recall on traces of tau-bench.

For each call of a tool, the values among its arguments that stood somewhere before it must stand in what was
kept of that before. Ours is what the product does with a window over its limit, as it is set by itself: its
rules choose what stays, the newest call with its results at the least; the rest becomes a summary, or is
pruned where there is no room for one. Where what must stay is more than the limit it refuses, and the case is
not counted: how often is said. The policy is not part of the history: it stays for everybody.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, cast

from bursar.domain.contexts import compaction
from bursar.domain.contexts.planning import Infeasible, keep
from bursar.domain.contexts.settings import ContextSettings
from bursar.domain.contexts.spans import ordinals
from bursar.domain.contexts.structure import atoms
from bursar.domain.ports import Message
from bursar.domain.selection.extraction import extract
from bursar.domain.selection.importance import importance
from bursar.domain.selection.turns import turn_of

from .as_context import of_messages, read
from .data import tau
from .tokens import count
from .trimming import trimmed

PERCENT = (10, 30, 50)
#: Forward value recall at so many per cent of the tokens, with a tail of recent messages kept.
GOALS = {30: 0.84, 50: 0.96}
#: A history of fewer tokens needs no room, and a shorter value stands somewhere by chance.
_LEAST_TOKENS, _LEAST_LETTERS = 500, 3
#: Tokens that a message has beside its text, and those are a summary's, too.
_TEMPLATE = 4
#: Results of tools that the rule which clears the older ones leaves.
_CLEAR_ALL_BUT = 3

_SETTINGS = ContextSettings()

Figures = dict[str, Any]


class Case(NamedTuple):
    """What stood before a call, and the values that it needs of that."""

    messages: list[Message]
    texts: list[str]
    tokens: list[int]
    values: tuple[str, ...]


class Kept(NamedTuple):
    """What is left of a history."""

    text: str
    tokens: int


def traces(data: Path, quick: bool) -> tuple[Figures, str]:
    """Forward value recall of each way to make a history smaller, and the goals."""
    cases = [case for raw in tau(data, quick=quick) for case in _cases(raw)]
    figures: Figures = {name: {} for name in (*_ROWS, "ours")}
    for percent in PERCENT:
        for name, row in _ROWS.items():
            figures[name][f"VR@{percent}"] = mean(
                _recall(case, row(case, _budget(case, percent)), _budget(case, percent)) for case in cases
            )
        figures["ours"] |= _measured(cases, percent)
    cleared = [_cleared(case) for case in cases]
    figures["cases"] = len(cases)
    figures["cleared in place"] = {
        "VR": mean(_recall(case, one, one.tokens) for case, one in zip(cases, cleared, strict=True)),
        "tokens": mean(one.tokens / sum(case.tokens) for case, one in zip(cases, cleared, strict=True)),
    }
    figures["goals"] = {
        f"VR@{percent}": figures["ours"][f"VR@{percent}"] >= goal for percent, goal in GOALS.items()
    }
    return figures, "\n".join(_table(figures))


def _cases(raw: Sequence[dict[str, Any]]) -> Iterator[Case]:
    messages = [read(message) for message in raw if message["role"] != "system"]
    texts = [turn_of(message).text for message in messages]
    tokens = [
        count(f"{message.role}: {text}") + _TEMPLATE for message, text in zip(messages, texts, strict=True)
    ]
    for place, message in enumerate(messages):
        before = "\n".join(texts[:place])
        values = tuple(value for value in _values(message) if _stands(value, before))
        if values and sum(tokens[:place]) >= _LEAST_TOKENS:
            yield Case(messages[:place], texts[:place], tokens[:place], values)


def _values(message: Message) -> list[str]:
    """The values among the arguments of its calls, each once."""
    found: dict[str, None] = {}
    for call in message.tool_calls:
        found |= dict.fromkeys(
            leaf for leaf in _leaves(json.loads(call.arguments)) if len(leaf) >= _LEAST_LETTERS
        )
    return list(found)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for each in cast("Iterable[Any]", value.values() if isinstance(value, dict) else value):
            yield from _leaves(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _stands(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _recall(case: Case, kept: Kept, budget: int) -> float:
    """The share of the values that stand in what was kept; 0 where that is more than there may be."""
    return mean(_stands(value, kept.text) for value in case.values) if kept.tokens <= budget else 0.0


def _budget(case: Case, percent: int) -> int:
    return sum(case.tokens) * percent // 100


def _of(case: Case, places: Sequence[int]) -> Kept:
    return Kept("\n".join(case.texts[place] for place in places), sum(case.tokens[place] for place in places))


def _recent(case: Case, budget: int) -> Kept:
    return _of(case, _tail(case, budget))


def _tail(case: Case, budget: int) -> list[int]:
    """The newest groups of calls and results that fit, without a gap."""
    context = of_messages(case.messages, case.tokens)
    kept: list[int] = []
    for group in reversed(atoms(context.entries, context.window)):
        budget -= sum(case.tokens[place] for place in group)
        if budget < 0:
            break
        kept += group
    return sorted(kept)


def _langchain(case: Case, budget: int) -> Kept:
    return _of(case, sorted(trimmed(case.messages, case.tokens, budget)))


def _cleared(case: Case) -> Kept:
    """All messages, with the older results of tools cleared."""
    smaller = _clear(case)
    return _of(smaller, range(len(smaller.texts)))


def _cleared_window(case: Case, budget: int) -> Kept:
    return _recent(_clear(case), budget)


def _clear(case: Case) -> Case:
    results = [place for place, message in enumerate(case.messages) if message.role == "tool"]
    texts, tokens = list(case.texts), list(case.tokens)
    for place in results[:-_CLEAR_ALL_BUT]:
        texts[place] = "[cleared]"
        tokens[place] = count("tool: [cleared]") + _TEMPLATE
    return case._replace(texts=texts, tokens=tokens)


def _ours(case: Case, budget: int) -> Kept | None:
    """What the product makes of it; None where it refuses."""
    context = of_messages(case.messages, case.tokens)
    found = compaction.choose(context, 1, _SETTINGS.summary_tokens, budget)
    if found.after_tokens <= budget and found.summary_tokens >= compaction.LEAST_TOKENS:
        replaced = frozenset(ordinals(found.replacing))
        stays = [place for place in range(len(case.messages)) if place not in replaced]
        made = _with_summary(case, stays, found.summary_tokens)
        if made is not None:
            return made
    scores = importance([turn_of(message) for message in case.messages], "agent")
    plan = keep(context, scores, budget, None, _SETTINGS.keep_last)
    return None if isinstance(plan, Infeasible) else _of(case, list(ordinals(plan.kept)))


def _with_summary(case: Case, stays: Sequence[int], tokens: int) -> Kept | None:
    """These messages, and a summary of the others in so many tokens; None where it says nothing."""
    turns = [turn_of(message) for message in case.messages]
    kept = frozenset(stays)
    summary = extract(
        [(place, turn) for place, turn in enumerate(turns) if place not in kept],
        max_tokens=tokens - _TEMPLATE,
        count=count,
        genre="agent",
        beside=[turns[place] for place in stays],
    )
    if not summary.facts:
        return None
    tail = _of(case, stays)
    return Kept(f"{summary.text}\n{tail.text}", tail.tokens + count(summary.text) + _TEMPLATE)


def _measured(cases: Sequence[Case], percent: int) -> dict[str, float]:
    """Recall where the product does not refuse, and how often it refuses."""
    recalls: list[float] = []
    for case in cases:
        kept = _ours(case, _budget(case, percent))
        if kept is not None:
            recalls.append(_recall(case, kept, _budget(case, percent)))
    refused = 1 - len(recalls) / len(cases)
    return {
        f"VR@{percent}": mean(recalls) if recalls else 0.0,
        f"refused@{percent}": refused,
        f"with refusals@{percent}": sum(recalls) / len(cases),
    }


_ROWS = {
    "recent window": _recent,
    "LangChain trim_messages": _langchain,
    "clear results, keep 3": _cleared_window,
}


def _table(figures: Figures) -> Iterator[str]:
    yield f"{'tau-bench, ' + str(figures['cases']) + ' calls':26}{'VR@10':>8}{'VR@30':>8}{'VR@50':>8}"
    for name in (*_ROWS, "ours"):
        yield f"{name:26}" + "".join(f"{figures[name][f'VR@{percent}']:8.3f}" for percent in PERCENT)
    for name, field in (("  refused", "refused"), ("  a refusal counted as 0", "with refusals")):
        yield f"{name:26}" + "".join(f"{figures['ours'][f'{field}@{percent}']:8.3f}" for percent in PERCENT)
    whole = figures["cleared in place"]
    said = f"{whole['VR']:.3f} in {whole['tokens']:.0%} of the tokens"
    yield f"clear results, keep 3, nothing else left out: {said}"
    for name, met in figures["goals"].items():
        yield f"goal {name} >= {GOALS[int(name.removeprefix('VR@'))]}: {'met' if met else 'NOT MET'}"
