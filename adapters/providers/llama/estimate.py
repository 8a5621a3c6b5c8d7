"""What a model will take, before it is loaded."""

from functools import cache
from importlib import metadata as packages

from ....domain.models.values import RAM, Description
from .metadata import Metadata

#: The engine allocates windows in steps of this many tokens for each slot.
_WINDOW_STEP = 256

# Measured with xllamacpp 2026.10 on Linux: resident size of a child less weights, keys and values, for
# embeddings of 64 to 2048, vocabularies of 354 to 128 k tokens and 2 to 8 slots. Right after the load it is
# 35 MiB + 210 bytes a token of the vocabulary; the first prompt that fills a batch adds 3 MiB + 13 KiB a
# channel for intermediate results. The sum was within 6 % of what was then resident.
_PROCESS_BYTES = 39 << 20
_BYTES_PER_CHANNEL = 12 << 10
_BYTES_PER_VOCABULARY_TOKEN = 220


def describe(model: str, metadata: Metadata, context_tokens: int, slots: int) -> Description:
    """Foresee a load with a window of `context_tokens` a slot, or less if the model was trained for less."""
    window = min(context_tokens, metadata.trained_context or context_tokens)
    window = _in_steps(window)
    return Description(
        model=model,
        digest=metadata.digest,
        engine=engine_version(),
        device=RAM,
        weights_bytes=metadata.weights_bytes,
        kv_bytes_per_token=metadata.kv_bytes_per_token,
        context_tokens=window * slots,
        overhead_bytes=_overhead_bytes(metadata),
        slots=slots,
        provenance="gguf header",
        most_context_tokens=_in_steps(metadata.trained_context) * slots,
    )


def _in_steps(tokens: int) -> int:
    return -(-tokens // _WINDOW_STEP) * _WINDOW_STEP


def _overhead_bytes(metadata: Metadata) -> int:
    computing = _BYTES_PER_CHANNEL * metadata.embedding
    return _PROCESS_BYTES + computing + _BYTES_PER_VOCABULARY_TOKEN * metadata.vocabulary


@cache
def engine_version() -> str:
    """Version of the engine, as descriptions and probes give it."""
    try:
        return f"llama.cpp (xllamacpp {packages.version('xllamacpp')})"
    except packages.PackageNotFoundError:
        return "llama.cpp (xllamacpp not installed)"
