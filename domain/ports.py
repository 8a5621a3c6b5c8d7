"""What the domain needs from outside, as Protocols; `adapters/` implements them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .models.values import Description, Reading, Residency


class Clock(Protocol):
    """Time as the journal records it."""

    def now(self) -> int:
        """UTC nanoseconds, never decreasing while the process lives, suspension included."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; policies degrade explicitly where it cannot."""

    load: bool
    unload: bool
    measure_memory: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued by at most `max_tokens` tokens."""

    messages: Sequence[Message]
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer. The last one has `done`, the finish reason and the token counts."""

    text: str = ""
    done: bool = False
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


#: Called with (model, cause) when a model vanished without being unloaded.
LostListener = Callable[[str, str], None]


class Provider(Protocol):
    """Runs models. `model` is the provider's own name for it, without our prefix.

    Every method raises errors of `domain.errors` only: `InvalidModelId` for a name it does not know,
    `ModelLoadFailed`, `ModelUnloadFailed`, `ModelVanished`, `ContextTooLarge`, `ProviderUnavailable`.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    async def start(self, lost: LostListener) -> None:
        """Make ready; from now on `lost` hears of models that vanish."""
        ...

    async def catalogue(self) -> tuple[str, ...]:
        """Names of the models it could load, sorted."""
        ...

    async def describe(self, model: str) -> Description:
        """Say what is known of a model without loading it."""
        ...

    async def load(self, description: Description) -> Residency:
        """Load, and return once it answers. Cancelling undoes a load that has not finished."""
        ...

    async def unload(self, model: str) -> None:
        """Unload, and return once the memory is free. Not being loaded is not an error."""
        ...

    async def resident(self) -> tuple[Residency, ...]:
        """What is in memory now, whoever loaded it, sorted by name."""
        ...

    def memory(self) -> dict[str, int]:
        """Bytes of main memory that each model's own process takes, by name; empty where there are none."""
        ...

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Continue a conversation. Closing the generator stops the generation."""
        ...

    async def close(self) -> None:
        """Let go of connections and helpers. Models stay as they are."""
        ...


class Sensor(Protocol):
    """Reads the machine."""

    def read(self) -> Reading:
        """One sample, taken in less than a millisecond or so; never raises for a missing device."""
        ...
