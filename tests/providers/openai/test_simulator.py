"""The `openai` package understands the stand-in: it is not only ours that does."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.openai import Quirks, build
from bursar.testing.provider.world import Installed, World

from .client import with_openai

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello you"}]
KEY = "sk-right-key"


def a_world() -> World:
    return World([Installed("llm", context=64), Installed("vectors", kind="embedding")])


def test_it_lists_models() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        listed = [model async for model in client.models.list()]
        assert [(model.id, model.object, model.owned_by) for model in listed] == [
            ("llm", "model", "simulated"),
            ("vectors", "model", "simulated"),
        ]

    with_openai(build(a_world()), talk)


def test_it_answers_at_once_with_usage() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(model="llm", messages=HELLO, max_tokens=2)
        assert answer.choices[0].message.content == "w0 w1 "
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
            3,
            2,
            5,
        )

    with_openai(build(a_world()), talk)


def test_it_streams_with_usage_in_the_end() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="llm", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        text = "".join(choice.delta.content or "" for choice in choices)
        assert text == "".join(f"w{n} " for n in range(16))
        assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (3, 16)

    with_openai(build(a_world()), talk)


def test_a_stream_has_no_usage_unless_it_is_asked_for() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(model="llm", messages=HELLO, stream=True)
        assert [chunk.usage async for chunk in stream if chunk.usage] == []

    with_openai(build(a_world()), talk)


def test_it_completes_texts() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        answer = await client.completions.create(model="llm", prompt="Once upon", max_tokens=2)
        assert answer.choices[0].text == "w0 w1 "
        stream = await client.completions.create(model="llm", prompt="Once", max_tokens=2, stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == "w0 w1 "

    with_openai(build(a_world()), talk)


@pytest.mark.parametrize("form", ["float", "base64"])
def test_it_makes_vectors_in_whatever_order(form: Literal["float", "base64"]) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        both = await client.embeddings.create(model="vectors", input=["a", "b"])
        one = await client.embeddings.create(model="vectors", input="b", encoding_format=form)
        by_index = {item.index: item.embedding for item in both.data}
        assert set(by_index) == {0, 1} and by_index[0] != by_index[1]
        if form == "float":
            assert one.data[0].embedding == pytest.approx(by_index[1], abs=1e-6)

    with_openai(build(a_world()), talk)


def test_a_wrong_key_is_an_authentication_error() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
        assert caught.value.code == "invalid_api_key"

    with_openai(build(a_world(), Quirks(key=KEY)), talk, key="sk-wrong-key")


def test_an_unknown_model_is_not_found() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="nope", messages=HELLO)
        assert caught.value.code == "model_not_found"

    with_openai(build(a_world()), talk)


def test_a_prompt_that_is_too_long_is_a_bad_request() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="maximum context length is 64 tokens") as caught:
            await client.chat.completions.create(
                model="llm", messages=[{"role": "user", "content": "x" * 999}]
            )
        assert caught.value.code == "context_length_exceeded"

    with_openai(build(a_world()), talk)


def test_a_field_that_is_missing_is_a_bad_request() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="you must provide a messages parameter"):
            await client.chat.completions.create(model="llm", messages=[])
        with pytest.raises(openai.BadRequestError, match="you must provide a input parameter"):
            await client.post("/embeddings", body={"model": "vectors"}, cast_to=object)

    with_openai(build(a_world()), talk)


@pytest.mark.parametrize("form", ["seconds", "date", "unsaid"])
def test_one_request_too_many_is_a_rate_limit_error_that_says_when_to_come_again(
    form: Literal["seconds", "date", "unsaid"],
) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        world.may_answer.clear()
        first = asyncio.ensure_future(client.chat.completions.create(model="llm", messages=HELLO))
        while not sum(instance.busy for instance in world.instances.values()):
            await world.changes()
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="llm", messages=HELLO)
        headers = caught.value.response.headers
        assert caught.value.code == "rate_limit_exceeded"
        assert headers["x-ratelimit-remaining-requests"] == "0"
        if form == "seconds":
            assert headers["retry-after"] == "2"
        elif form == "date":
            assert (
                0 <= (parsedate_to_datetime(headers["retry-after"]) - datetime.now(UTC)).total_seconds() < 3
            )
        else:
            assert "retry-after" not in headers
        world.may_answer.set()
        assert (await first).choices[0].message.content

    world = a_world()
    with_openai(build(world, Quirks(limit=1, retry_after=form)), talk)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_are_internal_server_errors(status: int) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.InternalServerError):
            await client.models.list()

    world = a_world()
    world.faults.refusals["/v1/models"] = Refusal(status, "<html><title>no</title></html>")
    with_openai(build(world), talk)


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(pings=True),
        Quirks(crlf=True),
        Quirks(done=False),
        Quirks(usage="finish"),
        Quirks(usage="every"),
        Quirks(reasoning=3),
    ],
)
def test_quirks_that_the_package_tolerates_change_nothing_of_the_answer(quirks: Quirks) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="llm", messages=HELLO, max_tokens=2, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(texts) == "w0 w1 "
        assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage][-1] == 2

    with_openai(build(a_world(), quirks), talk)


def test_an_error_within_a_stream_is_an_api_error() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(model="llm", messages=HELLO, stream=True)
        # The role, and the two words before the error.
        assert [(await anext(stream)).choices[0].delta.content for _ in range(3)] == ["", "w0 ", "w1 "]
        with pytest.raises(openai.APIError, match="The server had an error"):
            await anext(stream)

    with_openai(build(a_world(), Quirks(error_after=2)), talk)


def test_a_stream_whose_reader_goes_ends() -> None:
    async def talk(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="llm", messages=HELLO, stream=True, max_tokens=10**6
        )
        await anext(stream)
        assert world.instances["llm"].busy == 1
        await stream.close()
        while world.instances["llm"].busy:
            await world.changes()

    world = a_world()
    with_openai(build(world), talk)
