"""Calls of tools are put together as servers really send them in pieces, and never without an end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.providers.wire.calls import Calls, Ids, arguments_object, arguments_text
from bursar.domain.errors import ProviderUnavailable
from bursar.domain.ports import ToolCall
from bursar.testing.provider import calling

Piece = dict[str, Any]


def read(*pieces: Piece, earlier: tuple[str, ...] = ()) -> tuple[ToolCall, ...]:
    calls = Calls("lab", "m")
    for piece in pieces:
        calls.take([piece])
    return calls.whole(Ids(earlier))


def piece(name: str | None = None, arguments: object = None, **besides: object) -> Piece:
    function = {"name": name, "arguments": arguments}
    return {**besides, "function": {key: value for key, value in function.items() if value is not None}}


A, B = ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}')

SHAPES: dict[str, list[Piece]] = {
    "as OpenAI's": [
        piece("f", "", index=0, id="a"),
        piece(arguments='{"x"', index=0),
        piece(arguments=":1}", index=0),
        piece("g", "", index=1, id="b"),
        piece(arguments='{"y":2}', index=1),
    ],
    "interleaved": [
        piece("f", '{"x"', index=0, id="a"),
        piece("g", '{"y"', index=1, id="b"),
        piece(arguments=":1}", index=0),
        piece(arguments=":2}", index=1),
    ],
    "every call has the number 0": [
        piece("f", '{"x":1}', index=0, id="a"),
        piece("g", '{"y":2}', index=0, id="b"),
    ],
    "the number 0, and more of the last": [
        piece("f", '{"x":1}', index=0, id="a"),
        piece("g", "", index=0, id="b"),
        piece(arguments='{"y":2}', index=0),
    ],
    "no numbers": [piece("f", '{"x":1}', id="a"), piece("g", '{"y":2}', id="b")],
    "no numbers, and pieces": [
        piece("f", '{"x"', id="a"),
        piece(arguments=":1}"),
        piece("g", "", id="b"),
        piece(arguments='{"y":2}', id="b"),
    ],
    "arguments that are objects": [
        piece("f", {"x": 1}, index=0, id="a"),
        piece("g", {"y": 2}, index=1, id="b"),
    ],
    "id and name in every piece": [
        piece("f", '{"x"', index=0, id="a"),
        piece("f", ":1}", index=0, id="a"),
        piece("g", '{"y":2}', index=1, id="b"),
    ],
    "the id after the name": [
        piece("f", '{"x":1}', index=0),
        piece(index=0, id="a"),
        piece("g", '{"y":2}', index=1, id="b"),
    ],
    "no type, and things that nobody knows": [
        piece("f", '{"x":1}', index=0, id="a", extra={"q": None}),
        piece("g", '{"y":2}', index=1, id="b", type="custom"),
    ],
}


@pytest.mark.parametrize("pieces", SHAPES.values(), ids=SHAPES)
def test_what_belongs_together_is_put_together(pieces: list[Piece]) -> None:
    assert read(*pieces) == (A, B)


@pytest.mark.parametrize("index", [{}, {"index": 0}])
def test_two_calls_of_one_tool_are_two(index: dict[str, Any]) -> None:
    begun = [piece("f", "{}", id="a", **index), piece("f", '{"x":', id="b", **index)]
    told = read(*begun, piece(arguments="1}", **index))
    assert told == (ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"x":1}'))


def test_calls_without_ids_get_numbers_that_go_on_from_the_conversation_s() -> None:
    pieces = [piece("f", {"x": 1}, index=0), piece("g", {}, index=1)]
    assert [call.id for call in read(*pieces)] == ["call_0", "call_1"]
    assert [call.id for call in read(*pieces, earlier=("call_0", "q"))] == ["call_2", "call_3"]
    assert [call.id for call in read(*pieces, earlier=("call_2", "q"))] == ["call_3", "call_4"]
    assert [call.id for call in read(piece("f", id="call_0"), earlier=("call_0",))] == ["call_1"]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert read(piece("f", "", index=0, id="a")) == (ToolCall("a", "f", "{}"),)


@pytest.mark.parametrize(
    "junk", [None, "f", 3, [None, "x", 3], {}, [{}], [{"index": 0}], [{"function": "f"}]]
)
def test_what_is_no_call_is_none(junk: object) -> None:
    calls = Calls("lab", "m")
    calls.take(junk)
    calls.take_whole(junk)
    assert calls.whole(Ids(())) == ()


def test_a_call_that_does_not_say_of_what_is_no_answer() -> None:
    with pytest.raises(ProviderUnavailable, match="without its name"):
        read(piece(arguments="{}", index=0, id="a"))


@pytest.mark.parametrize("endless", [piece("f", "{}"), piece("f", "x" * 100_000, index=0, id="a")])
def test_calls_that_do_not_end_are_given_up(endless: Piece) -> None:
    calls = Calls("lab", "m")
    with pytest.raises(ProviderUnavailable, match="answered with more than"):
        calls.take([endless] * 1000)


texts = st.text(max_size=30)
made = st.lists(st.builds(ToolCall, st.uuids().map(str), st.text(min_size=1, max_size=9), texts), max_size=5)


@given(made)
def test_whatever_is_told_in_pieces_is_read_back(calls: list[ToolCall]) -> None:
    numbered = Calls("lab", "m")
    for delta in calling.deltas(calls):
        numbered.take(delta["tool_calls"])
    unnumbered = Calls("lab", "m")
    for delta in calling.whole_deltas(calls):
        unnumbered.take(delta["tool_calls"])
    expected = tuple(ToolCall(call.id, call.name, call.arguments or "{}") for call in calls)
    assert numbered.whole(Ids(())) == unnumbered.whole(Ids(())) == expected


def test_arguments_are_an_object_for_those_that_take_no_text() -> None:
    assert arguments_object('{"x": [1, "ü"]}') == {"x": [1, "ü"]}
    assert arguments_object("") == {}
    # What the model wrote is not always what it should be, and its conversation has to go on all the same.
    assert arguments_object('{"x": ') == {"value": '{"x": '}
    assert arguments_object("[1]") == {"value": [1]}
    assert arguments_object('{"x": NaN}') == {"value": '{"x": NaN}'}
    assert arguments_text({"x": "ü"}) == '{"x":"ü"}'
