"""Another model answers when the one that was asked for cannot be had."""

import pytest

from bursar.domain.errors import SettingsInvalid
from bursar.domain.models.events import ModelLoadStarted
from bursar.domain.requests.events import LeaseGranted, RequestQueued, RequestRejected
from bursar.domain.resilience.events import BreakerChanged, RequestRedirected
from bursar.domain.resilience.fallback import chain
from bursar.settings import Settings
from bursar.testing.facts import arrived, described, load_failed, resident
from bursar.testing.specification import Given, decided

from .support import BREAKER, MODEL, OTHER, asked, by_hand, call, failed, serving, settings

FALLBACKS = settings(BREAKER, fallbacks={MODEL: OTHER, "p:new": OTHER, "x:unknown": OTHER})


def degraded() -> Given:
    """A provider that fails, and one whose model answers instead."""
    return serving(FALLBACKS).and_then(resident(OTHER, slots=4))


def test_while_the_breaker_is_open_the_other_answers() -> None:
    flow = degraded().and_then(call(failed(), 4))
    flow.when(arrived(MODEL)).then(
        decided(RequestRedirected, model=MODEL, fallback=OTHER, rule="fallback.breaker"),
        decided(LeaseGranted, model=OTHER),
    )


def test_who_waits_when_it_opens_is_served_by_the_other() -> None:
    flow = degraded().and_then(call(failed(), 3), *[arrived(MODEL)] * 5)
    decisions = [type(decision) for decision in flow.when(failed()).decisions]
    assert decisions == [BreakerChanged, RequestRedirected, LeaseGranted]


def test_a_load_that_fails_is_answered_by_the_other() -> None:
    flow = degraded().and_then(described("p:new"), arrived("p:new"))
    flow.when(load_failed("p:new")).then(
        decided(RequestRedirected, rule="fallback.load_failed"), LeaseGranted
    )
    flow.and_then(load_failed("p:new")).when(arrived("p:new")).then(
        decided(RequestRedirected, rule="fallback.cool_down"), LeaseGranted
    )


def test_a_model_that_its_provider_could_not_describe_is_answered_by_the_other() -> None:
    degraded().when(arrived("x:unknown")).then(
        decided(RequestRedirected, rule="fallback.unknown"), LeaseGranted
    )


def test_a_call_that_failed_and_is_not_made_again_moves_to_the_other() -> None:
    flow = degraded().and_then(arrived(MODEL))
    taken = flow.when(asked(code="MODEL_LOST"))
    taken.then(decided(RequestRedirected, rule="fallback.failed"), decided(LeaseGranted, model=OTHER))
    state = taken.given.state
    assert (state.models[MODEL].leases, len(state.models[OTHER].leases)) == ((), 1)


def test_the_other_is_loaded_for_it() -> None:
    flow = serving(FALLBACKS).and_then(described(OTHER), call(failed(), 4))
    flow.when(arrived(MODEL)).then(
        RequestRedirected, decided(ModelLoadStarted, model=OTHER), decided(RequestQueued, model=OTHER)
    )


def test_none_is_turned_to_whose_provider_is_not_asked_either() -> None:
    flow = degraded().and_then(by_hand("forced_open", "q"), call(failed(), 4))
    flow.when(arrived(MODEL)).then(decided(RequestRejected, code="CIRCUIT_OPEN", model=MODEL))


def test_a_chain_is_followed_to_the_first_that_can_answer_and_never_back() -> None:
    chosen = settings(BREAKER, fallbacks={MODEL: OTHER, OTHER: "r:c"})
    flow = serving(chosen).and_then(resident(OTHER), resident("r:c"), by_hand("forced_open", "q"))
    flow = flow.and_then(call(failed(), 4))
    flow.when(arrived(MODEL)).then(decided(RequestRedirected, fallback="r:c"), LeaseGranted)
    both = flow.and_then(by_hand("forced_open", "r"))
    both.when(arrived(MODEL)).then(decided(RequestRejected, code="CIRCUIT_OPEN"))


@pytest.mark.parametrize("purpose", ["load", "embed"])
def test_who_wants_a_model_loaded_or_its_vectors_is_not_served_by_another(purpose: str) -> None:
    flow = degraded().and_then(call(failed(), 4))
    wanted = arrived(MODEL).model_copy(update={"purpose": purpose})
    flow.when(wanted).then(decided(RequestRejected, code="CIRCUIT_OPEN"))


def test_a_circle_ends_where_it_began() -> None:
    assert chain({"a": "b", "b": "c", "c": "a"}, "a") == ("b", "c")


@pytest.mark.parametrize("fallbacks", [{"a": "a"}, {"a": "b", "b": "c", "c": "a"}])
def test_settings_refuse_a_circle(fallbacks: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="go round in a circle: a → "):
        Settings(fallbacks=fallbacks)
