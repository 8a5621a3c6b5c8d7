"""A machine and its users around the kernel, in virtual time: all that happens follows from a seed.

    world = World({"small": Kind(100), "large": Kind(300)}, Settings(limits=Limits(memory_bytes=350)))
    world.start()
    world.ask("small", hold_ms=2_000)
    world.ask("large")
    world.advance(10_000)

There is no journal and no loop here: facts go straight into the kernel, what it asks for goes on an agenda,
and timers fire when `next_wakeup` says. `watch` hears of every step, for whoever checks rules.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from random import Random

from ..domain.events import Event, Fact
from ..domain.host.events import (
    ManagerReconciled,
    ManagerStopped,
    ManagerStopping,
    MetricsSampled,
    SettingsChanged,
    TimerFired,
)
from ..domain.kernel import Origin, Step, initial, step
from ..domain.models.abilities import abilities
from ..domain.models.events import (
    EffectOutcomeUnknown,
    MemoryMeasured,
    ModelDescribed,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadStarted,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelUnloadStarted,
    ModelWakeFailed,
    ModelWoken,
    ResidencyChanged,
)
from ..domain.models.machine import ModelState
from ..domain.models.state import Model
from ..domain.providers.events import ProviderObserved
from ..domain.providers.values import Capabilities
from ..domain.requests.events import LeaseGranted, RequestArrived, RequestCancelled, RequestFinished
from ..domain.requests.line import NS_PER_MS
from ..domain.settings import Settings
from ..domain.state import State
from ..domain.timers import next_wakeup
from .facts import started
from .machines import Faults, Kind, Machine

#: Hears of a step, and of the state before it.
Watch = Callable[[State, Step], None]

_MOVING = (ModelState.LOADING, ModelState.UNLOADING)


class World:
    """Everything outside the kernel, and the kernel's state."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        settings: Settings | None = None,
        *,
        seed: int = 0,
        totals: Mapping[str, int] | None = None,
        faults: Faults | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.machine = Machine(dict(kinds), Random(seed), totals or {}, faults or Faults())
        self.state = initial()
        self.history: list[Event] = []
        self.now = 1_700_000_000 * 10**9
        self._watch = watch
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self._holds: dict[int, int] = {}
        self._woken = 0

    def start(self, *early: str) -> None:
        """A manager takes over; requests for the models `early` come before it knows what is in memory."""
        self._agenda.clear()
        self.machine.lose_half(model.name for model in self.state.resident() if model.state in _MOVING)
        self.submit(started())
        if self.state.host.settings != self.settings:
            self.submit(SettingsChanged(settings=self.settings))
        for name in self.machine.kinds:
            self._describe(name)
        for name in early:
            self.ask(name)
        known = self.state.resident()
        for model in known:
            self._compare(model)
        strangers = (*self.machine.held, *self.machine.asleep)
        for name in [name for name in strangers if name not in {model.name for model in known}]:
            residency = self.machine.residency(name)
            kind = ModelSlept if residency.asleep else ModelFound
            self.submit(kind(model=name, residency=residency, origin="external"))
        self.submit(ManagerReconciled())

    def stop(self) -> None:
        """The manager closes in good order; what it cannot unload within a minute stays."""
        self.submit(ManagerStopping())
        self.advance(60_000)
        self.submit(ManagerStopped())

    def ask(
        self, model: str, *, hold_ms: int = 100, priority: int = 0, deadline_ms: int | None = None
    ) -> int:
        """Somebody wants a model, and holds it for so long once it is granted; returns the request."""
        request = self.state.position + 1
        self._holds[request] = hold_ms
        self.submit(
            RequestArrived(
                model=model, purpose="lease", agent="world", priority=priority, deadline_ms=deadline_ms
            )
        )
        return request

    def cancel(self, request: int) -> None:
        """Whoever asked goes away."""
        if request in self.state.requests:
            self.submit(RequestCancelled(request=request), Origin(request, request))

    def lose(self, model: str) -> None:
        """A model dies, and its provider notices."""
        if self._stands(model, ModelState.READY, ModelState.DRAINING):
            self.machine.forget(model)
            self.submit(ModelLost(model=model, cause_text="the world says so", origin="external"))

    def find(self, model: str) -> None:
        """Somebody else has loaded a model, and the manager hears of it."""
        if self._stands(model, ModelState.ABSENT, ModelState.FAILED):
            self.machine.held[model] = self.machine.kinds[model].size
            residency = self.machine.residency(model)
            self.submit(ModelFound(model=model, residency=residency, origin="external"))

    def observe(self, provider: str, capabilities: Capabilities, *, reachable: bool = True) -> None:
        """A provider can do something else from here on."""
        self.submit(
            ProviderObserved(
                provider=provider,
                reachable=reachable,
                engine="machine",
                capabilities=capabilities,
                lacks={},
                code="",
                cause_text="",
            )
        )
        for model in [model for model in self.state.resident() if model.assumed and capabilities.load]:
            self._compare(model)

    def nap(self, model: str) -> None:
        """Somebody else puts a model to sleep, or wakes it."""
        if self._stands(model, ModelState.READY, ModelState.DRAINING) and model in self.machine.held:
            self.machine.fall_asleep(model)
            self.submit(ModelSlept(model=model, residency=self.machine.residency(model), origin="external"))
        elif self._stands(model, ModelState.SLEEPING):
            self.machine.wake(model)
            self.submit(ModelWoken(model=model, residency=self.machine.residency(model), origin="external"))

    def shrink(self, model: str) -> None:
        """Somebody else has a model loaded anew with a smaller window."""
        if self._stands(model, ModelState.READY, ModelState.DRAINING) and model in self.machine.held:
            self.machine.shrink(model)
            self.submit(ResidencyChanged(model=model, residency=self.machine.residency(model)))

    def sense(self, model: str, per_mille: int) -> None:
        """The machine saw a model take so much of what its provider says."""
        if self._stands(model, ModelState.READY) and model in self.machine.held:
            reported = self.machine.residency(model).memory
            seen = {device: size * per_mille // 1000 for device, size in reported.items()}
            self.submit(
                MemoryMeasured(
                    model=model, engine="machine", reported=reported, sensed=seen, provenance="the world"
                )
            )

    def replace_weights(self, model: str, size: int) -> None:
        """Another edition of a model is published under its name."""
        self.machine.replace_weights(model, size)
        self._describe(model)

    def sample(self, *, processes: bool = True) -> None:
        """The machine is read; `processes` tells whether the main memory that each model takes is known."""
        self.submit(MetricsSampled(reading=self.machine.read(processes=processes)))

    def configure(self, settings: Settings) -> None:
        """The settings from here on."""
        self.settings = settings
        self.submit(SettingsChanged(settings=settings))

    def submit(self, fact: Fact, origin: Origin | None = None) -> Step:
        """Take a step, and put on the agenda what it asks for."""
        taken = step(self.state, fact, at=self.now, origin=origin)
        self._adopt(taken)
        return taken

    def advance(self, ms: int) -> None:
        """Let time pass, and everything happen that is due in it."""
        until = self.now + ms * NS_PER_MS
        while self._next(until):
            pass
        self.now = max(self.now, until)

    def settle(self) -> None:
        """Let happen what happens by itself, without further faults, until all requests have ended."""
        self.machine.faults = Faults()
        for provider in tuple(self.state.providers):
            self.observe(provider, Capabilities(load=True, unload=True, measure_memory=True))
        while (self.state.requests or self._agenda) and self._next(None):
            pass

    def _next(self, until: int | None) -> bool:
        """Let the next thing happen that is due by then; false when nothing is."""
        wakeup = next_wakeup(self.state, self._woken)
        planned = self._agenda[0][0] if self._agenda else None
        due = min((moment for moment in (wakeup, planned) if moment is not None), default=None)
        if due is None or (until is not None and due > until):
            return False
        self.now = max(self.now, due)
        if planned is not None and planned <= due:
            heappop(self._agenda)[2]()
        else:
            self._wake()
        return True

    def _wake(self) -> None:
        """A timer fires, perhaps late. A step that decides nothing is not recorded."""
        self.now += self.machine.random.choice((0, 0, 400_000, NS_PER_MS))
        self._woken = self.now
        taken = step(self.state, TimerFired(), at=self.now)
        if taken.decisions:
            self._adopt(taken)
            return
        again = next_wakeup(self.state, self._woken)
        if again is not None and again <= self._woken:
            raise AssertionError("a timer fires for ever and decides nothing")

    def _adopt(self, taken: Step) -> None:
        before, self.state = self.state, taken.state
        self.history.extend(taken.events)
        if self._watch:
            self._watch(before, taken)
        for event in taken.decisions:
            self._react(event)

    def _react(self, event: Event) -> None:
        match event.body:
            case ModelLoadStarted(model=model, how="wake"):
                self._in(20, lambda: self._end_wake(event, model))
            case ModelLoadStarted(model=model):
                self._in(self.machine.begin_load(model), lambda: self._end_load(event, model))
            case ModelUnloadStarted(model=model, how=how):
                self._in(self.machine.begin_unload(), lambda: self._end_unload(event, model, how))
            case LeaseGranted(request=request):
                self._in(self._holds.pop(request, 100), lambda: self._finish(request))
            case _:
                pass

    def _end_load(self, intent: Event, model: str) -> None:
        if self.state.models[model].intent != intent.position:
            return
        fact: Fact = ModelLoadFailed(model=model, code="MODEL_LOAD_FAILED", cause_text="the world says so")
        if self.machine.end_load(model):
            load_ms = (self.now - intent.at) // NS_PER_MS
            fact = ModelLoaded(model=model, residency=self.machine.residency(model), load_ms=load_ms)
        self.submit(fact, Origin(intent.position, intent.correlation))

    def _end_wake(self, intent: Event, model: str) -> None:
        if self.state.models[model].intent != intent.position:
            return
        fact: Fact = ModelWakeFailed(model=model, code="MODEL_LOAD_FAILED", cause_text="the world says so")
        if self.machine.end_wake(model):
            fact = ModelWoken(model=model, residency=self.machine.residency(model), wake_ms=20)
        self.submit(fact, Origin(intent.position, intent.correlation))

    def _end_unload(self, intent: Event, model: str, how: str) -> None:
        if self.state.models[model].intent != intent.position:
            return
        fact: Fact = ModelUnloadFailed(model=model, cause_text="the world says so")
        gone = self.machine.end_unload(model, sleep=how == "sleep")
        if gone and how == "sleep":
            fact = ModelSlept(model=model, residency=self.machine.residency(model), sleep_ms=5)
        elif gone:
            fact = ModelUnloaded(model=model, unload_ms=(self.now - intent.at) // NS_PER_MS)
        self.submit(fact, Origin(intent.position, intent.correlation))

    def _finish(self, request: int) -> None:
        known = self.state.requests.get(request)
        if known and known.granted_at is not None:
            held_ms = (self.now - known.granted_at) // NS_PER_MS
            fact = RequestFinished(request=request, outcome="completed", held_ms=held_ms)
            self.submit(fact, Origin(request, request))

    def _compare(self, model: Model) -> None:
        """One model that the state believes to be in memory, as the engine does it when it starts."""
        held = self.machine.has(model.name)
        if model.state not in _MOVING:
            if held and model.assumed:
                self.submit(ResidencyChanged(model=model.name, residency=self.machine.residency(model.name)))
            elif not held and (not model.assumed or abilities(self.state, model.name).load):
                self.submit(ModelLost(model=model.name, cause_text="it was gone"))
            return
        origin = None if model.intent is None else Origin(model.intent, model.intent)
        self.submit(EffectOutcomeUnknown(model=model.name, intent=model.intent or 0), origin)
        fact: Fact = ModelLost(model=model.name, cause_text="its load did not survive")
        if model.name in self.machine.asleep:
            fact = ModelSlept(model=model.name, residency=self.machine.residency(model.name))
        elif held:
            fact = ModelFound(model=model.name, residency=self.machine.residency(model.name))
        elif model.state is ModelState.UNLOADING:
            fact = ModelUnloaded(model=model.name, unload_ms=0)
        self.submit(fact, origin)

    def _describe(self, name: str) -> None:
        description = self.machine.describe(name)
        known = self.state.models.get(name)
        if known is None or known.described != description:
            self.submit(ModelDescribed(description=description))

    def _stands(self, name: str, *states: ModelState) -> bool:
        known = self.state.models.get(name)
        return known is not None and known.state in states

    def _in(self, ms: int, happen: Callable[[], None]) -> None:
        self._entries += 1
        heappush(self._agenda, (self.now + ms * NS_PER_MS, self._entries, happen))
