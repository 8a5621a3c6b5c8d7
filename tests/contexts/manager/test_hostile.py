"""Whatever is given: it is taken in as it is, or refused by its field; the context goes on either way."""

from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.ports import Message, ToolCall

from .support import Talker, dialogue, history, run, talking, user

DEEP = "[" * 100_000
TAKEN: dict[str, list[Message]] = {
    "deep arguments": [
        Message("assistant", "", (ToolCall("1", "f", DEEP),)),
        Message("tool", DEEP, tool_call_id="1"),
    ],
    "many calls": [
        Message("assistant", "", tuple(ToolCall(f"c{number}", "f", "{}") for number in range(600))),
        *(Message("tool", "found", tool_call_id=f"c{number}") for number in range(600)),
    ],
    "nothing": [user(""), Message("assistant", ""), user("\x00"), user(" \n")],
    "no blanks": [user("a" * 200_000), user("{a" * 100_000)],
    "a name that is a format": [user("{0.__class__} %s {agent}"), Message("user", "x", name="{}")],
}
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (user("x"), {"importance": float("nan")}, "importance"),
    (user("x"), {"importance": float("inf")}, "importance"),
    (user("x"), {"importance": -0.1}, "importance"),
    ({"role": "user", "content": "x", "importance": "high"}, {}, "importance"),
    ({"role": ["user"], "content": "x"}, {}, "role"),
    ({"role": {"a": 1}, "content": "x"}, {}, "role"),
    ({"role": "user", "content": b"x"}, {}, "content[0]"),
    ({"role": "user", "content": [None]}, {}, "content[0]"),
    ({"role": "assistant", "tool_calls": [7]}, {}, "tool_calls[0]"),
    ({"role": "assistant", "tool_calls": [{"id": 7, "function": {}}]}, {}, "tool_calls[0].id"),
    (Message("assistant", "", (ToolCall("", "f", ""),)), {}, "tool_calls[0].id"),
    (Message(7, "x"), {}, "role"),  # type: ignore[arg-type]  # what nobody should give
]


@pytest.mark.parametrize("kind", TAKEN)
def test_strange_messages_are_kept_as_they_are_and_can_be_worked_with(tmp_path: Path, kind: str) -> None:
    said = [user("Hello"), *TAKEN[kind]]

    async def work() -> None:
        async with talking(tmp_path, Talker(window=1 << 20)) as manager:
            handle = await manager.open_context("talk", model="sim:a", genre="agent")
            await manager.add_messages("talk", said)
            await manager.add_messages("talk", dialogue(8))
            assert (await handle.messages())[: len(said)] == said
            await handle.chat("What about parcel 3?")
            try:
                await handle.compress()
            except bursar.MemoryOptimizationFailed:
                await handle.prune(target_tokens=300, query=said[-1].content)
            await handle.move_to_cache()
        async with talking(tmp_path, Talker(window=1 << 20)) as manager:
            assert [await manager.message("talk", number) for number in range(len(said))] == said

    run(work)
    history(tmp_path)


def test_what_is_no_message_is_refused_by_its_field(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            for message, terms, field in REFUSED:
                with pytest.raises(bursar.InvalidMessage) as error:
                    await handle.add(message, **terms)
                assert error.value.field == field
            await handle.chat("Hello")
            assert len(await handle.messages()) == 2

    run(work)
