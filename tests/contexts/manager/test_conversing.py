"""Turns of a conversation: what is sent fits, what is said stays, and nothing is half done."""

import asyncio
from pathlib import Path

import pytest

import bursar
from bursar.domain.contexts.spans import ordinals
from bursar.domain.ports import Message, ToolCall, Truncation

from .support import Talker, assistant, bodies, dialogue, history, run, talking, user


def test_an_answer_is_added_and_the_turn_is_on_record(tmp_path: Path) -> None:
    talker = Talker()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", agent="ann")
            await handle.add(Message("system", "Be brief."))
            answer = await handle.chat("Hello", importance=0.9)
            assert (answer.text, answer.completion_tokens) == ("answer 1", 2)
            assert await handle.messages() == [
                Message("system", "Be brief."),
                user("Hello"),
                assistant("answer 1"),
            ]
            assert talker.sent == [[Message("system", "Be brief."), user("Hello")]]
            await handle.chat()
            assert len(await handle.messages()) == 4

    run(work)
    used = bodies(tmp_path, "ContextUsed")
    assert [(one.messages, one.tokens) for one in used] == [(2, 11), (3, 17)]
    [first, _second] = bodies(tmp_path, "RequestArrived")
    assert first.agent == "ann"


def test_the_count_of_a_prompt_that_was_cut_teaches_nothing(tmp_path: Path) -> None:
    """It counts what was left of it, and would make every count after it too low."""
    talker = Talker()

    async def work() -> None:
        async with talking(tmp_path, talker, context={"on_truncation": "warn"}) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            talker.cut = Truncation(30, 60, 2048, "far_below_estimate")
            assert (await handle.chat(" ".join(["word"] * 60))).truncation == talker.cut
            talker.cut = None
            await handle.chat(" ".join(["word"] * 60))

    run(work)
    learnt = [one.reported_tokens for one in bodies(tmp_path, "TokensReported")]
    assert len(learnt) == 1
    assert learnt[0] > 30


def test_a_stream_is_added_when_it_is_complete(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            stream = await handle.chat("Hello", stream=True)
            assert "".join([chunk.text async for chunk in stream]) == "answer 1"
            assert stream.ordinal == 1
            assert (await handle.messages())[-1] == assistant("answer 1")

    run(work)


def test_what_was_said_stays_when_the_answer_fails_and_that_is_said(tmp_path: Path) -> None:
    talker = Talker()
    talker.script = [bursar.ProviderUnavailable(provider="sim", cause="it is out")]

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            with pytest.raises(bursar.ProviderUnavailable) as error:
                await handle.chat("Hello")
            assert error.value.__notes__ == [
                "what was said is message 0 of the context; chat() without a message asks again"
            ]
            assert await handle.messages() == [user("Hello")]
            await handle.chat()
            assert await handle.messages() == [user("Hello"), assistant("answer 2")]

    run(work)


def test_who_is_cancelled_while_he_waits_for_an_answer_has_said_what_he_said(tmp_path: Path) -> None:
    talker = Talker()
    talker.pause = asyncio.Event()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            turn = asyncio.ensure_future(handle.chat("Hello"))
            await talker.half.wait()
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            assert await handle.messages() == [user("Hello")]
            assert not manager.state.requests
            talker.pause = None
            await handle.chat("Again")
            assert [message.role for message in await handle.messages()] == ["user", "user", "assistant"]

    run(work)
    history(tmp_path)


def test_an_answer_that_has_come_is_added_although_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            turn = asyncio.ensure_future(handle.chat("Hello"))
            manager.on("ContextUsed", lambda _event: turn.cancel())
            with pytest.raises(asyncio.CancelledError):
                await turn
            added = asyncio.Event()
            manager.on("MessageAdded", lambda _event: added.set())
            if len(await handle.messages()) == 1:
                await added.wait()
            assert await handle.messages() == [user("Hello"), assistant("answer 1")]

    run(work)


def test_tool_calls_of_the_model_are_kept_and_answered(tmp_path: Path) -> None:
    talker = Talker()
    calls = (ToolCall("1", "find", '{"id": 7}'), ToolCall("2", "find", '{"id": 8}'))
    talker.script = [calls, "Both are there."]

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", genre="agent")
            answer = await handle.chat("Find 7 and 8.")
            assert answer.tool_calls == calls
            for call in answer.tool_calls:
                await handle.add(Message("tool", "found", tool_call_id=call.id))
            assert (await handle.chat()).text == "Both are there."
            assert talker.sent[-1][1] == Message("assistant", "", calls)

    run(work)


def test_two_hundred_messages_never_overflow_and_come_back_the_same(tmp_path: Path) -> None:
    talker, before = Talker(window=1024), list[Message]()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", reserve_tokens=200)
            await handle.add(Message("system", "You know all about parcels."))
            for message in dialogue(100)[::2]:
                await handle.chat(message)
                assert handle.tokens <= handle.limit_tokens
            before.extend(await handle.messages())
            assert before[0] == Message("system", "You know all about parcels.")
        async with talking(tmp_path, talker) as manager:
            assert await manager.messages("talk") == before
            assert manager.contexts()[0].kept_messages > 200

    run(work)
    summaries = [one.summary for one in bodies(tmp_path, "ContextCompressed")]
    assert len(summaries) > 1
    # Of the messages themselves, each time anew, and never of a summary.
    *_, last = bodies(tmp_path, "SummaryMade")
    cited = list(ordinals(last.cited))
    assert not set(cited) & set(summaries)
    assert min(cited) < min(summaries)
    assert len(talker.sent) == 100


def test_what_does_not_fit_is_left_out_by_what_the_question_asks_for(tmp_path: Path) -> None:
    talker = Talker(window=1024)

    async def work() -> None:
        async with talking(tmp_path, talker, context={"automatic": "off"}) as manager:
            handle = await manager.open_context("talk", model="sim:a", reserve_tokens=100)
            await manager.add_messages("talk", dialogue(30))
            assert handle.tokens > handle.limit_tokens
            await handle.chat("When did parcel 4 leave, with number TR00004?", select="query")
            assert assistant("Parcel 4 left on 2024-05-05 with number TR00004.") in talker.sent[0]
            assert handle.tokens <= handle.limit_tokens

    run(work)
    [pruned] = bodies(tmp_path, "ContextPruned")
    assert pruned.removed_messages > 10


def test_room_is_made_for_the_answer_that_is_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, context={"automatic": "off"}) as manager:
            handle = await manager.open_context("talk", model="sim:a", reserve_tokens=100)
            await manager.add_messages("talk", dialogue(25))
            assert handle.tokens > 1100
            await handle.chat("Well?", max_tokens=1500)
            assert handle.tokens < 600

    run(work)


def test_what_must_stay_and_does_not_fit_is_not_sent(tmp_path: Path) -> None:
    talker = Talker()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add(Message("system", "word " * 600))
            with pytest.raises(bursar.ContextTooLarge):
                await handle.chat("Hello", max_tokens=1800)
            assert talker.sent == []
            assert len(await handle.messages()) == 2

    run(work)


def test_a_window_that_is_smaller_than_was_said_changes_the_terms(tmp_path: Path) -> None:
    talker = Talker(window=4096, real_window=512)

    async def work() -> None:
        async with talking(tmp_path, talker, context={"automatic": "off"}) as manager:
            handle = await manager.open_context("talk", model="sim:a", reserve_tokens=100)
            assert handle.limit_tokens == 3996
            await manager.add_messages("talk", dialogue(40))
            assert (await handle.chat("Well?")).text
            assert handle.limit_tokens == 412
            assert len(talker.sent) == 2

    run(work)
    first, second = bodies(tmp_path, "ContextOpened")
    assert (first.window_tokens, first.provenance) == (4096, "description")
    assert (second.window_tokens, second.provenance) == (512, "in memory")
