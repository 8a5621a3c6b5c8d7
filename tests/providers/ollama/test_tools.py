"""Tools and schemas, version by version: ids since 0.12.10, schemas since 0.5."""

import json
from typing import Any

import pytest

from bursar.domain.ports import ChatRequest, Message, ToolCall
from bursar.testing.provider.ollama import Switches

from .world import HELLO, Here, running

CALLED = Message("assistant", "", tool_calls=(ToolCall("call_0", "clock", "{}"),))
CONVERSATION = (HELLO.messages[0], CALLED, Message("tool", "12:00", tool_call_id="call_0"))
CHAT = "/api/chat"


def test_an_old_version_gives_no_ids_and_ours_go_on_from_the_conversation_s() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.calls = [ToolCall("x", "clock", "{}"), ToolCall("y", "weather", '{"place": "Bern"}')]
        last = (await here.ask(ChatRequest(CONVERSATION, max_tokens=99)))[-1]
        assert last.tool_calls == (
            ToolCall("call_1", "clock", "{}"),
            ToolCall("call_2", "weather", '{"place":"Bern"}'),
        )

    running(test, Switches(version="0.9.6"))


def test_an_answer_that_only_calls_ends_because_of_that() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.calls = [ToolCall("x", "clock", "{}")]
        assert (await here.ask(ChatRequest(HELLO.messages)))[-1].finish_reason == "tool_calls"
        assert (await here.ask(HELLO))[-1].finish_reason == "length"

    running(test)


def test_arguments_that_the_model_broke_are_sent_as_an_object_all_the_same() -> None:
    async def test(here: Here) -> None:
        await here.load()
        broken = Message("assistant", "", tool_calls=(ToolCall("a", "clock", '{"zone": '),))
        assert (await here.ask(ChatRequest((HELLO.messages[0], broken), max_tokens=2)))[-1].done
        (call,) = here.bodies(CHAT)[-1]["messages"][1]["tool_calls"]
        assert call["function"]["arguments"] == {"value": '{"zone": '}

    running(test)


def test_the_simulator_takes_no_arguments_that_are_texts_as_ollama_takes_none() -> None:
    async def test(here: Here) -> None:
        call = {"function": {"name": "clock", "arguments": "{}"}}
        messages = [{"role": "assistant", "content": "", "tool_calls": [call]}]
        status, said = await here.post(CHAT, model="small", messages=messages)
        assert status == 400
        assert "cannot unmarshal string" in said["error"]

    running(test)


@pytest.mark.parametrize(("version", "sent"), [("0.4.7", False), ("0.5.0", True), ("0.32.15", True)])
def test_a_version_that_would_refuse_a_schema_gets_none(version: str, sent: bool) -> None:
    async def test(here: Here) -> None:
        await here.load()
        asked = ChatRequest(HELLO.messages, max_tokens=2, schema={"type": "object"})
        assert (await here.ask(asked))[-1].done
        assert ("format" in here.bodies(CHAT)[-1]) is sent
        body: dict[str, Any] = {
            "model": "small",
            "messages": [{"role": "user", "content": "x"}],
            "format": {},
        }
        assert (await here.post(CHAT, **body))[0] == (200 if sent else 400)

    running(test, Switches(version=version))


def test_a_result_whose_call_is_not_there_has_no_name() -> None:
    async def test(here: Here) -> None:
        await here.load()
        lost = Message("tool", json.dumps({"x": 1}), tool_call_id="gone")
        await here.ask(ChatRequest((HELLO.messages[0], lost), max_tokens=2))
        assert "tool_name" not in here.bodies(CHAT)[-1]["messages"][-1]

    running(test)
