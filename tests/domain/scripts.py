"""What may happen in a world, as values: a script can be generated, shrunk, printed and played again."""

from collections.abc import Mapping
from dataclasses import dataclass

from bursar.domain.contexts.events import PruneAsked, SummaryMade
from bursar.domain.contexts.spans import length
from bursar.domain.events import Fact
from bursar.domain.models.events import FreeRequested, PinChanged, UnloadRequested
from bursar.domain.models.machine import ModelState
from bursar.domain.providers.values import Capabilities
from bursar.domain.requests.events import PromptTruncated
from bursar.domain.resilience.events import BreakerSet, RecoveryFinished, RetryAsked, Wished
from bursar.domain.settings import Settings
from bursar.testing.machines import Faults, Kind
from bursar.testing.worlds import Watch, World


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    ms: int

    def play(self, world: World) -> None:
        world.advance(self.ms)


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody wants a model, once or several times at once."""

    model: str
    hold_ms: int = 100
    times: int = 1
    priority: int = 0
    deadline_ms: int | None = None

    def play(self, world: World) -> None:
        for _ in range(self.times):
            world.ask(self.model, hold_ms=self.hold_ms, priority=self.priority, deadline_ms=self.deadline_ms)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests for one model, one every so often, each held for longer than that."""

    model: str
    every_ms: int
    times: int

    def play(self, world: World) -> None:
        for _ in range(self.times):
            world.ask(self.model, hold_ms=self.every_ms * 3 // 2)
            world.advance(self.every_ms)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Whoever is the nth of the open requests goes away."""

    nth: int

    def play(self, world: World) -> None:
        if world.state.requests:
            requests = list(world.state.requests)
            world.cancel(requests[self.nth % len(requests)])


@dataclass(frozen=True, slots=True)
class Lose:
    """A model dies."""

    model: str

    def play(self, world: World) -> None:
        world.lose(self.model)


@dataclass(frozen=True, slots=True)
class Find:
    """Somebody else has loaded a model."""

    model: str

    def play(self, world: World) -> None:
        world.find(self.model)


@dataclass(frozen=True, slots=True)
class Observe:
    """The provider of a model, which is its only one, can do something else."""

    model: str
    load: bool = True
    unload: bool = True
    sleep: bool = False

    def play(self, world: World) -> None:
        can = Capabilities(load=self.load, unload=self.unload, sleep=self.sleep, measure_memory=True)
        world.observe(self.model, can)


@dataclass(frozen=True, slots=True)
class Nap:
    """Somebody else puts a model to sleep, or wakes it."""

    model: str

    def play(self, world: World) -> None:
        world.nap(self.model)


@dataclass(frozen=True, slots=True)
class Shrink:
    """Somebody else has a model loaded with a smaller window."""

    model: str

    def play(self, world: World) -> None:
        world.shrink(self.model)


@dataclass(frozen=True, slots=True)
class Sense:
    """The machine sees a model take so much of what is reported of it, several times."""

    model: str
    per_mille: int
    times: int = 1

    def play(self, world: World) -> None:
        for _ in range(self.times):
            world.sense(self.model, self.per_mille)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The calls of those that hold a model fail before their first byte."""

    model: str
    code: str

    def play(self, world: World) -> None:
        for request in world.state.models[self.model].leases:
            world.submit(RetryAsked(request=request, code=self.code, cause_text="the script says so"))


@dataclass(frozen=True, slots=True)
class Cut:
    """The provider has cut the prompts of those that hold a model."""

    model: str

    def play(self, world: World) -> None:
        for request in world.state.models[self.model].leases:
            world.submit(
                PromptTruncated(
                    request=request,
                    model=self.model,
                    signature="reported",
                    prompt_tokens=1,
                    expected_tokens=2,
                    context_tokens=1,
                )
            )


@dataclass(frozen=True, slots=True)
class SetBreaker:
    """An operator sets the breaker of a model's provider, which is its only one; and it is recovered."""

    model: str
    state: Wished

    def play(self, world: World) -> None:
        world.submit(BreakerSet(provider=self.model, state=self.state))
        world.submit(RecoveryFinished(provider=self.model, action="cleanup", ok=True, cause_text="done"))


@dataclass(frozen=True, slots=True)
class Luck:
    """The chances of faults are others from here on."""

    faults: Faults

    def play(self, world: World) -> None:
        world.machine.faults = self.faults


@dataclass(frozen=True, slots=True)
class Configure:
    """The settings change."""

    settings: Settings

    def play(self, world: World) -> None:
        world.configure(self.settings)


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator pins a model, or lets it go."""

    model: str
    pinned: bool

    def play(self, world: World) -> None:
        world.submit(PinChanged(model=self.model, pinned=self.pinned))


@dataclass(frozen=True, slots=True)
class Unload:
    """An operator wants a model out of memory."""

    model: str

    def play(self, world: World) -> None:
        world.submit(UnloadRequested(model=self.model))


@dataclass(frozen=True, slots=True)
class Free:
    """An operator wants all memory that nobody uses."""

    def play(self, world: World) -> None:
        world.submit(FreeRequested())


@dataclass(frozen=True, slots=True)
class Sample:
    """The machine is read, while other processes take so much of each device."""

    others: int
    processes: bool = True

    def play(self, world: World) -> None:
        world.machine.others = dict.fromkeys(world.machine.totals, self.others)
        world.sample(processes=self.processes)


@dataclass(frozen=True, slots=True)
class Replace:
    """The weights of a model are replaced."""

    model: str
    size: int

    def play(self, world: World) -> None:
        world.replace_weights(self.model, self.size)


@dataclass(frozen=True, slots=True)
class Restart:
    """The manager ends, in good order or not, some models with it, and another takes over."""

    graceful: bool = False
    dead: tuple[str, ...] = ()
    early: tuple[str, ...] = ()

    def play(self, world: World) -> None:
        if self.graceful:
            world.stop()
        for model in self.dead:
            world.machine.forget(model)
        world.start(*self.early)


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody says that something happened, which the world itself knows nothing of."""

    fact: Fact

    def play(self, world: World) -> None:
        world.submit(self.fact)


@dataclass(frozen=True, slots=True)
class SumUp:
    """A summary of what is being compressed is there."""

    context: str
    tokens: int

    def play(self, world: World) -> None:
        context = world.state.contexts.named.get(self.context)
        if context is None:
            return
        world.submit(
            SummaryMade(
                context=self.context,
                revision=context.revision,
                replacing=context.replacing,
                address="b" * 64,
                size=self.tokens * 4,
                tokens=self.tokens,
                counted_by="script",
                method="extractive",
                facts=1,
            )
        )


@dataclass(frozen=True, slots=True)
class Prune:
    """A context is to have fewer tokens; the older a message the less it matters."""

    context: str
    target_tokens: int

    def play(self, world: World) -> None:
        context = world.state.contexts.named.get(self.context)
        if context is None:
            return
        world.submit(
            PruneAsked(
                context=self.context,
                revision=context.revision,
                target_tokens=self.target_tokens,
                scores=tuple(range(length(context.window))),
                scorer="script",
            )
        )


Action = (
    Wait
    | Ask
    | Traffic
    | Cancel
    | Lose
    | Find
    | Observe
    | Nap
    | Shrink
    | Sense
    | Trouble
    | Cut
    | SetBreaker
    | Luck
    | Configure
    | Pin
    | Unload
    | Free
    | Sample
    | Replace
    | Restart
    | Tell
    | SumUp
    | Prune
)


@dataclass(frozen=True, slots=True)
class Script:
    """A world, and what happens in it."""

    kinds: Mapping[str, Kind]
    settings: Settings
    actions: tuple[Action, ...]
    totals: Mapping[str, int]
    faults: Faults = Faults()
    seed: int = 0

    def world(self, watch: Watch | None = None) -> World:
        """The world before anything happens but the manager's start."""
        world = World(
            self.kinds, self.settings, seed=self.seed, totals=self.totals, faults=self.faults, watch=watch
        )
        world.start()
        return world

    def play(self, watch: Watch | None = None) -> World:
        """Everything happens, and then whatever follows from it by itself."""
        world = self.world(watch)
        for action in self.actions:
            action.play(world)
        world.settle()
        return world


def is_at_rest(world: World) -> bool:
    """Whether nothing waits, and nothing is under way."""
    state = world.state
    under_way = (ModelState.LOADING, ModelState.DRAINING, ModelState.UNLOADING)
    return not (
        state.requests
        or state.plans
        or state.freeing
        or any(model.state in under_way or model.leases for model in state.models.values())
    )
