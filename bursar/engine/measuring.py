"""What the machine itself sees a load take: its memory before and after, when nothing else was under way."""

from dataclasses import dataclass

from ..domain.models.events import MemoryMeasured
from ..domain.models.machine import RESIDENT
from ..domain.models.sensing import is_suspicious
from ..domain.models.sizes import corrected
from ..domain.models.values import RAM, Residency
from ..domain.ports import Sensor
from .engine import Engine


@dataclass(frozen=True, slots=True)
class Before:
    """Bytes in use by device before a load, and how many loads and unloads had begun by then."""

    used: dict[str, int]
    begun: int


class Measuring:
    """Reads the machine around loads. One that another load or unload overlaps tells nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: Set once there is one; nothing is measured before.
        self.sensor: Sensor | None = None
        self._begun = 0
        self._running = 0

    def begin(self) -> Before | None:
        """A load or unload begins; what a load takes can be told when it is alone."""
        self._begun += 1
        self._running += 1
        if self.sensor is None or self._running > 1:
            return None
        return Before(self._used(self.sensor), self._begun)

    def end(self) -> None:
        """It is over."""
        self._running -= 1

    def measured(self, model: str, before: Before | None, residency: Residency) -> MemoryMeasured | None:
        """What a load took that has come to its end; None where that is unknown, or nothing new.

        A process of its own is measured by itself. What agrees with the provider is only worth a row where
        the provider was suspected before.
        """
        known = self._engine.state.models[model]
        description = known.description
        if self.sensor is None or before is None or before.begun != self._begun:
            return None
        if residency.pid is not None or description is None or known.state not in RESIDENT:
            return None
        devices = residency.memory or {description.device: 0}
        now = self._used(self.sensor)
        sensed = {device: max(0, now.get(device, 0) - before.used.get(device, 0)) for device in devices}
        fact = MemoryMeasured(
            model=model,
            engine=description.engine,
            reported=residency.memory,
            sensed=sensed,
            provenance="ram delta" if set(sensed) <= {RAM} else "nvml delta",
        )
        return fact if self._tells(fact) else None

    def _tells(self, fact: MemoryMeasured) -> bool:
        state = self._engine.state
        reported = sum(corrected(state, state.models[fact.model], fact.reported).values())
        seen = sum(fact.sensed.values())
        if not reported:
            return seen > 0
        return is_suspicious(reported, seen) or bool(state.calibration.suspicion.get(fact.engine))

    def _used(self, sensor: Sensor) -> dict[str, int]:
        return {device.device: device.used_bytes for device in sensor.read().devices}
