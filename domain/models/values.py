"""What is known of a model and of the machine, as plain frozen values."""

from ..events import Value

#: Name of the device that stands for main memory; graphics devices are `gpu0`, `gpu1`, …
RAM = "ram"
#: Device of a model that runs on another machine: it takes nothing of this one.
REMOTE = "remote"


class Description(Value):
    """What a provider says of a model before it is loaded. Sizes in bytes, contexts in tokens."""

    model: str
    #: Identity of the weights; two names with one digest are the same model.
    digest: str
    #: Version of the engine: a measured size is only good for the same one.
    engine: str
    #: Device the model will be placed on; `REMOTE` for another machine's.
    device: str
    weights_bytes: int
    kv_bytes_per_token: int
    #: Window that a load allocates, over all slots.
    context_tokens: int
    #: Everything that is neither weights nor keys and values: the process, compute buffers.
    overhead_bytes: int
    #: Requests the model serves at once.
    slots: int
    #: Where the figures come from, such as `gguf header`.
    provenance: str
    #: How keys and values are stored: `f16`, `q8_0`, …
    kv_type: str = "f16"
    #: Largest window that a load may ask for, over all slots; 0 where it cannot be chosen, or is not known.
    most_context_tokens: int = 0

    @property
    def estimate_bytes(self) -> int:
        """Memory the model is expected to take once loaded."""
        return self.weights_bytes + self.kv_bytes_per_token * self.context_tokens + self.overhead_bytes


class Residency(Value):
    """A model that is in memory, as its provider reports it."""

    model: str
    digest: str
    #: Device name to bytes, in the order of the names; empty when its provider does not measure.
    memory: dict[str, int]
    #: How the bytes were obtained, such as `rss` or `nvml delta`.
    provenance: str
    #: Window it really has, over all slots; 0 when its provider does not say.
    context_tokens: int
    slots: int
    #: Process that holds it, when the provider runs one for each model.
    pid: int | None = None
    #: It must be woken before it serves; `memory` is what it takes asleep.
    asleep: bool = False
    #: The provider is about to unload it, and serves nobody new.
    leaving: bool = False


class DeviceReading(Value):
    """One device at one moment; `used_bytes` is by everybody, ours included."""

    device: str
    total_bytes: int
    used_bytes: int


class Reading(Value):
    """One sample of the machine."""

    devices: tuple[DeviceReading, ...]
    cpu_per_mille: int
    cores: int
    #: Bytes held by each model's own process, by model id, where the provider runs one.
    models: dict[str, int]
