"""What keys and values take, by the fields of a model's header."""

from dataclasses import dataclass
from typing import Any, cast

from ..wire.fields import string, whole

_LAYERS_MAX = 10_000
#: Tokens that are computed at once, and are kept beside a sliding window.
_BATCH = 512
#: Bytes of 32 elements.
_BLOCK_BYTES = {"f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18}
_BLOCK = 32
_STATE_BYTES = 4
#: Every how many layers one sees all of the window, where a header only says how long the others' window is.
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gptoss": 2, "gpt-oss": 2, "cohere2": 4}


@dataclass(frozen=True, slots=True)
class Cache:
    """Bytes that keys and values take."""

    per_token: int
    #: However long the window is: layers that see less than all of it, and states that do not grow.
    constant: int


@dataclass(frozen=True, slots=True)
class Header:
    """`model_info` of `/api/show`."""

    info: dict[str, Any]

    @property
    def architecture(self) -> str:
        """Such as `llama`; empty where it does not say."""
        return string(self.info.get("general.architecture"))

    def number(self, key: str) -> int:
        """A number of the architecture's; 0 where there is none."""
        return whole(self.info.get(f"{self.architecture}.{key}")) or 0

    def value(self, key: str) -> object:
        """Whatever the architecture has there."""
        return self.info.get(f"{self.architecture}.{key}")

    def per_layer(self, key: str, default: int, layers: int) -> list[int]:
        """A number for each layer, whether it has one for all or a list."""
        value = self.value(key)
        if isinstance(value, list):
            numbers = [whole(item) or 0 for item in cast("list[object]", value)[:layers]]
            return numbers + [default] * (layers - len(numbers))
        return [whole(value) or default] * layers


def cache(header: Header, context: int, slots: int, kv_type: str) -> Cache:
    """Keys and values of a load with a window of `context` tokens for each of the `slots`.

    Fields that are missing make it larger: every layer is taken to see all of the window, and to have keys
    and values for every head.
    """
    layers = min(header.number("block_count"), _LAYERS_MAX)
    heads = max(header.per_layer("attention.head_count", 1, layers), default=1) or 1
    width = header.number("embedding_length") // heads
    channels = (header.number("attention.key_length") or width) + (
        header.number("attention.value_length") or width
    )
    kv_heads = _attending(header, header.per_layer("attention.head_count_kv", heads, layers))
    bytes_each = [count * channels * _BLOCK_BYTES.get(kv_type, 64) // _BLOCK for count in kv_heads]
    window = header.number("attention.sliding_window")
    slides = _sliding(header, layers) if 0 < window + _BATCH < context else [False] * layers
    sliding = sum(size for size, slide in zip(bytes_each, slides, strict=True) if slide)
    states = sum(count == 0 for count in kv_heads) * _state_bytes(header)
    constant = (sliding * (window + _BATCH) + states) * slots
    return Cache(per_token=sum(bytes_each) - sliding, constant=constant)


def _attending(header: Header, kv_heads: list[int]) -> list[int]:
    """None in the layers of a hybrid that have a state instead."""
    every = header.number("full_attention_interval")
    if not every:
        return kv_heads
    return [heads if (layer + 1) % every == 0 else 0 for layer, heads in enumerate(kv_heads)]


def _sliding(header: Header, layers: int) -> list[bool]:
    """Which layers see no more than the sliding window."""
    pattern = header.value("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        flags = [item is True or item == 1 for item in cast("list[object]", pattern)[:layers]]
        return flags + [False] * (layers - len(flags))
    every = whole(pattern) or _FULL_EVERY.get(header.architecture, 1)
    return [(layer + 1) % every != 0 for layer in range(layers)]


def _state_bytes(header: Header) -> int:
    """What a layer remembers that has no keys and values, as llama.cpp reckons it."""
    state, inner = header.number("ssm.state_size"), header.number("ssm.inner_size")
    convolved = max(0, header.number("ssm.conv_kernel") - 1)
    groups = header.number("ssm.group_count")
    return (convolved * (inner + 2 * groups * state) + state * inner) * _STATE_BYTES
