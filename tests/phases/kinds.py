"""Every kind of provider that there is a stand-in for: how to start it, and what talks to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bursar.adapters.http.client import HttpClient
from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.openai import OpenAIProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.adapters.providers.vllm import VllmProvider
from bursar.testing.provider import llamacpp, lmstudio, ollama, openai, vllm
from bursar.testing.provider.world import World

#: Path and body of a request.
Ask = Callable[[str], tuple[str, dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of provider; `loads`: models come and go at our word."""

    prefix: str
    build: Callable[[World], Any]
    adapter: Callable[[str, ProviderTimeouts], Any]
    chat: str = "/v1/chat/completions"
    loads: bool = True
    #: It has but the first model of its world.
    single: bool = False
    #: What somebody else sends to load and unload.
    hand_load: Ask | None = None
    hand_unload: Ask | None = None


def _lmstudio(v1: bool) -> Kind:
    return Kind(
        "lmstudio",
        lambda world: lmstudio.build(world, lmstudio.Switches(v1=v1)),
        lambda url, timeouts: LmStudioProvider(url, timeouts=timeouts),
        loads=v1,
        hand_load=(lambda name: ("/api/v1/models/load", {"model": name})) if v1 else None,
        hand_unload=(lambda name: ("/api/v1/models/unload", {"instance_id": name})) if v1 else None,
    )


KINDS = {
    "ollama": Kind(
        "ollama",
        lambda world: ollama.build(world, ollama.Switches()),
        lambda url, timeouts: OllamaProvider(url, timeouts=timeouts),
        "/api/chat",
        hand_load=lambda name: ("/api/generate", {"model": name, "keep_alive": -1}),
        hand_unload=lambda name: ("/api/generate", {"model": name, "keep_alive": 0}),
    ),
    "lmstudio": _lmstudio(v1=True),
    "lmstudio-v0": _lmstudio(v1=False),
    "router": Kind(
        "llamacpp",
        lambda world: llamacpp.build_router(world, llamacpp.RouterFlags()),
        lambda url, timeouts: LlamaCppServer(url, timeouts=timeouts),
        hand_load=lambda name: ("/models/load", {"model": name}),
        hand_unload=lambda name: ("/models/unload", {"model": name}),
    ),
    "single": Kind(
        "llamacpp",
        lambda world: llamacpp.build(world, llamacpp.Flags(alias="small")),
        lambda url, timeouts: LlamaCppServer(url, timeouts=timeouts),
        loads=False,
        single=True,
    ),
    "vllm": Kind(
        "vllm",
        lambda world: vllm.build(world, vllm.Switches(reserved=2 << 30)),
        lambda url, timeouts: VllmProvider(url, timeouts=timeouts, reserved_bytes=2 << 30),
        loads=False,
        single=True,
    ),
    "openai": Kind(
        "openai:lab",
        lambda world: openai.build(world, openai.Quirks()),
        lambda url, timeouts: OpenAIProvider(f"{url}/v1", name="openai:lab", timeouts=timeouts),
        loads=False,
    ),
}


async def ask_by_hand(url: str, asked: tuple[str, dict[str, object]]) -> None:
    """What somebody else sends."""
    client = HttpClient(url)
    try:
        await client.request("POST", asked[0], json=asked[1], timeout_s=5)
    finally:
        await client.close()
