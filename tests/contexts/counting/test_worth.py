"""Which counts are written down, and what is learnt of a template."""

import pytest

from bursar.domain.counting.evolve import REPORTS
from bursar.domain.counting.state import Counting, Expected, Report
from bursar.domain.counting.template import Template, template
from bursar.domain.counting.worth import FIRST, worth_a_row

ROW = Report((1,), 1, 1000, 1000)


@pytest.mark.parametrize(
    ("known", "expected", "reported", "worth"),
    [
        # The first are, however well they were expected.
        (0, Expected(1000, 100), 1000, True),
        (FIRST - 1, Expected(1000, 100), 1000, True),
        (FIRST, Expected(1000, 100), 1000, False),
        # Then those that err by more than was said, either way.
        (FIRST, Expected(1000, 100), 1100, False),
        (FIRST, Expected(1000, 100), 1101, True),
        (FIRST, Expected(1000, 100), 899, True),
        (REPORTS, Expected(1000, 100), 1101, True),
        # And those on texts of which little is known, as long as there is room.
        (FIRST, Expected(1000, 300, 61), 1000, True),
        (FIRST, Expected(1000, 300, 60), 1000, False),
        (REPORTS, Expected(1000, 300, 61), 1000, False),
        # What cannot be all of the prompt is no count of it.
        (0, Expected(1000, 100), 0, False),
        (0, Expected(1000, 100), 349, False),
        (0, Expected(1000, 100), 350, True),
    ],
)
def test_worth_a_row(known: int, expected: Expected, reported: int, worth: bool) -> None:
    assert worth_a_row([ROW] * known, expected, reported) is worth


def test_a_template_that_nothing_is_known_of_is_as_most_are() -> None:
    assert template(()) == Template(5, 600)
    assert template(()).around(100, 2) == Expected(110, 63)


def test_a_template_is_learnt_from_exact_counts_and_rounded_up() -> None:
    reports = [Report((), 4, 100, 117), Report((), 20, 500, 581)]
    assert template(reports) == Template(5, 50)
    assert template([*reports, Report((), 1, 10, 20)]).tokens == 5


def test_a_template_never_takes_tokens_away() -> None:
    assert template([Report((), 4, 100, 60)]).tokens == 0


def test_reports_on_texts_and_on_templates_are_kept_apart() -> None:
    exact = Report((), 1, 5, 9)
    counting = Counting({"m": (ROW, exact)})
    assert (counting.on_texts("m"), counting.on_templates("m")) == ((ROW,), (exact,))
    assert counting.on_texts("other") == ()
