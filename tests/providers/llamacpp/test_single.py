"""The adapter over a server with one model."""

import asyncio
from typing import Any, cast

import pytest

from bursar.domain.errors import InvalidModelId, ProviderAuthFailed, ProviderBusy, Unsupported
from bursar.domain.ports import ChatRequest, Message, Provider, ToolCall
from bursar.domain.providers.values import Capabilities
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.llamacpp import Flags

from .world import HELLO, run, single

LOADING = '{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}'


def test_a_bare_server_counts_tokens_and_says_what_it_lacks() -> None:
    async def test() -> None:
        async with single() as here:
            provider: Provider = here.provider
            probe = await provider.probe()
            assert probe.reachable and probe.version == "b10900-df03399b8"
            assert probe.capabilities == provider.capabilities == Capabilities(tokenize=True)
            assert probe.lacks["kv_save"] == "it was started without --slot-save-path"
            assert probe.lacks["embeddings"] == "it was started without --embeddings"
            assert probe.lacks["load"] == "its one model comes and goes with its process"

    run(test)


def test_flags_are_found_out_without_any_effect() -> None:
    async def test() -> None:
        async with single(Flags(embeddings=True, slot_save_path="/slots")) as here:
            probe = await here.provider.probe()
            assert probe.capabilities == Capabilities(tokenize=True, kv_save=True, embeddings=True)
            assert here.instance.busy == 0 and here.world.loads == 0
            slots = (await here.send("GET", "/slots")).json()
            assert all("id_task" not in slot for slot in slots)

    run(test)


def test_embeddings_that_are_not_pooled_are_none() -> None:
    async def test() -> None:
        async with single(Flags(embeddings=True, pooling="none")) as here:
            probe = await here.provider.probe()
            assert not probe.capabilities.embeddings
            assert "Pooling type 'none'" in probe.lacks["embeddings"]

    run(test)


def test_while_it_loads_it_is_reachable_and_busy_and_nothing_is_resident() -> None:
    async def test() -> None:
        async with single(loading=True) as here:
            probe = await here.provider.probe()
            assert (probe.reachable, probe.code) == (True, "PROVIDER_BUSY")
            assert "Loading model" in probe.cause
            assert await here.provider.resident() == ()
            assert isinstance(await here.failure(here.ask("llm")), ProviderBusy)
            here.world.may_load.set()
            await here.until(lambda: bool(here.world.instances))
            assert (await here.provider.probe()).code == ""
            assert [one.model for one in await here.provider.resident()] == ["llm"]

    run(test)


def test_a_server_that_is_started_anew_has_nothing_resident_until_it_has_loaded() -> None:
    async def test() -> None:
        async with single() as here:
            assert len(await here.provider.resident()) == 1
            loading = Refusal(503, LOADING)
            for path in ("/props", "/v1/chat/completions"):
                here.world.faults.refusals[path] = loading
            assert await here.provider.resident() == ()
            assert "Loading model" in str(await here.failure(here.ask("llm")))

    run(test)


def test_its_window_is_that_of_all_slots_as_it_was_granted() -> None:
    async def test() -> None:
        async with single(Flags(ctx_size=6144, parallel=3)) as here:
            (resident,) = await here.provider.resident()
            assert (resident.context_tokens, resident.slots) == (6144, 3)
            assert (resident.memory, resident.provenance) == ({}, "not measured")

    run(test)


def test_sleeping_is_seen_and_neither_a_probe_nor_a_look_wakes_it() -> None:
    async def test() -> None:
        async with single(Flags(sleep_idle_seconds=0.01, slot_save_path="/slots")) as here:
            await here.send("GET", "/health")
            await here.until(lambda: here.instance.asleep)
            probe = await here.provider.probe()
            assert "asleep" in probe.lacks["kv_save"] and "asleep" in probe.lacks["embeddings"]
            (resident,) = await here.provider.resident()
            assert resident.asleep and resident.memory == {"ram": 0}
            await here.provider.catalogue()
            await here.provider.describe("llm")
            assert here.instance.asleep
            assert "/slots" not in "".join(here.paths("GET"))

    run(test)


def test_an_answer_wakes_it_and_takes_as_long_as_a_load() -> None:
    async def test() -> None:
        async with single(Flags(sleep_idle_seconds=0.01)) as here:
            await here.send("GET", "/health")
            await here.until(lambda: here.instance.asleep)
            here.world.may_load.clear()
            asking = asyncio.create_task(here.ask("llm"))
            while not here.paths("POST"):
                await asyncio.sleep(0)
            assert not asking.done() and here.instance.asleep
            here.world.may_load.set()
            assert (await asking)[-1].done

    run(test)


def test_another_model_is_not_answered_for_by_the_one_it_has() -> None:
    async def test() -> None:
        async with single(Flags(slot_save_path="/slots")) as here:
            await here.provider.probe()
            for action in (
                here.ask("other"),
                here.provider.tokenize("other", "x"),
                here.provider.save_kv("other", "x"),
                here.provider.describe("other"),
            ):
                failure = await here.failure(action)
                assert isinstance(failure, InvalidModelId) and "serves llm" in str(failure)

    run(test)


def test_a_server_that_broke_off_is_asked_anew_what_it_serves() -> None:
    async def test() -> None:
        async with single() as here:
            await here.ask("llm")
            here.world.faults.cut_after = 1
            await here.failure(here.ask("llm"))
            here.world.faults.cut_after = None
            listed = (await here.send("GET", "/v1/models")).text
            here.world.faults.refusals["/v1/models"] = Refusal(200, listed.replace("llm", "other"))
            assert isinstance(await here.failure(here.ask("llm")), InvalidModelId)

    run(test)


def test_without_an_alias_a_model_is_called_by_its_file() -> None:
    async def test() -> None:
        async with single(alias=None) as here:
            assert await here.provider.catalogue() == ("/models/llm.gguf",)
            assert (await here.ask("/models/llm.gguf"))[-1].done

    run(test)


def test_a_restored_conversation_is_used_by_the_next_answer() -> None:
    async def test() -> None:
        async with single(Flags(parallel=1, slot_save_path="/slots")) as here:
            await here.provider.probe()
            assert (await here.ask("llm"))[-1].cached_tokens == 0
            saved = await here.provider.save_kv("llm", "talk.bin")
            await here.send("POST", "/slots/0?action=erase")
            assert await here.provider.restore_kv("llm", "talk.bin") == saved > 0
            last = (await here.ask("llm"))[-1]
            assert last.prompt_tokens and last.cached_tokens == last.prompt_tokens - 1

    run(test)


def test_a_restore_that_reports_success_and_is_not_used_shows_in_the_next_answer() -> None:
    async def test() -> None:
        async with single(Flags(parallel=1, slot_save_path="/slots")) as here:
            await here.provider.probe()
            await here.ask("llm")
            saved = await here.provider.save_kv("llm", "talk.bin")
            here.world.faults.restore_forgets = True
            assert await here.provider.restore_kv("llm", "talk.bin") == saved
            assert (await here.ask("llm"))[-1].cached_tokens == 0

    run(test)


def test_a_file_that_is_not_there_is_not_restored() -> None:
    async def test() -> None:
        async with single(Flags(slot_save_path="/slots")) as here:
            await here.provider.probe()
            failure = await here.failure(here.provider.restore_kv("llm", "gone.bin"))
            assert isinstance(failure, Unsupported) and "Unable to restore slot" in str(failure)

    run(test)


def test_saved_names_have_no_folders() -> None:
    async def test() -> None:
        async with single(Flags(slot_save_path="/slots")) as here:
            await here.provider.probe()
            failure = await here.failure(here.provider.save_kv("llm", "../talk.bin"))
            assert "Invalid filename" in str(failure)

    run(test)


@pytest.mark.parametrize("recent", [True, False])
def test_a_prompt_is_counted_with_its_template_by_old_versions_too(recent: bool) -> None:
    async def test() -> None:
        async with single(Flags(counts_chats=recent)) as here:
            counted = await here.provider.prompt_tokens("llm", HELLO)
            assert counted == (await here.ask("llm"))[-1].prompt_tokens
            assert any(path.startswith("/apply-template") for path in here.paths("POST")) is not recent

    run(test)


def test_tools_and_their_calls_are_counted_with_a_prompt() -> None:
    called = Message("assistant", "", tool_calls=(ToolCall("a", "clock", '{"zone": "CET"}'),))
    tools: list[dict[str, Any]] = [{"type": "function", "function": {"name": "clock", "parameters": {}}}]

    async def test() -> None:
        async with single(Flags(counts_chats=True)) as here:
            asked = ChatRequest([*HELLO.messages, called], max_tokens=2, tools=tools, schema={})
            counted = await here.provider.prompt_tokens("llm", asked)
            assert counted > await here.provider.prompt_tokens("llm", HELLO)
            body = cast("dict[str, Any]", here.world.requests[-2][2])
            assert sorted(body) == ["messages", "model", "tools"]

    run(test)


def test_a_key_is_sent_and_a_wrong_one_is_told() -> None:
    async def test() -> None:
        async with single(Flags(api_key="secret"), key="secret") as here:
            assert (await here.ask("llm"))[-1].done
        async with single(Flags(api_key="secret"), key="other") as here:
            failure = await here.failure(here.provider.resident())
            assert isinstance(failure, ProviderAuthFailed) and "other" not in str(failure)

    run(test)


def test_a_text_and_an_answer_have_the_tokens_that_the_server_says() -> None:
    async def test() -> None:
        async with single() as here:
            assert len(await here.provider.tokenize("llm", "x" * 40)) == 10
            said = ChatRequest([Message("system", "s"), Message("user", "u")], max_tokens=3)
            last = (await here.ask("llm", said))[-1]
            assert (last.completion_tokens, last.finish_reason) == (3, "length")

    run(test)
