"""What reports have taught about each model, made of the state anew only when it has changed."""

from collections.abc import Callable

from ..domain.counting.measures.linear import Estimator, learnt
from ..domain.counting.state import Counting, Report
from ..domain.counting.template import Template, template


class Learning:
    """The estimators and templates of the models, by what the state knows of them."""

    def __init__(self, counting: Callable[[], Counting]) -> None:
        self._counting = counting
        self._estimators: dict[str, tuple[tuple[Report, ...], Estimator]] = {}

    def estimator(self, model: str) -> Estimator:
        """What is known of the model's vocabulary."""
        reports = self._counting().on_texts(model)
        known = self._estimators.get(model)
        if known is None or known[0] != reports:
            known = self._estimators[model] = (reports, learnt(reports))
        return known[1]

    def template(self, model: str) -> Template:
        """What is known of the model's template, where its texts are counted exactly."""
        return template(self._counting().on_templates(model))
