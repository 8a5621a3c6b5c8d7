"""Whether what a provider counted is worth a row of the journal."""

from collections.abc import Sequence

from .evolve import REPORTS
from .state import Expected, Report

#: So many reports are always worth one: nothing is known of the model before.
FIRST = 3
#: As long as there are few reports, one is worth a row where they leave this much in doubt.
_DOUBT_PER_MILLE = 60
#: Fewer tokens than this share of what was expected are not all of the prompt: what was cached, or cut, is
#: left out of the count.
_PLAUSIBLE_PER_MILLE = 350


def worth_a_row(known: Sequence[Report], expected: Expected, reported_tokens: int) -> bool:
    """Of the reports that are known of a model, and of one more beside what had been expected.

    The first are; then those on texts of which little is known; then those that err by more than was said.
    """
    if reported_tokens <= 0 or reported_tokens * 1000 < expected.tokens * _PLAUSIBLE_PER_MILLE:
        return False
    if len(known) < FIRST:
        return True
    if len(known) < REPORTS and expected.doubt_per_mille > _DOUBT_PER_MILLE:
        return True
    return abs(reported_tokens - expected.tokens) * 1000 > expected.tokens * expected.error_per_mille
