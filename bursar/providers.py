"""Finding the provider that a model id names."""

from collections.abc import Mapping
from dataclasses import dataclass

from .domain.errors import BursarError, InvalidModelId
from .domain.models.values import Description, Residency
from .domain.ports import Provider

#: Providers an id without a prefix is looked for in, the first that is configured.
_DEFAULTS = ("ollama", "lmstudio", "llama")


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
    """The configured providers, by prefix."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self.providers = dict(providers)

    def find(self, model: str) -> Target:
        """The provider and its name for a model id; an id without a prefix is the default provider's."""
        prefix, colon, name = model.partition(":")
        if colon and prefix in self.providers:
            if not name:
                raise InvalidModelId(model=model, problem="there is no name after the prefix")
            return Target(model, self.providers[prefix], name)
        default = next((known for known in _DEFAULTS if known in self.providers), None)
        default = default or next(iter(self.providers), None)
        if default is None or not model:
            known = ", ".join(self.providers) or "none"
            raise InvalidModelId(model=model, problem=f"no provider is configured for it (known: {known})")
        return Target(f"{default}:{model}", self.providers[default], model)

    async def resident(self) -> dict[str, Residency]:
        """Everything that is in memory anywhere, by our ids."""
        found: dict[str, Residency] = {}
        for prefix, provider in self.providers.items():
            for residency in await provider.resident():
                model = f"{prefix}:{residency.model}"
                found[model] = residency.model_copy(update={"model": model})
        return found

    async def catalogue(self) -> tuple[str, ...]:
        """Ids of all models that could be loaded."""
        return tuple(
            [
                f"{prefix}:{name}"
                for prefix, provider in self.providers.items()
                for name in await provider.catalogue()
            ]
        )

    def memory(self) -> dict[str, int]:
        """Bytes of main memory that the models' own processes take, by our ids."""
        return {
            f"{prefix}:{name}": size
            for prefix, provider in self.providers.items()
            for name, size in provider.memory().items()
        }
