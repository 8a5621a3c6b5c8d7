"""A comparison that is made is a comparison that is written down, and can be made again."""

import pytest

from bursar.domain.reasons import Comparison, Comparisons, Operator, Reason, reevaluate


@pytest.mark.parametrize(
    ("op", "smaller", "equal", "larger"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_every_comparison_is_remembered_with_its_outcome(
    op: Operator, smaller: bool, equal: bool, larger: bool
) -> None:
    tests = Comparisons()
    outcomes = [tests.hold("free_bytes", left, op, 5) for left in (4, 5, 6)]
    assert outcomes == [smaller, equal, larger]
    assert tests.tests == tuple(
        Comparison(what="free_bytes", left=left, op=op, right=5, holds=holds)
        for left, holds in zip((4, 5, 6), outcomes, strict=True)
    )
    assert reevaluate(Reason(rule="test", tests=tests.tests))


def test_a_comparison_that_comes_out_otherwise_today_is_found() -> None:
    wrong = Comparison(what="phase", left="running", op="==", right="stopped", holds=True)
    assert not reevaluate(Reason(rule="test", tests=(wrong,)))


def test_a_reason_without_comparisons_holds() -> None:
    assert reevaluate(Reason(rule="load.failed"))
