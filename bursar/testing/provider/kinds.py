"""Which providers there are stand-ins for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from . import llamacpp, lmstudio, ollama, openai, vllm
from .world import World


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider to be like; `switches` is the type of what can be set about it and no other."""

    build: Callable[[World, Any], ASGIApp]
    switches: type
    #: Where the real one listens by default.
    port: int
    title: str


KINDS = {
    "ollama": Kind(ollama.build, ollama.Switches, 11434, "Ollama"),
    "lmstudio": Kind(lmstudio.build, lmstudio.Switches, 1234, "LM Studio"),
    "llamacpp": Kind(llamacpp.build, llamacpp.Flags, 8080, "llama.cpp's server with one model"),
    "llamacpp-router": Kind(
        llamacpp.build_router, llamacpp.RouterFlags, 8080, "llama.cpp's server as a router"
    ),
    "vllm": Kind(vllm.build, vllm.Switches, 8000, "vLLM"),
    "openai": Kind(openai.build, openai.Quirks, 8080, "any server with OpenAI's API"),
}
