"""What a chat template adds to each message, by what was reported beside an exact count of the texts."""

from collections.abc import Sequence
from typing import NamedTuple

from .state import Expected, Report

#: Where nothing is known: as templates commonly have it, rather too many.
_USUAL = 5
_USUAL_ERROR_PER_MILLE = 600
_ERROR_LEAST_PER_MILLE = 50


class Template(NamedTuple):
    """Tokens that stand around each message's text."""

    tokens: int
    #: Of those tokens.
    error_per_mille: int

    def around(self, tokens: int, messages: int) -> Expected:
        """So many messages that have so many tokens as texts."""
        added = self.tokens * messages
        whole = tokens + added
        # One more than divides: a short prompt is not expected to the token.
        return Expected(whole, (self.error_per_mille * added + 1000) // max(whole, 1))


def template(reports: Sequence[Report]) -> Template:
    """Rounded up, so that messages have rather too many tokens; never fewer than none."""
    messages = sum(report.messages for report in reports)
    if not messages:
        return Template(_USUAL, _USUAL_ERROR_PER_MILLE)
    added = [report.reported_tokens - report.estimated_tokens for report in reports]
    tokens = max(0, -(-sum(added) // messages))
    missed = [
        (one - tokens * report.messages) * 1000 // max(tokens * report.messages, 1)
        for one, report in zip(added, reports, strict=True)
    ]
    return Template(tokens, max(_ERROR_LEAST_PER_MILLE, *missed))
