"""Answers through `/api/v1`: asked by instance, never loaded just in time, and errors of every shape."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.port import Answer, Query
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelLoadFailed,
    ModelVanished,
    OutOfMemory,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.ports import Message
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.lmstudio import Switches

from .studio_world import CHAT, ENDLESS, GIVEN, HELLO, LLM, LOAD, MODELS, VECTORS, Studio, held, run

LONG = replace(HELLO, messages=[Message("user", "far too long, and of no use to anybody. " * 1000)])
EMBEDDINGS = "/v1/embeddings"


def test_an_answer_has_its_pieces_and_its_counts() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        *pieces, last = await here.ask()
        assert [piece.text for piece in pieces] == ["w0 ", "w1 ", "w2 ", "w3 "]
        assert (last.done, last.finish_reason, last.completion_tokens) == (True, "length", 4)
        assert (last.prompt_tokens, last.truncation) == (7, None)

    run(test)


def test_an_instance_is_asked_by_its_own_id() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            theirs = asyncio.create_task(here.post(LOAD, {"model": LLM}))
            await here.until(lambda: here.world.loading == 1)
            ours = asyncio.create_task(here.load())
            await here.until(lambda: here.world.loading == 2)
        await asyncio.gather(theirs, ours)
        await here.ask()
        assert here.bodies(CHAT)[0]["model"] == f"{LLM}:2"
        refused = await here.failure(here.ask(LONG))
        assert isinstance(refused, ContextTooLarge) and refused.values["model"] == LLM

    run(test)


def test_embeddings_are_of_an_instance_and_their_errors_of_the_model() -> None:
    async def test(here: Studio) -> None:
        await here.load(VECTORS)
        assert len(await here.provider.embed(VECTORS, ["one", "two"])) == 2
        await here.post(LOAD, {"model": VECTORS})
        del here.world.instances[VECTORS]
        await here.provider.resident()
        assert len(await here.provider.embed(VECTORS, ["one"])) == 1
        assert here.bodies(EMBEDDINGS)[-1]["model"] == f"{VECTORS}:2"
        here.world.faults.refusals[EMBEDDINGS] = Refusal(500, '{"error": "out of memory"}')
        failure = await here.failure(here.provider.embed(VECTORS, ["one"]))
        assert isinstance(failure, OutOfMemory) and failure.values["model"] == VECTORS

    run(test)


def test_answers_one_after_the_other_do_not_ask_for_the_list_each_time() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.requests.clear()
        for _ in range(3):
            await here.ask()
        assert len(here.bodies(CHAT)) == 3
        assert len(here.bodies(MODELS)) <= 1

    run(test)


def test_what_was_unloaded_by_hand_is_told_of_once_and_not_loaded_again_by_a_chat() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.forget_all()
        assert await here.provider.resident() == () == await here.provider.resident()
        assert here.lost == [(LLM, "LM Studio does not list it as loaded any more")]
        assert isinstance(await here.failure(here.ask()), ModelVanished)
        assert here.world.violations == [] and here.bodies(CHAT) == []

    run(test)


def test_a_list_that_was_asked_for_before_a_load_and_comes_after_it_means_nothing() -> None:
    async def test(here: Studio) -> None:
        description = await here.provider.describe(LLM)
        slow = SlowList(here.http)
        provider = LmStudioProvider(http=slow)
        await provider.start(lambda model, cause: here.lost.append((model, cause)))
        residents = asyncio.create_task(provider.resident())
        await slow.waiting.wait()
        await provider.load(description)
        slow.go_on.set()
        assert await residents == ()
        assert here.lost == []
        async with aclosing(provider.chat(LLM, HELLO)) as chunks:
            assert (await anext(chunks)).text

    run(test)


class SlowList:
    """HTTP whose first answer is kept back."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.waiting, self.go_on = asyncio.Event(), asyncio.Event()
        self.base_url, self.stream, self.close = http.base_url, http.stream, http.close

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        answer = await self._http.request(method, path, json=json, query=query, timeout_s=timeout_s)
        if not self.waiting.is_set():
            self.waiting.set()
            await self.go_on.wait()
        return answer


def test_what_is_loaded_just_in_time_against_our_will_does_not_stay() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        # Unloaded by hand since we last looked, a moment ago.
        here.world.forget_all()
        await here.ask()
        assert here.bodies(CHAT)[0]["ttl"] == 60
        assert here.instance().options["ttl"] == 60

    run(test)


def test_a_model_that_is_unloaded_in_the_middle_of_an_answer_has_vanished() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        async with aclosing(here.provider.chat(LLM, ENDLESS)) as chunks:
            await anext(chunks)
            await here.post("/api/v1/models/unload", {"instance_id": LLM})
            with pytest.raises(ModelVanished, match="Model is unloaded"):
                [chunk async for chunk in chunks]

    run(test)


def test_a_prompt_that_is_too_long_is_an_error_with_both_numbers() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        refused = await here.failure(here.ask(LONG))
        assert isinstance(refused, ContextTooLarge)
        assert (refused.values["prompt_tokens"], refused.values["context_tokens"]) == (10_004, 4096)

    run(test)


def test_a_prompt_that_crashes_the_engine_has_the_model_vanish() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        refused = await here.failure(here.ask(LONG))
        assert isinstance(refused, ModelVanished) and "crashed" in str(refused)
        assert isinstance(await here.failure(here.ask()), ModelVanished)
        assert [model for model, _ in here.lost] == [LLM]

    run(test, Switches(overflow="crash"))


def test_a_prompt_that_was_cut_without_a_word_is_noticed() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        last = (await here.ask(LONG))[-1]
        assert last.truncation is not None
        assert (last.truncation.prompt_tokens, last.truncation.context_tokens) == (2048, 4096)
        assert last.truncation.signature == "far_below_estimate"

    run(test, Switches(overflow="cut"))


def openai_error(message: str, **more: object) -> str:
    fields = {"type": "invalid_request_error", "param": None, "code": None, **more}
    return json.dumps({"error": {"message": message, **fields}})


def native_error(kind: str, message: str, **more: object) -> str:
    return json.dumps({"error": {"type": kind, "message": message, **more}})


def text_error(message: str) -> str:
    return json.dumps({"error": message})


NONE_LOADED = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
OVERFLOW = (
    "Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with "
    "context length of only 32768 tokens, which is not enough."
)
GUARDRAIL = (
    "Model loading was stopped due to insufficient system resources. Under the current settings, this model "
    "requires approximately 273.25 GB of memory"
)

#: Status, body and what becomes of it, of an answer to a chat.
CHAT_ERRORS: list[tuple[int, str, type[BursarError]]] = [
    (400, openai_error(OVERFLOW), ContextTooLarge),
    (400, text_error(OVERFLOW), ContextTooLarge),
    (200, text_error(OVERFLOW), ContextTooLarge),
    # Its issue #1730, in the shape of each version.
    (404, openai_error(NONE_LOADED, param="model"), ModelVanished),
    (400, text_error(NONE_LOADED), ModelVanished),
    (400, openai_error("Model is unloaded."), ModelVanished),
    (400, text_error("The model has crashed without additional information. (Exit code: 6)"), ModelVanished),
    # An instance that went is a name that no model has.
    (404, openai_error('Invalid model identifier "x:2".', code="model_not_found"), ModelVanished),
    (
        401,
        native_error("invalid_request", "An LM Studio API token", code="invalid_api_key"),
        ProviderAuthFailed,
    ),
    (400, text_error(GUARDRAIL), OutOfMemory),
    # What does not exist answers 200.
    (200, text_error("Unexpected endpoint or method. (POST /v1/chat/completions)"), Unsupported),
    (400, native_error("invalid_request", '"messages" is required', param="messages"), Unsupported),
    (400, "{nonsense", Unsupported),
    (500, native_error("internal_error", "Cannot read properties of undefined"), ProviderUnavailable),
    (503, text_error("queue full"), ProviderBusy),
]


@pytest.mark.parametrize(("status", "body", "expected"), CHAT_ERRORS)
def test_every_shape_of_an_error_of_a_chat_is_one_of_ours(
    status: int, body: str, expected: type[BursarError]
) -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.faults.refusals[CHAT] = Refusal(status, body)
        assert type(await here.failure(here.ask())) is expected

    run(test)


#: The same of an answer to a load.
LOAD_ERRORS: list[tuple[int, str, type[BursarError]]] = [
    (500, native_error("model_load_failed", GUARDRAIL), OutOfMemory),
    (400, text_error(GUARDRAIL), OutOfMemory),
    (500, text_error("Model loading aborted due to insufficient system resources."), OutOfMemory),
    (500, native_error("model_load_failed", "cudaMalloc failed: out of memory"), OutOfMemory),
    (500, native_error("model_load_failed", "Engine process exited (signal: SIGABRT)"), ModelLoadFailed),
    (
        400,
        text_error("Error loading model. (Exit code: 18446744072635810000). Unknown error."),
        ModelLoadFailed,
    ),
    (500, native_error("internal_error", "Received load-error"), ModelLoadFailed),
    (404, native_error("model_not_found", "Model qwen/small not found"), InvalidModelId),
    (404, text_error("Model 'qwen/small' not found"), InvalidModelId),
    (
        401,
        native_error("invalid_request", "An LM Studio API token", code="invalid_api_key"),
        ProviderAuthFailed,
    ),
    (400, native_error("invalid_request", '"model" is required', param="model"), Unsupported),
    (200, text_error("Unexpected endpoint or method. (POST /api/v1/models/load)"), Unsupported),
    (200, '{"status": "loaded"}', ProviderUnavailable),
    (503, text_error("queue full"), ProviderBusy),
]


@pytest.mark.parametrize(("status", "body", "expected"), LOAD_ERRORS)
def test_every_shape_of_an_error_of_a_load_is_one_of_ours(
    status: int, body: str, expected: type[BursarError]
) -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[LOAD] = Refusal(status, body)
        assert type(await here.failure(here.load())) is expected

    run(test, timeouts=ProviderTimeouts(load_s=5, unload_s=5))


def test_an_event_of_an_error_in_an_answer_is_an_error_and_not_its_end() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.faults.junk_after = (
            2,
            b'event: error\ndata: {"error": {"message": "Model is unloaded."}}\n\n',
        )
        assert isinstance(await here.failure(here.ask()), ModelVanished)

    run(test)


def test_an_answer_without_its_end_is_not_taken_for_one() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.faults.no_end = True
        assert isinstance(await here.failure(here.ask()), ProviderUnavailable)

    run(test)


def test_a_token_is_sent_with_every_request() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        assert (await here.ask())[-1].done
        await here.provider.unload(LLM)

    run(test, Switches(token=GIVEN), key=GIVEN)


def test_without_its_token_it_is_reachable_and_says_what_is_wrong() -> None:
    async def test(here: Studio) -> None:
        assert isinstance(await here.failure(here.provider.resident()), ProviderAuthFailed)
        probe = await here.provider.probe()
        assert (probe.reachable, probe.code) == (True, "PROVIDER_AUTH_FAILED")
        assert "An LM Studio API token is required" in probe.cause

    run(test, Switches(token=GIVEN))
