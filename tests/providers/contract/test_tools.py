"""Tools, their results and schemas: as the provider's own API has them, both ways."""

import json
from typing import Any, cast

from bursar.domain.ports import ChatRequest, Message, ToolCall

from .world import HELLO, Contract, Opening

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CALLS = (
    ToolCall("call_a", "weather", '{"place":"São Paulo","days":2}'),
    ToolCall("call_b", "clock", "{}"),
)
CONVERSATION = (
    Message("user", "How is the weather?"),
    Message("assistant", "", tool_calls=CALLS),
    Message("tool", "rain", tool_call_id="call_a"),
    Message("tool", "12:00", tool_call_id="call_b", name="clock"),
    Message("user", "And tomorrow?", name="ann"),
)
SCHEMA = {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]}


def test_calls_and_their_results_arrive_as_the_provider_has_them(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.simulator()
        await here.load()
        await here.ask(ChatRequest(CONVERSATION, max_tokens=2, tools=[TOOL]))
        body = _sent(here)
        assert body["tools"] == [TOOL]
        _asked, called, *results, last = body["messages"]
        assert [call["function"]["name"] for call in called["tool_calls"]] == ["weather", "clock"]
        assert [call["id"] for call in called["tool_calls"]] == ["call_a", "call_b"]
        given = [call["function"]["arguments"] for call in called["tool_calls"]]
        assert [result["tool_call_id"] for result in results] == ["call_a", "call_b"]
        assert last["content"] == "And tomorrow?"
        if here.simulator().chat == "/api/chat":
            assert given == [{"place": "São Paulo", "days": 2}, {}]
            assert [result["tool_name"] for result in results] == ["weather", "clock"]
        else:
            assert given == [call.arguments for call in CALLS]
            assert [call["type"] for call in called["tool_calls"]] == ["function", "function"]
            assert (results[1]["name"], last["name"]) == ("clock", "ann")

    opening.run(test)


def test_a_conversation_without_tools_is_sent_without_a_word_of_them(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.simulator()
        await here.load()
        await here.ask()
        body = _sent(here)
        assert {"tools", "format", "response_format"}.isdisjoint(body)
        assert [set(message) for message in body["messages"]] == [{"role", "content"}]

    opening.run(test)


def test_the_calls_of_a_streamed_answer_come_once_and_whole(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.calls = list(CALLS)
        *pieces, last = await here.ask(ChatRequest(CONVERSATION[:1], max_tokens=3, tools=[TOOL]))
        assert [piece.text for piece in pieces] == ["w0 ", "w1 ", "w2 "]
        assert not any(piece.tool_calls for piece in pieces)
        assert [(call.name, json.loads(call.arguments)) for call in last.tool_calls] == [
            ("weather", {"place": "São Paulo", "days": 2}),
            ("clock", {}),
        ]
        assert [call.id for call in last.tool_calls] == ["call_a", "call_b"]
        assert last.finish_reason in {"tool_calls", "length"}
        world.calls = []
        assert (await here.ask())[-1].tool_calls == ()

    opening.run(test)


def test_no_call_gets_the_id_of_an_earlier_one(opening: Opening) -> None:
    """A result names its call by its id: with two of the same id it would be taken for the other's."""

    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.calls = [ToolCall("call_a", "weather", "{}"), ToolCall("call_a", "clock", "{}")]
        first = await here.ask(ChatRequest(CONVERSATION, max_tokens=3))
        ids = [call.id for call in first[-1].tool_calls]
        assert len({"call_a", "call_b", *ids}) == 4
        assert (await here.ask(ChatRequest(CONVERSATION, max_tokens=3)))[-1].tool_calls == first[
            -1
        ].tool_calls

    opening.run(test)


def test_a_schema_is_sent_where_the_provider_has_one(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.simulator()
        await here.load()
        await here.ask(ChatRequest(HELLO.messages, max_tokens=2, schema=SCHEMA))
        body = _sent(here)
        if here.simulator().chat == "/api/chat":
            assert body["format"] == SCHEMA
        else:
            assert body["response_format"]["type"] == "json_schema"
            assert body["response_format"]["json_schema"]["schema"] == SCHEMA

    opening.run(test)


def _sent(here: Contract) -> dict[str, Any]:
    """The body of the last chat that arrived."""
    simulated = here.simulator()
    requests = simulated.world.requests
    bodies = [body for _method, path, body in requests if path.partition("?")[0] == simulated.chat]
    return cast("dict[str, Any]", bodies[-1])
