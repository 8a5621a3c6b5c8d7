"""An agent that works through sixty calls on one message of its user."""

from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.contexts.structure import problems
from bursar.domain.ports import Message, ToolCall

from .support import Talker, bodies, run, talking, user

CALLS = 60


def _working(calls: int = CALLS) -> list[Message]:
    found: list[Message] = []
    for number in range(calls):
        call = ToolCall(f"c{number}", "find", f'{{"order": "W{4000 + number}"}}')
        text = f'{{"of": "C77123", "order": "W{4000 + number}", "note": "{"nothing to see here " * 4}"}}'
        found += [
            Message("assistant", "", (call,)),
            Message("tool", text, tool_call_id=call.id, name="find"),
        ]
    return found


def _is_sound(manager: bursar.ResourceManager, sent: list[Message]) -> None:
    context = manager.state.contexts.named["loop"]
    assert problems(context.entries, context.window) == ()
    calls = [call.id for message in sent for call in message.tool_calls]
    assert calls == [message.tool_call_id for message in sent if message.role == "tool"]


@pytest.mark.parametrize("automatic", ["extractive", "off"])
def test_its_window_stays_within_its_limit_with_the_task_and_what_it_found(
    tmp_path: Path, automatic: Any
) -> None:
    talker = Talker(2048)

    async def work() -> None:
        async with talking(tmp_path, talker, context={"automatic": automatic}) as manager:
            handle = await manager.open_context("loop", model="sim:a", genre="agent", reserve_tokens=256)
            for message in (
                Message("system", "Be brief."),
                user("Find the order that is late."),
                *_working(),
            ):
                await handle.add(message)
            await handle.chat()
            sent = list(talker.sent[-1])
            _is_sound(manager, sent)
            assert sent[:2] == [Message("system", "Be brief."), user("Find the order that is late.")]
            assert sent[-1].tool_call_id == f"c{CALLS - 1}"
            summary = sent[2]
            assert (summary.role == "user") == (automatic == "extractive")
            if automatic == "extractive":
                assert "W4040" in summary.content
                # What stands in what stays need not be named.
                assert "C77123" not in summary.content

    run(work)
    compressed = bodies(tmp_path, "ContextCompressed")
    assert bool(compressed) == (automatic == "extractive")
    assert all(one.after_tokens < one.before_tokens for one in compressed)
    assert not bodies(tmp_path, "MessageRefused")


def test_a_window_that_is_over_its_limit_at_once_is_compressed_before_it_is_sent(tmp_path: Path) -> None:
    talker = Talker(2048)

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("loop", model="sim:a", genre="agent", reserve_tokens=256)
            for message in (user("Find the order that is late."), *_working(8)):
                await handle.add(message)
            await handle.chat(max_tokens=1600)
            sent = list(talker.sent[-1])
            _is_sound(manager, sent)
            assert sent[0] == user("Find the order that is late.")
            assert sent[1].role == "user"
            assert sent[-1].tool_call_id == "c7"

    run(work)
    [compressed] = bodies(tmp_path, "ContextCompressed")
    assert compressed.after_tokens <= 448
    assert not bodies(tmp_path, "ContextPruned")
