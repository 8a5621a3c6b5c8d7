"""What the domain needs from outside, as Protocols; `adapters/` implements them."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .models.values import Description, Reading, Residency
from .providers.values import Capabilities, Probe


class Clock(Protocol):
    """Time as the journal records it."""

    def now(self) -> int:
        """UTC nanoseconds, never decreasing while the process lives, suspension included."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model asks for."""

    #: As the model named it, and its result names it again.
    id: str
    name: str
    #: JSON, as the model wrote it.
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    #: Of the call that this is the result of.
    tool_call_id: str | None = None
    #: Who speaks, where several have the same role, or which tool answered.
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued by at most `max_tokens` tokens."""

    messages: Sequence[Message]
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: Sequence[str] = field(default_factory=tuple)
    #: What the model may call, each as OpenAI's API has it: `{"type": "function", "function": {…}}`.
    tools: Sequence[Mapping[str, object]] = field(default_factory=tuple)
    #: JSON schema that the answer has to follow; providers that cannot hold a model to one leave it out.
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Truncation:
    """A prompt that the provider cut before answering, in tokens."""

    #: What was left of it.
    prompt_tokens: int
    #: What it had, as far as we can tell.
    expected_tokens: int
    context_tokens: int
    #: How we know: `halved` or `filled` (what Ollama leaves, since 0.30 and before), `far_below_estimate`.
    signature: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer. The last one has `done`, the finish reason and the token counts."""

    text: str = ""
    done: bool = False
    finish_reason: str | None = None
    #: None when the provider did not say; never a guess.
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    #: Those of the prompt that were not computed again.
    cached_tokens: int | None = None
    #: Milliseconds that the provider spent on having the model in memory first.
    load_ms: int | None = None
    truncation: Truncation | None = None
    #: Calls that the model asks for, each once and whole; on the last chunk.
    tool_calls: tuple[ToolCall, ...] = ()


#: Called with (model, cause) when a model vanished without being unloaded.
LostListener = Callable[[str, str], None]


class Provider(Protocol):
    """Runs models. `model` is the provider's own name for it, without our prefix.

    Every method raises errors of `domain.errors` only, and of those this closed set: `InvalidModelId` for a
    name it does not know, `ProviderBusy`, `ContextTooLarge`, `OutOfMemory`, `ModelLoadFailed`,
    `ModelUnloadFailed`, `ModelVanished`, `ProviderCancelled`, `ProviderTimeout`, `ProviderAuthFailed`,
    `Unsupported`, `ProviderUnavailable`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as of the last probe."""
        ...

    async def start(self, lost: LostListener) -> None:
        """Make ready; from now on `lost` hears of models that vanish."""
        ...

    async def probe(self) -> Probe:
        """Ask how it is; never raises for a provider that is not well, and never loads anything."""
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

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        """The tokens of a text in the model's own vocabulary."""
        ...

    def model_file(self, model: str) -> str | None:
        """Path of its GGUF file on this machine, None where nobody can tell. May read small files."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """A vector for each text."""
        ...

    async def sleep(self, model: str) -> Residency:
        """Have the model give its memory back but stay quick to wake; return what it still takes."""
        ...

    async def wake(self, model: str) -> Residency:
        """Have a sleeping model serve again, and return once it does."""
        ...

    async def save_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Write the keys and values of a slot to a file of the provider's; return their tokens' number."""
        ...

    async def restore_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Read them back; whether they are used only `Chunk.cached_tokens` of the next answer tells."""
        ...

    async def close(self) -> None:
        """Let go of connections and helpers. Models stay as they are."""
        ...


class Sensor(Protocol):
    """Reads the machine."""

    def read(self) -> Reading:
        """One sample, taken in less than a millisecond or so; never raises for a missing device."""
        ...
