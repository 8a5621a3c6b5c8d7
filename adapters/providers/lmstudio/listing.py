"""What is installed and what is in memory, as either of LM Studio's lists tells it."""

from dataclasses import dataclass
from typing import Any, Literal

from ....domain.errors import InvalidModelId
from ..wire.fields import record, records, string, whole

Dialect = Literal["v1", "v0"]

#: Predictions side by side, since 0.4.0 unless set otherwise; before there was one at a time.
PARALLEL = 4
#: Window of a load that nobody set another for.
CONTEXT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Loaded:
    """An instance in memory. `context_tokens` is 0 when it is not said."""

    id: str
    context_tokens: int
    slots: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A model. Sizes are 0 when they are not said."""

    key: str
    #: There is no digest over REST: key, quantization and size stand for it.
    digest: str
    size_bytes: int
    context_tokens_max: int
    embeds: bool
    loaded: tuple[Loaded, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer to the question what there is."""

    dialect: Dialect
    #: By key, in their order.
    models: dict[str, Listed]

    def get(self, model: str) -> Listed:
        """The model of that key. Raises `InvalidModelId`."""
        if found := self.models.get(model):
            return found
        raise InvalidModelId(model=model, problem="LM Studio does not list it")


def read_v1(models: object) -> Listing:
    """`models` of `GET /api/v1/models`."""
    return _listing("v1", [_listed_v1(model) for model in records(models) if string(model.get("key"))])


def read_v0(data: object) -> Listing:
    """`data` of `GET /api/v0/models`."""
    return _listing("v0", [_listed_v0(model) for model in records(data) if string(model.get("id"))])


def _listing(dialect: Dialect, models: list[Listed]) -> Listing:
    return Listing(dialect, {model.key: model for model in sorted(models, key=lambda model: model.key)})


def _listed_v1(model: dict[str, Any]) -> Listed:
    key, size = string(model.get("key")), whole(model.get("size_bytes")) or 0
    quantization = string(record(model.get("quantization")).get("name"))
    # One key may stand for several quantizations, of which one is chosen.
    weights = string(model.get("selected_variant")) or f"{key}@{quantization.lower()}"
    return Listed(
        key=key,
        digest=f"lmstudio:{weights}/{size}",
        size_bytes=size,
        context_tokens_max=whole(model.get("max_context_length")) or 0,
        embeds=model.get("type") == "embedding",
        loaded=tuple(
            Loaded(
                id=string(instance.get("id")),
                context_tokens=whole(record(instance.get("config")).get("context_length")) or 0,
                slots=whole(record(instance.get("config")).get("parallel")) or 1,
            )
            for instance in records(model.get("loaded_instances"))
            if string(instance.get("id"))
        ),
    )


def _listed_v0(model: dict[str, Any]) -> Listed:
    key = string(model.get("id"))
    loaded = Loaded(key, whole(model.get("loaded_context_length")) or 0, 1)
    return Listed(
        key=key,
        digest=f"lmstudio:{key}@{string(model.get('quantization')).lower()}",
        size_bytes=0,
        context_tokens_max=whole(model.get("max_context_length")) or 0,
        embeds=model.get("type") == "embeddings",
        loaded=(loaded,) if model.get("state") == "loaded" else (),
    )
