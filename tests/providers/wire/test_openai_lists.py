"""Lists of models and vectors, as servers really send them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from bursar.adapters.http.port import Http
from bursar.adapters.providers.wire.openai import embed, list_models
from bursar.domain.errors import BursarError, InvalidModelId, ProviderUnavailable, Unsupported

from .answering import Answering, answering

Found = TypeVar("Found")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"object":"list","data":[{"id":"b"},{"id":"a","owned_by":"x"}]}', ["b", "a"]),
        ('{"object":"list","data":[]}', []),
        # Nothing of it is a model.
        ('{"object":"list","data":null}', []),
        ('{"data":"x"}', []),
        ('{"data":[{"name":"a"},{"id":null},{"id":""},"c",["d"],null]}', []),
        ("[]", []),
    ],
)
def test_models_are_what_has_a_name(body: str, names: list[str]) -> None:
    assert [model["id"] for model in asked(body, lambda http: list_models(http, "lab"))] == names


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "nonsense", ProviderUnavailable),
        (200, '{"error":"no"}', ProviderUnavailable),
        (404, '{"detail":"Not Found"}', Unsupported),
        (500, "", ProviderUnavailable),
    ],
)
def test_what_is_no_list_is_an_error(status: int, body: str, kind: type[BursarError]) -> None:
    with pytest.raises(kind):
        asked(body, lambda http: list_models(http, "lab"), status)


def vectors(*pairs: tuple[object, object]) -> str:
    return json.dumps({"data": [{"index": index, "embedding": vector} for index, vector in pairs]})


def test_vectors_come_in_the_order_of_their_texts() -> None:
    body = vectors((1, [3, 4]), (0, [1.5, 2]))
    assert asked(body, lambda http: embed(http, "lab", "m", ["a", "b"])) == ((1.5, 2.0), (3.0, 4.0))


def test_no_texts_have_no_vectors_and_nobody_is_asked_for_them() -> None:
    async def test() -> None:
        app = Answering([b"{}"])
        async with answering(app) as http:
            assert await embed(http, "lab", "m", []) == ()
        assert app.asked == []

    asyncio.run(test())


def test_what_is_said_besides_goes_into_the_body() -> None:
    async def test() -> None:
        app = Answering([vectors((0, [1])).encode()], kind="application/json")
        async with answering(app) as http:
            await embed(http, "lab", "m", ["a"], ttl=60)
        assert app.asked == [{"model": "m", "input": ["a"], "ttl": 60}]

    asyncio.run(test())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (vectors(), "it sent 0 embeddings for 2 texts"),
        (vectors((0, [1]), (1, [1]), (2, [1])), "it sent 3 embeddings for 2 texts"),
        (vectors((0, "AAAA"), (1, [1])), "m did not answer with vectors"),
        (vectors((0, "11"), (1, [1])), "m did not answer with vectors"),
        (vectors((0, ["1"]), (1, [1])), "m did not answer with vectors"),
        (vectors((0, [float("nan")]), (1, [1])), "m did not answer with vectors"),
        (vectors((0, []), (1, [1])), "m did not answer with vectors"),
        (vectors((None, [1]), (1, [1])), "m did not answer with vectors"),
        (vectors((0, [1]), (0, [1])), "m did not answer with vectors"),
        (vectors((1, [1]), (2, [1])), "m did not answer with vectors"),
        ('{"data":[{"embedding":[1]},{"embedding":[2]}]}', "m did not answer with vectors"),
        ("{}", "it sent 0 embeddings for 2 texts"),
        ("nonsense", "its answer is not JSON"),
    ],
)
def test_what_is_not_a_vector_for_each_text_is_an_error(body: str, text: str) -> None:
    with pytest.raises(ProviderUnavailable, match=text):
        asked(body, lambda http: embed(http, "lab", "m", ["a", "b"]))


def test_an_embedding_of_an_unknown_model_is_told_as_such() -> None:
    body = '{"error":{"message":"The model `m` does not exist.","code":"model_not_found"}}'
    with pytest.raises(InvalidModelId):
        asked(body, lambda http: embed(http, "lab", "m", ["a"]), 404)


def asked(body: str, ask: Callable[[Http], Awaitable[Found]], status: int = 200) -> Found:
    """What comes of asking a server that answers with this body."""

    async def talk() -> Found:
        async with answering(Answering([body.encode()], status, "application/json")) as http:
            return await ask(http)

    return asyncio.run(talk())
