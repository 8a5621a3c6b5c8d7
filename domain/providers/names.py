"""Which provider a model id names."""

from functools import lru_cache

#: Providers of which there may be several, each with a name of its own: `openai:<name>:<model>`.
SEVERAL = ("openai",)


@lru_cache(maxsize=1024)  # asked for several times in every step
def provider_of(model: str) -> str:
    """The provider's part of our id: `ollama` of `ollama:qwen3:8b`, `openai:lab` of `openai:lab:qwen3`."""
    first, _, rest = model.partition(":")
    return f"{first}:{rest.partition(':')[0]}" if first in SEVERAL else first


def canonical(model: str) -> str:
    """The one id of a model that has two: to Ollama `qwen3` and `qwen3:latest` are the same."""
    name = model.removesuffix(":latest")
    return name if provider_of(model) == "ollama" and ":" in name else model
