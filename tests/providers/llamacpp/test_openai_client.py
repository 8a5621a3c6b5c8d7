"""The `openai` client understands the simulator: it is not only ours that does."""

import openai
import pytest

from bursar.testing.provider.llamacpp import Flags

from .world import Here, router, run, single


def _client(here: Here, key: str = "none") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{here.server.url}/v1", api_key=key, max_retries=0)


def test_it_lists_the_model_and_reads_an_answer_as_a_whole() -> None:
    async def test() -> None:
        async with single() as here, _client(here) as client:
            assert [model.id async for model in client.models.list()] == ["llm"]
            answer = await client.chat.completions.create(
                model="llm", messages=[{"role": "user", "content": "Hello"}], max_tokens=3
            )
            (choice,) = answer.choices
            assert (choice.message.content, choice.finish_reason) == ("w0 w1 w2 ", "length")
            assert answer.usage and answer.usage.completion_tokens == 3
            assert (
                answer.usage.prompt_tokens_details and answer.usage.prompt_tokens_details.cached_tokens == 0
            )

    run(test)


def test_it_reads_a_stream_with_its_usage() -> None:
    async def test() -> None:
        async with single(Flags(sse_ping_interval=0.001)) as here, _client(here) as client:
            stream = await client.chat.completions.create(
                model="llm",
                messages=[{"role": "user", "content": "Hello"}],
                stream=True,
                stream_options={"include_usage": True},
                max_tokens=3,
            )
            chunks = [chunk async for chunk in stream]
            text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
            assert text == "w0 w1 w2 "
            assert chunks[-1].usage and chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + 3

    run(test)


def test_it_reads_vectors() -> None:
    async def test() -> None:
        async with single(Flags(embeddings=True)) as here, _client(here) as client:
            answer = await client.embeddings.create(
                model="llm", input=["Hello", "world"], encoding_format="float"
            )
            assert [item.index for item in answer.data] == [0, 1]
            assert answer.data[0].embedding != answer.data[1].embedding

    run(test)


def test_it_reads_errors() -> None:
    async def test() -> None:
        async with single(Flags(api_key="secret", ctx_size=64)) as here:
            async with _client(here, "other") as client:
                with pytest.raises(openai.AuthenticationError, match="Invalid API Key"):
                    await client.models.list()
            async with _client(here, "secret") as client:
                with pytest.raises(openai.BadRequestError) as caught:
                    await client.chat.completions.create(
                        model="llm", messages=[{"role": "user", "content": "x" * 1000}]
                    )
                assert caught.value.type == "exceed_context_size_error"
        async with single(loading=True) as here, _client(here) as client:
            with pytest.raises(openai.InternalServerError, match="Loading model"):
                await client.chat.completions.create(model="llm", messages=[{"role": "user", "content": "x"}])

    run(test)


def test_it_has_a_router_load_what_it_asks_for() -> None:
    async def test() -> None:
        async with router() as here, _client(here) as client:
            assert [model.id async for model in client.models.list()] == ["a", "b"]
            answer = await client.chat.completions.create(
                model="b", messages=[{"role": "user", "content": "x"}], max_tokens=2
            )
            assert answer.model == "b" and list(here.world.instances) == ["b"]

    run(test)
