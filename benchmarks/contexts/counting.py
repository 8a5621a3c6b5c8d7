"""How far token counts err without the model's tokenizer, and how long counting holds others up.

Each vocabulary is taken for an unknown one: its row is left out of what the estimator begins with. Prompts
have 20 messages of one class; the reports before are either of the same class or of all of them. LoCoMo and
the packages of the standard library were not used to obtain the estimator's rows; tau-bench was.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bursar.domain.counting.measures.features import Features, features, total
from bursar.domain.counting.measures.linear import learnt
from bursar.domain.counting.state import Report

from .counting_classes import classes
from .counting_families import families
from .counting_speed import Speed, speed

_AFTER = (0, 1, 3, 10)
#: Classes of what is reported where reports are mixed.
_REPORTED = ("chat", "code", "tools")
_MESSAGES, _PROMPTS = 20, 25
#: Tokens of a template for each message, as those of real models lie between.
_TEMPLATE = 5
_GOAL_PER_CENT, _GOAL_AFTER, _GOAL_MS = 5.0, 3, 50.0

Count = Callable[[str], int]


class Text(NamedTuple):
    """A text with what is counted in it."""

    found: Features
    characters: int
    bytes: int
    #: In the vocabulary that is measured, and in o200k.
    tokens: int
    o200k: int


class Prompt(NamedTuple):
    """Texts together."""

    texts: tuple[Text, ...]

    @property
    def tokens(self) -> int:
        """As its provider would report it."""
        return sum(text.tokens for text in self.texts) + _TEMPLATE * len(self.texts)

    def report(self) -> Report:
        """What is learnt of it."""
        return Report(total(text.found for text in self.texts), len(self.texts), 0, self.tokens)


def counting(data: Path, quick: bool) -> tuple[dict[str, Any], str]:
    """Errors by class and vocabulary after 0, 1, 3 and 10 reports, and the speed."""
    errors = _errors(data, quick)
    found = speed(quick)
    figures: dict[str, Any] = {"mean_error_per_cent": errors, **found._asdict()}
    figures["goals"] = {
        **{
            f"{how}: {name} <= 5 % after 3": by_class[name][_GOAL_AFTER] <= _GOAL_PER_CENT
            for how, by_class in errors.items()
            if how.startswith("linear")
            for name in by_class
        },
        "1 MB never blocks > 50 ms": found.longest_block_ms <= _GOAL_MS,
    }
    return figures, _table(errors, found, figures["goals"])


Errors = dict[str, dict[str, dict[int, float]]]


def _errors(data: Path, quick: bool) -> Errors:
    chance = random.Random(7)
    counted = families()
    texts = classes(data, quick=quick)
    missed = _Missed()
    for family, count in counted.items():
        pools = {
            name: [_text(text, count, counted["o200k"]) for text in some] for name, some in texts.items()
        }
        every = [text for name in _REPORTED for text in pools[name]]
        for name, pool in pools.items():
            tests = [_prompt(pool, chance) for _ in range(_PROMPTS)]
            for kind, source in (("same", pool), ("mixed", every)):
                reports = [_prompt(source, chance) for _ in range(max(_AFTER))]
                for after in _AFTER:
                    missed.measure(family, kind, name, reports[:after], tests)
    return missed.means()


class _Missed:
    """Relative errors by way of counting, class and number of reports."""

    def __init__(self) -> None:
        self._errors: dict[str, dict[str, dict[int, list[float]]]] = {}

    def measure(
        self, family: str, kind: str, name: str, reports: Sequence[Prompt], tests: Sequence[Prompt]
    ) -> None:
        """Every way of counting, on prompts of one class."""
        estimator = learnt([prompt.report() for prompt in reports], family)
        for prompt in tests:
            asked = prompt.report()
            guesses = {"linear": float(estimator.expect(asked.features, asked.messages).tokens)}
            guesses |= {f"{how} scaled": _scaled(size, prompt, reports) for how, size in _SIZES.items()}
            for how, guess in guesses.items():
                by_class = self._errors.setdefault(f"{how}, {kind} reports", {})
                by_class.setdefault(name, {}).setdefault(len(reports), []).append(guess / prompt.tokens - 1)

    def means(self) -> Errors:
        """Mean of their sizes, in per cent."""
        return {
            how: {
                name: {after: round(100 * mean(map(abs, several)), 1) for after, several in by_after.items()}
                for name, by_after in by_class.items()
            }
            for how, by_class in sorted(self._errors.items())
        }


_SIZES: dict[str, Callable[[Text], float]] = {
    "chars/4": lambda text: text.characters / 4,
    "bytes/3": lambda text: text.bytes / 3,
    "o200k": lambda text: text.o200k,
}


def _scaled(size: Callable[[Text], float], prompt: Prompt, reports: Sequence[Prompt]) -> float:
    """One number learnt from the reports; as it is without any."""
    given = sum(size(text) for report in reports for text in report.texts)
    scale = sum(report.tokens for report in reports) / given if given else 1.0
    return scale * sum(map(size, prompt.texts))


def _text(text: str, count: Count, o200k: Count) -> Text:
    return Text(features(text), len(text), len(text.encode()), count(text), o200k(text))


def _prompt(pool: Sequence[Text], chance: random.Random) -> Prompt:
    return Prompt(tuple(chance.choice(pool) for _ in range(_MESSAGES)))


def _table(errors: Errors, found: Speed, goals: dict[str, bool]) -> str:
    names = list(next(iter(errors.values())))
    lines = [
        "mean |error| in % of prompts of 20 messages, after 0/1/3/10 reported counts, vocabulary unknown",
        f"{'':32}" + "".join(f"{name:>24}" for name in names),
    ]
    for how, by_class in errors.items():
        cells = ["/".join(f"{by_class[name][after]:.1f}" for after in _AFTER) for name in names]
        lines.append(f"{how:32}" + "".join(f"{cell:>24}" for cell in cells))
    lines.append(
        f"features {found.features_mb_s:.0f} MB/s; vocabulary {found.vocabulary_mb_s:.1f} MB/s, "
        f"read in {found.read_s:.1f} s; tokenizers {found.tokenizers_mb_s:.1f} MB/s, "
        f"{found.different} of {found.compared} texts counted differently by it"
    )
    lines.append(
        f"1 MB counted: others waited {found.longest_block_ms:.0f} ms at most (estimate "
        f"{found.longest_estimate_ms:.0f} ms, vocabulary {found.longest_vocabulary_ms:.0f} ms)"
    )
    lines += [f"{'met    ' if met else 'NOT MET'} {goal}" for goal, met in goals.items()]
    return "\n".join(lines)
