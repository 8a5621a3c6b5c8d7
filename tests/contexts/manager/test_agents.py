"""Agents: what each is given of a conversation, and what happens to one that holds too much."""

from pathlib import Path

import pytest

import bursar
from bursar.domain.ports import Message, ToolCall

from .support import Talker, assistant, bodies, dialogue, run, talking, user


def test_an_agent_that_holds_too_much_is_throttled_until_it_holds_less(tmp_path: Path) -> None:
    async def work() -> None:
        settings = {"agents": {"ann": {"limit": 4096}}}
        async with talking(tmp_path, Talker(window=8192), **settings) as manager:
            for name, agent in (("one", "ann"), ("two", "ann"), ("other", "bob")):
                await manager.open_context(name, model="sim:a", agent=agent)
            assert not manager.should_throttle("ann")
            await manager.add_message("one", user("x" * 4000))
            # The turn that takes it over its limit is completed.
            await manager.chat_in("two", "y" * 200)
            assert manager.should_throttle("ann")
            assert len(await manager.messages("two")) == 2
            with pytest.raises(bursar.AgentOverLimit) as error:
                await manager.add_message("two", user("more"))
            assert error.value.limit_bytes == "4096"
            await manager.add_message("other", user("more"))
            await manager.close_context("one")
            assert not manager.should_throttle("ann")
            await manager.add_message("two", user("more"))

    run(work)
    assert [one.agent for one in bodies(tmp_path, "AgentThrottled", "AgentReleased")] == ["ann", "ann"]


def test_an_agent_is_given_what_its_query_asks_for(tmp_path: Path) -> None:
    said = [Message("system", "You know all about parcels."), *dialogue(40), user("Where is it?")]
    wanted = assistant("Parcel 7 left on 2024-05-08 with number TR00007.")

    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            given = await manager.optimize_agent_context("ann", said, "When did parcel 7 leave?", 400)
            assert wanted in given
            assert given == [message for message in said if message in given]
            assert (given[0], given[-1]) == (said[0], said[-1])
            counted = await manager.optimize_agent_context(
                "ann", said, "When did parcel 7 leave?", 400, model="sim:a"
            )
            assert wanted in counted
            assert manager.contexts() == []

            await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", said)
            held = await manager.optimize_agent_context("ann", "talk", "When did parcel 7 leave?", 400)
            assert wanted in held
            assert held == await manager.messages("talk")
            assert manager.contexts()[0].tokens <= 400

    run(work)
    assert len(bodies(tmp_path, "ContextPruned")) == 1


def test_calls_and_results_that_nobody_holds_go_together_as_well(tmp_path: Path) -> None:
    said = [user("Find all."), *(message for number in range(20) for message in _call(number)), user("So?")]

    async def work() -> None:
        async with talking(tmp_path) as manager:
            given = await manager.optimize_agent_context("ann", said, "thing 3", 300)
            calls = [call.id for message in given for call in message.tool_calls]
            assert sorted(calls) == sorted(one.tool_call_id for one in given if one.tool_call_id)
            assert "c3" in calls
            with pytest.raises(bursar.InvalidMessage, match="tool_call_id"):
                await manager.optimize_agent_context("ann", said[2:], "thing 3", 300)
            with pytest.raises(bursar.MemoryOptimizationFailed):
                await manager.optimize_agent_context("ann", said, "thing 3", 5)

    run(work)


def test_a_size_is_recommended_and_compression_configured(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            assert manager.recommended_context_size("ann", 8192) == 8192
            settings = await manager.configure_compression(
                ratio=0.5, strategy="fixed", importance_threshold=0.4, level=9
            )
            assert (settings.compression.ratio, settings.compression.strategy) == (0.5, "fixed")
            decided = manager.state.host.settings
            assert (decided.compression.level, decided.context.importance_per_mille) == (9, 400)
            with pytest.raises(bursar.SettingsInvalid):
                await manager.configure_compression(ratio=7)

    run(work)


def _call(number: int) -> tuple[Message, Message]:
    call = ToolCall(f"c{number}", "find", f'{{"thing": {number}}}')
    return (
        Message("assistant", "", (call,)),
        Message("tool", f"thing {number} is in room {number * 7}", tool_call_id=call.id),
    )
