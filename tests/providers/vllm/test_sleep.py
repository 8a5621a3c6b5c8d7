"""A model of vLLM's sleeps and wakes, and nothing is sent to it meanwhile: that would kill it."""

import asyncio
from contextlib import aclosing

import pytest

from bursar.domain.errors import (
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    OutOfMemory,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.vllm import Switches
from bursar.testing.provider.world import Installed

from .lab import ENDLESS, HASTY, Lab, with_vllm

GIB = 1 << 30
SLEEP = ("/sleep", "/wake_up", "/collective_rpc", "/reset_prefix_cache")


def test_it_sleeps_on_the_first_level_and_wakes_again() -> None:
    async def test(lab: Lab) -> None:
        asleep = await lab.provider.sleep("llm")
        assert (asleep.asleep, asleep.memory) == (True, {"gpu0": 0})
        assert lab.asleep()
        awake = await lab.provider.wake("llm")
        assert (awake.asleep, awake.memory) == (False, {"gpu0": 60 * GIB})
        assert not lab.asleep()
        assert (await lab.ask())[-1].done
        assert lab.paths(*SLEEP) == ["/sleep?level=1&mode=wait", "/wake_up"]
        assert lab.world.violations == []

    with_vllm(test, gpu="gpu0", reserved_bytes=60 * GIB)


def test_from_the_second_level_it_wakes_in_two_tags_with_its_weights_read_between() -> None:
    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        await lab.provider.wake("llm")
        assert (await lab.ask())[-1].done
        assert lab.paths(*SLEEP) == [
            "/sleep?level=2&mode=wait",
            "/wake_up?tags=weights",
            "/collective_rpc",
            "/wake_up?tags=kv_cache",
            "/reset_prefix_cache",
        ]
        assert ("POST", "/collective_rpc", {"method": "reload_weights"}) in lab.world.requests
        assert lab.world.violations == []

    with_vllm(test, sleep_level=2)


@pytest.mark.parametrize("level", [1, 2])
def test_commands_that_are_carried_out_late_are_waited_for(level: int) -> None:
    """`/is_sleeping` lags behind: what was answered has not happened yet."""

    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        assert lab.asleep()
        assert len(lab.paths("/is_sleeping")) > 3
        await lab.provider.wake("llm")
        assert not lab.asleep()
        assert (await lab.ask())[-1].done
        assert lab.world.violations == []

    with_vllm(test, Switches(lag=3), sleep_level=level)


def test_nothing_is_sent_while_it_sleeps() -> None:
    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        with pytest.raises(ModelVanished, match="it sleeps; wake it first"):
            await lab.ask()
        with pytest.raises(ModelVanished, match="it sleeps; wake it first"):
            await lab.provider.embed("llm", ["a"])
        assert lab.paths("/v1/chat/completions", "/v1/embeddings") == []
        assert (await lab.provider.probe()).reachable

    with_vllm(test)


def test_nothing_is_sent_while_it_falls_asleep_and_what_was_sent_is_answered_first() -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        first = asyncio.create_task(lab.ask())
        await lab.until_busy(1)
        sleeping = asyncio.create_task(lab.provider.sleep("llm"))
        # It looks at the list and at whether it sleeps before it closes the gate.
        while len(lab.paths("/is_sleeping")) < 2:
            await lab.world.changes()
        while not sleeping.done() and lab.provider._gate.open:  # pyright: ignore[reportPrivateUsage]  # its state
            await asyncio.sleep(0)
        with pytest.raises(ModelVanished):
            await lab.ask()
        assert lab.paths("/sleep") == []
        lab.world.may_answer.set()
        assert (await first)[-1].done
        assert (await sleeping).asleep
        assert len(lab.paths("/v1/chat/completions")) == 1
        assert lab.world.violations == []

    with_vllm(test)


def test_what_others_sent_is_waited_for_too() -> None:
    """The gauges count everybody's requests; a sleep would cut them off (mode abort of older versions)."""

    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        body = {"model": "llm", "prompt": "x", "max_tokens": 2}
        other = asyncio.create_task(lab.other.request("POST", "/v1/completions", json=body))
        await lab.until_busy(1)
        sleeping = asyncio.create_task(lab.provider.sleep("llm"))
        while len(lab.paths("/metrics")) < 2:
            await lab.world.changes()
        assert lab.paths("/sleep") == []
        lab.world.may_answer.set()
        assert (await other).status == 200
        assert (await sleeping).asleep
        assert lab.world.violations == []

    with_vllm(test, Switches(modes=False))


def test_a_sleep_that_would_cut_others_off_is_given_up_and_it_serves_on() -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        body = {"model": "llm", "prompt": "x", "max_tokens": 2}
        other = asyncio.create_task(lab.other.request("POST", "/v1/completions", json=body))
        await lab.until_busy(1)
        with pytest.raises(ProviderBusy, match="it answers requests of others"):
            await lab.provider.sleep("llm")
        assert lab.paths("/sleep") == []
        lab.world.may_answer.set()
        assert (await other).status == 200
        assert (await lab.ask())[-1].done

    with_vllm(test, timeouts=HASTY)


def test_a_sleep_that_would_cut_us_off_is_given_up_and_it_serves_on() -> None:
    async def test(lab: Lab) -> None:
        async with aclosing(lab.provider.chat("llm", ENDLESS)) as chunks:
            await anext(chunks)
            with pytest.raises(ProviderBusy, match="it still answers"):
                await lab.provider.sleep("llm")
            assert (await anext(chunks)).text
        assert lab.paths("/sleep") == []
        assert (await lab.ask())[-1].done

    with_vllm(test, timeouts=HASTY)


def test_a_sleep_that_somebody_else_asked_for_is_noticed_before_anything_is_sent() -> None:
    async def test(lab: Lab) -> None:
        assert (await lab.ask())[-1].done
        await lab.other.request("POST", "/sleep", query={"level": "2"})
        with pytest.raises(ModelVanished, match="somebody else put it to sleep"):
            await lab.ask()
        assert len(lab.paths("/v1/chat/completions")) == 1
        assert [residency.asleep for residency in await lab.provider.resident()] == [True]
        # Nobody knows which level it was: it is woken as from the second.
        await lab.provider.wake("llm")
        assert (await lab.ask())[-1].done
        assert lab.world.violations == []

    with_vllm(test)


def test_a_sleep_that_somebody_else_ended_is_over() -> None:
    """Or the server was begun anew: nobody would wake what is listed as awake, and it would never serve."""

    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        await lab.other.request("POST", "/wake_up")
        assert [residency.asleep for residency in await lab.provider.resident()] == [False]
        assert (await lab.ask())[-1].done

    with_vllm(test)


def test_a_deep_sleep_that_somebody_else_ended_is_ended_by_us_as_well() -> None:
    """He may not have had the weights read again."""

    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        await lab.other.request("POST", "/wake_up")
        with pytest.raises(ModelVanished):
            await lab.ask()
        assert [residency.asleep for residency in await lab.provider.resident()] == [True]
        await lab.provider.wake("llm")
        assert lab.paths("/collective_rpc") == ["/collective_rpc"]
        assert (await lab.ask())[-1].done
        assert lab.world.violations == []

    with_vllm(test, sleep_level=2)


def test_putting_to_sleep_what_sleeps_and_waking_what_is_awake_change_nothing() -> None:
    async def test(lab: Lab) -> None:
        assert not (await lab.provider.wake("llm")).asleep
        assert lab.paths(*SLEEP) == []
        await lab.provider.sleep("llm")
        assert (await lab.provider.sleep("llm")).asleep
        assert lab.paths(*SLEEP) == ["/sleep?level=1&mode=wait"]

    with_vllm(test)


def test_a_server_without_development_mode_cannot_sleep() -> None:
    async def test(lab: Lab) -> None:
        probe = await lab.provider.probe()
        assert not probe.capabilities.sleep
        assert "VLLM_SERVER_DEV_MODE" in probe.lacks["sleep"]
        for refused in (lab.provider.sleep("llm"), lab.provider.wake("llm")):
            with pytest.raises(Unsupported, match="VLLM_SERVER_DEV_MODE"):
                await refused
        assert (await lab.ask())[-1].done
        assert lab.paths("/sleep", "/wake_up") == []

    with_vllm(test, Switches(dev_mode=False))


@pytest.mark.parametrize("level", [1, 2])
def test_a_server_without_sleep_mode_refuses_and_serves_on(level: int) -> None:
    async def test(lab: Lab) -> None:
        with pytest.raises(Unsupported, match="Sleep mode is not enabled"):
            await lab.provider.sleep("llm")
        assert (await lab.ask())[-1].done

    with_vllm(test, Switches(sleep_mode=False), sleep_level=level)


def test_a_sleep_that_never_comes_leaves_the_gate_closed_until_it_is_woken() -> None:
    async def test(lab: Lab) -> None:
        lab.world.faults.refusals["/sleep"] = Refusal(200, "")
        with pytest.raises(ModelUnloadFailed, match="it does not sleep"):
            await lab.provider.sleep("llm")
        # It may still fall asleep.
        with pytest.raises(ModelVanished):
            await lab.ask()
        await lab.provider.wake("llm")
        assert lab.paths("/wake_up") == ["/wake_up"]
        assert (await lab.ask())[-1].done
        assert lab.world.violations == []

    with_vllm(test, timeouts=HASTY)


def test_a_wake_up_that_never_comes_is_a_load_that_failed_and_can_be_tried_again() -> None:
    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        lab.world.faults.refusals["/wake_up"] = Refusal(200, "", times=1)
        with pytest.raises(ModelLoadFailed, match="it still sleeps"):
            await lab.provider.wake("llm")
        with pytest.raises(ModelVanished):
            await lab.ask()
        await lab.provider.wake("llm")
        assert (await lab.ask())[-1].done

    with_vllm(test, timeouts=HASTY)


def test_a_wake_up_for_which_memory_does_not_suffice_says_so() -> None:
    async def test(lab: Lab) -> None:
        await lab.provider.sleep("llm")
        text = "CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:62"
        lab.world.faults.refusals["/wake_up"] = Refusal(500, text)
        with pytest.raises(OutOfMemory) as caught:
            await lab.provider.wake("llm")
        assert caught.value.values["phase"] == "load"
        with pytest.raises(ModelVanished):
            await lab.ask()

    with_vllm(test)


def test_nothing_is_sent_when_nobody_can_say_whether_it_sleeps() -> None:
    async def test(lab: Lab) -> None:
        lab.world.faults.refusals["/is_sleeping"] = Refusal(500, "oh")
        with pytest.raises(ProviderUnavailable, match="status 500: oh"):
            await lab.ask()
        assert lab.paths("/v1/chat/completions") == []

    with_vllm(test)


def test_a_model_that_is_not_served_neither_sleeps_nor_wakes() -> None:
    async def test(lab: Lab) -> None:
        for refused in (lab.provider.sleep("nope"), lab.provider.wake("nope")):
            with pytest.raises(InvalidModelId, match="vllm serves llm"):
                await refused
        assert (await lab.ask())[-1].done

    with_vllm(test)


def test_many_sleeps_and_wake_ups_at_once_come_one_after_another() -> None:
    async def test(lab: Lab) -> None:
        await asyncio.gather(
            *(lab.provider.sleep("llm") for _ in range(3)), *(lab.provider.wake("llm") for _ in range(3))
        )
        await lab.provider.wake("llm")
        assert (await lab.ask())[-1].done
        assert lab.world.violations == []

    with_vllm(test, Switches(lag=1))


def test_an_engine_that_dies_is_told_as_gone() -> None:
    async def test(lab: Lab) -> None:
        async with aclosing(lab.provider.chat("llm", ENDLESS)) as chunks:
            await anext(chunks)
            await lab.other.request("POST", "/sleep")
            body = {"model": "llm", "prompt": "x"}
            # Somebody less careful.
            assert (await lab.other.request("POST", "/v1/completions", json=body)).status == 500
            with pytest.raises(ProviderUnavailable, match="ended before it was complete"):
                [chunk async for chunk in chunks]
        probe = await lab.provider.probe()
        assert (probe.reachable, probe.code) == (False, "PROVIDER_UNAVAILABLE")
        assert "its engine is dead" in probe.cause
        # Then its server ends itself.
        await lab.server.stop()
        assert "nobody listens" in (await lab.provider.probe()).cause

    with_vllm(test, model=Installed("llm", context=100_000))
