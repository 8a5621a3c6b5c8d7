"""The stand-in for LM Studio is as its documents and its bug tracker say: answers, and loads just in time."""

import asyncio
from typing import Any

import pytest

from bursar.testing.provider.lmstudio import Switches

from .studio_world import CHAT, LLM, LOAD, OTHER, VECTORS, Studio, held, run

MESSAGES = [{"role": "user", "content": "Hello world"}]


def asking(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, "max_tokens": 3, **more}


def test_chatting_with_what_is_not_loaded_loads_it() -> None:
    async def test(here: Studio) -> None:
        assert (await here.post(CHAT, asking(LLM))).status == 200
        assert list(here.world.instances) == [LLM]
        assert here.world.violations == [f"{LLM} was loaded just in time"]

    run(test)


def test_requests_at_the_same_time_load_a_copy_each() -> None:
    async def test(here: Studio) -> None:
        answers = await asyncio.gather(*(here.post(CHAT, asking(LLM)) for _ in range(3)))
        assert [answer.status for answer in answers] == [200] * 3
        assert list(here.world.instances) == [LLM, f"{LLM}:2", f"{LLM}:3"]

    run(test)


def test_a_load_just_in_time_evicts_the_last_one_in_the_middle_of_its_answer() -> None:
    async def test(here: Studio) -> None:
        async with here.http.stream("POST", CHAT, json=asking(LLM, stream=True, max_tokens=500)) as answer:
            lines = answer.lines()
            assert b'"w0 "' in await anext(lines)
            here.world.may_answer.clear()
            evicting = asyncio.create_task(here.post(CHAT, asking(OTHER)))
            await here.until(lambda: LLM not in here.world.instances)
            here.world.may_answer.set()
            rest = [line async for line in lines]
        assert rest[-2] == b"event: error" and b"Model is unloaded." in rest[-1]
        assert (await evicting).status == 200
        assert list(here.world.instances) == [OTHER]
        assert f"{LLM} was unloaded while it answered 1" in here.world.violations

    run(test)


def test_what_was_loaded_explicitly_is_exempt_from_eviction_and_time_to_live() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM})
        await here.post(CHAT, asking(LLM, ttl=0.001))
        await here.post(CHAT, asking(OTHER))
        await here.until(lambda: OTHER not in here.world.instances)
        assert list(here.world.instances) == [LLM]

    run(test, Switches(jit_ttl=0.01))


def test_the_time_to_live_is_that_of_the_request_that_loaded() -> None:
    async def test(here: Studio) -> None:
        await here.post(CHAT, asking(LLM, ttl=0.01))
        await here.post(CHAT, asking(LLM, ttl=3600))
        await here.until(lambda: not here.world.instances)
        assert here.world.violations == [f"{LLM} was loaded just in time"]

    run(test)


def test_the_time_to_live_does_not_run_during_an_answer() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_answer):
            answering = asyncio.create_task(here.post(CHAT, asking(LLM, ttl=0.01)))
            await here.until(lambda: LLM in here.world.instances and here.instance().busy == 1)
            # The clock of another model runs out meanwhile.
            await here.post("/v1/embeddings", {"model": VECTORS, "input": "x", "ttl": 0.02})
            await here.until(lambda: VECTORS not in here.world.instances)
            assert LLM in here.world.instances
        assert (await answering).status == 200
        await here.until(lambda: not here.world.instances)

    run(test, Switches(keep_last_jit=False))


def test_the_time_to_live_begins_after_the_last_of_several_answers() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_answer):
            answering = asyncio.create_task(here.post(CHAT, asking(LLM, ttl=0.01)))
            await here.until(lambda: LLM in here.world.instances and here.instance().busy == 1)
            # Vectors come at once, and are the end of one answer of two.
            await here.post("/v1/embeddings", {"model": LLM, "input": "x"})
            await here.post("/v1/embeddings", {"model": VECTORS, "input": "x", "ttl": 0.03})
            await here.until(lambda: VECTORS not in here.world.instances)
            assert LLM in here.world.instances
        assert (await answering).status == 200
        await here.until(lambda: not here.world.instances)

    run(test, Switches(keep_last_jit=False))


@pytest.mark.parametrize("path", [CHAT, "/api/v0/chat/completions"])
def test_without_loading_just_in_time_there_is_only_what_is_loaded(path: str) -> None:
    async def test(here: Studio) -> None:
        refused = await here.post(path, asking(LLM))
        error = refused.json()["error"]
        assert error["message"].startswith("No models loaded. Please load a model")
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", None)
        assert (await here.get("/v1/models"))["data"] == []
        await here.post(LOAD, {"model": LLM})
        assert [model["id"] for model in (await here.get("/v1/models"))["data"]] == [LLM]
        assert (await here.post(path, asking(LLM))).status == 200

    run(test, Switches(jit=False))


def test_a_name_that_no_model_has_is_told_with_examples() -> None:
    async def test(here: Studio) -> None:
        error = (await here.post(CHAT, asking("o4-mini"))).json()["error"]
        assert error["code"] == "model_not_found"
        assert error["message"].startswith('Invalid model identifier "o4-mini". Please specify a valid')

    run(test)


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM, "context_length": 64})
        long = [{"role": "user", "content": "word " * 200}]
        refused = await here.post(CHAT, {"model": LLM, "messages": long})
        assert refused.status == 400
        assert refused.json()["error"]["message"].startswith(
            "Trying to keep the first 254 tokens when context the overflows. However, the model is loaded "
            "with context length of only 64 tokens"
        )

    run(test)


def test_a_prompt_that_is_too_long_may_crash_the_engine() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM, "context_length": 64})
        long = [{"role": "user", "content": "word " * 200}]
        crashed = await here.post(CHAT, {"model": LLM, "messages": long})
        assert "The model has crashed" in crashed.json()["error"]["message"]
        assert here.world.instances == {}

    run(test, Switches(overflow="crash"))


def test_v0_tells_the_state_of_each_model() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM, "context_length": 2048})
        llm, other, vectors = (await here.get("/api/v0/models"))["data"]
        assert (llm["state"], llm["loaded_context_length"]) == ("loaded", 2048)
        assert other["state"] == "not-loaded" and "loaded_context_length" not in other
        assert (llm["type"], vectors["type"]) == ("llm", "embeddings")
        assert await here.get("/api/v0/models/qwen%2Fsmall") == llm

    run(test, Switches())


def test_v0_adds_statistics_and_counts_no_tokens_of_embeddings() -> None:
    async def test(here: Studio) -> None:
        chat = (await here.post("/api/v0/chat/completions", asking(LLM))).json()
        assert chat["stats"]["stop_reason"] == "maxPredictedTokensReached"
        assert set(chat["stats"]) > {"tokens_per_second", "time_to_first_token", "generation_time"}
        assert chat["model_info"]["context_length"] == 4096 and chat["runtime"]["supported_formats"] == [
            "gguf"
        ]
        text = (await here.post("/api/v0/completions", {"model": LLM, "prompt": "Once"})).json()
        assert text["object"] == "text_completion" and text["stats"]["stop_reason"] == "eosFound"
        vectors = (await here.post("/api/v0/embeddings", {"model": VECTORS, "input": "x"})).json()
        assert vectors["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
        assert "stats" not in (await here.post(CHAT, asking(LLM))).json()

    run(test)


def test_a_streamed_chat_of_v1_tells_how_far_its_load_has_come() -> None:
    async def test(here: Studio) -> None:
        events = await here.events({"model": LLM, "input": "Hello", "max_output_tokens": 2})
        assert [event["type"] for event in events] == [
            "chat.start",
            "model_load.start",
            "model_load.progress",
            "model_load.progress",
            "model_load.end",
            "prompt_processing.start",
            "prompt_processing.progress",
            "prompt_processing.end",
            "message.start",
            "message.delta",
            "message.delta",
            "message.end",
            "chat.end",
        ]
        progress = [event["progress"] for event in events if event["type"] == "model_load.progress"]
        assert progress == [0.5, 1]
        result: dict[str, Any] = events[-1]["result"]
        assert result["output"] == [{"type": "message", "content": "w0 w1 "}]
        assert (result["stats"]["total_output_tokens"], result["model_instance_id"]) == (2, LLM)
        again = await here.events({"model": LLM, "input": "Hello"})
        assert not any(event["type"].startswith("model_load") for event in again)

    run(test)


def test_an_error_in_a_chat_of_v1_is_an_event_and_what_there_is_comes_after_it() -> None:
    async def test(here: Studio) -> None:
        (unknown,) = await here.events({"model": "o4-mini", "input": "Hello"})
        assert (unknown["type"], unknown["error"]["type"]) == ("error", "model_not_found")
        await here.post(LOAD, {"model": LLM})
        async with held(here.world.may_answer):
            answering = asyncio.create_task(here.events({"model": LLM, "input": "Hello"}))
            await here.until(lambda: here.instance().busy == 1)
            here.world.forget_all()
        *_, error, end = await answering
        assert error["error"]["message"] == "Model is unloaded."
        assert end["type"] == "chat.end" and end["result"]["output"][0]["content"] == ""

    run(test)


def test_a_chat_of_v1_is_remembered_unless_it_shall_not_be() -> None:
    async def test(here: Studio) -> None:
        ask = {"model": LLM, "input": [{"type": "message", "content": "Hello"}], "max_output_tokens": 2}
        first = (await here.post("/api/v1/chat", {**ask, "system_prompt": "Be kind."})).json()
        then = {**ask, "previous_response_id": first["response_id"], "store": False}
        second = (await here.post("/api/v1/chat", then)).json()
        assert second["stats"]["input_tokens"] > first["stats"]["input_tokens"]
        assert "response_id" not in second
        strange = await here.post("/api/v1/chat", {**ask, "previous_response_id": "resp_none"})
        assert (strange.status, strange.json()["error"]["param"]) == (404, "previous_response_id")

    run(test)
