"""How what providers count changes what is expected."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..state import State
from . import events as e
from .state import Counting, Report

#: Reports that are remembered of a model.
REPORTS = 32


def _reported(state: State, body: e.TokensReported, _event: Event) -> State:
    report = Report(body.features, body.messages, body.estimated_tokens, body.reported_tokens)
    known = state.counting.reports.get(body.model, ())
    reports = {**state.counting.reports, body.model: (*known, report)[-REPORTS:]}
    return replace(state, counting=Counting(reports))


EVOLVE: dict[type[Body], Callable[..., State]] = {e.TokensReported: _reported}
