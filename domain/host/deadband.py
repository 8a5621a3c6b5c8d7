"""Which readings of the machine are worth a row."""

from ..models.values import Reading
from ..settings import Sampling


def moved(previous: Reading | None, reading: Reading, settings: Sampling) -> bool:
    """Whether a reading says something that the last recorded one does not.

    The processors never count: their load moves with every sample, no rule looks at it, and every row that is
    written for another reason has it.
    """
    if previous is None:
        return True
    return _devices_moved(previous, reading, settings) or _models_moved(previous, reading, settings)


def _devices_moved(previous: Reading, reading: Reading, settings: Sampling) -> bool:
    """A device came, went or changed its size, or its use moved by more than a share of its size."""
    before = {device.device: device for device in previous.devices}
    now = {device.device: device for device in reading.devices}
    return before.keys() != now.keys() or any(
        device.total_bytes != before[name].total_bytes
        or _is_beyond(device.used_bytes, before[name].used_bytes, device.total_bytes, settings)
        for name, device in now.items()
    )


def _models_moved(previous: Reading, reading: Reading, settings: Sampling) -> bool:
    """A model came or went, or moved by more than a share of its own size.

    Of its own, not of the device's: these bytes are what the ledger holds against each model, and shares of a
    device would add up with the number of models, while shares of their own sizes never make more than that
    share of what they take together.
    """
    before, now = previous.models, reading.models
    return before.keys() != now.keys() or any(
        _is_beyond(size, before[name], before[name], settings) for name, size in now.items()
    )


def _is_beyond(size: int, before: int, whole: int, settings: Sampling) -> bool:
    return abs(size - before) * 1000 > settings.dead_band_per_mille * whole
