"""Every shape of error that llama-server has, as one of ours."""

import pytest

from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelVanished,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.llamacpp import Flags
from bursar.testing.provider.llamacpp.refusing import Refused

from .world import router, run, single

#: Status, type and message, each as llama-server words it; the error, and a part of its text.
SHAPES: tuple[tuple[int, str, str, type[BursarError], str], ...] = (
    (400, "invalid_request_error", "'messages' is required", Unsupported, "'messages' is required"),
    (401, "authentication_error", "Invalid API Key", ProviderAuthFailed, "Invalid API Key"),
    (403, "permission_error", "not with this key", ProviderAuthFailed, "not with this key"),
    (404, "not_found_error", "File Not Found", Unsupported, "File Not Found"),
    (404, "not_found_error", "model is not found", InvalidModelId, "model is not found"),
    (500, "server_error", "something broke", ProviderUnavailable, "something broke"),
    (501, "not_supported_error", "This server does not support that", Unsupported, "does not support"),
    (503, "unavailable_error", "Loading model", ProviderBusy, "Loading model"),
    (503, "unavailable_error", "no slot available", ProviderBusy, "no slot available"),
    # The router's.
    (400, "invalid_request_error", "model 'llm' not found", InvalidModelId, "not found"),
    (400, "invalid_request_error", "model is not loaded", ModelVanished, "not loaded"),
    (500, "server_error", "model limit reached, try again later", ProviderBusy, "limit reached"),
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]} {shape[2]}")
def test_an_error_is_one_of_ours_with_the_servers_words(
    shape: tuple[int, str, str, type[BursarError], str],
) -> None:
    status, kind, message, ours, words = shape

    async def test() -> None:
        async with single() as here:
            body = bytes(Refused(status, kind, message).answer().body).decode()
            here.world.faults.refusals["/v1/chat/completions"] = Refusal(status, body)
            failure = await here.failure(here.ask("llm"))
            assert type(failure) is ours
            assert words in str(failure)

    run(test)


def test_a_prompt_that_is_too_long_is_refused_with_both_counts() -> None:
    async def test() -> None:
        async with single(Flags(ctx_size=512, parallel=2)) as here:
            long = ChatRequest([Message("user", "x" * 4000)])
            failure = await here.failure(here.ask("llm", long))
            assert isinstance(failure, ContextTooLarge)
            assert failure.values == {"prompt_tokens": 1006, "model": "llm", "context_tokens": 256}

    run(test)


def test_a_text_that_is_too_long_to_be_embedded_is_refused_with_both_counts() -> None:
    async def test() -> None:
        async with single(Flags(embeddings=True)) as here:
            await here.provider.probe()
            failure = await here.failure(here.provider.embed("llm", ["x" * 4000]))
            assert isinstance(failure, ContextTooLarge)
            assert failure.values == {"prompt_tokens": 1000, "model": "llm", "context_tokens": 512}

    run(test)


def test_an_old_version_that_cuts_a_prompt_is_noticed() -> None:
    async def test() -> None:
        async with single(Flags(ctx_size=512, parallel=2, context_shift=True, cuts_prompts=True)) as here:
            long = ChatRequest([Message("user", "one word after another " * 100)], max_tokens=4)
            truncation = (await here.ask("llm", long))[-1].truncation
            assert truncation is not None
            assert (truncation.prompt_tokens, truncation.context_tokens) == (128, 256)
            assert truncation.expected_tokens == 400

    run(test)


def test_an_error_in_the_middle_of_a_stream_is_told() -> None:
    async def test() -> None:
        async with single() as here:
            error = b'data: {"error":{"code":500,"message":"decode failed","type":"server_error"}}\n\n'
            here.world.faults.junk_after = (2, error)
            failure = await here.failure(here.ask("llm"))
            assert isinstance(failure, ProviderUnavailable) and "decode failed" in str(failure)

    run(test)


def test_another_server_at_the_same_place_is_no_llama_server() -> None:
    async def test() -> None:
        async with single() as here:
            here.world.faults.refusals["/props"] = Refusal(200, '{"version": "0.32.15"}')
            probe = await here.provider.probe()
            assert (probe.reachable, probe.code) == (False, "PROVIDER_UNAVAILABLE")
            assert "no llama-server" in probe.cause

    run(test)


def test_a_router_says_that_a_model_is_not_running_when_it_just_ended() -> None:
    async def test() -> None:
        async with router() as here:
            body = bytes(Refused(400, "invalid_request_error", "model name=a is not running").answer().body)
            here.world.faults.refusals["/v1/chat/completions"] = Refusal(400, body.decode())
            assert isinstance(await here.failure(here.ask("a")), ModelVanished)

    run(test)
