"""What is foreseen of a load, from `/api/tags` and `/api/show` alone."""

from typing import Any

import pytest

from bursar.adapters.providers.ollama.attention import Cache, Header, cache
from bursar.adapters.providers.ollama.shown import read_shown
from bursar.adapters.providers.ollama.versions import Version
from bursar.domain.errors import InvalidModelId
from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.world import GIB

from .world import Here, running


def test_a_description_has_the_weights_the_window_and_who_made_it() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("llama:8b")
        model = here.world.models["llama:8b"]
        assert description.weights_bytes == 5 * GIB
        assert description.digest == model.digest
        assert description.engine == "ollama 0.32.15"
        assert description.context_tokens == 4096
        assert description.kv_bytes_per_token * 4096 == model.kv_bytes(4096)
        assert (description.provenance, description.device, description.slots) == ("ollama show", "ram", 1)
        assert here.world.loads == 0

    running(test)


def test_the_window_is_that_of_the_settings_then_of_the_modelfile_and_never_more_than_was_trained() -> None:
    async def test(here: Here) -> None:
        assert (await here.provider.describe("llama:8b")).context_tokens == 16384
        assert (await here.provider.describe("small")).context_tokens == 4096
        assert (await here.provider.describe("vectors")).context_tokens == 2048

    running(test, Switches(parameters={"llama:8b": 'stop   "x"\nnum_ctx                        16384'}))

    async def by_settings(here: Here) -> None:
        assert (await here.provider.describe("llama:8b")).context_tokens == 9000
        assert (await here.provider.describe("small")).context_tokens == 8192

    running(by_settings, Switches(parameters={"llama:8b": "num_ctx 16384"}), context_tokens=9000)


def test_several_requests_at_once_have_a_window_each() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("small")
        assert (description.slots, description.context_tokens) == (3, 3 * 4096)
        residency = await here.provider.load(description)
        assert (residency.slots, residency.context_tokens) == (3, 3 * 4096)
        assert here.bodies("/api/generate")[0]["options"] == {"num_ctx": 4096}

    running(test, Switches(parallel=3), slots=3)


def test_a_graphics_card_is_where_the_settings_say() -> None:
    async def test(here: Here) -> None:
        assert (await here.provider.describe("small")).device == "gpu1"

    running(test, gpu="gpu1")


def test_an_unknown_model_is_not_described() -> None:
    async def test(here: Here) -> None:
        failure = await here.failure(here.provider.describe("nope"))
        assert isinstance(failure, InvalidModelId)
        assert failure.values["model"] == "nope"

    running(test)


def _cache(context: int = 4096, slots: int = 1, kv_type: str = "f16", **fields: Any) -> Cache:
    info: dict[str, Any] = {"general.architecture": "a", "a.block_count": 4, "a.embedding_length": 256}
    info |= {"a.attention.head_count": 8, "a.attention.head_count_kv": 2}
    return cache(
        Header(info | {f"a.{name}": value for name, value in fields.items()}), context, slots, kv_type
    )


#: What a header says, and the bytes that keys and values take.
CACHES: list[tuple[dict[str, Any], Cache]] = [
    # 4 layers, 2 heads, keys and values of 256 / 8 channels, 2 bytes each.
    ({}, Cache(4 * 2 * 64 * 2, 0)),
    ({"kv_type": "q8_0"}, Cache(4 * 2 * 64 * 34 // 32, 0)),
    ({"kv_type": "q4_0"}, Cache(4 * 2 * 64 * 18 // 32, 0)),
    ({"kv_type": "f32"}, Cache(4 * 2 * 64 * 4, 0)),
    ({"attention.key_length": 96, "attention.value_length": 64}, Cache(4 * 2 * 160 * 2, 0)),
    # Without its own number there are keys and values for every head.
    ({"attention.head_count_kv": None}, Cache(4 * 8 * 64 * 2, 0)),
    ({"attention.head_count_kv": [2, 0, 4, 0]}, Cache(6 * 64 * 2, 0)),
    # Layers that see 512 tokens and the batch take the same whatever the window is.
    (
        {"attention.sliding_window": 512, "attention.sliding_window_pattern": [True, True, True, False]},
        Cache(2 * 64 * 2, 3 * 2 * 64 * 2 * 1024),
    ),
    (
        {"attention.sliding_window": 512, "attention.sliding_window_pattern": 2, "slots": 3},
        Cache(2 * 2 * 64 * 2, 2 * 2 * 64 * 2 * 1024 * 3),
    ),
    # A sliding window that is as long as the window is none.
    ({"attention.sliding_window": 4096, "attention.sliding_window_pattern": 2}, Cache(4 * 2 * 64 * 2, 0)),
    # Nobody says which layers slide: all are taken to see everything.
    ({"attention.sliding_window": 512}, Cache(4 * 2 * 64 * 2, 0)),
    # A hybrid: one layer of two attends, the others have a state of 3·(128 + 2·16) + 16·128 numbers.
    (
        {
            "full_attention_interval": 2,
            "ssm.state_size": 16,
            "ssm.inner_size": 128,
            "ssm.conv_kernel": 4,
            "ssm.group_count": 1,
        },
        Cache(2 * 2 * 64 * 2, 2 * (3 * (128 + 32) + 16 * 128) * 4),
    ),
    ({"block_count": 0}, Cache(0, 0)),
    ({"block_count": "many"}, Cache(0, 0)),
]


@pytest.mark.parametrize(("fields", "expected"), CACHES)
def test_keys_and_values_are_reckoned_from_the_header(fields: dict[str, Any], expected: Cache) -> None:
    assert _cache(**fields) == expected


def test_an_architecture_that_is_known_to_slide_does() -> None:
    info = {"general.architecture": "gemma3", "gemma3.block_count": 6, "gemma3.embedding_length": 64}
    info |= {"gemma3.attention.head_count": 1, "gemma3.attention.sliding_window": 512}
    assert cache(Header(info), 8192, 1, "f16") == Cache(128 * 2, 5 * 128 * 2 * 1024)


@pytest.mark.parametrize(
    "body", [{}, {"model_info": None}, {"model_info": [], "capabilities": "x", "parameters": 3}]
)
def test_a_model_of_which_nothing_is_shown_is_taken_to_answer(body: dict[str, Any]) -> None:
    shown = read_shown(body)
    assert not shown.embeds_only and not shown.remote
    assert (shown.context(None), shown.context(9000)) == (4096, 9000)


@pytest.mark.parametrize(
    ("version", "lacking"),
    [
        ("0.32.15", set[str]()),
        ("0.0.0", set[str]()),
        ("", set[str]()),
        ("0.1.30", {"unload", "measure_memory", "embeddings"}),
        ("0.2.8-rc1", {"embeddings"}),
    ],
)
def test_abilities_follow_from_the_version(version: str, lacking: set[str]) -> None:
    never = {"tokenize", "kv_save", "sleep", "progress"}
    said = Version(version)
    assert set(said.lacks) == never | lacking
    assert set(said.capabilities.names) == {"load", "unload", "measure_memory", "embeddings"} - lacking
    assert all("since" in said.lacks[name] for name in lacking)
