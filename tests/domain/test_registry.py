"""Every event there is can be written down and read again, and nothing else can."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bursar.domain.events import Body, Decision, Fact
from bursar.domain.host.events import SettingsChanged, TimerFired
from bursar.domain.kernel import EVOLVE, RULES
from bursar.domain.reasons import Candidate, Comparison, Exclusion, Reason
from bursar.domain.registry import REGISTRY, UnknownEvent, decode, encode, register
from bursar.domain.requests.events import RequestArrived
from bursar.testing.facts import described

from . import strategies as draw

TYPES = sorted(REGISTRY.values(), key=lambda body: body.name)

_some = st.builds(Candidate, figures=st.just({}), frees=st.dictionaries(st.text(max_size=3), st.integers()))
_reasons = st.builds(
    Reason,
    tests=st.lists(st.from_type(Comparison), max_size=2).map(tuple),
    candidates=st.lists(_some, max_size=2).map(tuple),
    excluded=st.lists(st.from_type(Exclusion), max_size=1).map(tuple),
    margin=st.none() | st.integers(),
)


def _bodies(body: type[Body]) -> st.SearchStrategy[Body]:
    """Any event of a type."""
    if body is SettingsChanged:
        return st.builds(SettingsChanged, settings=draw.settings)
    if "reason" in body.model_fields:
        return st.builds(body, reason=_reasons)
    return st.from_type(body)


@given(st.sampled_from(TYPES).flatmap(_bodies))
def test_what_is_written_down_is_read_again(body: Body) -> None:
    data = encode(body)
    assert decode(body.name, body.version, data) == body
    assert encode(decode(body.name, body.version, data)) == data


@pytest.mark.parametrize("body", TYPES, ids=lambda body: body.name)
def test_every_event_is_a_fact_with_a_rule_or_a_decision_with_a_reason(body: type[Body]) -> None:
    assert issubclass(body, Fact) != issubclass(body, Decision)
    assert (body in RULES) == issubclass(body, Fact)
    assert ("reason" in body.model_fields) == issubclass(body, Decision)
    assert body in EVOLVE


@pytest.mark.parametrize("body", TYPES, ids=lambda body: body.name)
def test_every_event_says_what_it_is_about(body: type[Body]) -> None:
    description = described("llama:a").description
    fields: dict[str, Any] = {"model": "llama:a", "request": 7, "intent": 5, "description": description}
    fields |= {"forgotten": "3fa9", "event": 5, "provider": "llama"}
    fields |= {"context": "c", "agent": "a", "pattern": "p"}
    event = body.model_construct(**{name: fields[name] for name in fields if name in body.model_fields})
    category, slash, name = event.subject(9).partition("/")
    known = {
        "breaker",
        "residency",
        "provider",
        "host",
        "model",
        "request",
        "plan",
        "pin",
        "effect",
        "description",
        "subject",
        "event",
        "context",
        "agent",
        "pattern",
    }
    assert category in known
    assert bool(slash and name) == (category != "host")


def test_a_request_is_named_by_the_place_of_its_arrival() -> None:
    assert RequestArrived(model="a", purpose="chat", agent="").subject(12) == "request/12"


def test_names_are_chosen_and_unique() -> None:
    assert len({body.name for body in TYPES}) == len(TYPES)
    with pytest.raises(ValueError, match="is registered twice"):
        register((TimerFired, TimerFired))


def test_an_event_of_a_newer_version_is_refused() -> None:
    with pytest.raises(UnknownEvent, match="TimerFired version 99"):
        decode("TimerFired", 99, "{}")
    with pytest.raises(UnknownEvent, match="NoSuchThing"):
        decode("NoSuchThing", 1, "{}")


@pytest.mark.parametrize(
    "data",
    [
        '{"model":"a","purpose":"chat"}',  # a field is missing
        '{"model":"a","purpose":"chat","agent":"","color":"red"}',  # one is unknown
        '{"model":"a","purpose":"chat","agent":"","priority":"1"}',  # a text is no number
        '{"model":"a","purpose":"chat","agent":"","priority":1.5}',  # nor is a fraction
        '{"model":"a","purpose":"sing","agent":""}',
        "[]",
        "",
    ],
)
def test_what_was_not_written_by_us_is_refused(data: str) -> None:
    with pytest.raises(ValidationError):
        decode("RequestArrived", 1, data)


def test_data_is_compact_and_in_the_order_of_the_fields() -> None:
    arrived = RequestArrived(agent="ann", purpose="chat", model="a")
    assert encode(arrived) == (
        '{"model":"a","purpose":"chat","agent":"ann","priority":0,"deadline_ms":null,"max_tokens":null}'
    )


def test_a_reason_can_be_a_rule_alone() -> None:
    assert Reason(rule="x").model_dump_json() == (
        '{"rule":"x","rule_version":1,"tests":[],"candidates":[],"excluded":[],"margin":null,"evidence":{}}'
    )
