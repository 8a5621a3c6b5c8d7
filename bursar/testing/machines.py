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
    #: What is in memory and awake, in bytes.
    held: dict[str, int] = field(default_factory=dict[str, int])
    #: What sleeping models take of main memory, in bytes.
    asleep: dict[str, int] = field(default_factory=dict[str, int])
    #: Windows that are smaller than was asked for, in tokens.
    windows: dict[str, int] = field(default_factory=dict[str, int])
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
            most_context_tokens=4096,
        )

    def residency(self, name: str) -> Residency:
        """A model that is in memory, asleep or not."""
        kind = self.kinds[name]
        asleep = name in self.asleep
        return Residency(
            model=name,
            digest=f"{name}.{kind.edition}",
            memory={RAM: self.asleep[name]} if asleep else {kind.device: self.held[name]},
            provenance="machine",
            context_tokens=self.windows.get(name, 1024),
            slots=kind.slots,
            asleep=asleep,
        )

    def has(self, name: str) -> bool:
        """Whether a model takes memory."""
        return name in self.held or name in self.asleep

    def forget(self, name: str) -> None:
        """A model is gone."""
        for where in (self.held, self.asleep, self.windows):
            where.pop(name, None)

    def fall_asleep(self, name: str) -> None:
        """A model gives back most of its memory."""
        self.asleep[name] = self.held.pop(name) // 4

    def wake(self, name: str) -> None:
        """A model has its memory again."""
        del self.asleep[name]
        self.held[name] = self.kinds[name].size

    def shrink(self, name: str) -> None:
        """A model is given half the window, which saves a fifth of its memory."""
        self.windows[name] = self.windows.get(name, 1024) // 2
        self.held[name] = self.held[name] * 4 // 5

    def replace_weights(self, name: str, size: int) -> None:
        """Another edition of a model is published under its name."""
        self.kinds[name] = replace(self.kinds[name], size=size, edition=self.kinds[name].edition + 1)

    def begin_load(self, name: str) -> int:
        """Take the memory; returns for how many milliseconds the load will go on."""
        if name in self.held:
            raise AssertionError(f"{name} is loaded twice")
        self.windows.pop(name, None)
        half = 3 if self._strikes(self.faults.takes_more) else 2
        self.held[name] = self.kinds[name].size * half // 2
        return self.random.choice((20, 300, 4_000))

    def end_load(self, name: str) -> bool:
        """Whether the load comes to a good end."""
        if self._strikes(self.faults.load_fails):
            self.forget(name)
            return False
        return True

    def end_wake(self, name: str) -> bool:
        """Whether the model is awake; otherwise it sleeps on."""
        if self._strikes(self.faults.load_fails):
            return False
        self.wake(name)
        return True

    def begin_unload(self) -> int:
        """For how many milliseconds an unload will go on."""
        return self.random.choice((1, 50, 500))

    def end_unload(self, name: str, *, sleep: bool = False) -> bool:
        """Whether the model is gone, or asleep; otherwise it stays."""
        if self._strikes(self.faults.unload_fails):
            return False
        if sleep and name in self.held:
            self.fall_asleep(name)
        elif not sleep:
            self.forget(name)
        return True

    def lose_half(self, names: Iterable[str]) -> None:
        """Loads and unloads go on without a manager: half of these models are gone in the end."""
        for name in names:
            if self.random.random() < 0.5:
                self.forget(name)

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
        sleeping = sum(self.asleep.values()) if device == RAM else 0
        return ours + sleeping + self.others.get(device, 0)

    def _strikes(self, per_mille: int) -> bool:
        return self.random.randrange(1000) < per_mille
