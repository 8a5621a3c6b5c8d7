"""vLLM's stand-in behaves as vLLM's documents and issues say, and the `openai` package understands it."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from bursar.testing.provider.vllm import Switches
from bursar.testing.provider.world import Installed

from .lab import Lab, with_vllm

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello you"}]


def client(lab: Lab, key: str = "none") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{lab.server.url}/v1", api_key=key, max_retries=0)


async def post(lab: Lab, path: str, body: object = None, **query: str) -> int:
    return (await lab.other.request("POST", path, json=body, query=query)).status


async def sleeps(lab: Lab) -> bool:
    found: dict[str, Any] = (await lab.other.request("GET", "/is_sleeping")).json()
    return bool(found["is_sleeping"])


async def complete(lab: Lab, **besides: object) -> int:
    body = {"model": "llm", "prompt": "x", "max_tokens": 2, **besides}
    return (await lab.other.request("POST", "/v1/completions", json=body)).status


def test_the_openai_package_lists_and_chats() -> None:
    async def test(lab: Lab) -> None:
        async with client(lab) as user:
            (model,) = [model async for model in user.models.list()]
            assert (model.id, model.owned_by) == ("llm", "vllm")
            assert model.model_extra is not None and model.model_extra["max_model_len"] == 8192
            stream = await user.chat.completions.create(
                model="llm", messages=HELLO, max_tokens=2, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert text == "w0 w1 "
            assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 3

    with_vllm(test)


@pytest.mark.parametrize("old", [True, False])
def test_the_openai_package_understands_its_errors(old: bool) -> None:
    async def test(lab: Lab) -> None:
        async with client(lab, "right") as user, client(lab, "wrong") as stranger:
            with pytest.raises(openai.NotFoundError, match="The model `nope` does not exist"):
                await user.chat.completions.create(model="nope", messages=HELLO)
            with pytest.raises(openai.BadRequestError, match="maximum context length is 8192 tokens"):
                await user.chat.completions.create(model="llm", messages=HELLO, max_tokens=9000)
            with pytest.raises(openai.BadRequestError, match="does not support Embeddings"):
                await user.embeddings.create(model="llm", input="x")
            with pytest.raises(openai.AuthenticationError) as caught:
                await stranger.models.list()
            assert caught.value.response.json() == {"error": "Unauthorized"}

    with_vllm(test, Switches(key="right", old=old))


@pytest.mark.parametrize("old", [True, False])
def test_errors_of_old_versions_are_in_no_object_of_their_own(old: bool) -> None:
    async def test(lab: Lab) -> None:
        body = {"model": "nope", "prompt": "x"}
        answer = await lab.other.request("POST", "/v1/completions", json=body)
        found: dict[str, Any] = answer.json()
        assert answer.status == 404 and ("error" not in found) is old
        error = found if old else found["error"]
        assert (error["type"], error["code"]) == ("NotFoundError", 404)
        assert error["message"] == "The model `nope` does not exist."

    with_vllm(test, Switches(old=old))


def test_a_request_while_it_sleeps_kills_the_engine() -> None:
    async def test(lab: Lab) -> None:
        assert (await lab.other.request("GET", "/health")).status == 200
        assert await post(lab, "/sleep") == 200
        assert await sleeps(lab)
        assert await complete(lab) == 500
        assert (await lab.other.request("GET", "/health")).status == 503
        assert lab.world.violations == ["a request was sent while the engine slept"]
        # And it stays dead.
        assert await complete(lab) == 500

    with_vllm(test)


def test_a_request_while_it_falls_asleep_kills_the_engine() -> None:
    async def test(lab: Lab) -> None:
        await post(lab, "/sleep")
        assert not await sleeps(lab)
        assert await complete(lab) == 500
        assert lab.world.violations == ["a request was sent while the engine slept"]

    with_vllm(test, Switches(lag=2))


def test_it_says_that_it_sleeps_only_after_a_while_and_until_the_last_tag_is_awake() -> None:
    async def test(lab: Lab) -> None:
        await post(lab, "/sleep", level="2")
        assert [await sleeps(lab) for _ in range(4)] == [False, False, True, True]
        await post(lab, "/wake_up", tags="weights")
        await post(lab, "/collective_rpc", {"method": "reload_weights"})
        assert [await sleeps(lab) for _ in range(3)] == [True, True, True]
        await post(lab, "/wake_up", tags="kv_cache")
        assert [await sleeps(lab) for _ in range(4)] == [True, True, False, False]
        assert await complete(lab) == 200
        assert lab.world.violations == []

    with_vllm(test, Switches(lag=2))


def test_one_wake_up_may_name_both_tags() -> None:
    async def test(lab: Lab) -> None:
        await post(lab, "/sleep")
        async with httpx.AsyncClient(base_url=lab.server.url) as other:
            await other.post("/wake_up", params={"tags": ["weights", "kv_cache"]})
        assert not await sleeps(lab)
        assert await complete(lab) == 200
        assert lab.world.violations == []

    with_vllm(test)


def test_weights_that_were_not_read_again_after_the_second_level_are_a_mistake() -> None:
    async def test(lab: Lab) -> None:
        await post(lab, "/sleep", level="2")
        await post(lab, "/wake_up")
        assert await complete(lab) == 200
        assert lab.world.violations == ["a request was sent to weights that were never read again"]

    with_vllm(test)


def test_reading_weights_into_memory_that_sleeps_kills_the_engine() -> None:
    async def test(lab: Lab) -> None:
        await post(lab, "/sleep", level="2")
        assert await post(lab, "/collective_rpc", {"method": "reload_weights"}) == 500
        assert (await lab.other.request("GET", "/health")).status == 503

    with_vllm(test)


@pytest.mark.parametrize(("mode", "modes"), [("abort", True), ("wait", False)])
def test_a_sleep_aborts_what_is_running_by_default_and_in_older_versions_always(
    mode: str, modes: bool
) -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        running = asyncio.create_task(complete(lab))
        await lab.until_busy(1)
        assert await post(lab, "/sleep", mode=mode) == 200
        lab.world.may_answer.set()
        assert await running == 500
        assert lab.world.violations == ["llm was put to sleep while it answered 1"]

    with_vllm(test, Switches(modes=modes))


def test_a_sleep_that_waits_comes_after_what_is_running() -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        running = asyncio.create_task(complete(lab))
        await lab.until_busy(1)
        sleeping = asyncio.create_task(post(lab, "/sleep", mode="wait"))
        assert not await sleeps(lab)
        lab.world.may_answer.set()
        assert (await running, await sleeping) == (200, 200)
        assert await sleeps(lab)
        assert lab.world.violations == []

    with_vllm(test)


def test_a_sleep_that_keeps_what_is_running_has_it_go_on_when_it_wakes() -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        running = asyncio.create_task(complete(lab))
        await lab.until_busy(1)
        await post(lab, "/sleep", mode="keep")
        assert await sleeps(lab)
        await post(lab, "/wake_up")
        assert await running == 200

    with_vllm(test)


def test_without_development_mode_there_are_no_such_endpoints() -> None:
    async def test(lab: Lab) -> None:
        for path in ("/sleep", "/wake_up", "/collective_rpc", "/reset_prefix_cache"):
            assert await post(lab, path) == 404
        answer = await lab.other.request("GET", "/is_sleeping")
        assert (answer.status, answer.json()) == (404, {"detail": "Not Found"})

    with_vllm(test, Switches(dev_mode=False))


def test_a_priority_needs_a_server_that_has_them() -> None:
    async def refused(lab: Lab) -> None:
        assert (await complete(lab, priority=0), await complete(lab, priority=1)) == (200, 400)

    async def served(lab: Lab) -> None:
        assert await complete(lab, priority=1) == 200

    with_vllm(refused)
    with_vllm(served, Switches(priorities=True))


def test_it_tokenizes_and_detokenizes() -> None:
    async def test(lab: Lab) -> None:
        answer = await lab.other.request("POST", "/tokenize", json={"model": "llm", "prompt": "Hello"})
        found = answer.json()
        assert (found["count"], found["max_model_len"], len(found["tokens"])) == (2, 8192, 2)
        answer = await lab.other.request("POST", "/detokenize", json={"tokens": found["tokens"]})
        assert list(answer.json()) == ["prompt"]
        messages = {"messages": HELLO, "return_token_strs": True}
        found = (await lab.other.request("POST", "/tokenize", json=messages)).json()
        assert (found["count"], found["token_strs"]) == (3, ["Hell", "o yo", "u"])
        assert await post(lab, "/tokenize", {"model": "llm"}) == 422

    with_vllm(test)


@pytest.mark.parametrize(("old", "gauge"), [(True, b"gpu_cache_usage_perc"), (False, b"kv_cache_usage_perc")])
def test_its_gauges_have_the_names_of_its_version(old: bool, gauge: bytes) -> None:
    async def test(lab: Lab) -> None:
        lab.world.may_answer.clear()
        running = asyncio.create_task(complete(lab))
        await lab.until_busy(1)
        metrics = (await lab.other.request("GET", "/metrics")).body
        assert b'vllm:num_requests_running{engine="0",model_name="llm"} 1.0\n' in metrics
        assert b"vllm:num_requests_waiting" in metrics
        assert b"vllm:" + gauge in metrics
        lab.world.may_answer.set()
        assert await running == 200

    with_vllm(test, Switches(old=old))


def test_it_has_one_model_with_what_it_reserved_however_large_it_is() -> None:
    async def test(lab: Lab) -> None:
        assert lab.world.instances["llm"].memory == 70
        await post(lab, "/sleep")
        assert lab.world.instances["llm"].memory == 0

    with_vllm(test, Switches(reserved=70), model=Installed("llm", size=10**12))
