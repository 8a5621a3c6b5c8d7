"""Finding the provider that a model id names."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from .adapters.logs import get_logger
from .domain.errors import BursarError, InvalidModelId
from .domain.models.values import Description, Residency
from .domain.ports import Provider
from .domain.providers.names import SEVERAL, canonical, provider_of
from .domain.settings import Settings

#: Providers an id without a prefix is looked for in: the first that is there, then those of `SEVERAL`.
_DEFAULTS = ("ollama", "lmstudio", "llama", "llamacpp", "vllm")
#: Prefixes that are never part of a provider's own name for a model, so that a model of a provider which is
#: not there is not taken for one of another's.
_RESERVED = frozenset({*_DEFAULTS, *SEVERAL})

_log = get_logger("bursar.providers")


@dataclass(frozen=True, slots=True)
class Target:
    """A model at its provider."""

    #: Our id: `llama:small`.
    id: str
    provider: Provider
    #: The provider's own name for it: `small`.
    name: str

    async def describe(self) -> Description:
        """What the provider knows of it, under our id."""
        try:
            description = await self.provider.describe(self.name)
        except BursarError as error:
            raise renamed(error, self.id) from error
        return description.model_copy(update={"model": self.id})


def renamed(error: BursarError, model: str) -> BursarError:
    """A provider's error under our id of the model instead of the provider's own name."""
    if "model" not in error.values:
        return error
    return type(error)(**{**error.values, "model": model})


class Directory:
    """The configured providers, by prefix; a prefix may have two parts, as in `openai:lab`."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        for prefix in providers:
            if not prefix or provider_of(f"{prefix}:model") != prefix:
                raise ValueError(f"{prefix!r} cannot be the name of a provider: no model id begins with it")
        self.providers = dict(providers)

    @property
    def default(self) -> str | None:
        """Prefix of the provider that a bare name is looked for in."""
        return next((known for known in (*_DEFAULTS, *self.providers) if known in self.providers), None)

    def find(self, model: str) -> Target:
        """The provider and its name for a model id; an id without a prefix is the default provider's.

        Names may have colons: `ollama:qwen3:8b`, or just `qwen3:8b` where Ollama is the default.
        """
        prefix = provider_of(model)
        if prefix in self.providers and ":" in model:
            name = model[len(prefix) + 1 :]
            if not name:
                raise InvalidModelId(model=model, problem="there is no name after the prefix")
            return self._target(prefix, name)
        if not model or self.default is None or prefix.partition(":")[0] in _RESERVED:
            raise InvalidModelId(model=model, problem=self._unknown(model, prefix))
        return self._target(self.default, model)

    def named(self, settings: Settings) -> Settings:
        """The settings with our ids in place of the names that users write; one that nobody has stays."""

        def name(model: str) -> str:
            try:
                return self.find(model).id
            except InvalidModelId:
                return model

        return settings.model_copy(
            update={
                "model_sizes": {name(model): size for model, size in settings.model_sizes.items()},
                "priorities": {name(model): rank for model, rank in settings.priorities.items()},
                "pins": tuple(dict.fromkeys(map(name, settings.pins))),
                "preload": tuple(dict.fromkeys(map(name, settings.preload))),
                "fallbacks": {name(model): name(other) for model, other in settings.fallbacks.items()},
            }
        )

    def _target(self, prefix: str, name: str) -> Target:
        model = canonical(f"{prefix}:{name}")
        return Target(model, self.providers[prefix], model[len(prefix) + 1 :])

    def _unknown(self, model: str, prefix: str) -> str:
        known = f"known: {', '.join(self.providers) or 'none'}"
        if not model or ":" not in model or not self.providers:
            return f"no provider is configured for it ({known})"
        return f"no provider is called {prefix.rstrip(':')} ({known})"

    async def resident_of(self, prefix: str) -> dict[str, Residency]:
        """What one provider has in memory, by our ids. Raises what the provider raises."""
        held = await self.providers[prefix].resident()
        named = ((canonical(f"{prefix}:{residency.model}"), residency) for residency in held)
        return {model: residency.model_copy(update={"model": model}) for model, residency in named}

    async def catalogue(self) -> tuple[str, ...]:
        """Ids of all models that could be loaded, as far as their providers answer."""
        lists = await asyncio.gather(*map(self._catalogue_of, self.providers))
        return tuple(model for models in lists for model in models)

    async def _catalogue_of(self, prefix: str) -> list[str]:
        try:
            names = await self.providers[prefix].catalogue()
        except BursarError as error:
            _log.warning("its models cannot be listed", provider=prefix, cause=str(error))
            return []
        return [canonical(f"{prefix}:{name}") for name in names]

    def memory(self) -> dict[str, int]:
        """Bytes of main memory that the models' own processes take, by our ids."""
        return {
            f"{prefix}:{name}": size
            for prefix, provider in self.providers.items()
            for name, size in provider.memory().items()
        }
