"""Which provider an id names, and what all of them have."""

import asyncio

import pytest

from bursar.domain.errors import InvalidModelId, ProviderUnavailable
from bursar.domain.models.values import Residency
from bursar.domain.settings import Settings
from bursar.providers import Directory
from bursar.testing.simulated import SimulatedProvider


class Holding(SimulatedProvider):
    """Has these models, all of them in memory; or is not there."""

    def __init__(self, *models: str, down: bool = False) -> None:
        super().__init__(dict.fromkeys(models, 1))
        self.held = dict(self.sizes)
        self._down = down

    async def catalogue(self) -> tuple[str, ...]:
        if self._down:
            raise ProviderUnavailable(provider="it", cause="nobody listens")
        return await super().catalogue()

    async def resident(self) -> tuple[Residency, ...]:
        await self.catalogue()
        return await super().resident()


def _directory(*prefixes: str) -> Directory:
    return Directory({prefix: Holding("m") for prefix in prefixes})


@pytest.mark.parametrize(
    ("model", "prefix", "name"),
    [
        ("ollama:qwen3:8b", "ollama", "qwen3:8b"),
        # Bare names are the default provider's, colons and all.
        ("qwen3:8b", "ollama", "qwen3:8b"),
        ("mistral", "ollama", "mistral"),
        ("hf.co/unsloth/Qwen3-GGUF:Q4_K_M", "ollama", "hf.co/unsloth/Qwen3-GGUF:Q4_K_M"),
        ("lmstudio:qwen/qwen3-8b", "lmstudio", "qwen/qwen3-8b"),
        ("openai:lab:qwen3:8b", "openai:lab", "qwen3:8b"),
        ("openai:lab2:gpt", "openai:lab2", "gpt"),
        ("sim:small", "sim", "small"),
        ("sim", "ollama", "sim"),
    ],
)
def test_an_id_names_a_provider_and_its_name_for_the_model(model: str, prefix: str, name: str) -> None:
    directory = _directory("sim", "openai:lab", "openai:lab2", "lmstudio", "ollama")
    target = directory.find(model)
    assert (target.id, target.name) == (f"{prefix}:{name}", name)
    assert target.provider is directory.providers[prefix]
    assert directory.find(target.id).id == target.id


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("ollama:", "there is no name after the prefix"),
        ("openai:lab:", "there is no name after the prefix"),
        ("openai:lab", "there is no name after the prefix"),
        ("", "no provider is configured for it (known: ollama, openai:lab)"),
        # Not taken for a model of Ollama's that is called like that.
        ("lmstudio:mistral", "no provider is called lmstudio (known: ollama, openai:lab)"),
        ("openai:work:gpt", "no provider is called openai:work (known: ollama, openai:lab)"),
        ("openai:gpt", "no provider is called openai:gpt (known: ollama, openai:lab)"),
    ],
)
def test_an_id_that_names_nothing_is_refused_with_what_is_known(model: str, problem: str) -> None:
    with pytest.raises(InvalidModelId) as refused:
        _directory("ollama", "openai:lab").find(model)
    assert refused.value.values["problem"] == problem


def test_without_providers_nothing_is_found() -> None:
    with pytest.raises(InvalidModelId, match="known: none"):
        _directory().find("mistral")


@pytest.mark.parametrize(
    ("prefixes", "default"),
    [
        (("openai:lab", "vllm", "llamacpp", "llama", "lmstudio", "ollama"), "ollama"),
        (("openai:lab", "vllm", "llamacpp", "llama", "lmstudio"), "lmstudio"),
        (("openai:lab", "vllm", "llamacpp", "llama"), "llama"),
        (("openai:lab", "vllm", "llamacpp"), "llamacpp"),
        (("openai:lab", "vllm"), "vllm"),
        (("openai:lab", "openai:work"), "openai:lab"),
        (("sim",), "sim"),
    ],
)
def test_a_bare_name_is_looked_for_in_the_first_of_a_fixed_order(
    prefixes: tuple[str, ...], default: str
) -> None:
    assert _directory(*prefixes).find("m").id == f"{default}:m"


@pytest.mark.parametrize("prefix", ["a:b", "openai", "openai:a:b", ""])
def test_a_prefix_that_no_id_can_begin_with_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a provider"):
        _directory(prefix)


def test_models_are_listed_as_far_as_their_providers_answer(caplog: pytest.LogCaptureFixture) -> None:
    directory = Directory({"ollama": Holding(down=True), "openai:lab": Holding("a", "b:c")})
    assert asyncio.run(directory.catalogue()) == ("openai:lab:a", "openai:lab:b:c")
    assert "provider='ollama'" in caplog.text


def test_what_one_provider_holds_is_told_by_our_ids_and_its_failure_is_its_own() -> None:
    directory = Directory({"ollama": Holding(down=True), "openai:lab": Holding("b:c")})

    async def main() -> None:
        (held,) = (await directory.resident_of("openai:lab")).items()
        assert (held[0], held[1].model) == ("openai:lab:b:c", "openai:lab:b:c")
        with pytest.raises(ProviderUnavailable):
            await directory.resident_of("ollama")

    asyncio.run(main())


@pytest.mark.parametrize("written", ["qwen3", "qwen3:latest", "ollama:qwen3", "ollama:qwen3:latest"])
def test_a_model_of_ollama_has_one_id_however_it_is_written(written: str) -> None:
    target = _directory("ollama", "lmstudio").find(written)
    assert (target.id, target.name) == ("ollama:qwen3", "qwen3")


def test_latest_is_part_of_the_name_anywhere_else() -> None:
    assert _directory("lmstudio").find("qwen3:latest").id == "lmstudio:qwen3:latest"


def test_what_ollama_holds_and_has_is_listed_under_those_ids() -> None:
    directory = Directory({"ollama": Holding("qwen3:latest", "qwen3:8b")})
    assert asyncio.run(directory.catalogue()) == ("ollama:qwen3:8b", "ollama:qwen3")
    assert asyncio.run(directory.resident_of("ollama")).keys() == {"ollama:qwen3", "ollama:qwen3:8b"}


def test_settings_may_name_models_as_requests_do() -> None:
    settings = Settings(
        model_sizes={"deepseek-r1:14b": 14},
        priorities={"qwen3:latest": 2},
        pins=("deepseek-r1:14b",),
        preload=("qwen3", "ollama:qwen3"),
        fallbacks={"deepseek-r1:14b": "lmstudio:small", "vllm:gone": "qwen3"},
    )
    named = _directory("ollama", "lmstudio").named(settings)
    assert named.model_sizes == {"ollama:deepseek-r1:14b": 14}
    assert named.priorities == {"ollama:qwen3": 2}
    assert named.pins == ("ollama:deepseek-r1:14b",)
    assert named.preload == ("ollama:qwen3",)
    # Of a provider that is not there nothing better is known.
    assert named.fallbacks == {"ollama:deepseek-r1:14b": "lmstudio:small", "vllm:gone": "ollama:qwen3"}
