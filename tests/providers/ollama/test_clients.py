"""The clients that users have understand the simulator as they do an Ollama: Ollama's own, and OpenAI's."""

from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from bursar.domain.ports import ToolCall
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.world import World

from .server import in_thread
from .world import MODELS

HELLO = [{"role": "user", "content": "Hello world"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a place", "parameters": {}},
}
SCHEMA = {"type": "object", "properties": {"rain": {"type": "boolean"}}}
VERSIONS = ["0.32.15", "0.12.11"]


class Running:
    """A server in a thread."""

    def __init__(self, world: World, switches: Switches, url: str) -> None:
        self.world, self.switches, self.url = world, switches, url


@pytest.fixture(params=VERSIONS)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A simulated Ollama, and its world."""
    world, switches = World(MODELS), Switches(version=request.param)
    with in_thread(world, switches) as url:
        yield Running(world, switches, url)


@pytest.fixture
def client(running: Running) -> Iterator[Any]:
    """Ollama's own; its types are partly unknown."""
    client: Any = ollama.Client(running.url)
    with client:
        yield client


@pytest.fixture
def compatible(running: Running) -> Iterator[openai.OpenAI]:
    """OpenAI's, at `/v1`."""
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="ollama", max_retries=0) as client:
        yield client


def test_ollama_s_client_lists_and_shows(client: Any) -> None:
    listed = client.list().models
    assert [model.model for model in listed] == ["llama:8b", "small:latest", "vectors:latest"]
    assert [model.size for model in listed] == [model.size for model in MODELS]
    shown = client.show("small")
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo and shown.modelinfo["llama.block_count"] == 8
    assert shown.details and shown.details.format == "gguf"


def test_ollama_s_client_loads_sees_and_unloads(client: Any, running: Running) -> None:
    assert client.generate("small", keep_alive=-1).done_reason == "load"
    (loaded,) = client.ps().models
    assert (loaded.model, loaded.context_length, loaded.size_vram) == ("small:latest", 4096, 0)
    assert loaded.size == running.world.instances["small"].memory
    assert loaded.expires_at and loaded.expires_at.year > 2300
    assert client.generate("small", keep_alive=0).done_reason == "unload"
    assert client.chat("small", messages=[], keep_alive=0).done_reason == "unload"


def test_ollama_s_client_chats_in_a_stream_and_at_once(client: Any) -> None:
    *pieces, last = client.chat("small", messages=HELLO, options={"num_predict": 3}, stream=True)
    assert [piece.message.content for piece in pieces] == ["w0 ", "w1 ", "w2 "]
    assert (last.done, last.done_reason, last.eval_count) == (True, "length", 3)
    whole = client.chat("small", messages=HELLO, options={"num_predict": 3})
    assert whole.message.content == "w0 w1 w2 "
    assert whole.message.role == "assistant"
    assert whole.prompt_eval_count == last.prompt_eval_count
    assert whole.total_duration and whole.load_duration is not None


def test_ollama_s_client_sends_tools_and_hears_calls(client: Any, running: Running) -> None:
    running.world.calls = [ToolCall("call_1", "weather", '{"place": "Bern"}')]
    heard = list(client.chat("small", messages=HELLO, tools=[TOOL], stream=True))
    whole = client.chat("small", messages=HELLO, tools=[TOOL], format=SCHEMA)
    for calls in (
        [call for piece in heard for call in piece.message.tool_calls or ()],
        whole.message.tool_calls,
    ):
        (call,) = calls
        assert (call.function.name, dict(call.function.arguments)) == ("weather", {"place": "Bern"})
    _method, _path, body = running.world.requests[-1]
    assert isinstance(body, dict)
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["format"] == SCHEMA
    answered = [*HELLO, whole.message, {"role": "tool", "content": "rain", "tool_name": "weather"}]
    assert client.chat("small", messages=answered).done


def test_ollama_s_client_generates(client: Any) -> None:
    *pieces, last = client.generate("small", prompt="Hello", options={"num_predict": 2}, stream=True)
    assert [piece.response for piece in pieces] == ["w0 ", "w1 "]
    assert last.context
    assert client.generate("small", prompt="Hello", options={"num_predict": 2}).response == "w0 w1 "


def test_ollama_s_client_embeds(client: Any) -> None:
    answer = client.embed("vectors", input=["one", "two"])
    assert len(answer.embeddings) == 2
    assert sum(number**2 for number in answer.embeddings[0]) == pytest.approx(1)
    old = client.embeddings("vectors", prompt="one")
    assert list(old.embedding) == pytest.approx(list(answer.embeddings[0]))


def test_ollama_s_client_pulls(client: Any) -> None:
    assert [step.status for step in client.pull("small", stream=True)][-1] == "success"
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(client.pull("nope", stream=True))


def test_ollama_s_client_raises_what_an_ollama_says(client: Any, running: Running) -> None:
    def refused(call: str, model: str, **fields: object) -> tuple[int, str]:
        with pytest.raises(ollama.ResponseError) as caught:
            getattr(client, call)(model, **fields)
        return caught.value.status_code, caught.value.error

    assert refused("chat", "nope", messages=HELLO) == (404, "model 'nope' not found")
    assert refused("show", "nope") == (404, "model 'nope' not found")
    assert refused("embed", "nope", input="x") == (404, 'model "nope" not found, try pulling it first')
    assert refused("generate", "vectors", prompt="x") == (400, '"vectors" does not support generate')
    assert refused("chat", "vectors", messages=HELLO) == (400, '"vectors" does not support chat')
    running.switches.max_queue = 0
    busy = "server busy, please try again.  maximum pending requests exceeded"
    assert refused("chat", "small", messages=HELLO) == (503, busy)


def test_ollama_s_client_raises_an_error_in_a_stream(client: Any, running: Running) -> None:
    running.switches.error_after = (2, "it broke")
    pieces: list[str | None] = []
    with pytest.raises(ollama.ResponseError, match="it broke"):
        pieces.extend(piece.message.content for piece in client.chat("small", messages=HELLO, stream=True))
    assert pieces == ["w0 ", "w1 "]


def test_openai_s_client_lists(compatible: openai.OpenAI) -> None:
    listed = compatible.models.list().data
    assert [model.id for model in listed] == ["llama:8b", "small:latest", "vectors:latest"]
    assert compatible.models.retrieve("small").owned_by == "library"


def test_openai_s_client_chats_in_a_stream_and_at_once(compatible: openai.OpenAI) -> None:
    answer = compatible.chat.completions.create(
        model="small", messages=[{"role": "user", "content": "hi"}], max_tokens=3
    )
    assert answer.choices[0].message.content == "w0 w1 w2 "
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage and answer.usage.completion_tokens == 3
    chunks = list(
        compatible.chat.completions.create(
            model="small",
            messages=[{"role": "user", "content": "hi"}],
            max_tokens=3,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in texts) == "w0 w1 w2 "
    assert chunks[-1].choices == []
    assert chunks[-1].usage == answer.usage


def test_openai_s_client_sends_tools_and_hears_calls(compatible: openai.OpenAI, running: Running) -> None:
    running.world.calls = [ToolCall("call_1", "weather", '{"place":"Bern"}')]
    completions: Any = compatible.chat.completions
    asked: dict[str, Any] = {"model": "small", "messages": HELLO, "tools": [TOOL]}
    answer = completions.create(**asked)
    assert answer.choices[0].finish_reason == "tool_calls"
    pieces = [piece.choices[0] for piece in completions.create(**asked, stream=True)]
    assert pieces[-1].finish_reason == "tool_calls"
    told = [call for piece in pieces for call in piece.delta.tool_calls or ()]
    for (call,) in (told, answer.choices[0].message.tool_calls):
        assert call.id
        assert (call.function.name, call.function.arguments) == ("weather", '{"place":"Bern"}')


def test_openai_s_client_embeds(compatible: openai.OpenAI) -> None:
    answer = compatible.embeddings.create(model="vectors", input=["one", "two"], encoding_format="float")
    assert [each.index for each in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens > 0


def test_openai_s_client_raises_what_an_ollama_says(compatible: openai.OpenAI, running: Running) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        compatible.chat.completions.create(model="nope", messages=[{"role": "user", "content": "hi"}])
    assert "model 'nope' not found" in missing.value.message
    assert missing.value.type == ("not_found_error" if running.switches.since(0, 30) else "api_error")
    with pytest.raises(openai.BadRequestError) as empty:
        compatible.chat.completions.create(model="small", messages=[])
    assert empty.value.type == "invalid_request_error"
    running.world.faults.refusals["/v1/chat/completions"] = Refusal(401, '{"error": {"message": "no"}}')
    with pytest.raises(openai.AuthenticationError):
        compatible.chat.completions.create(model="small", messages=[{"role": "user", "content": "hi"}])
