"""Which models are in memory: as Ollama's scheduler keeps them, lets them go, and loads them anew."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..world import Installed, Instance, LoadRefused, World
from .bodies import Refused
from .switches import Switches

_BUSY = "server busy, please try again.  maximum pending requests exceeded"
#: Windows that are tried, one after the other, when the window was not asked for and there is no room.
_SMALLER = (262144, 32768, 4096)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants a model loaded with; another one needs another load. `None` is automatic."""

    num_ctx: int | None
    num_batch: int | None
    num_gpu: int | None
    main_gpu: int | None
    draft_num_predict: int | None
    num_thread: int | None
    use_mmap: bool | None
    #: Only since 0.30 is it a matter of the load.
    shift: bool


@dataclass(slots=True, eq=False)
class Runner:
    """A model in memory, or on its way there."""

    instance: Instance
    wanted: Wanted
    keep_s: float
    expires: datetime
    slots: asyncio.Semaphore
    loading: bool = True
    #: Its process is being ended.
    going: bool = False
    timer: asyncio.TimerHandle | None = None
    #: Prompts it has computed.
    prompts: set[str] = field(default_factory=set[str])


class Scheduler:
    """One for each server."""

    def __init__(self, world: World, switches: Switches) -> None:
        self._world, self._switches = world, switches
        self._runners: dict[str, Runner] = {}
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._leaving: set[asyncio.Task[None]] = set()

    def listed(self) -> list[Runner]:
        """Those that `/api/ps` shows, the longest to stay first."""
        early = not self._switches.since(0, 30)
        there = [one for one in self._runners.values() if (one.loading and early) or self._is_there(one)]
        return sorted(there, key=lambda runner: runner.expires, reverse=True)

    @asynccontextmanager
    async def using(
        self, model: Installed, wanted: Wanted, keep_s: float | None
    ) -> AsyncGenerator[Runner, None]:
        """Have the model in memory for a block, loaded as is wanted. Raises `Refused`."""
        runner = await self._get(model, wanted)
        if keep_s is not None:
            runner.keep_s = keep_s
        try:
            async with self._world.answering(runner.instance):
                self._stay(runner)
                yield runner
        finally:
            self._finished(runner)

    def expire(self, model: Installed) -> None:
        """Let it go as soon as nobody uses it; nothing where it is not in memory."""
        runner = self._runners.get(model.name)
        if runner is None or not self._is_there(runner):
            return
        runner.keep_s = 0
        runner.expires = _now()
        runner.instance.leaving = True
        self._world.changed()
        if not runner.instance.busy:
            self._let_go(runner)

    def expire_all(self) -> None:
        """As after memory ran out: every model goes, whether it had to do with it or not."""
        for runner in tuple(self._runners.values()):
            self.expire(runner.instance.model)

    async def _get(self, model: Installed, wanted: Wanted) -> Runner:
        if self._waiting >= self._switches.max_queue:
            raise Refused(503, _BUSY)
        self._waiting += 1
        try:
            return self._ready(model, wanted) or await self._in_turn(model, wanted)
        finally:
            self._waiting -= 1

    def _ready(self, model: Installed, wanted: Wanted) -> Runner | None:
        runner = self._runners.get(model.name)
        there = runner is not None and self._is_there(runner) and not runner.going
        return runner if runner and there and not self._needs_reload(runner, wanted) else None

    async def _in_turn(self, model: Installed, wanted: Wanted) -> Runner:
        """One load at a time; what is loaded otherwise goes first, once it has answered."""
        async with self._turn:
            if ready := self._ready(model, wanted):
                return ready
            old = self._runners.get(model.name)
            if old and self._is_there(old):
                await self._idle(old)
                await self._end(old)
            return await self._load(model, wanted)

    async def _load(self, model: Installed, wanted: Wanted) -> Runner:
        if self._switches.deadlocked:
            await asyncio.get_running_loop().create_future()
        await self._make_room()
        window = self._window(model, wanted)
        instance = Instance(model.name, model, window, self._switches.parallel)
        default_s = self._switches.keep_alive_s
        runner = Runner(
            instance,
            wanted,
            keep_s=_AGES_S if default_s is None else default_s,
            expires=_now() + timedelta(minutes=5),
            slots=asyncio.Semaphore(self._switches.parallel),
        )
        self._runners[model.name] = runner
        try:
            await self._world.load(instance)
        except LoadRefused as refused:
            raise Refused(500, f"llama runner process has terminated: {refused}") from None
        finally:
            runner.loading = False
            if model.name not in self._world.instances:
                self._runners.pop(model.name, None)
        return runner

    async def _make_room(self) -> None:
        """As many as may be loaded are: the idle go first, and of those the soonest to go anyway."""
        most = self._switches.max_loaded
        while most and len(there := [one for one in self._runners.values() if self._is_there(one)]) >= most:
            victim = min(there, key=lambda one: (one.instance.busy > 0, one.keep_s, one.instance.id))
            await self._idle(victim)
            await self._end(victim)

    def _window(self, model: Installed, wanted: Wanted) -> int:
        """What is allocated: never more than it was trained for, and less where nobody asked for it."""
        window = min(wanted.num_ctx or self._switches.context, model.context)
        if wanted.num_ctx is not None:
            return window
        fitting = [
            smaller
            for smaller in (window, *(each for each in _SMALLER if each < window))
            if self._world.memory_of(model, smaller) <= self._switches.free
        ]
        return fitting[0] if fitting else window

    def _needs_reload(self, runner: Runner, wanted: Wanted) -> bool:
        """Ollama's own rule: any difference in what it was loaded with, but for what both left open."""
        trained = runner.instance.model.context
        old, new = runner.wanted, wanted
        windows = [min(each.num_ctx or self._switches.context, trained) for each in (old, new)]
        automatic = old.num_ctx is None and new.num_ctx is None
        return (
            (windows[0] != windows[1] and not automatic)
            or old.num_batch != new.num_batch
            or (new.num_gpu is not None and new.num_gpu >= 0 and old.num_gpu != new.num_gpu)
            or old.main_gpu != new.main_gpu
            or old.draft_num_predict != new.draft_num_predict
            or old.num_thread != new.num_thread
            or (new.use_mmap is not None and old.use_mmap != new.use_mmap)
            or (self._switches.since(0, 30) and old.shift != new.shift)
        )

    def _is_there(self, runner: Runner) -> bool:
        return self._world.instances.get(runner.instance.id) is runner.instance

    def _stay(self, runner: Runner) -> None:
        """Somebody uses it: its time begins anew."""
        if runner.timer:
            runner.timer.cancel()
            runner.timer = None
        if runner.keep_s > 0:
            runner.instance.leaving = False
            runner.expires = _now() + timedelta(seconds=runner.keep_s)

    def _finished(self, runner: Runner) -> None:
        if runner.instance.busy or not self._is_there(runner):
            return
        if runner.keep_s <= 0:
            self._let_go(runner)
            return
        runner.expires = _now() + timedelta(seconds=runner.keep_s)
        if runner.keep_s < _AGES_S:
            loop = asyncio.get_running_loop()
            runner.timer = loop.call_later(runner.keep_s, self.expire, runner.instance.model)

    def _let_go(self, runner: Runner) -> None:
        if not runner.going:
            task = asyncio.ensure_future(self._end(runner))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _end(self, runner: Runner) -> None:
        """End its process, whoever asked for it; a second time waits for the first."""
        if runner.going:
            await self._gone(runner)
            return
        runner.going = True
        try:
            await self._world.unload(runner.instance.id)
        finally:
            runner.going = False
            self._world.changed()

    async def _gone(self, runner: Runner) -> None:
        while runner.going:
            await self._world.changes()

    async def _idle(self, runner: Runner) -> None:
        """Wait until it answers nobody."""
        while runner.instance.busy:
            await self._world.changes()


#: From here on it is for ever: no timer runs.
_AGES_S = 10.0**9


def _now() -> datetime:
    return datetime.now(UTC)
