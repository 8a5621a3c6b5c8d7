"""The `openai` client understands the stand-in's `/v1` as it understands LM Studio's."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from bursar.domain.ports import ToolCall
from bursar.testing.provider.lmstudio import Switches

from .studio_world import LLM, OTHER, STRANGE, VECTORS, Studio, run

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello world"}]
Trial = Callable[[openai.AsyncOpenAI, Studio], Coroutine[object, object, None]]


@asynccontextmanager
async def _client(here: Studio) -> AsyncGenerator[openai.AsyncOpenAI, None]:
    key = here.switches.token or "lm-studio"
    async with openai.AsyncOpenAI(base_url=f"{here.server.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def with_client(trial: Trial, switches: Switches | None = None) -> None:
    async def test(here: Studio) -> None:
        async with _client(here) as client:
            await trial(client, here)

    run(test, switches)


def test_it_lists_the_models() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        assert [model.id async for model in client.models.list()] == [LLM, OTHER, VECTORS]

    with_client(trial)


def test_it_chats_at_once() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        answer = await client.chat.completions.create(model=LLM, messages=HELLO, max_tokens=3)
        assert answer.choices[0].message.content == "w0 w1 w2 "
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + 3

    with_client(trial)


@pytest.mark.parametrize("counted", [True, False])
def test_it_chats_in_pieces_and_counts_when_asked(counted: bool) -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        chunks = await client.chat.completions.create(
            model=LLM, messages=HELLO, max_tokens=3, stream=True, stream_options={"include_usage": counted}
        )
        heard = [chunk async for chunk in chunks]
        said = [chunk.choices[0].delta.content for chunk in heard if chunk.choices]
        assert said == ["w0 ", "w1 ", "w2 ", None]
        assert [chunk.usage.completion_tokens for chunk in heard if chunk.usage] == [3] * counted

    with_client(trial)


@pytest.mark.parametrize("arguments", ["{}", '{"place":"Bern"}'])
def test_it_hears_calls_of_tools_at_once_and_in_pieces(arguments: str) -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        here.world.calls = [ToolCall("1", "weather", arguments), ToolCall("2", "clock", "{}")]
        whole = await client.chat.completions.create(model=LLM, messages=HELLO)
        told = [call for call in whole.choices[0].message.tool_calls or () if call.type == "function"]
        assert [(call.function.name, call.function.arguments) for call in told] == [
            ("weather", arguments),
            ("clock", "{}"),
        ]
        async with client.chat.completions.stream(model=LLM, messages=HELLO) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].finish_reason == "tool_calls"
        calls = final.choices[0].message.tool_calls or []
        assert [call.function.arguments for call in calls] == [arguments, "{}"]

    with_client(trial)


def test_it_completes_a_text() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        answer = await client.completions.create(model=LLM, prompt="Once upon", max_tokens=2)
        assert answer.choices[0].text == "w0 w1 "
        pieces = await client.completions.create(model=LLM, prompt="Once upon", max_tokens=2, stream=True)
        assert [piece.choices[0].text async for piece in pieces] == ["w0 w1 "]

    with_client(trial)


def test_it_makes_embeddings() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        answer = await client.embeddings.create(model=VECTORS, input=["one", "two"])
        assert [item.index for item in answer.data] == [0, 1]
        assert answer.data[0].embedding != answer.data[1].embedding

    with_client(trial)


def test_it_gets_responses_at_once_and_in_pieces() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        whole = await client.responses.create(model=LLM, input="Hello", max_output_tokens=2)
        assert whole.output_text == "w0 w1 "
        pieces = await client.responses.create(model=LLM, input="Hello", max_output_tokens=2, stream=True)
        kinds = [event.type async for event in pieces]
        delta = "response.output_text.delta"
        assert kinds == ["response.created", delta, delta, "response.completed"]

    with_client(trial)


def test_it_raises_the_errors_of_their_statuses() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        with pytest.raises(openai.NotFoundError, match="Invalid model identifier") as unknown:
            await client.chat.completions.create(model="o4-mini", messages=HELLO)
        assert unknown.value.code == "model_not_found"
        here.switches.token = STRANGE
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=LLM, messages=HELLO)

    with_client(trial)


def test_it_raises_what_is_told_in_the_middle_of_an_answer() -> None:
    async def trial(client: openai.AsyncOpenAI, here: Studio) -> None:
        chunks = await client.chat.completions.create(model=LLM, messages=HELLO, max_tokens=99, stream=True)
        await anext(aiter(chunks))
        here.world.may_answer.clear()
        here.world.forget_all()
        asyncio.get_running_loop().call_soon(here.world.may_answer.set)
        with pytest.raises(openai.APIError, match="Model is unloaded"):
            [chunk async for chunk in chunks]

    with_client(trial)
