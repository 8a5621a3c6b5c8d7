"""Reads the machine from time to time, and records what moved."""

import asyncio

from ..domain.host.deadband import moved
from ..domain.host.events import MetricsSampled
from ..domain.models.values import Reading
from ..domain.ports import Sensor
from .engine import Engine


class Sampler:
    """Knows the latest reading; the journal gets those that say something new."""

    def __init__(self, engine: Engine, sensor: Sensor) -> None:
        self._engine = engine
        self._sensor = sensor
        self.latest: Reading = sensor.read()
        self._record()

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.sleep(self._engine.state.host.settings.sampling.interval_ms / 1000)
            self.sample()

    def sample(self) -> Reading:
        """Read now."""
        self.latest = self._sensor.read()
        self._record()
        return self.latest

    def _record(self) -> None:
        host = self._engine.state.host
        if moved(host.reading, self.latest, host.settings.sampling):
            self._engine.submit(MetricsSampled(reading=self.latest))
