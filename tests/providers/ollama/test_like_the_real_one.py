"""The simulator beside a real Ollama 0.12.11: the same questions, and answers of the same shape.

    BURSAR_TEST_OLLAMA=http://127.0.0.1:11434,tiny:latest,vectors:latest ./dev test tests/providers/ollama

Statuses, content types, the order and types of all fields, and texts of errors are compared; times, sizes,
tokens and whatever else is the model's own are not.
"""

import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.world import Installed, World

from .server import in_thread

_REAL = os.environ.get("BURSAR_TEST_OLLAMA", "")
_NOT_HERE = "set BURSAR_TEST_OLLAMA to URL,MODEL,EMBEDDING-MODEL to compare with a real Ollama 0.12"
#: Fields that only some models have, or that hold what only a real one has.
_OWN = {"model_info", "modelfile", "template", "parameters", "license", "system", "tensors"}


@dataclass(frozen=True)
class Answer:
    """An answer, as far as it is compared."""

    status: int
    kind: str
    body: object


@dataclass(frozen=True)
class Question:
    method: str
    path: str
    body: str | None = None
    #: What may differ is left out where the answer is long.
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"{self.method} {self.path} {self.body or ''}"[:70]


def post(path: str, body: object, name: str = "") -> Question:
    return Question("POST", path, body if isinstance(body, str) else json.dumps(body), name)


_HELLO = [{"role": "user", "content": "hi"}]
_LONG = [{"role": "user", "content": "abcdefgh " * 1000}]
_SMALL = {"num_ctx": 256, "num_predict": 8, "seed": 1}

QUESTIONS = [
    Question("GET", "/"),
    Question("HEAD", "/"),
    Question("GET", "/api/version"),
    Question("GET", "/api/tags"),
    Question("GET", "/api/nothing"),
    Question("GET", "/api/chat"),
    *[post(f"/api/{verb}", "", f"{verb} without a body") for verb in ("generate", "chat", "show", "embed")],
    *[
        post(f"/api/{verb}", "{nonsense", f"{verb} bad JSON")
        for verb in ("generate", "chat", "show", "embed")
    ],
    *[
        post(
            f"/api/{verb}",
            {"model": "nope", "prompt": "x", "messages": _HELLO, "input": "x"},
            f"{verb} unknown",
        )
        for verb in ("generate", "chat", "show", "embed", "embeddings")
    ],
    *[post(f"/api/{verb}", {"model": ""}, f"{verb} no model") for verb in ("generate", "chat", "show")],
    post("/api/chat", {"model": 7}),
    post("/api/chat", {"model": "LLM", "keep_alive": "soon"}),
    post("/api/chat", {"model": "LLM", "keep_alive": "5"}),
    post("/api/chat", {"model": "LLM", "keep_alive": "5 minutes"}),
    post("/api/chat", {"model": "LLM", "keep_alive": []}),
    post("/api/chat", {"model": "LLM", "options": {"num_ctx": "x"}}),
    post("/api/show", {"model": "LLM"}),
    post("/api/show", {"model": "VECTORS"}),
    post("/api/generate", {"model": "LLM", "keep_alive": 0}, "unload of what is not loaded"),
    Question("GET", "/api/ps", name="ps of nothing"),
    post("/api/generate", {"model": "LLM", "keep_alive": -1, "options": {"num_ctx": 256}}, "load"),
    post("/api/chat", {"model": "LLM", "messages": [], "options": {"num_ctx": 256}}, "load by chat"),
    Question("GET", "/api/ps", name="ps of one"),
    post("/api/chat", {"model": "LLM", "messages": _HELLO, "options": _SMALL}, "chat in a stream"),
    post(
        "/api/chat", {"model": "LLM", "messages": _HELLO, "options": _SMALL, "stream": False}, "chat at once"
    ),
    post("/api/generate", {"model": "LLM", "prompt": "hi", "options": _SMALL}, "generate in a stream"),
    post(
        "/api/generate",
        {"model": "LLM", "prompt": "hi", "options": _SMALL, "stream": False},
        "generate at once",
    ),
    post(
        "/api/chat", {"model": "LLM", "messages": _LONG, "options": _SMALL, "stream": False}, "too long, cut"
    ),
    post(
        "/api/chat",
        {"model": "LLM", "messages": _LONG, "options": _SMALL, "truncate": False},
        "too long, refused",
    ),
    post(
        "/api/chat",
        {"model": "LLM", "messages": _LONG, "options": _SMALL, "stream": False, "truncate": False},
        "too long, refused at once",
    ),
    post("/api/generate", {"model": "VECTORS"}, "generate of an embedding model"),
    post("/api/chat", {"model": "VECTORS", "messages": _HELLO}, "chat of an embedding model"),
    post("/api/embed", {"model": "VECTORS", "input": []}, "load of an embedding model"),
    post("/api/embed", {"model": "VECTORS", "input": ["a", "b"]}, "embed"),
    post("/api/embed", {"model": "VECTORS", "input": 7}, "embed a number"),
    post(
        "/api/embed",
        {"model": "VECTORS", "input": "abc " * 9000, "truncate": False},
        "embed too long",
    ),
    post("/api/embeddings", {"model": "VECTORS", "prompt": "a"}, "embeddings"),
    post("/api/embeddings", {"model": "VECTORS"}, "embeddings of nothing"),
    Question("GET", "/v1/models"),
    Question("GET", "/v1/models/LLM"),
    Question("GET", "/v1/models/nope"),
    post("/v1/chat/completions", {"model": "LLM", "messages": _HELLO, "max_tokens": 8}, "v1 at once"),
    post(
        "/v1/chat/completions",
        {
            "model": "LLM",
            "messages": _HELLO,
            "max_tokens": 8,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        "v1 in a stream",
    ),
    post("/v1/chat/completions", {"model": "nope", "messages": _HELLO}, "v1 unknown"),
    post("/v1/chat/completions", {"model": "LLM", "messages": []}, "v1 of nothing"),
    post("/v1/embeddings", {"model": "VECTORS", "input": "a"}, "v1 embeddings"),
    post("/v1/embeddings", {"model": "nope", "input": "a"}, "v1 embeddings unknown"),
    post("/v1/embeddings", {"model": "VECTORS"}, "v1 embeddings of nothing"),
    post("/api/chat", {"model": "LLM", "messages": [], "keep_alive": 0}, "unload by chat"),
    post("/api/pull", "", "pull without a body"),
    post("/api/pull", {"model": ""}, "pull of nothing"),
]


@pytest.mark.skipif(not _REAL, reason=_NOT_HERE)
def test_it_answers_as_a_real_one_does() -> None:
    url, llm, vectors = _REAL.split(",")
    models = [Installed(llm, size=372_830), Installed(vectors, size=372_830, kind="embedding", context=2048)]
    # A version built from sources calls itself 0.0.0.
    version = json.loads(_raw(url, Question("GET", "/api/version"))[2])["version"]
    simulated_version = "0.12.11" if version == "0.0.0" else version
    for model in (llm, vectors):
        _raw(url, post("/api/generate", {"model": model, "keep_alive": 0}))
        _until_gone(url, model)
    differences: dict[str, tuple[Answer, Answer]] = {}
    with in_thread(World(models), Switches(version=simulated_version)) as simulated:
        for question in QUESTIONS:
            asked = Question(
                question.method,
                question.path.replace("LLM", llm),
                question.body and question.body.replace("LLM", llm).replace("VECTORS", vectors),
            )
            real, ours = _ask(url, asked), _ask(simulated, asked)
            if real != ours:
                differences[str(question)] = real, ours
    assert differences == {}


@pytest.mark.skipif(not _REAL, reason=_NOT_HERE)
def test_a_client_that_goes_ends_the_load_of_a_real_one_too() -> None:
    url, llm, _ = _REAL.split(",")
    _raw(url, post("/api/generate", {"model": llm, "keep_alive": 0}))
    _until_gone(url, llm)
    body = json.dumps({"model": llm, "keep_alive": -1}).encode()
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    with socket.create_connection((parts.hostname, parts.port)) as client:
        head = f"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
    _until_gone(url, llm)


def _until_gone(url: str, model: str) -> None:
    """There is nothing to wait for but a change in the list."""
    for _ in range(500):
        listed = json.loads(_raw(url, Question("GET", "/api/ps"))[2])["models"]
        if model not in [entry["name"] for entry in listed]:
            return
        time.sleep(0.02)
    pytest.fail("it is still in memory")


def _ask(url: str, question: Question) -> Answer:
    status, kind, body = _raw(url, question)
    return Answer(status, kind.partition(";")[0], _shapes(kind, body))


def _raw(url: str, question: Question) -> tuple[int, str, str]:
    parts = urlsplit(url)
    assert parts.hostname
    with _connection(parts.hostname, parts.port or 80) as connection:
        connection.request(question.method, question.path, question.body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type", ""), answer.read().decode()


@contextmanager
def _connection(host: str, port: int) -> Generator[HTTPConnection, None, None]:
    connection = HTTPConnection(host, port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _shapes(kind: str, body: str) -> object:
    """Shapes of what is in a body; of a stream without what repeats."""
    if "json" not in kind and "event-stream" not in kind:
        return body
    lines = [line.removeprefix("data: ") for line in body.splitlines() if line.strip()]
    shapes = [line if line == "[DONE]" else _shape(json.loads(line)) for line in lines]
    return [shape for at, shape in enumerate(shapes) if at == 0 or shape != shapes[at - 1]]


def _shape(value: object, key: str = "") -> object:
    """Types instead of values, but for what is said in words: errors, reasons, statuses."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value).items()
        return [(name, _shape(each, name)) for name, each in fields if name not in _OWN]
    if isinstance(value, list):
        return [_shape(each, key) for each in cast("list[object]", value)[:1]]
    if key in {"error", "message", "type", "object", "done_reason", "finish_reason", "role", "done", "param"}:
        return value
    return type(value).__name__
