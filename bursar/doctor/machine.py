"""The machine, the journal and the versions."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw

from ..adapters.sensors.host import HostSensor
from ..adapters.sensors.nvml import Library, pynvml
from ..domain.errors import BursarError
from ..eventstore.reader import Reader
from .findings import Device, JournalFinding, Machine


def read_machine() -> Machine:
    """One reading of every sensor."""
    sensor = HostSensor(dict)
    try:
        reading = sensor.read()
    finally:
        sensor.close()
    devices = [Device(one.device, one.total_bytes, one.used_bytes) for one in reading.devices]
    has_gpu = any(one.device.startswith("gpu") for one in devices)
    return Machine(reading.cores, tuple(devices), "" if has_gpu else why_no_gpu())


def why_no_gpu() -> str:
    """What NVIDIA's library says, where it knows no device."""
    try:
        library: Library = pynvml()
    except ImportError as error:
        return f"NVIDIA's library cannot be imported: {error}"
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return f"NVIDIA's driver cannot be asked: {error}"
    try:
        count = library.nvmlDeviceGetCount()
    except library.NVMLError as error:
        return f"NVIDIA's driver does not say: {error}"
    finally:
        with suppress(library.NVMLError):
            library.nvmlShutdown()
    return "its memory cannot be read" if count else "NVIDIA's driver knows none"


def read_journal(path: Path) -> JournalFinding:
    """What can be said of a journal without opening it for writing."""
    if not path.exists():
        return JournalFinding(str(path), "absent")
    try:
        with Reader(path) as reader:
            owner = reader.owner_pid()
            state = "in use" if owner else "free"
            return JournalFinding(str(path), state, reader.head(), path.stat().st_size, owner)
    except BursarError as error:
        return JournalFinding(str(path), "unusable", problem=str(error))


def read_versions() -> dict[str, str]:
    """Of bursar and of what it stands on."""
    return {
        "bursar": _version("bursar"),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "xllamacpp": _version("xllamacpp"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
