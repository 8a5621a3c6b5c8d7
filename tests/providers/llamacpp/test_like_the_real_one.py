"""The simulator answers as the real server does: the same statuses, the same fields, of the same types."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest

from bursar.testing.provider.llamacpp import Flags, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .. import real_llamacpp
from .world import plain_client

pytestmark = pytest.mark.skipif(bool(real_llamacpp.MISSING), reason=real_llamacpp.MISSING)

HELLO = {"messages": [{"role": "user", "content": "Hello world"}], "max_tokens": 4, "temperature": 0.0}
LONG = {**HELLO, "messages": [{"role": "user", "content": "a" * 60_000}]}
CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Case:
    """A question to both. `words`: errors must say the same; some repeat what only one of them can know."""

    method: str
    path: str
    body: Any = None
    #: Asked first, and not compared.
    before: tuple["Case", ...] = ()
    words: bool = True
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.method} {self.path} {str(self.body)[:50]}"


BOTH_SLOTS = tuple(Case("POST", CHAT, {**HELLO, "id_slot": n}) for n in (0, 1))
SAVED = Case("POST", "/slots/0?action=save", {"filename": "kept.bin"})
#: To a server that has every flag.
CASES = (
    Case("GET", "/health"),
    Case("GET", "/v1/health"),
    Case("GET", "/models"),
    Case("GET", "/v1/models"),
    Case("GET", "/props"),
    Case("GET", "/slots", before=BOTH_SLOTS),
    Case("GET", "/slots?fail_on_no_slot=1", before=BOTH_SLOTS),
    Case("POST", "/tokenize", {"content": "Hello world"}),
    Case("POST", "/tokenize", {"content": "Hello world", "with_pieces": True}),
    Case("POST", "/tokenize", {"content": ""}),
    Case("POST", "/tokenize", {}),
    Case("POST", "/detokenize", {"tokens": [72, 101]}),
    Case("POST", "/apply-template", HELLO),
    Case("POST", "/apply-template", {}),
    Case("POST", "/v1/chat/completions/input_tokens", HELLO),
    Case("POST", "/v1/responses/input_tokens", {"input": "Hello world"}),
    Case("POST", "/v1/responses/input_tokens", {"input": HELLO["messages"]}),
    Case("POST", "/v1/responses/input_tokens", {"input": 7}),
    Case("POST", "/v1/responses/input_tokens", HELLO),
    Case("POST", "/v1/messages/count_tokens", HELLO),
    Case("POST", CHAT, HELLO),
    Case("POST", CHAT, {**HELLO, "stream": True}),
    Case("POST", CHAT, {**HELLO, "stream": True, "stream_options": {"include_usage": True}}),
    Case("POST", CHAT, {**HELLO, "stream": True, "return_progress": True}),
    Case("POST", CHAT, {**HELLO, "stream": True, "timings_per_token": True}),
    Case("POST", "/completion", {"prompt": "Hello", "n_predict": 4, "temperature": 0.0}),
    Case("POST", "/completion", {"prompt": "Hello", "n_predict": 4, "temperature": 0.0, "stream": True}),
    Case("POST", "/completion", {}),
    Case("POST", "/v1/embeddings", {"input": "Hello"}),
    Case("POST", "/v1/embeddings", {"input": ["Hello", "world"]}),
    Case("POST", "/v1/embeddings", {"input": []}),
    Case("POST", "/v1/embeddings", {}),
    Case("POST", "/v1/embeddings", {"input": "a" * 60_000}, words=False),
    SAVED,
    Case("POST", "/slots/0?action=restore", {"filename": "kept.bin"}, before=(SAVED,)),
    Case("POST", "/slots/0?action=erase", {}),
    Case("POST", "/slots/0?action=restore", {"filename": "missing.bin"}),
    Case("POST", "/slots/0?action=save", {"filename": "../kept.bin"}),
    Case("POST", "/slots/0?action=save", {}),
    Case("POST", "/slots/0?action=none", {"filename": "kept.bin"}),
    Case("POST", "/slots/zero?action=save", {"filename": "kept.bin"}),
    Case("GET", "/nowhere"),
    Case("POST", "/nowhere", {}),
    Case("GET", CHAT),
    Case("POST", CHAT, b"{nonsense", words=False),
    Case("POST", CHAT, {}),
    Case("POST", CHAT, {"messages": "Hello"}),
    Case("POST", CHAT, {"messages": [{"role": "user"}]}),
    Case("POST", CHAT, {**HELLO, "temperature": "hot"}),
    Case("POST", CHAT, LONG, words=False),
    Case("POST", CHAT, {**LONG, "stream": True}, words=False),
)
#: To a server that was started without any.
PLAIN = (
    Case("GET", "/metrics"),
    Case("POST", "/props", {}),
    Case("POST", "/v1/embeddings", {"input": "Hello"}),
    Case("POST", "/slots/0?action=save", {"filename": "kept.bin"}),
    Case("POST", "/slots/0?action=none", {}),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_answers_in_the_same_shape(case: Case) -> None:
    _compare(real_llamacpp.shared(), case, Flags(embeddings=True, slot_save_path="/slots", metrics=True))


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_without_flags_it_refuses_in_the_same_words(case: Case) -> None:
    _compare(real_llamacpp.plain(), case, Flags())


def test_its_metrics_are_among_the_real_ones() -> None:
    async def names(url: str) -> set[str]:
        async with plain_client(url) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        return {line.split()[0] for line in lines if not line.startswith("#")}

    async def test() -> None:
        world = World([Installed("llm")])
        async with serving(build(world, Flags(metrics=True))) as server:
            simulated = await names(server.url)
        assert simulated and simulated <= await names(real_llamacpp.shared())

    asyncio.run(test())


@pytest.mark.parametrize("path", ["/health", "/v1/health", "/models", "/props", "/nowhere"])
def test_a_missing_key_is_refused_in_the_same_places(path: str, keyed: str) -> None:
    _compare(keyed, Case("GET", path), Flags(api_key="secret"))
    _compare(keyed, Case("GET", path, headers={"Authorization": "Bearer secret"}), Flags(api_key="secret"))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real server that wants a key."""
    with real_llamacpp.llama_server(tmp_path_factory.mktemp("keyed"), api_keys=["secret"]) as url:
        yield url


def _compare(real: str, case: Case, flags: Flags) -> None:
    async def test() -> None:
        world = World([Installed("llm")])
        flags.alias = real_llamacpp.NAME
        async with serving(build(world, flags)) as server:
            assert await _ask(server.url, case) == await _ask(real, case)

    asyncio.run(test())


async def _ask(url: str, case: Case) -> object:
    async with plain_client(url, **case.headers) as client:
        for earlier in case.before:
            (await _send(client, earlier)).raise_for_status()
        answer = await _send(client, case)
    if answer.headers["content-type"].startswith("text/event-stream"):
        return answer.status_code, _chunks(answer.text)
    body = answer.json()
    if answer.status_code == 200:
        return 200, _shape(body)
    error = (
        body["error"] if case.words else {**body["error"], "message": "", "n_ctx": 0, "n_prompt_tokens": 0}
    )
    return answer.status_code, error, sorted(body["error"])


async def _send(client: httpx.AsyncClient, case: Case) -> httpx.Response:
    if isinstance(case.body, bytes):
        return await client.request(case.method, case.path, content=case.body)
    return await client.request(case.method, case.path, json=case.body)


def _chunks(text: str) -> list[object]:
    """The shapes of a stream's events in their order, each as often as it changes."""
    shapes: list[object] = []
    for line in text.splitlines():
        if not line.startswith("data: "):
            continue
        data = line.removeprefix("data: ")
        shape = data if data == "[DONE]" else _shape(json.loads(data))
        if shapes[-1:] != [shape]:
            shapes.append(shape)
    return shapes


def _shape(value: object) -> object:
    """Names and types. Of a list, the shapes of its items that differ."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        shapes: list[object] = []
        for item in cast("list[object]", value):
            if (shape := _shape(item)) not in shapes:
                shapes.append(shape)
        return shapes
    return type(value).__name__
