"""Messages come in, whole and in order, or are refused with the field that is wrong."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.ports import Message, ToolCall

from .support import Talker, assistant, bodies, dialogue, files_with, history, run, talking, user

STRANGE = 'null \x00, \u202eright to left\u202c, \u2066isolated\u2069, 😀, é, é, line\u2028end, {}"\\'
CALL = {"id": "call-1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}


def test_what_is_added_is_sent_as_it_was_and_in_order(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            said = [Message("system", STRANGE), user(STRANGE), Message("assistant", "", name="bot")]
            assert [await handle.add(message) for message in said] == [0, 1, 2]
            assert await handle.messages() == said
        async with talking(tmp_path) as manager:
            assert await (await manager.open_context("talk")).messages() == said

    run(work)


def test_messages_are_added_in_the_order_of_the_calls_in_many_contexts_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=1 << 20)) as manager:
            names = [f"talk {number}" for number in range(10)]
            for name in names:
                await manager.open_context(name, model="sim:a")
            added = await asyncio.gather(
                *(manager.add_message(name, user(f"{name}: {n}")) for n in range(20) for name in names)
            )
            assert added == [n for n in range(20) for _name in names]
            for name in names:
                texts = [message.content for message in await manager.messages(name)]
                assert texts == [f"{name}: {n}" for n in range(20)]

    run(work)


def test_a_short_message_does_not_overtake_a_long_one(tmp_path: Path) -> None:
    long, short = "word " * 60_000, "short"

    async def work() -> None:
        async with talking(tmp_path, Talker(window=1 << 20)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            first, second = await asyncio.gather(handle.add(user(long)), handle.add(user(short)))
            assert (first, second) == (0, 1)
            assert await handle.messages() == [user(long), user(short)]

    run(work)


def test_a_mapping_as_openai_has_it_is_the_same_as_a_message(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add({"role": "developer", "content": "Be brief.", "pinned": True})
            parts = [{"type": "text", "text": "Find "}, {"type": "text", "text": "7."}]
            await handle.add({"role": "user", "content": parts, "importance": 0.8, "refusal": None})
            await handle.add({"role": "assistant", "content": None, "tool_calls": [CALL]})
            await handle.add({"role": "tool", "content": "found", "tool_call_id": "call-1", "name": "find"})
            assert await handle.messages() == [
                Message("system", "Be brief."),
                user("Find 7."),
                Message("assistant", "", (ToolCall("call-1", "find", '{"id": 7}'),)),
                Message("tool", "found", tool_call_id="call-1", name="find"),
            ]

    run(work)
    added = bodies(tmp_path, "MessageAdded")
    assert [(one.pinned, one.importance, one.calls, one.answers) for one in added] == [
        (True, None, 0, None),
        (False, 800, 0, None),
        (False, None, 1, None),
        (False, None, 0, 2),
    ]


REFUSED: list[tuple[Any, str]] = [
    ({"role": "robot", "content": "x"}, "role"),
    ({"content": "x"}, "role"),
    ({"role": "user", "content": 7}, "content"),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "content[0]"),
    ({"role": "user", "content": "half \ud83d"}, "content"),
    ({"role": "user", "content": "x", "name": "\udc00"}, "name"),
    ({"role": "user", "content": "x", "audio": {"id": "a"}}, "audio"),
    ({"role": "user", "content": "x", "importance": 1.5}, "importance"),
    ({"role": "user", "content": "x", "importance": True}, "importance"),
    ({"role": "user", "content": "x", "tool_calls": [CALL]}, "tool_calls"),
    ({"role": "assistant", "tool_calls": [CALL, CALL]}, "tool_calls[1].id"),
    (
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        "tool_calls[0].arguments",
    ),
    ({"role": "assistant", "tool_calls": "f()"}, "tool_calls"),
    ({"role": "tool", "content": "x"}, "tool_call_id"),
    ({"role": "tool", "content": "x", "tool_call_id": "nobody's"}, "tool_call_id"),
    ({"role": "user", "content": "x", "tool_call_id": "call-1"}, "tool_call_id"),
    ({"role": "user", "content": "x" * 5000}, "content"),
    ("just a text", "message"),
    (Message("user", "half \ud83d"), "content"),
]


def test_a_message_that_cannot_be_taken_in_is_refused_by_its_field(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, context={"max_message": 4096}) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add(user("Hello"))
            before = manager.state.contexts.named["talk"]
            for message, field in REFUSED:
                with pytest.raises(bursar.InvalidMessage) as error:
                    await handle.add(message)
                assert error.value.field == field
            assert manager.state.contexts.named["talk"] == before
            assert await handle.messages() == [user("Hello")]

    run(work)


def test_a_call_has_one_result_and_one_that_is_left_out_gets_none(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add(user("Find 7."))
            await handle.add({"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call-2"}]})
            result = Message("tool", "found", tool_call_id="call-2")
            await handle.add(result)
            with pytest.raises(bursar.InvalidMessage, match="has its result"):
                await handle.add(result)
            with pytest.raises(bursar.InvalidMessage, match="has its result"):
                await manager.add_messages("talk", [Message("tool", "1", tool_call_id="call-1")] * 2)
            assert len(await handle.messages()) == 3
            await handle.add(Message("tool", "found", tool_call_id="call-1"))
            # The newest call of an id is meant.
            again = {"role": "assistant", "tool_calls": [CALL]}
            await manager.add_messages("talk", [again, Message("tool", "anew", tool_call_id="call-1")])

    run(work)
    assert [one.answers for one in bodies(tmp_path, "MessageAdded")] == [None, None, 1, 1, None, 4]


def test_a_context_cannot_have_a_name_that_is_not_what_it_looks_like(tmp_path: Path) -> None:
    names: list[Any] = ["", "x" * 129, "a/b", "a\x00b", "a\nb", "\u202etxt", "\ud800", " a", 7]

    async def work() -> None:
        async with talking(tmp_path) as manager:
            for name in (*names, "e\u0301", "a\u200bb"):
                with pytest.raises(bursar.InvalidContextId):
                    await manager.open_context(name, model="sim:a")
            assert manager.contexts() == []

    run(work)


def test_names_of_every_language_are_possible(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            for name in ("größe", "対話 1", "מסמך", "a.b:c#d"):
                handle = await manager.open_context(name, model="sim:a")
                await handle.add(user("Hello"))
            assert [row.id for row in manager.contexts()] == ["größe", "対話 1", "מסמך", "a.b:c#d"]

    run(work)


def test_no_text_is_in_the_journal_nor_in_a_log_nor_in_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            for message in dialogue(30):
                await handle.add({"role": message.role, "content": f"{message.content} canaryword"})
            with pytest.raises(bursar.InvalidMessage) as error:
                await handle.add({"role": "user", "content": "canaryword \ud800"})
            assert "canaryword" not in str(error.value)
            await handle.chat("canaryword?")

    run(work)
    assert bodies(tmp_path, "ContextCompressed")
    assert "canaryword" not in caplog.text
    assert files_with(tmp_path, "canaryword") == []


def test_who_holds_no_context_has_no_files_for_texts(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            await manager.chat("sim:a", [user("Hello")])

    run(work)
    assert not list(tmp_path.glob("*.keys.db"))
    assert not list(tmp_path.glob("*.blobs.db"))


def test_a_message_of_a_megabyte_is_taken_in_and_one_that_can_never_be_sent_is_not(tmp_path: Path) -> None:
    large = "word " * 200_000

    async def work() -> None:
        async with talking(tmp_path, Talker(window=1 << 21)) as manager:
            handle = await manager.open_context("large", model="sim:a")
            await handle.add(user(large))
            assert [len(message.content) for message in await handle.messages()] == [1_000_000]
        async with talking(tmp_path, Talker(window=4096)) as manager:
            handle = await manager.open_context("small", model="sim:b")
            with pytest.raises(bursar.ContextTooLarge):
                await handle.add(user(large))
            await handle.add(user("Hello"))
            assert await handle.messages() == [user("Hello")]

    run(work)
    history(tmp_path)


def test_a_cancelled_addition_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            for turn in range(12):
                adding = asyncio.ensure_future(handle.add(user(f"message {turn}")))
                for _ in range(turn):
                    await asyncio.sleep(0)
                adding.cancel()
                await asyncio.gather(adding, return_exceptions=True)
            await handle.add(assistant("the end"))
            said = [message.content for message in await handle.messages()]
            assert said[-1] == "the end"
            assert len(said) == manager.contexts()[0].messages

    run(work)
    history(tmp_path)
