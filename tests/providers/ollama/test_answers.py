"""Answers as they come: records, errors among them, and counts that are missing; §1.1 and §6 of the sheet."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.ollama.halving import halves, truncation
from bursar.adapters.providers.ollama.versions import Version
from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelVanished,
    OutOfMemory,
    ProviderBusy,
    ProviderCancelled,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.ollama import Switches, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import World

from .world import HELLO, MODELS, Here, running

CHAT = "/api/chat"


def test_the_last_record_has_the_counts_and_its_nanoseconds_are_milliseconds() -> None:
    async def test(here: Here) -> None:
        await here.load()
        *pieces, last = await here.ask()
        assert "".join(piece.text for piece in pieces) == "w0 w1 w2 w3 w4 w5 w6 w7 "
        assert last.load_ms is not None and last.load_ms < 10_000
        assert last == Chunk(
            done=True,
            finish_reason="length",
            prompt_tokens=last.prompt_tokens,
            completion_tokens=8,
            load_ms=last.load_ms,
        )

    running(test)


def test_times_are_nanoseconds() -> None:
    async def test(here: Here) -> None:
        await here.load()
        counts = {"prompt_eval_count": 7, "eval_count": 1, "load_duration": 1_234_567_890}
        last = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            **counts,
        }
        here.world.faults.refusals[CHAT] = Refusal(200, json.dumps(last))
        expected = Chunk(done=True, finish_reason="stop", prompt_tokens=7, completion_tokens=1, load_ms=1234)
        assert await here.ask() == [expected]

    running(test)


def test_the_time_of_a_load_is_told_with_the_answer_that_waited_for_it() -> None:
    async def test(here: Here) -> None:
        here.world.timing.load = 0.03
        _, answer = await here.post(CHAT, model="small", messages=[{"role": "user", "content": "hi"}])
        assert answer["load_duration"] >= 30_000_000

    running(test)


def test_only_the_native_api_is_used() -> None:
    async def test(here: Here) -> None:
        await here.load()
        await here.load("vectors")
        await here.ask()
        await here.provider.embed("vectors", ["x"])
        await here.provider.catalogue()
        await here.provider.resident()
        await here.provider.unload("small")
        assert all(path.startswith("/api/") for _, path, _ in here.world.requests)

    running(test)


def test_a_prompt_that_was_cached_is_not_counted_by_old_versions_and_that_is_not_nought() -> None:
    async def test(here: Here) -> None:
        await here.load()
        first, second = [(await here.ask())[-1] for _ in range(2)]
        assert first.prompt_tokens and second.prompt_tokens is None
        assert second.truncation is None

    running(test, Switches(version="0.3.14", forgets_cached=True))


def test_an_error_in_the_middle_of_a_stream_is_that_error() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.switches.error_after = (3, "CUDA error: out of memory")
        seen: list[Chunk] = []

        async def all_of_it() -> None:
            async for chunk in here.provider.chat("small", HELLO):
                seen.append(chunk)  # noqa: PERF401 - what came before the error is looked at

        failure = await here.failure(all_of_it())
        assert isinstance(failure, OutOfMemory)
        assert len(seen) == 3

    running(test)


def test_an_answer_without_its_last_record_was_given_up_by_ollama() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.switches.repeats_after = 5
        failure = await here.failure(here.ask())
        assert isinstance(failure, ProviderCancelled)
        assert "repeats itself" in str(failure)

    running(test)


def test_a_runner_that_dies_takes_the_model_with_it() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.switches.error_after = 1, "model runner has unexpectedly stopped, check ollama server logs"
        assert isinstance(await here.failure(here.ask()), ModelVanished)

    running(test)


def test_a_runner_that_is_killed_while_it_answers_takes_the_model_with_it() -> None:
    async def test(here: Here) -> None:
        await here.load()
        chunks = here.provider.chat("small", ChatRequest(HELLO.messages, max_tokens=1000))
        assert (await anext(chunks)).text
        here.world.forget_all()
        with pytest.raises(ModelVanished, match="unexpected EOF"):
            _ = [chunk async for chunk in chunks]

    running(test, Switches(version="0.12.11"))


def test_a_window_that_ollama_does_not_tell_is_that_of_the_load() -> None:
    async def test(here: Here) -> None:
        await here.load()
        failure = await here.failure(here.ask(ChatRequest([Message("user", "abcd " * 9000)])))
        assert isinstance(failure, ContextTooLarge)
        assert failure.values["context_tokens"] == 4096
        assert str(failure).startswith(
            "the prompt (tokens: unknown) does not fit the window of small (4096): shorten it"
        )

    running(test, Switches(version="0.12.11"))


def _nested(error: dict[str, Any]) -> str:
    return json.dumps({"error": json.dumps({"error": error})})


OVERFLOW = {
    "code": 400,
    "message": "request (9001 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 9001,
    "n_ctx": 4096,
}

#: Status and body of a refusal, what it means, and a value that the error carries.
REFUSALS: list[tuple[int, str, type[BursarError], dict[str, object]]] = [
    (400, _nested(OVERFLOW), ContextTooLarge, {"prompt_tokens": 9001, "context_tokens": 4096}),
    (400, '{"error": "the input length exceeds the context length"}', ContextTooLarge, {"model": "small"}),
    (
        400,
        '{"error": "the prompt is longer than the context length currently available"}',
        ContextTooLarge,
        {},
    ),
    (400, '{"error": "\\"small\\" does not support chat"}', Unsupported, {"provider": "ollama"}),
    (400, '{"error": "\\"small\\" does not support thinking"}', Unsupported, {}),
    (400, '{"error": "missing request body"}', Unsupported, {}),
    (404, '{"error": "model \'small\' not found"}', InvalidModelId, {"model": "small"}),
    (404, '{"error": "model \\"small\\" not found, try pulling it first"}', InvalidModelId, {}),
    (499, '{"error": "request canceled"}', ProviderCancelled, {"provider": "ollama"}),
    (
        503,
        '{"error": "server busy, please try again.  maximum pending requests exceeded"}',
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    (500, '{"error": "cudaMalloc failed: out of memory"}', OutOfMemory, {"phase": "run"}),
    (
        500,
        '{"error": "model requires more system memory (9 GiB) than is available (4 GiB)"}',
        OutOfMemory,
        {},
    ),
    (500, '{"error": "llama runner process no longer running: -1"}', ModelVanished, {"model": "small"}),
    (500, '{"error": "unexpected EOF"}', ProviderUnavailable, {"provider": "ollama"}),
    (502, "<html><title>Bad Gateway</title></html>", ProviderUnavailable, {}),
]


@pytest.mark.parametrize(("status", "body", "kind", "values"), REFUSALS)
def test_a_refusal_is_the_error_that_it_means(
    status: int, body: str, kind: type[BursarError], values: dict[str, object]
) -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.faults.refusals[CHAT] = Refusal(status, body)
        failure = await here.failure(here.ask())
        assert type(failure) is kind, repr(failure)
        assert {name: failure.values[name] for name in values} == values

    running(test)


def test_a_full_queue_is_busy() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.switches.max_queue = 0
        failure = await here.failure(here.ask())
        assert isinstance(failure, ProviderBusy)
        assert "maximum pending requests exceeded" in str(failure)

    running(test)


@pytest.mark.parametrize("window", [256, 4096, 32768, 65536, 131072])
def test_the_signatures_are_those_of_the_sheet(window: int) -> None:
    assert halves(window) == {window - (window - 4) // 2, window - (window - 5) // 2}


def test_half_a_window_is_a_signature_only_of_a_text_that_could_have_filled_it() -> None:
    new = Version("0.30.0")
    long, short = [Message("user", "one word after another " * 1500)], [Message("user", "two words " * 500)]
    found = truncation(long, 2051, 4096, new)
    assert found and (found.signature, found.prompt_tokens, found.context_tokens) == ("halved", 2051, 4096)
    assert truncation(short, 2051, 4096, new) is None
    # One token more or less is no signature; what is missing is far too much all the same.
    less = truncation(long, 2040, 4096, new)
    assert less and less.signature == "far_below_estimate"
    assert truncation(long, None, 4096, new) is None
    assert truncation(long, 6100, 131072, new) is None


def test_old_versions_may_count_only_what_they_had_not_cached_and_are_not_judged_by_that() -> None:
    long = [Message("user", "one word after another " * 1500)]
    assert truncation(long, 12, 4096, Version("0.11.11")) is None
    found = truncation(long, 12, 4096, Version("0.12.0"))
    assert found and found.signature == "far_below_estimate"


def test_a_connection_is_used_again_after_an_answer() -> None:
    clients: list[object] = []
    app = build(World(MODELS))

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def late(message: Any) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                # The last record has been read on the other side before the end comes.
                for _ in range(100):
                    await asyncio.sleep(0)
            await send(message)

        clients.append(scope["client"])
        await app(scope, receive, late)

    async def test() -> None:
        async with serving(noting) as server:
            provider = OllamaProvider(server.url)
            await provider.load(await provider.describe("small"))
            for _ in range(3):
                async with aclosing(provider.chat("small", HELLO)) as chunks:
                    assert [chunk async for chunk in chunks][-1].done
            await provider.close()

    asyncio.run(test())
    assert len(clients) > 5
    assert len(set(clients)) == 1


def test_thinking_is_no_part_of_the_answer() -> None:
    async def test(here: Here) -> None:
        await here.load()
        records = [
            {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
            {"message": {"role": "assistant", "content": "yes"}, "done": False},
            {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
        ]
        body = "\n".join(json.dumps(record) for record in records)
        here.world.faults.refusals[CHAT] = Refusal(200, body)
        assert await here.ask() == [Chunk(text="yes"), Chunk(done=True, finish_reason="stop")]

    running(test)


@pytest.mark.parametrize("line", ["7", "[]", "{}", '{"done": "yes"}', '{"message": 3, "done": false}'])
def test_a_record_that_is_none_is_an_error_or_empty(line: str) -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.faults.refusals[CHAT] = Refusal(200, line)
        assert isinstance(await here.failure(here.ask()), (ProviderUnavailable, ProviderCancelled))

    running(test)


@pytest.mark.parametrize(
    "vectors", ["[]", "[[1.0], []]", "[[1.0], [NaN]]", '[["a"], [1]]', "null", "[[true], [1]]"]
)
def test_vectors_that_are_none_are_an_error(vectors: str) -> None:
    async def test(here: Here) -> None:
        await here.load("vectors")
        here.world.faults.refusals["/api/embed"] = Refusal(200, f'{{"embeddings": {vectors}}}')
        assert isinstance(await here.failure(here.provider.embed("vectors", ["a", "b"])), ProviderUnavailable)

    running(test)


def test_a_text_that_is_too_long_for_a_vector_is_refused() -> None:
    async def test(here: Here) -> None:
        await here.load("vectors")
        assert isinstance(
            await here.failure(here.provider.embed("vectors", ["abcd" * 3000])), ContextTooLarge
        )
        assert await here.provider.embed("vectors", []) == ()

    running(test)
