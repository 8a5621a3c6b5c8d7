"""What a server with OpenAI's API says of its models."""

from collections.abc import Mapping
from typing import Any

from ..wire.fields import record, whole

#: Where servers put the window of a model: vLLM, llama-swap and others, Groq, LM Studio.
_WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")


def window(listed: Mapping[str, Any]) -> int:
    """Tokens that one request may have, by an entry of `/v1/models`; 0 where it does not say."""
    said = [listed.get(name) for name in _WINDOWS]
    # llama.cpp's server.
    said.append(record(listed.get("meta")).get("n_ctx"))
    return next((tokens for tokens in map(whole, said) if tokens), 0)
