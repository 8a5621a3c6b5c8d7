"""The stand-in for LM Studio is as its documents and its bug tracker say: models and loads."""

import asyncio

import pytest

from bursar.testing.provider.lmstudio import Switches
from bursar.testing.provider.world import GIB

from .studio_world import CHAT, GIVEN, LLM, LOAD, MODELS, OTHER, STRANGE, UNLOAD, VECTORS, Studio, held, run

ASKING = {"messages": [{"role": "user", "content": "Hello world"}], "max_tokens": 3}


def test_it_greets_as_the_sdk_expects() -> None:
    async def test(here: Studio) -> None:
        assert await here.get("/lmstudio-greeting") == {"lmstudio": True}

    run(test)


def test_the_list_has_what_is_installed_and_each_loaded_instance_with_its_config() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM, "context_length": 2048, "flash_attention": False})
        llm, other, vectors = (await here.get(MODELS))["models"]
        assert (llm["key"], llm["type"], llm["publisher"]) == (LLM, "llm", "qwen")
        assert (llm["size_bytes"], llm["max_context_length"]) == (GIB, 8192)
        assert llm["loaded_instances"] == [
            {
                "id": LLM,
                "config": {
                    "context_length": 2048,
                    "parallel": 4,
                    "eval_batch_size": 512,
                    "flash_attention": False,
                    "offload_kv_cache_to_gpu": True,
                },
            }
        ]
        assert other["loaded_instances"] == []
        assert vectors["type"] == "embedding" and "capabilities" not in vectors

    run(test)


def test_a_load_answers_when_it_is_done_and_echoes_its_config_when_asked() -> None:
    async def test(here: Studio) -> None:
        plain = (await here.post(LOAD, {"model": LLM})).json()
        assert "load_config" not in plain
        assert (plain["type"], plain["instance_id"], plain["status"]) == ("llm", LLM, "loaded")
        assert plain["load_time_seconds"] > 0
        echoed = (await here.post(LOAD, {"model": VECTORS, "echo_load_config": True})).json()
        assert echoed["load_config"] == {"context_length": 4096}

    run(test)


def test_loading_what_is_loaded_makes_a_second_instance() -> None:
    async def test(here: Studio) -> None:
        names = [(await here.post(LOAD, {"model": LLM})).json()["instance_id"] for _ in range(3)]
        assert names == [LLM, f"{LLM}:2", f"{LLM}:3"]
        await here.post(UNLOAD, {"instance_id": f"{LLM}:2"})
        assert list(here.world.instances) == [LLM, f"{LLM}:3"]
        assert here.world.violations == [f"{LLM} was loaded twice"] * 2

    run(test)


def test_a_load_goes_on_when_its_client_has_gone() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            loading = asyncio.create_task(here.post(LOAD, {"model": LLM}))
            await here.until(lambda: here.world.loading == 1)
            loading.cancel()
            await asyncio.wait({loading})
        await here.until(lambda: LLM in here.world.instances)

    run(test)


def test_unloading_is_by_instance_and_cuts_off_what_it_generates() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM})
        async with held(here.world.may_answer):
            asking = asyncio.create_task(here.post(CHAT, {"model": LLM, **ASKING}))
            await here.until(lambda: here.instance().busy == 1)
            assert (await here.post(UNLOAD, {"instance_id": LLM})).json() == {"instance_id": LLM}
        cut_off = await asking
        assert (cut_off.status, cut_off.json()["error"]["message"]) == (400, "Model is unloaded.")
        assert here.world.violations == [f"{LLM} was unloaded while it answered 1"]
        assert (await here.post(UNLOAD, {"instance_id": LLM})).status == 404

    run(test)


def test_the_guardrails_refuse_and_name_a_size() -> None:
    async def test(here: Studio) -> None:
        refused = await here.post(LOAD, {"model": LLM})
        assert refused.status == 500
        error = refused.json()["error"]
        assert error["type"] == "model_load_failed"
        assert error["message"].startswith("Model loading was stopped due to insufficient system resources.")
        assert "requires approximately 1.03 GB of memory" in error["message"]
        assert here.world.loads == 0

    run(test, Switches(guardrail=GIB))


def test_an_engine_without_memory_aborts_and_does_not_say_why() -> None:
    async def test(here: Studio) -> None:
        error = (await here.post(LOAD, {"model": LLM})).json()["error"]
        assert error["type"] == "model_load_failed"
        assert "SIGABRT" in error["message"] and "memory" not in error["message"].lower()

    run(test, Switches(memory=GIB))


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ("object", {"type": "invalid_request", "code": "missing_required_parameter", "param": "model"}),
        ("text", '"model" is required'),
    ],
)
def test_errors_of_v1_are_objects_or_mere_texts(shape: str, error: object) -> None:
    async def test(here: Studio) -> None:
        answer = await here.post(LOAD, {})
        message = {"message": '"model" is required'} if isinstance(error, dict) else {}
        assert answer.status == 400
        assert answer.json() == {"error": {**error, **message} if isinstance(error, dict) else error}

    run(test, Switches(errors="object" if shape == "object" else "text"))


def test_a_token_is_asked_for_on_every_path_but_the_greeting() -> None:
    async def test(here: Studio) -> None:
        here.switches.token = STRANGE
        for path in (MODELS, "/api/v0/models", "/v1/models"):
            answer = await here.http.request("GET", path)
            error = answer.json()["error"]
            assert (answer.status, error["code"]) == (401, "invalid_api_key")
            assert error["message"].startswith("An LM Studio API token is required")
        assert await here.get("/lmstudio-greeting") == {"lmstudio": True}

    run(test, Switches(token=GIVEN))


@pytest.mark.parametrize("status", [404, 200])
def test_without_v1_its_paths_are_endpoints_that_do_not_exist(status: int) -> None:
    async def test(here: Studio) -> None:
        answer = await here.http.request("GET", MODELS)
        assert answer.status == status
        assert answer.json() == {"error": f"Unexpected endpoint or method. (GET {MODELS})"}
        assert (await here.http.request("GET", "/nowhere")).status == status
        assert [model["id"] for model in (await here.get("/api/v0/models"))["data"]] == [LLM, OTHER, VECTORS]

    run(test, Switches(v1=False, unknown_endpoint=200 if status == 200 else 404))


def test_a_download_is_a_job_that_can_be_asked_about() -> None:
    async def test(here: Studio) -> None:
        path = "/api/v1/models/download"
        assert (await here.post(path, {"model": LLM})).json() == {"status": "already_downloaded"}
        begun = (await here.post(path, {"model": "ibm/granite"})).json()
        assert begun["status"] == "downloading" and begun["total_size_bytes"] > 0
        on_its_way, done = [await here.get(f"{path}/status/{begun['job_id']}") for _ in range(2)]
        assert on_its_way["downloaded_bytes"] < on_its_way["total_size_bytes"]
        assert on_its_way["bytes_per_second"] > 0 and on_its_way["estimated_completion"]
        assert done["status"] == "completed" and "ibm/granite" in here.world.models
        missing = await here.http.request("GET", f"{path}/status/job_none")
        assert (missing.status, missing.json()["error"]["type"]) == (404, "job_not_found")

    run(test)


def test_four_answers_at_a_time_are_given_and_others_wait() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM})
        async with held(here.world.may_answer):
            asking = [asyncio.create_task(here.post(CHAT, {"model": LLM, **ASKING})) for _ in range(6)]
            await here.until(lambda: len(here.bodies(CHAT)) == 6 and here.instance().busy == 4)
        assert [answer.status for answer in await asyncio.gather(*asking)] == [200] * 6

    run(test)


@pytest.mark.parametrize(
    ("path", "param"),
    [
        (LOAD, "model"),
        (UNLOAD, "instance_id"),
        ("/api/v1/models/download", "model"),
        ("/api/v1/chat", "input"),
        (CHAT, "model"),
        ("/v1/embeddings", "input"),
    ],
)
def test_a_field_that_is_missing_is_named(path: str, param: str) -> None:
    async def test(here: Studio) -> None:
        answer = await here.post(path, {})
        assert (answer.status, answer.json()["error"]["param"]) == (400, param)

    run(test)
