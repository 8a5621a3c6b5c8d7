"""A provider that was away and answers again is asked to load what failed meanwhile, without a pause."""

from bursar.domain.models.events import ModelCooledDown, ModelLoadStarted
from bursar.domain.requests.events import RequestQueued, RequestRejected
from bursar.testing.facts import arrived, described, load_failed, observed, running
from bursar.testing.specification import Given, Pause, decided, given

ABLE = ("load", "unload", "measure_memory")


def _failed() -> Given:
    return given(
        running(),
        observed("p", *ABLE),
        described("p:a"),
        arrived("p:a"),
        load_failed("p:a", "nobody listens"),
        Pause(100),
    )


def test_it_is_tried_again_as_soon_as_its_provider_is_back() -> None:
    away = _failed().and_then(observed("p", *ABLE, reachable=False), Pause(100))
    step = away.when(observed("p", *ABLE))
    cooled = step.of(ModelCooledDown)
    assert isinstance(cooled, ModelCooledDown)
    assert cooled.reason.rule == "load.provider_back"
    tests = {test.what: (test.left, test.op, test.right, test.holds) for test in cooled.reason.tests}
    assert tests["failed_ms"] == (200, ">=", 0, True)
    step.given.when(arrived("p:a")).then(ModelLoadStarted, RequestQueued)


def test_what_fails_after_it_came_back_pauses() -> None:
    back = given(running(), observed("p", *ABLE), described("p:a")).and_then(
        observed("p", *ABLE, reachable=False), observed("p", *ABLE), Pause(100)
    )
    failed = back.and_then(arrived("p:a"), load_failed("p:a"), Pause(100))
    failed.when(arrived("p:a")).then(decided(RequestRejected, rule="queue.cool_down"))


def test_one_that_was_there_all_the_time_has_not_come_back() -> None:
    seen = _failed().and_then(observed("p", *ABLE, version="other"))
    seen.when(arrived("p:a")).then(decided(RequestRejected, rule="queue.cool_down"))
