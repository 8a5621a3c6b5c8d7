"""Readings of the machine: the real one, and graphics devices as a driver may present them."""

import math
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from bursar.adapters.sensors.figures import device, whole
from bursar.adapters.sensors.host import HostSensor
from bursar.adapters.sensors.nvml import RETRY_S, Nvml
from bursar.domain.models.values import RAM, DeviceReading
from bursar.domain.ports import Sensor

GIB = 2**30


class DriverError(Exception):
    """What the fake raises."""


@dataclass
class Usage:
    """Memory of a card."""

    total: int
    used: int


@dataclass
class Driver:
    """A `pynvml` with a driver behind it that can be taken away, and cards that can fail."""

    cards: list[Usage]
    present: bool = True
    broken: set[int] = field(default_factory=set[int])
    calls: list[str] = field(default_factory=list[str])
    NVMLError: type[Exception] = DriverError

    def nvmlInit(self) -> None:  # noqa: N802 - NVIDIA's name
        self._call("init")

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVIDIA's name
        self._call("shutdown")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - NVIDIA's name
        self._call("count")
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVIDIA's name
        self._call("handle", index)
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Usage:  # noqa: N802 - NVIDIA's name
        self._call("memory", handle)
        return self.cards[handle]

    def _call(self, name: str, card: int | None = None) -> None:
        self.calls.append(name)
        if not self.present or card in self.broken:
            raise DriverError(name)


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def two_cards() -> Driver:
    """A driver with a card in use and an idle one."""
    return Driver([Usage(24 * GIB, 3 * GIB), Usage(8 * GIB, 0)])


GPU0 = DeviceReading(device="gpu0", total_bytes=24 * GIB, used_bytes=3 * GIB)
GPU1 = DeviceReading(device="gpu1", total_bytes=8 * GIB, used_bytes=0)


# --- the machine ---------------------------------------------------------------------------------------


def test_main_memory_is_what_the_kernel_says() -> None:
    sensor: Sensor = HostSensor(dict[str, int])
    ram = sensor.read().devices[0]
    memory = psutil.virtual_memory()
    assert ram.device == RAM
    assert ram.total_bytes == memory.total
    assert ram.used_bytes == pytest.approx(memory.total - memory.available, abs=memory.total // 5)


def test_the_processors_are_counted_and_their_load_is_a_share() -> None:
    sensor = HostSensor(dict[str, int])
    for _ in range(3):
        reading = sensor.read()
        assert reading.cores == psutil.cpu_count()
        assert 0 <= reading.cpu_per_mille <= 1000


def test_models_are_listed_by_name_with_sizes_that_can_be() -> None:
    reading = HostSensor(lambda: {"llama:b": 5, "llama:a": -1}).read()
    assert list(reading.models.items()) == [("llama:a", 0), ("llama:b", 5)]


def test_what_cannot_be_read_is_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """Models that were there must not be taken for other people's memory; one line says what happened."""
    sizes = {"llama:a": 5}
    sensor = HostSensor(lambda: {"llama:a": sizes["llama:a"]})
    assert sensor.read().models == {"llama:a": 5}
    sizes.clear()
    assert sensor.read().models == sensor.read().models == {"llama:a": 5}
    assert [record.message for record in caplog.records] == ["event='cannot be read' what='models'"]
    assert caplog.records[0].exc_info is not None
    sizes["llama:a"] = 7
    assert sensor.read().models == {"llama:a": 7}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((100, 40), (100, 40)),
        ((100, 40.6), (100, 41)),
        ((100, 140), (100, 100)),
        ((100, -1), (100, 0)),
        ((100, math.nan), (100, 0)),
        ((100, math.inf), (100, 100)),
        ((-1, 40), (0, 0)),
        ((math.nan, 40), (0, 0)),
        ((math.inf, 40), (2**53, 40)),
    ],
)
def test_impossible_figures_are_made_possible(given: tuple[float, float], expected: tuple[int, int]) -> None:
    total, used = expected
    assert device("ram", *given) == DeviceReading(device="ram", total_bytes=total, used_bytes=used)


def test_a_load_is_at_most_all() -> None:
    assert [whole(value, 1000) for value in (1004.0, -3.0, math.nan, 999.6)] == [1000, 0, 0, 1000]


# --- graphics devices ----------------------------------------------------------------------------------


def test_the_real_library_finds_what_is_there_and_says_nothing() -> None:
    """Most machines that run the tests have no graphics device, and no driver."""
    found = Nvml().read()
    if not any(Path(driver).exists() for driver in ("/dev/nvidiactl", "/dev/dxg")):
        assert found == ()
    program = (
        "from bursar.adapters.sensors.nvml import Nvml; nvml = Nvml();"
        f"assert len(nvml.read()) == len(nvml.read()) == {len(found)}; nvml.close()"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_cards_are_named_in_the_drivers_order_and_come_after_main_memory() -> None:
    driver = two_cards()
    sensor = HostSensor(dict[str, int], Nvml(lambda: driver))
    assert sensor.read().devices[1:] == (GPU0, GPU1)
    driver.cards[1] = Usage(8 * GIB, 10 * GIB)
    assert sensor.read().devices[2].used_bytes == 8 * GIB
    assert driver.calls.count("init") == 1
    sensor.close()
    assert driver.calls.count("shutdown") == 1


def test_a_missing_library_is_looked_for_once_a_minute() -> None:
    attempts: list[float] = []
    clock = Clock()

    def load() -> Driver:
        attempts.append(clock.now)
        raise ImportError

    nvml = Nvml(load, clock)
    for _ in range(130):
        assert nvml.read() == ()
        clock.now += 1
    assert attempts == [1000.0, 1000.0 + RETRY_S, 1000.0 + 2 * RETRY_S]


def test_a_driver_that_comes_later_is_found_within_a_minute() -> None:
    driver, clock = two_cards(), Clock()
    driver.present = False
    nvml = Nvml(lambda: driver, clock)
    assert nvml.read() == ()
    driver.present = True
    assert nvml.read() == ()
    clock.now += RETRY_S
    assert nvml.read() == (GPU0, GPU1)


def test_a_card_that_fails_disappears_alone_and_may_come_back() -> None:
    driver, clock = two_cards(), Clock()
    nvml = Nvml(lambda: driver, clock)
    assert nvml.read() == (GPU0, GPU1)
    driver.broken.add(0)
    assert nvml.read() == (GPU1,)
    driver.calls.clear()
    assert nvml.read() == (GPU1,)
    assert driver.calls == ["memory"]
    driver.broken.clear()
    clock.now += RETRY_S
    assert nvml.read() == (GPU0, GPU1)
    # Beginning anew can take a driver seconds; the other card did not need it.
    assert "init" not in driver.calls
    clock.now += 10 * RETRY_S
    driver.calls.clear()
    assert nvml.read() == (GPU0, GPU1)
    assert driver.calls == ["memory", "memory"]


def test_a_card_without_a_handle_is_left_out() -> None:
    driver = two_cards()
    driver.broken.add(1)
    assert Nvml(lambda: driver).read() == (GPU0,)


def test_a_driver_that_goes_takes_its_cards_along_and_nothing_else() -> None:
    driver, clock = two_cards(), Clock()
    nvml = Nvml(lambda: driver, clock)
    nvml.read()
    driver.present = False
    assert nvml.read() == ()
    clock.now += RETRY_S
    assert nvml.read() == ()
    nvml.close()
    driver.present = True
    assert nvml.read() == (GPU0, GPU1)
    # One for each that began, and none for those that could not begin.
    nvml.close()
    nvml.close()
    assert driver.calls.count("shutdown") == 2
