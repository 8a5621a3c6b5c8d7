"""The machine that bursar runs on."""

from collections.abc import Callable
from typing import Generic, TypeVar

import psutil

from ...domain.models.values import RAM, DeviceReading, Reading
from ..logs import get_logger
from .figures import device, whole
from .nvml import Nvml

_log = get_logger("bursar.sensors")

T = TypeVar("T")


class HostSensor:
    """Implements `domain.ports.Sensor`; `models` has the bytes of each model's own process, by model id."""

    def __init__(self, models: Callable[[], dict[str, int]], gpus: Nvml | None = None) -> None:
        self._gpus = gpus or Nvml()
        self._cores = psutil.cpu_count() or 1
        self._ram = _Kept[tuple[DeviceReading, ...]]("main memory", _ram, ())
        self._cpu = _Kept("processors", _cpu_per_mille, 0)
        self._models = _Kept[dict[str, int]]("models", lambda: _sizes(models()), {})

    def read(self) -> Reading:
        """One sample. What cannot be read is what it was, or not there if it is a graphics device."""
        return Reading(
            devices=(*self._ram(), *self._gpus.read()),
            cpu_per_mille=self._cpu(),
            cores=self._cores,
            models=self._models(),
        )

    def close(self) -> None:
        """Let go of the graphics driver."""
        self._gpus.close()


class _Kept(Generic[T]):
    """Reads something, or says what it was when it was last read: without it, no limit would hold."""

    def __init__(self, what: str, read: Callable[[], T], unread: T) -> None:
        self._what, self._read, self._last = what, read, unread
        self._fails = False

    def __call__(self) -> T:
        try:
            self._last = self._read()
            self._fails = False
        except Exception:  # noqa: BLE001 - whatever it is, the manager goes on
            if not self._fails:
                _log.exception("cannot be read", what=self._what)
            self._fails = True
        return self._last


def _ram() -> tuple[DeviceReading, ...]:
    memory = psutil.virtual_memory()
    # What the kernel can give back at once (caches) is not in use; `used` would count it.
    return (device(RAM, memory.total, memory.total - memory.available),)


def _cpu_per_mille() -> int:
    return whole(psutil.cpu_percent() * 10, 1000)


def _sizes(models: dict[str, int]) -> dict[str, int]:
    return {name: whole(size) for name, size in sorted(models.items())}
