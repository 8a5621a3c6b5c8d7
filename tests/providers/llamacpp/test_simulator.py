"""The simulator: what the real one cannot be made to do in a test, or what only its documents say."""

import asyncio
import json
from typing import Any

import pytest

from bursar.testing.provider.llamacpp import Flags, RouterFlags
from bursar.testing.provider.llamacpp.engine import Engine
from bursar.testing.provider.world import Installed, Instance, World
from bursar.testing.simloop import SimLoop
from bursar.testing.simloop import run as simulate

from .world import plain_client, router, run, single

HELLO = {"messages": [{"role": "user", "content": "Hello world"}], "max_tokens": 4}
CHAT = "/v1/chat/completions"


def test_while_it_loads_only_the_list_is_answered_and_knows_nothing_of_the_model() -> None:
    async def test() -> None:
        async with single(loading=True) as here:
            refused = await here.send("GET", "/health")
            error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
            assert (refused.status_code, refused.json()) == (503, {"error": error})
            assert (await here.send("POST", CHAT, HELLO)).status_code == 503
            assert (await here.send("GET", "/v1/models")).json()["data"][0]["meta"] is None

    run(test)


def test_health_stays_well_while_it_sleeps_and_does_not_wake_it() -> None:
    async def test() -> None:
        async with single(Flags(sleep_idle_seconds=0.01, metrics=True)) as here:
            assert (await here.send("GET", "/health")).json() == {"status": "ok"}
            await here.until(lambda: here.instance.asleep)
            assert here.instance.memory == 0
            # Whatever wakes it is not answered before it has loaded.
            here.world.may_load.clear()
            for path in ("/health", "/props", "/models", "/metrics"):
                assert (await here.send("GET", path)).status_code == 200
            assert here.instance.asleep
            assert (await here.send("GET", "/props")).json()["is_sleeping"] is True

    run(test)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/slots", None), ("POST", "/tokenize", {"content": "x"}), ("POST", CHAT, HELLO)],
)
def test_a_task_wakes_it_and_so_does_a_look_at_its_slots(method: str, path: str, body: Any) -> None:
    async def test() -> None:
        async with single(Flags(sleep_idle_seconds=0.01)) as here:
            await here.send("GET", "/health")
            await here.until(lambda: here.instance.asleep)
            asked = asyncio.create_task(here.send(method, path, body))
            await here.until(lambda: not here.instance.asleep)
            assert here.instance.memory > 0
            assert (await asked).status_code == 200

    run(test)


@pytest.mark.parametrize(("task", "sleeps_at"), [(True, 15), (False, 10)])
def test_only_a_task_keeps_it_awake(task: bool, sleeps_at: int) -> None:
    async def main(loop: SimLoop) -> None:
        world = World([Installed("llm")])
        instance = await world.load(Instance("llm", world.models["llm"], 4096))
        engine = Engine(world, instance, Flags(sleep_idle_seconds=10), {})
        began = loop.time()
        await asyncio.sleep(5)
        await engine.awake(task=task)
        await world.changes()
        assert instance.asleep and round(loop.time() - began) == sleeps_at

    simulate(main, seed=1)


def test_what_answers_does_not_fall_asleep() -> None:
    async def test() -> None:
        world = World([Installed("llm")])
        instance = await world.load(Instance("llm", world.models["llm"], 4096))
        engine = Engine(world, instance, Flags(), {})
        async with world.answering(instance):
            engine.doze()
            assert not instance.asleep
        engine.doze()
        assert instance.asleep

    run(test)


def test_without_a_free_slot_whoever_asks_for_that_is_refused_and_others_wait() -> None:
    async def test() -> None:
        async with single(Flags(parallel=1)) as here:
            here.world.may_answer.clear()
            first = asyncio.create_task(here.send("POST", CHAT, HELLO))
            await here.until(lambda: here.instance.busy == 1)
            second = asyncio.create_task(here.send("POST", CHAT, HELLO))
            await here.until(lambda: here.instance.busy == 2)
            refused = await here.send("GET", "/slots?fail_on_no_slot=1")
            error = {"code": 503, "message": "no slot available", "type": "unavailable_error"}
            assert (refused.status_code, refused.json()) == (503, {"error": error})
            (slot,) = (await here.send("GET", "/slots")).json()
            assert slot["is_processing"] and slot["next_token"][0]["n_remain"] == 4
            here.world.may_answer.set()
            assert (await first).status_code == (await second).status_code == 200
            assert (await second).json()["timings"]["cache_n"] > 0

    run(test)


def test_a_stream_that_is_silent_shows_that_it_lives() -> None:
    async def test() -> None:
        async with single(Flags(sse_ping_interval=0.01)) as here:
            here.world.may_answer.clear()
            async with (
                plain_client(here.server.url) as client,
                client.stream("POST", CHAT, json={**HELLO, "stream": True}) as answer,
            ):
                lines = answer.aiter_lines()
                assert (await anext(lines)).startswith("data: ")
                while await anext(lines) != ":":
                    pass
                here.world.may_answer.set()
                assert [line async for line in lines if line][-1] == "data: [DONE]"

    run(test)


def test_the_window_ends_an_answer_unless_it_shifts() -> None:
    async def test() -> None:
        async with single(Flags(ctx_size=64, parallel=1)) as here:
            answer = (await here.send("POST", CHAT, {**HELLO, "max_tokens": 500})).json()
            assert answer["usage"]["total_tokens"] == 64
            assert answer["choices"][0]["finish_reason"] == "length"
        async with single(Flags(ctx_size=64, parallel=1, context_shift=True)) as here:
            answer = (await here.send("POST", CHAT, {**HELLO, "max_tokens": 500})).json()
            assert answer["usage"]["completion_tokens"] == 500

    run(test)


def test_a_router_starts_a_process_and_says_so_before_the_model_is_loaded() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.may_load.clear()
            assert (await here.send("POST", "/models/load", {"model": "a"})).json() == {"success": True}
            assert _status(await here.send("GET", "/models"), "a")["value"] == "loading"
            refused = await here.send("POST", "/models/load", {"model": "a"})
            error = {"code": 400, "message": "model is already running", "type": "invalid_request_error"}
            assert (refused.status_code, refused.json()) == (400, {"error": error})
            here.world.may_load.set()
            await here.until(lambda: "a" in here.world.instances)
            here.instance.asleep = True
            assert _status(await here.send("GET", "/models"), "a")["value"] == "sleeping"
            assert (await here.send("POST", "/models/load", {"model": "a"})).json() == {"error": error}

    run(test)


def test_a_router_tells_of_the_stages_of_a_load_as_events() -> None:
    async def test() -> None:
        async with router() as here, plain_client(here.server.url) as client:
            async with client.stream("GET", "/models/sse") as answer:
                await here.send("POST", "/models/load", {"model": "a"})
                told: list[dict[str, Any]] = []
                async for line in answer.aiter_lines():
                    told += [_json(line)] if line else []
                    if told and told[-1]["data"]["status"] == "loaded":
                        break
            assert {event["model"] for event in told} == {"a"}
            stages = [event["data"]["progress"] for event in told if "progress" in event["data"]]
            assert [stage["value"] for stage in stages] == [0.0, 1.0]
            assert stages[0]["stages"] == ["text_model"] and stages[0]["current"] == "text_model"

    run(test)


def test_a_failed_process_is_listed_with_its_exit_status() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.faults.load_error = "no memory"
            await here.send("POST", "/models/load", {"model": "a"})
            await here.until(lambda: here.world.loading == 0)
            status = _status(await here.send("GET", "/models"), "a")
            assert (status["value"], status["failed"], status["exit_code"]) == ("unloaded", True, 1)

    run(test)


@pytest.mark.parametrize("path", ["/props", "/slots", "/metrics"])
def test_a_get_that_names_a_model_loads_it_unless_told_not_to(path: str) -> None:
    async def test() -> None:
        async with router(RouterFlags(metrics=True)) as here:
            refused = await here.send("GET", f"{path}?model=a&autoload=false")
            error = {"code": 400, "message": "model is not loaded", "type": "invalid_request_error"}
            assert (refused.status_code, refused.json()) == (400, {"error": error})
            assert here.world.loads == 0
            assert (await here.send("GET", f"{path}?model=a")).status_code == 200
            assert here.world.loads == 1
            assert here.world.violations == [f"GET {path} loaded a"]

    run(test)


def test_a_router_without_autoload_loads_nothing_by_itself() -> None:
    async def test() -> None:
        async with router(RouterFlags(models_autoload=False)) as here:
            assert (await here.send("POST", CHAT, {**HELLO, "model": "a"})).status_code == 400
            answer = await here.send("POST", f"{CHAT}?autoload=true", {**HELLO, "model": "a"})
            assert answer.status_code == 200 and here.world.loads == 1

    run(test)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/props", None),
        ("/slots", "model name is missing from the request"),
        ("/slots?model=z", "model 'z' not found"),
    ],
)
def test_a_router_must_be_told_which_model(path: str, message: str | None) -> None:
    async def test() -> None:
        async with router() as here:
            answer = await here.send("GET", path)
            if message is None:
                assert answer.json()["role"] == "router"
            else:
                assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)

    run(test)


def test_loads_wait_in_line_for_what_is_busy() -> None:
    async def test() -> None:
        async with router(RouterFlags(models_max=1)) as here:
            here.world.may_answer.clear()
            first = asyncio.create_task(here.send("POST", CHAT, {**HELLO, "model": "a"}))
            await here.until(lambda: bool(here.world.instances) and here.instance.busy == 1)
            second = asyncio.create_task(here.send("POST", CHAT, {**HELLO, "model": "b"}))
            refused = await here.send("POST", "/models/load", {"model": "b"})
            error = {"code": 500, "message": "model limit reached, try again later", "type": "server_error"}
            assert (refused.status_code, refused.json()) == (500, {"error": error})
            here.world.may_answer.set()
            assert (await first).status_code == (await second).status_code == 200
            assert list(here.world.instances) == ["b"] and here.world.violations == []

    run(test)


def test_a_sleeping_model_takes_up_a_place() -> None:
    async def test() -> None:
        async with router(RouterFlags(models_max=1)) as here:
            await here.load("a")
            here.instance.asleep = True
            await here.load("b")
            assert list(here.world.instances) == ["b"]

    run(test)


def test_reading_is_no_use_that_keeps_a_model() -> None:
    async def test() -> None:
        models = (Installed("a"), Installed("b"), Installed("c"))
        async with router(RouterFlags(models_max=2), models=models) as here:
            await here.load("a")
            await here.load("b")
            await here.send("GET", "/props?model=a")
            await here.load("c")
            assert sorted(here.world.instances) == ["b", "c"]

    run(test)


def test_a_killed_load_is_a_failed_one() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.may_load.clear()
            await here.send("POST", "/models/load", {"model": "a"})
            await here.until(lambda: here.world.loading == 1)
            assert (await here.send("POST", "/models/unload", {"model": "a"})).json() == {"success": True}
            await here.until(lambda: here.world.loading == 0)
            assert _status(await here.send("GET", "/models"), "a")["failed"] is True
            refused = await here.send("POST", "/models/unload", {"model": "a"})
            assert refused.json()["error"]["message"] == "model is not running"

    run(test)


def _status(answer: Any, model: str) -> dict[str, Any]:
    (entry,) = [entry for entry in answer.json()["data"] if entry["id"] == model]
    status: dict[str, Any] = entry["status"]
    return status


def _json(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return found
