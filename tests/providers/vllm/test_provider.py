"""The adapter of vLLM's servers."""

import pytest

from bursar.adapters.providers.vllm.metrics import requests
from bursar.domain.errors import (
    ContextTooLarge,
    InvalidModelId,
    ModelVanished,
    ProviderAuthFailed,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.models.values import Description, Residency
from bursar.domain.ports import ChatRequest, Message
from bursar.domain.providers.values import Capabilities
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.vllm import Switches
from bursar.testing.provider.world import Installed

from .lab import Lab, with_vllm


def test_it_says_what_it_can_and_why_it_cannot_do_the_rest() -> None:
    async def test(lab: Lab) -> None:
        probe = await lab.provider.probe()
        assert (probe.reachable, probe.version) == (True, "0.17.0")
        assert probe.capabilities == Capabilities(tokenize=True, sleep=True, embeddings=True)
        assert set(probe.lacks) == {"load", "unload", "measure_memory", "kv_save", "progress"}

    with_vllm(test)


def test_what_it_reserved_is_not_known_unless_it_is_told() -> None:
    async def test(lab: Lab) -> None:
        assert await lab.provider.resident() == (
            Residency(
                model="llm",
                digest="/models/llm",
                memory={},
                provenance="reserved statically, unknown how much",
                context_tokens=8192 * 16,
                slots=16,
            ),
        )
        assert (await lab.provider.describe("llm")).estimate_bytes == 0

    with_vllm(test)


def test_what_it_reserved_is_charged_to_the_card_whatever_the_model_takes() -> None:
    async def test(lab: Lab) -> None:
        (residency,) = await lab.provider.resident()
        assert (residency.memory, residency.provenance) == ({"gpu0": 70}, "reserved statically")
        assert await lab.provider.describe("llm") == Description(
            model="llm",
            digest="/models/llm",
            engine="0.17.0",
            device="gpu0",
            weights_bytes=0,
            kv_bytes_per_token=0,
            context_tokens=8192 * 4,
            overhead_bytes=70,
            slots=4,
            provenance="reserved statically",
        )

    with_vllm(test, gpu="gpu0", reserved_bytes=70, slots=4)


def test_adapters_on_top_of_a_model_take_nothing_of_their_own() -> None:
    async def test(lab: Lab) -> None:
        rows = '{"id":"llm","parent":null},{"id":"tuned","parent":"llm"}'
        lab.world.faults.refusals["/v1/models"] = Refusal(200, f'{{"data":[{rows}]}}')
        assert [(found.model, found.memory) for found in await lab.provider.resident()] == [
            ("llm", {"ram": 70}),
            ("tuned", {}),
        ]
        assert (await lab.provider.describe("tuned")).estimate_bytes == 0

    with_vllm(test, reserved_bytes=70)


def test_lifecycle_is_unsupported() -> None:
    async def test(lab: Lab) -> None:
        description = await lab.provider.describe("llm")
        for refused in (lab.provider.load(description), lab.provider.unload("llm")):
            with pytest.raises(Unsupported):
                await refused

    with_vllm(test)


def test_the_key_belongs_to_v1_and_a_wrong_one_is_found_by_the_probe() -> None:
    async def test(lab: Lab) -> None:
        assert (await lab.provider.probe()).code == code
        if code:
            with pytest.raises(ProviderAuthFailed, match="Unauthorized"):
                await lab.provider.catalogue()

    code = "PROVIDER_AUTH_FAILED"
    with_vllm(test, Switches(key="right"), key="wrong")
    code = ""
    with_vllm(test, Switches(key="right"), key="right")


def test_an_engine_that_is_dead_is_told_though_its_server_answers() -> None:
    async def test(lab: Lab) -> None:
        lab.world.forget_all()
        probe = await lab.provider.probe()
        assert (probe.reachable, probe.code) == (False, "PROVIDER_UNAVAILABLE")
        assert probe.cause == "vllm is not available: its engine is dead"
        with pytest.raises(ModelVanished, match="EngineCore"):
            await lab.ask()

    with_vllm(test)


@pytest.mark.parametrize("old", [True, False], ids=["errors bare", "errors in an object"])
def test_a_prompt_that_is_too_long_is_refused_with_its_numbers(old: bool) -> None:
    async def test(lab: Lab) -> None:
        with pytest.raises(ContextTooLarge) as caught:
            await lab.ask(ChatRequest([Message("user", "x" * 400)]))
        assert caught.value.values == {"prompt_tokens": 100, "model": "llm", "context_tokens": 64}
        # An answer that would grow out of the window is refused before it begins.
        with pytest.raises(ContextTooLarge) as caught:
            await lab.ask(ChatRequest([Message("user", "x" * 40)], max_tokens=60))
        assert caught.value.values == {"prompt_tokens": 10, "model": "llm", "context_tokens": 64}

    with_vllm(test, Switches(old=old), model=Installed("llm", context=64))


@pytest.mark.parametrize("old", [True, False])
def test_a_model_that_is_not_served_is_unknown(old: bool) -> None:
    async def test(lab: Lab) -> None:
        with pytest.raises(InvalidModelId):
            await lab.provider.describe("nope")
        with pytest.raises(InvalidModelId, match="The model `nope` does not exist"):
            await lab.ask(model="nope")

    with_vllm(test, Switches(old=old))


def test_texts_are_tokenized_without_the_engine() -> None:
    async def test(lab: Lab) -> None:
        tokens = await lab.provider.tokenize("llm", "Hello you")
        assert len(tokens) == 3
        await lab.provider.sleep("llm")
        assert await lab.provider.tokenize("llm", "Hello you") == tokens
        assert lab.world.violations == []
        assert lab.world.requests[0][2] == {
            "model": "llm",
            "prompt": "Hello you",
            "add_special_tokens": False,
        }

    with_vllm(test)


@pytest.mark.parametrize("body", ["{}", '{"tokens":"x"}', '{"tokens":[1,"x"]}', '{"tokens":[-1]}', "[]"])
def test_tokens_that_are_no_numbers_are_an_error(body: str) -> None:
    async def test(lab: Lab) -> None:
        lab.world.faults.refusals["/tokenize"] = Refusal(200, body)
        with pytest.raises(ProviderUnavailable, match="its tokens are no numbers"):
            await lab.provider.tokenize("llm", "x")

    with_vllm(test)


def test_vectors_come_from_a_server_that_was_started_for_them_and_from_no_other() -> None:
    async def vectors(lab: Lab) -> None:
        assert len(await lab.provider.embed("e", ["a", "b"])) == 2

    async def none(lab: Lab) -> None:
        with pytest.raises(Unsupported, match="does not support Embeddings"):
            await lab.provider.embed("llm", ["a"])

    with_vllm(vectors, model=Installed("e", kind="embedding"))
    with_vllm(none)


METRICS = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 2.0
vllm:num_requests_running{engine="1",model_name="a"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a"} 4.0
vllm:%b{engine="0",model_name="a"} 0.5
vllm:num_requests_running_total 99.0
"""


@pytest.mark.parametrize("gauge", [b"gpu_cache_usage_perc", b"kv_cache_usage_perc"])
def test_requests_are_counted_over_all_engines_whatever_the_version(gauge: bytes) -> None:
    assert requests(METRICS % gauge) == 7


@pytest.mark.parametrize(
    ("metrics", "count"),
    [
        (b"", 0),
        (b"vllm:num_requests_running 3\n", 3),
        (b"vllm:num_requests_running{} 1.0e+01\n", 10),
        (b"vllm:num_requests_running ee\n", 0),
        (b"vllm:num_requests_running 1e999\n", 0),
        (b"<html>", 0),
    ],
)
def test_metrics_that_say_nothing_count_nothing(metrics: bytes, count: int) -> None:
    assert requests(metrics) == count
