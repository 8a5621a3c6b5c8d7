"""A machine and its provider without time or tasks: what is in memory, how long it takes, what goes wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from ..domain.models.values import RAM, Description, DeviceReading, Reading, Residency


@dataclass(frozen=True, slots=True)
class Kind:
    """What a provider can load."""

    size: int
    device: str = RAM
    slots: int = 1
    #: Counted up when its weights are replaced.
    edition: int = 1


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances of each fault, in per-mille of the occasions."""

    load_fails: int = 0
    unload_fails: int = 0
    #: The model takes half as much again as was estimated.
    takes_more: int = 0


@dataclass(slots=True)
class Machine:
    """The ground truth: what it holds it holds, whatever a manager believes."""

    kinds: dict[str, Kind]
    random: Random
    #: Bytes of each device; one that is missing cannot be read.
    totals: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: Faults = Faults()
    #: What is in memory, in bytes.
    held: dict[str, int] = field(default_factory=dict[str, int])
    #: What other processes take, by device.
    others: dict[str, int] = field(default_factory=dict[str, int])

    def describe(self, name: str) -> Description:
        """What is known of a model before it is loaded."""
        kind = self.kinds[name]
        return Description(
            model=name,
            digest=f"{name}.{kind.edition}",
            engine="machine",
            device=kind.device,
            weights_bytes=kind.size,
            kv_bytes_per_token=0,
            context_tokens=1024,
            overhead_bytes=0,
            slots=kind.slots,
            provenance="machine",
        )

    def residency(self, name: str) -> Residency:
        """A model that is in memory."""
        kind = self.kinds[name]
        return Residency(
            model=name,
            digest=f"{name}.{kind.edition}",
            memory={kind.device: self.held[name]},
            provenance="machine",
            context_tokens=1024,
            slots=kind.slots,
        )

    def replace_weights(self, name: str, size: int) -> None:
        """Another edition of a model is published under its name."""
        self.kinds[name] = replace(self.kinds[name], size=size, edition=self.kinds[name].edition + 1)

    def begin_load(self, name: str) -> int:
        """Take the memory; returns for how many milliseconds the load will go on."""
        if name in self.held:
            raise AssertionError(f"{name} is loaded twice")
        half = 3 if self._strikes(self.faults.takes_more) else 2
        self.held[name] = self.kinds[name].size * half // 2
        return self.random.choice((20, 300, 4_000))

    def end_load(self, name: str) -> bool:
        """Whether the load comes to a good end."""
        if self._strikes(self.faults.load_fails):
            del self.held[name]
            return False
        return True

    def begin_unload(self) -> int:
        """For how many milliseconds an unload will go on."""
        return self.random.choice((1, 50, 500))

    def end_unload(self, name: str) -> bool:
        """Whether the model is gone; otherwise it stays."""
        if self._strikes(self.faults.unload_fails):
            return False
        del self.held[name]
        return True

    def lose_half(self, names: Iterable[str]) -> None:
        """Loads and unloads go on without a manager: half of these models are gone in the end."""
        for name in names:
            if self.random.random() < 0.5:
                self.held.pop(name, None)

    def read(self, *, processes: bool) -> Reading:
        """One sample; `processes` tells whether the main memory that each model takes is known."""
        devices = tuple(
            DeviceReading(device=device, total_bytes=total, used_bytes=min(total, self._used(device)))
            for device, total in self.totals.items()
        )
        models = {name: size for name, size in self.held.items() if self.kinds[name].device == RAM}
        return Reading(devices=devices, cpu_per_mille=0, cores=1, models=models if processes else {})

    def _used(self, device: str) -> int:
        ours = sum(size for name, size in self.held.items() if self.kinds[name].device == device)
        return ours + self.others.get(device, 0)

    def _strikes(self, per_mille: int) -> bool:
        return self.random.randrange(1000) < per_mille
