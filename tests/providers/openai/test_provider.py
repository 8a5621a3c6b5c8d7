"""The adapter of any server with OpenAI's API: what is not said is assumed, and said to be."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import pytest

from bursar.adapters.providers.openai import OpenAIProvider
from bursar.domain.errors import (
    ContextTooLarge,
    InvalidModelId,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.models.values import Residency
from bursar.domain.ports import Chunk, Message, Truncation
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.openai import Quirks
from bursar.testing.provider.world import World

from .lab import ANSWER, HELLO, LAST, UNCOUNTED, ask, with_provider


@pytest.mark.parametrize("window", ["max_model_len", "context_length", "context_window", "meta"])
def test_a_window_is_taken_from_whatever_field_has_it(window: Any) -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert (await provider.describe("llm")).context_tokens == 64 * 2

    with_provider(talk, Quirks(window=window), slots=2)


def test_a_window_that_nobody_says_is_the_one_of_the_settings_or_none() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert (await provider.describe("llm")).context_tokens == expected

    expected = 0
    with_provider(talk)
    expected = 4096 * 3
    with_provider(talk, context_tokens=4096, slots=3)


def test_a_description_assumes_and_says_so() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        description = await provider.describe("llm")
        assert (description.weights_bytes, description.estimate_bytes) == (0, 0)
        assert (description.provenance, description.device) == ("assumed", "ram")
        assert description.digest == "openai:lab:llm"

    with_provider(talk)


def test_everything_listed_counts_as_resident_and_takes_nothing_we_know_of() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert await provider.resident() == tuple(
            Residency(
                model=model,
                digest=f"openai:lab:{model}",
                memory={},
                provenance="assumed",
                context_tokens=0,
                slots=8,
            )
            for model in ("llm", "vectors")
        )
        assert world.instances == {}

    with_provider(talk)


def test_verbs_of_lifecycle_are_unsupported() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        description = await provider.describe("llm")
        for refused in (provider.load(description), provider.unload("llm"), provider.tokenize("llm", "x")):
            with pytest.raises(Unsupported):
                await refused
        assert {path for _, path, _ in world.requests} == {"/v1/models"}

    with_provider(talk)


def test_a_model_that_is_not_listed_is_unknown() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        with pytest.raises(InvalidModelId, match="openai:lab does not list it"):
            await provider.describe("nope")

    with_provider(talk)


def test_without_a_list_names_are_taken_on_trust() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert (await provider.probe()).reachable
        assert await provider.resident() == ()
        assert (await provider.describe("llm")).model == "llm"
        assert (await provider.describe("nope")).model == "nope"
        assert await provider.catalogue() == ("llm", "nope")
        assert [residency.model for residency in await provider.resident()] == ["llm", "nope"]
        assert await ask(provider) == [*ANSWER, LAST]
        with pytest.raises(InvalidModelId):
            await ask(provider, model="nope")

    with_provider(talk, Quirks(lists=False))


def test_usage_is_always_asked_for_and_only_what_the_request_says_is_sent() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        await ask(provider)
        assert world.requests == [
            (
                "POST",
                "/v1/chat/completions",
                {
                    "model": "llm",
                    "messages": [{"role": "user", "content": "Hello you"}],
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "max_tokens": 2,
                },
            )
        ]

    with_provider(talk)


@pytest.mark.parametrize(
    ("quirks", "last"),
    [
        (Quirks(), LAST),
        (Quirks(pings=True), LAST),
        (Quirks(crlf=True, pings=True), LAST),
        (Quirks(done=False), LAST),
        (Quirks(framing="lines"), LAST),
        (Quirks(usage="finish"), LAST),
        (Quirks(usage="every"), LAST),
        (Quirks(usage="noughts"), UNCOUNTED),
        (Quirks(reasoning=2), LAST),
        (Quirks(reasoning=2, reasoning_field="reasoning"), LAST),
    ],
    ids=[
        "as OpenAI's",
        "pings",
        "CRLF and pings",
        "no [DONE]",
        "NDJSON as SSE",
        "usage on the finish chunk",
        "usage in every chunk",
        "usage of noughts",
        "reasoning_content",
        "reasoning",
    ],
)
def test_each_quirk_of_a_stream_is_tolerated(quirks: Quirks, last: Chunk) -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert await ask(provider) == [*ANSWER, last]

    with_provider(talk, quirks)


def test_usage_that_is_absent_is_unknown_and_not_nought() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        world.faults.no_usage = True
        assert await ask(provider) == [*ANSWER, UNCOUNTED]

    with_provider(talk)


def test_an_error_object_in_a_stream_of_status_200_is_an_error() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        with pytest.raises(ProviderUnavailable, match="The server had an error"):
            await ask(provider)

    with_provider(talk, Quirks(error_after=1))


def test_a_wrong_key_is_told_without_the_key() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        with pytest.raises(ProviderAuthFailed) as caught:
            await provider.catalogue()
        assert "4711" not in str(caught.value)
        probe = await provider.probe()
        assert (probe.reachable, probe.code) == (False, "PROVIDER_AUTH_FAILED")

    with_provider(talk, Quirks(key="sk-right-key"), key="sk-wrong-key-4711")


def test_the_right_key_is_sent_everywhere() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert (await provider.probe()).reachable
        assert await ask(provider) == [*ANSWER, LAST]
        assert len(await provider.embed("vectors", ["a"])) == 1

    with_provider(talk, Quirks(key="sk-right-key"), key="sk-right-key")


def test_a_prompt_that_is_too_long_is_refused_with_its_numbers() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        with pytest.raises(ContextTooLarge) as caught:
            await ask(provider, replace(HELLO, messages=[Message("user", "x" * 400)]))
        assert caught.value.values == {"prompt_tokens": 100, "model": "llm", "context_tokens": 64}

    with_provider(talk)


def test_a_prompt_that_was_cut_without_a_word_is_noticed() -> None:
    """As by Ollama behind its `/v1`: the counts are those of what was left."""

    async def talk(provider: OpenAIProvider, world: World) -> None:
        await provider.catalogue()
        *_, last = await ask(
            provider, replace(HELLO, messages=[Message("user", "one two three four " * 100)])
        )
        assert last.prompt_tokens == 50
        assert last.truncation == Truncation(50, 400, 64, "far_below_estimate")
        *_, last = await ask(provider)
        assert last.truncation is None

    with_provider(talk, Quirks(window="context_length", cuts_to=50))


@pytest.mark.parametrize("form", ["seconds", "date", "unsaid"])
def test_a_limit_is_told_with_when_to_come_again(form: Literal["seconds", "date", "unsaid"]) -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        world.may_answer.clear()
        first = asyncio.ensure_future(ask(provider))
        while not sum(instance.busy for instance in world.instances.values()):
            await world.changes()
        with pytest.raises(ProviderBusy, match="Rate limit reached") as caught:
            await ask(provider)
        wait = caught.value.values["retry_after_ms"]
        if form == "seconds":
            assert wait == 50_000
        elif form == "date":
            # A date has whole seconds, and the test takes some of them.
            assert isinstance(wait, int) and 20_000 < wait <= 50_000
        else:
            assert wait is None
        world.may_answer.set()
        assert await first == [*ANSWER, LAST]

    with_provider(talk, Quirks(limit=1, retry_after=form, retry_after_s=50))


def test_a_server_error_with_a_date_to_come_again_is_busy() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        world.faults.refusals["/v1/embeddings"] = Refusal(503, "<html></html>", {"Retry-After": date})
        with pytest.raises(ProviderBusy) as caught:
            await provider.embed("vectors", ["a"])
        wait = caught.value.values["retry_after_ms"]
        assert isinstance(wait, int) and 3_500_000 < wait <= 3_600_000

    with_provider(talk)


def test_vectors_come_in_the_order_of_their_texts() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        together = await provider.embed("vectors", ["a", "b"])
        alone = [(await provider.embed("vectors", [text]))[0] for text in ("a", "b")]
        assert list(together) == alone and alone[0] != alone[1]

    with_provider(talk)
