"""Which provider a model id names."""

#: Providers of which there may be several, each with a name of its own: `openai:<name>:<model>`.
SEVERAL = ("openai",)


def provider_of(model: str) -> str:
    """The provider's part of our id: `ollama` of `ollama:qwen3:8b`, `openai:lab` of `openai:lab:qwen3`."""
    first, _, rest = model.partition(":")
    return f"{first}:{rest.partition(':')[0]}" if first in SEVERAL else first
