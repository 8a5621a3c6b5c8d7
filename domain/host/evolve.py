"""How events about the manager and its machine change the state."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..models.machine import RESIDENT, ModelState
from ..models.sizes import measured
from ..models.values import RAM, DeviceReading, Reading
from ..state import State
from . import events as e
from .state import Phase


def _started(state: State, _body: e.ManagerStarted, _event: Event) -> State:
    """Whoever asked the previous manager for memory does not wait any more."""
    return _in_phase(replace(state, freeing=None), Phase.STARTING)


def _reconciled(state: State, _body: e.ManagerReconciled, _event: Event) -> State:
    return _in_phase(state, Phase.RUNNING)


def _stopping(state: State, _body: e.ManagerStopping, _event: Event) -> State:
    return _in_phase(state, Phase.STOPPING)


def _stopped(state: State, _body: e.ManagerStopped, _event: Event) -> State:
    return _in_phase(state, Phase.STOPPED)


def _in_phase(state: State, phase: Phase) -> State:
    return replace(state, host=replace(state.host, phase=phase))


def _settings_changed(state: State, body: e.SettingsChanged, event: Event) -> State:
    host = replace(state.host, settings=body.settings, settings_position=event.position)
    return replace(state, host=host)


def _sampled(state: State, body: e.MetricsSampled, event: Event) -> State:
    """What the models' own processes take is theirs; the rest of what is used is other people's."""
    for name, size in body.reading.models.items():
        state = _grown(state, name, size)
    other = {device.device: _others(state, device, body.reading) for device in body.reading.devices}
    host = replace(
        state.host,
        reading=body.reading,
        reading_position=event.position,
        reading_at=event.at,
        other=other,
    )
    return replace(state, host=host)


def _grown(state: State, name: str, size: int) -> State:
    """A model counts with the most it was seen to take: pages that were swapped out come back."""
    model = state.models.get(name)
    if model is None or model.state not in RESIDENT or size <= model.memory.get(RAM, 0):
        return state
    return measured(state, name, {**model.memory, RAM: size}, "rss", again=True)


def _others(state: State, device: DeviceReading, reading: Reading) -> int:
    """Bytes of a device that others use: what is in use less what our models take.

    A model without a process of its own takes what the ledger says, but while it is loaded or unloaded it may
    have any part of that: what others use is then believed unchanged, as far as the reading allows.
    """
    settled = moving = 0
    for model in state.resident():
        if device.device == RAM and model.name in reading.models:
            settled += reading.models[model.name]
        elif model.state in (ModelState.LOADING, ModelState.UNLOADING):
            moving += model.memory.get(device.device, 0)
        else:
            settled += model.memory.get(device.device, 0)
    most = max(0, device.used_bytes - settled)
    least = max(0, device.used_bytes - settled - moving)
    return min(max(state.host.other.get(device.device, most), least), most)


def _overcommitted(state: State, _body: e.MemoryOvercommitted, _event: Event) -> State:
    return replace(state, host=replace(state.host, overcommitted=True))


def _relieved(state: State, _body: e.MemoryRelieved, _event: Event) -> State:
    return replace(state, host=replace(state.host, overcommitted=False))


def _unchanged(state: State, _body: Body, _event: Event) -> State:
    return state


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.ManagerStarted: _started,
    e.ManagerReconciled: _reconciled,
    e.ManagerStopping: _stopping,
    e.ManagerStopped: _stopped,
    e.SettingsChanged: _settings_changed,
    e.StateDigested: _unchanged,
    e.MetricsSampled: _sampled,
    e.TimerFired: _unchanged,
    e.MemoryOvercommitted: _overcommitted,
    e.MemoryRelieved: _relieved,
}
