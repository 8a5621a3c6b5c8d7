"""The simulator where the adapter does not go: what other clients do to an Ollama."""

import asyncio
import json
from functools import partial

import pytest

from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.ollama.durations import FOREVER_S, keep_alive_s

from .world import Here, running


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (600, 600.0),
        (0, 0.0),
        (1.5, 1.5),
        (-1, FOREVER_S),
        ("10m", 600.0),
        ("-1m", FOREVER_S),
        ("-1s", FOREVER_S),
        ("0", 0.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        (".5s", 0.5),
    ],
)
def test_keep_alive_is_seconds_or_a_duration_of_go(given: object, seconds: float | None) -> None:
    assert keep_alive_s(given) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("soon", 'time: invalid duration "soon"'),
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5 minutes", 'time: unknown unit " minutes" in duration "5 minutes"'),
        ([], "Unsupported type: '[]interface {}'"),
        (True, "Unsupported type: 'bool'"),
    ],
)
def test_a_bad_keep_alive_is_refused_in_the_words_of_go(given: object, problem: str) -> None:
    async def test(here: Here) -> None:
        status, answer = await here.post("/api/generate", model="small", keep_alive=given)
        assert (status, answer) == (400, {"error": problem})
        assert here.world.loads == 0

    running(test)


def test_it_says_that_it_runs_and_which_version() -> None:
    async def test(here: Here) -> None:
        for method in ("GET", "HEAD"):
            answer = await here.other.request(method, "/")
            assert answer.status == 200
        assert (await here.other.request("GET", "/")).body == b"Ollama is running"
        assert await here.get("/api/version") == {"version": here.switches.version}
        status = (await here.other.request("GET", "/api/status")).status
        assert status == (200 if here.switches.since(0, 32) else 404)
        for path in ("/health", "/metrics"):
            assert (await here.other.request("GET", path)).status == 404

    running(test)
    running(test, Switches(version="0.12.11"))


def test_a_keep_alive_that_is_absent_leaves_what_was_said_last() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small", keep_alive=-1)
        await here.post("/api/generate", model="small", prompt="x")
        assert (await here.get("/api/ps"))["models"][0]["expires_at"] > "2300"
        await here.post("/api/generate", model="small", keep_alive="1h", prompt="x")
        assert (await here.get("/api/ps"))["models"][0]["expires_at"] < "2300"

    running(test)


def test_options_and_keep_alive_below_v1_are_ignored_without_a_word() -> None:
    async def test(here: Here) -> None:
        status, _ = await here.post(
            "/v1/chat/completions",
            model="small",
            messages=[{"role": "user", "content": "hi"}],
            options={"num_ctx": 512},
            num_ctx=512,
            keep_alive=-1,
        )
        assert status == 200
        (listed,) = (await here.get("/api/ps"))["models"]
        assert listed["context_length"] == 4096
        assert listed["expires_at"] < "2300"

    running(test)


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_below_v1_has_counts_only_where_they_were_asked_for(asked: bool) -> None:
    async def test(here: Here) -> None:
        body = {"model": "small", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        options = {"stream_options": {"include_usage": True}} if asked else {}
        async with here.other.stream("POST", "/v1/chat/completions", json={**body, **options}) as answer:
            *events, done = [event.data async for event in answer.events()]
        assert answer.headers["content-type"].startswith("text/event-stream") and done == b"[DONE]"
        last = json.loads(events[-1])
        assert (last["choices"] == [] and last["usage"]["total_tokens"] > 0) is asked
        assert not any("usage" in json.loads(event) for event in events[:-1])

    running(test)


def test_a_stream_is_lines_of_json_and_its_counts_come_last() -> None:
    async def test(here: Here) -> None:
        body = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
        async with here.other.stream("POST", "/api/chat", json=body) as answer:
            assert answer.headers["content-type"].startswith("application/x-ndjson")
            *records, last = [json.loads(line) async for line in answer.lines()]
        counts = {"total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"}
        counts |= {"eval_count", "eval_duration"}
        assert last["done"] and counts < set(last)
        assert records and not any(record["done"] or counts & set(record) for record in records)

    running(test)


def _holds(here: Here, count: int) -> bool:
    return len(here.world.instances) == count


def test_a_chat_without_messages_loads_and_unloads_as_an_empty_prompt_does() -> None:
    async def test(here: Here) -> None:
        for keep_alive, reason, loaded in (("10m", "load", 1), (0, "unload", 0)):
            answer = await here.post("/api/chat", model="small", messages=[], keep_alive=keep_alive)
            assert (answer[0], answer[1]["done"], answer[1]["done_reason"]) == (200, True, reason)
            await here.until(partial(_holds, here, loaded))
        for path in ("/api/chat", "/api/generate"):
            assert (await here.post(path, model="nope", keep_alive=0))[0] == 404

    running(test)


def test_a_body_that_is_none_is_refused_in_the_words_of_go() -> None:
    async def test(here: Here) -> None:
        bare = await here.other.request("POST", "/api/chat")
        assert (bare.status, bare.json()) == (400, {"error": "missing request body"})
        listed = await here.other.request("POST", "/api/chat", json=[1])
        problem = "json: cannot unmarshal array into Go value of type api.ChatRequest"
        assert (listed.status, listed.json()) == (400, {"error": problem})
        status, answer = await here.post("/api/generate", model="small", options={"num_ctx": "x"})
        assert (status, answer) == (500, {"error": 'option "num_ctx" must be of type integer'})
        assert (await here.post("/api/generate", model=7))[0] == 400

    running(test)


def test_a_refused_load_leaves_nothing_and_says_why() -> None:
    async def test(here: Here) -> None:
        here.world.faults.load_error = "cudaMalloc failed: out of memory"
        status, answer = await here.post("/api/generate", model="small")
        assert status == 500
        assert answer == {"error": "llama runner process has terminated: cudaMalloc failed: out of memory"}
        assert (await here.get("/api/ps")) == {"models": []}

    running(test)


def test_the_longest_to_stay_is_listed_first() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small", keep_alive="1h")
        await here.post("/api/generate", model="llama:8b", keep_alive=-1)
        await here.post("/api/embed", model="vectors", input=[], keep_alive="2h")
        listed = (await here.get("/api/ps"))["models"]
        assert [model["name"] for model in listed] == ["llama:8b", "vectors:latest", "small:latest"]

    running(test)


@pytest.mark.parametrize("parallel", [1, 2])
def test_one_model_answers_one_request_at_a_time_unless_told_otherwise(parallel: int) -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small")
        here.world.timing.token = 0.001
        heard: list[str] = []

        async def listen(name: str) -> None:
            body = {"model": "small", "prompt": name, "options": {"num_predict": 20}}
            async with here.other.stream("POST", "/api/generate", json=body) as answer:
                async for _ in answer.lines():
                    heard.append(name)  # noqa: PERF401 - the order between the two is looked at

        await asyncio.gather(listen("a"), listen("b"))
        assert len(set(heard[:10])) == parallel
        assert here.world.loads == 1

    running(test, Switches(parallel=parallel))


def test_a_reload_waits_for_who_is_being_answered() -> None:
    async def test(here: Here) -> None:
        here.world.may_answer.clear()
        first = asyncio.create_task(here.post("/api/generate", model="small", prompt="x"))
        await here.until(lambda: sum(each.busy for each in here.world.instances.values()) == 1)
        options = {"num_ctx": 512}
        second = asyncio.create_task(here.post("/api/generate", model="small", prompt="x", options=options))
        here.world.may_answer.set()
        assert [status for status, _ in await asyncio.gather(first, second)] == [200, 200]
        assert here.world.violations == []
        assert here.world.loads == 2

    running(test)


def test_while_loads_are_deadlocked_everything_else_is_green() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small")
        here.switches.deadlocked = True
        hanging = asyncio.create_task(here.post("/api/generate", model="llama:8b"))
        for path in ("/api/version", "/api/tags", "/api/ps"):
            await here.get(path)
        assert (await here.post("/api/generate", model="small", prompt="x"))[0] == 200
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait({hanging})

    running(test)


def test_a_pull_of_what_is_there_succeeds_and_of_anything_else_says_why() -> None:
    async def test(here: Here) -> None:
        async with here.other.stream("POST", "/api/pull", json={"model": "small"}) as answer:
            records = [json.loads(line) async for line in answer.lines()]
        assert records[0] == {"status": "pulling manifest"}
        assert records[-1] == {"status": "success"}
        assert records[1]["total"] == records[1]["completed"]
        async with here.other.stream("POST", "/api/pull", json={"model": "nope"}) as answer:
            records = [json.loads(line) async for line in answer.lines()]
        assert records[-1] == {"error": "pull model manifest: file does not exist"}

    running(test)


def test_loading_the_same_model_twice_at_once_is_one_load() -> None:
    async def test(here: Here) -> None:
        await asyncio.gather(*(here.post("/api/generate", model="small") for _ in range(3)))
        assert here.world.loads == 1

    running(test, Switches(version="0.12.11"))
