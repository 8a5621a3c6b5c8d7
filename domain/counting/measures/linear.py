"""How many tokens a text has by what is in it, learnt from the counts that its model's provider reports.

A weight for each feature, and how unsure each is. Before anything is reported, a vocabulary is taken for a
mixture of those that are known: their mean, and the ways in which they differ. Each report then moves the
weights as far as it is surer than they are, by recursive least squares (the Kalman filter without motion;
Plackett 1950). Reports on one kind of text so leave alone what is known of others.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import ceil, sqrt

from ..state import Expected, Report
from .features import NAMES, features
from .known import WEIGHTS

#: What a chat template adds to a message, and how far templates differ.
_TEMPLATE_TOKENS, _TEMPLATE_DEVIATION = 4.5, 1.5
#: How far a vocabulary is from every mixture of the known ones, by the size of the weight and at least.
_OWN, _OWN_LEAST = 0.05, 0.0025
#: What the features cannot tell: tokens squared for each token, and a share of all of them.
_NOISE, _SHARE = 0.8, 0.02
#: Deviations that 19 in 20 under-estimates stay within: measured with each known vocabulary left out.
_DEVIATIONS = 2.3
_WHOLE = 1000


class Estimator:
    """The weights of one vocabulary as far as they are known. Nothing changes it: learning makes another."""

    def __init__(self, weights: Sequence[float], covariance: Sequence[Sequence[float]]) -> None:
        self._weights, self._covariance = weights, covariance

    def expect(self, found: Sequence[int], messages: int) -> Expected:
        """Tokens of so many messages that have these features together."""
        row = (*found, messages)
        tokens = self._tokens(row)
        doubt = self._doubt(row)
        error = sqrt(doubt + _noise(tokens))
        whole = round(tokens)
        return Expected(whole, _per_mille(error, whole), _per_mille(sqrt(doubt), whole))

    def at_most(self, text: str) -> int:
        """Tokens that a text has as part of a longer one: what the features cannot tell evens out there."""
        row = (*features(text), 0)
        tokens = self._tokens(row)
        doubt = sqrt(self._doubt(row)) + _SHARE * tokens
        return ceil(tokens + _DEVIATIONS * doubt)

    def learnt(self, found: Sequence[int], messages: int, tokens: int) -> "Estimator":
        """What is known once a provider has counted so many tokens."""
        row = (*found, messages)
        spread = self._spread(row)
        variance = _dot(row, spread) + _noise(tokens)
        missed = tokens - _dot(row, self._weights)
        weights = [
            weight + far * missed / variance for weight, far in zip(self._weights, spread, strict=True)
        ]
        covariance = [
            [known - far * other / variance for known, other in zip(line, spread, strict=True)]
            for line, far in zip(self._covariance, spread, strict=True)
        ]
        return Estimator(weights, covariance)

    def _tokens(self, row: Sequence[int]) -> float:
        """Never none of what is not empty: weights may be below nought, tokens are not."""
        return max(_dot(row, self._weights), 1.0 if any(row) else 0.0)

    def _doubt(self, row: Sequence[int]) -> float:
        """Variance of the tokens by how unsure the weights are."""
        some = [(place, number) for place, number in enumerate(row) if number]
        variance = 0.0
        for place, number in some:
            line = self._covariance[place]
            variance += number * sum([line[other] * times for other, times in some])
        return max(variance, 0.0)

    def _spread(self, row: Sequence[int]) -> list[float]:
        some = [(place, number) for place, number in enumerate(row) if number]
        return [sum(line[place] * number for place, number in some) for line in self._covariance]


def learnt(reports: Iterable[Report], without: str = "") -> Estimator:
    """What is known of a vocabulary after these reports; `without` takes a known one for unknown."""
    estimator = prior(without)
    for report in reports:
        if len(report.features) == len(NAMES):
            estimator = estimator.learnt(report.features, report.messages, report.reported_tokens)
    return estimator


@lru_cache(maxsize=16)
def prior(without: str = "") -> Estimator:
    """What is known of a vocabulary that nothing was reported of."""
    return _mixture({name: weights for name, weights in WEIGHTS.items() if name != without})


def _mixture(known: Mapping[str, Sequence[float]]) -> Estimator:
    columns = list(zip(*known.values(), strict=True))
    mean = [sum(column) / len(known) for column in columns]
    differing = [[weight - middle for weight in column] for column, middle in zip(columns, mean, strict=True)]
    covariance = [[_dot(one, other) / (len(known) - 1) for other in differing] for one in differing]
    for place, middle in enumerate(mean):
        covariance[place][place] += (_OWN * abs(middle) + _OWN_LEAST) ** 2
        covariance[place].append(0.0)
    template = [*(0.0 for _ in mean), _TEMPLATE_DEVIATION**2]
    return Estimator([*mean, _TEMPLATE_TOKENS], [*covariance, template])


def _noise(tokens: float) -> float:
    return _NOISE * tokens + (_SHARE * tokens) ** 2


def _per_mille(deviation: float, tokens: int) -> int:
    return min(round(_WHOLE * _DEVIATIONS * deviation / max(tokens, 1)), _WHOLE * 10)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))
