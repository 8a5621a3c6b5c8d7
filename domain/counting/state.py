"""What was learnt about counting."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Report(NamedTuple):
    """One prompt: what was in it, and what its provider counted."""

    #: Empty where the model's own vocabulary counted the texts: only what the template adds is learnt then.
    features: tuple[int, ...]
    messages: int
    #: With the template, or without it where there are no features.
    estimated_tokens: int
    reported_tokens: int


class Expected(NamedTuple):
    """Tokens that are expected of a text."""

    tokens: int
    #: The tokens are more by at most this in 19 cases of 20, in per-mille.
    error_per_mille: int
    #: The part of that which reports would take away.
    doubt_per_mille: int = 0


@dataclass(frozen=True)
class Counting:
    """The last reports on each model, the newest last."""

    reports: dict[str, tuple[Report, ...]] = field(default_factory=dict[str, tuple[Report, ...]])

    def on_texts(self, model: str) -> tuple[Report, ...]:
        """Those that say something of the model's vocabulary."""
        return tuple(report for report in self.reports.get(model, ()) if report.features)

    def on_templates(self, model: str) -> tuple[Report, ...]:
        """Those that say something of its template alone."""
        return tuple(report for report in self.reports.get(model, ()) if not report.features)
