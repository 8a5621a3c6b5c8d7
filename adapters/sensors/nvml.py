"""Graphics devices, as NVIDIA's driver sees them."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

from ...domain.models.values import DeviceReading
from .figures import device

#: Until the driver, or a device of its, is looked for again after it was not there or failed.
RETRY_S = 60.0


class Usage(Protocol):
    """Memory of one device."""

    @property
    def total(self) -> int: ...

    @property
    def used(self) -> int: ...


class Library(Protocol):
    """The part of `pynvml` that is used; all of it may raise `NVMLError`."""

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802 - NVIDIA's name

    def nvmlInit(self) -> object: ...  # noqa: N802 - NVIDIA's name

    def nvmlShutdown(self) -> object: ...  # noqa: N802 - NVIDIA's name

    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802 - NVIDIA's name

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> Any: ...  # noqa: N802 - NVIDIA's name

    def nvmlDeviceGetMemoryInfo(self, handle: Any, /) -> Usage: ...  # noqa: N802 - NVIDIA's name


def pynvml() -> Library:
    """The real one, from nvidia-ml-py; it takes a while to import."""
    import pynvml

    return cast("Library", pynvml)


class Nvml:
    """`gpu0`, `gpu1`, … in the driver's order; without a library, driver or device there are none."""

    def __init__(
        self, load: Callable[[], Library] = pynvml, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load, self._clock = load, clock
        self._library: Library | None = None
        self._handles: dict[int, Any] = {}
        #: When to look for what is missing; None while nothing is.
        self._retry_at: float | None = clock()

    def read(self) -> tuple[DeviceReading, ...]:
        """The devices that answer. One that fails is gone until it is looked for again."""
        if self._retry_at is not None and self._clock() >= self._retry_at:
            self._find()
        if self._library is None:
            return ()
        readings = (self._read(self._library, index) for index in sorted(self._handles))
        return tuple(reading for reading in readings if reading)

    def close(self) -> None:
        """Let go of the driver; the next `read` asks it anew."""
        self._retry_at = self._clock()
        self._handles.clear()
        if self._library is not None:
            library, self._library = self._library, None
            with suppress(library.NVMLError):
                library.nvmlShutdown()

    def _find(self) -> None:
        """Look for the missing devices; if all are, begin anew: a driver that failed knows no handle."""
        if not self._handles:
            self.close()
        self._retry_at = self._clock() + RETRY_S
        library = self._library or self._loaded()
        if library is None:
            return
        with suppress(library.NVMLError):
            if self._library is None:
                library.nvmlInit()
                self._library = library
            count = library.nvmlDeviceGetCount()
            for index in range(count):
                if index not in self._handles:
                    with suppress(library.NVMLError):
                        self._handles[index] = library.nvmlDeviceGetHandleByIndex(index)
            if count and len(self._handles) == count:
                self._retry_at = None

    def _loaded(self) -> Library | None:
        try:
            return self._load()
        except ImportError:
            return None

    def _read(self, library: Library, index: int) -> DeviceReading | None:
        try:
            usage = library.nvmlDeviceGetMemoryInfo(self._handles[index])
        except library.NVMLError:
            del self._handles[index]
            if self._retry_at is None:
                self._retry_at = self._clock() + RETRY_S
            return None
        return device(f"gpu{index}", usage.total, usage.used)
