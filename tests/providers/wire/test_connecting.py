"""Addresses and keys, as people write them into settings."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp

from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.openai import OpenAIProvider
from bursar.adapters.providers.vllm import VllmProvider
from bursar.domain.ports import Provider
from bursar.testing.provider import llamacpp, lmstudio, ollama, openai, vllm
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

KINDS: list[tuple[Callable[..., Provider], Callable[[World], ASGIApp]]] = [
    (OllamaProvider, ollama.build),
    (LmStudioProvider, lmstudio.build),
    (LlamaCppServer, llamacpp.build),
    (LlamaCppServer, llamacpp.build_router),
    (VllmProvider, vllm.build),
    (OpenAIProvider, openai.build),
]


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_address_may_end_in_the_v1_that_belongs_to_its_paths(kind: Any, end: str) -> None:
    make, build = kind

    async def test() -> None:
        async with asyncio.timeout(30), serving(build(World([Installed("llm")]))) as server:
            provider = make(f"{server.url}{end}")
            assert (await provider.probe()).reachable
            assert any("llm" in name for name in await provider.catalogue())
            await provider.close()

    asyncio.run(test())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:1", "must begin with http"),
        ("http://", "names no host"),
        ("http://user:secret@127.0.0.1:1", "has a name or password"),
        ("http://127.0.0.1:1/?token=secret", "has a query"),
    ],
)
def test_an_address_or_key_that_cannot_be_is_refused_and_secrets_are_not_repeated(
    kind: Any, url: str, said: str
) -> None:
    make, _ = kind
    with pytest.raises(ValueError, match=said) as caught:
        make(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="control character") as caught:
        make("http://127.0.0.1:1", key="sekrit\n")
    assert "sekrit" not in str(caught.value)
