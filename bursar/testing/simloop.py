"""A deterministic asyncio: virtual time, a schedule drawn from a seed, processes that die as by SIGKILL.

- **Time** moves when nothing is left to run: the loop skips to the next timer. A turn of the loop takes a
  microsecond, so that a timer may also fall between two steps of a long chain.
- **Order**: before each turn the steps of tasks, and only they, are permuted; other callbacks keep the order
  that asyncio promises. A timer fires up to 100 ns late, so that equal deadlines race.
- **Same seed, same run**, in any process: tasks and futures are hashed by a number (asyncio keeps them in
  sets, by address), names count from 1, the garbage collector sleeps, `to_thread` works inline.
- **Nothing hangs**: when no timer is left, or the loop spins, `Deadlock` names the tasks that wait.
- **Nothing vanishes**: an error in a background task that nobody looked at is raised when the run ends.

What it does not govern: wall clocks, `random`, `uuid`, sets hashed by address, blocking I/O, real threads.
"""

import asyncio
import functools
import gc
import heapq
import itertools
import math
import random
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Generic, NoReturn, TypeVar, TypeVarTuple

from .finalisers import SUSPENDABLE, collector_asleep, defuse

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: 2026-01-01T00:00:00Z, where virtual time begins unless told otherwise.
EPOCH_NS = 1_767_225_600 * 10**9
TURN_NS = 1_000
TIMER_LATE_NS_MAX = 100
EXECUTOR_NS_MAX = 1_000_000


class Deadlock(RuntimeError):
    """Nothing will ever happen again; `waiting` says which tasks wait for it, and where."""

    def __init__(self, why: str, at_s: float, waiting: tuple[str, ...]) -> None:
        super().__init__(f"{why} at {at_s:.6f} s; waiting: {', '.join(waiting) or 'no task'}")
        self.waiting = waiting


class RealIO(BaseException):
    """The simulation tried to reach the real world: give the code a fake instead.

    Not an `Exception`, because the code under test rightly takes any of those for an unavailable provider.
    """


def run(main: Callable[["SimLoop"], Coroutine[Any, Any, T]], *, seed: int, start_ns: int = EPOCH_NS) -> T:
    """Run `main(loop)` to its end in virtual time; the same seed repeats the run."""
    with collector_asleep():
        loop = SimLoop(seed, start_ns)
        try:
            result = loop.run_until_complete(main(loop))
        except BaseException as error:
            loop.wind_up()
            error.add_note(f"simulated with seed {seed}")
            for other in loop.unnoticed:
                error.add_note(f"nobody had looked at {other!r}")
            raise
        loop.wind_up()
    if loop.unnoticed:
        raise BaseExceptionGroup(f"nobody looked at these errors; seed {seed}", loop.unnoticed)
    return result


class Process(Generic[T]):
    """What a process of the operating system would own: the tasks, timers and callbacks begun inside it.

    `SimLoop.spawn` makes one. A task belongs to the process that created it, a callback to the one that
    registered it; a process spawned by another is on its own. So a fake that serves processes spawns what
    must outlive its caller, and asks `current_process` in whose name it is called.
    """

    def __init__(self, loop: "SimLoop", main: Coroutine[Any, Any, T], name: str | None) -> None:
        self.alive = True
        self._loop = loop
        context = copy_context()
        context.run(_owner.set, self)
        self.task = loop.create_task(main, name=name, context=context)

    def kill(self) -> None:
        """End it as SIGKILL would: no further line of its code runs, neither `except` nor `finally`.

        One that kills itself gets as far as its next `await`. Who waits for its tasks waits for ever.
        """
        if self.alive:
            self.alive = False
            self._loop.bury(self)


def current_process() -> Process[Any] | None:
    """Return the process in whose name this code runs, or None outside of any."""
    return _owner.get()


_owner: ContextVar[Process[Any] | None] = ContextVar("bursar_simulated_process", default=None)

#: What is to be called, for which process, and whether it is a step of a task.
_Job = tuple[asyncio.Handle, Process[Any] | None, bool]
_CoroutineLike = Coroutine[Any, Any, T] | Generator[Any, None, T]


class SimLoop(asyncio.BaseEventLoop):
    """The loop behind `run`, and a `Clock` for bursar; `unnoticed` are the errors nobody looked at so far."""

    #: So many turns without a timer mean that the loop spins.
    turns_max = 1_000_000

    def __init__(self, seed: int, start_ns: int = EPOCH_NS) -> None:
        super().__init__()
        self.unnoticed: list[BaseException] = []
        self.set_exception_handler(self._notice)
        self._random = random.Random(seed)
        self._thread = threading.get_ident()
        self._start_ns = start_ns
        self._elapsed_ns = 0
        self._turns = 0
        self._serial = itertools.count(1)
        self._jobs: deque[_Job] = deque()
        self._timers: list[tuple[int, int, _Job]] = []
        self._tasks = weakref.WeakSet[_Task[Any]]()
        self._generators = weakref.WeakKeyDictionary[AsyncGenerator[Any, Any], Process[Any] | None]()
        #: What the dead held, kept until the end: a suspended coroutine that is freed runs its `finally`.
        self._remains: list[object] = []

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._elapsed_ns / 10**9

    def now_ns(self) -> int:
        """Virtual UTC nanoseconds."""
        return self._start_ns + self._elapsed_ns

    now = now_ns

    def spawn(self, main: Coroutine[Any, Any, T], *, name: str | None = None) -> Process[T]:
        """Start a coroutine as the main task of a process of its own."""
        return Process(self, main, name)

    def bury(self, process: Process[Any]) -> None:
        """Take what a killed process leaves suspended out of everybody's sight (called by `Process.kill`)."""
        for task in self._tasks_by_age():
            if task.owner is process and not task.done():
                self._remains.append(task)
                asyncio.tasks._unregister_task(task)  # noqa: SLF001 - documented, for authors of loops
        for generator, owner in list(self._generators.items()):
            if owner is process:
                self._remains.append(generator)
                del self._generators[generator]

    def wind_up(self) -> None:
        """Cancel what still runs, as `asyncio.run` does, let go of the dead, and close."""
        try:
            self._cancel_the_living()
            self.run_until_complete(self.shutdown_asyncgens())
        except Deadlock as stuck:
            self.unnoticed.append(stuck)
        finally:
            self.unnoticed += [error for task in self._tasks_by_age() if (error := task.unnoticed_error())]
            self._let_go_of_the_dead()
            self.close()

    # -- what asyncio asks of a loop

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(next(self._serial), self)

    def create_task(
        self, coro: _CoroutineLike[T], *, name: object = None, context: Context | None = None, **_: object
    ) -> asyncio.Task[T]:
        task: _Task[T] = _Task(next(self._serial), _owner_in(context), coro, self, name, context)
        self._tasks.add(task)
        return task

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._jobs.append((handle, _owner_in(context), _is_step(callback)))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise RealIO("a real thread called into the simulation")
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if math.isfinite(when):
            when_ns = math.ceil(when * 10**9) + self._random.randint(1, TIMER_LATE_NS_MAX)
            heapq.heappush(self._timers, (when_ns, next(self._serial), (timer, _owner_in(context), False)))
        return timer

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call the function here and now; its outcome arrives after a delay drawn from the seed."""
        future = self.create_future()
        try:
            deliver = functools.partial(future.set_result, func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, the task that awaits it gets it
            deliver = functools.partial(future.set_exception, error)
        delay_s = self._random.randint(1, EXECUTOR_NS_MAX) / 10**9
        self.call_later(delay_s, lambda: None if future.done() else deliver())
        return future

    async def shutdown_asyncgens(self) -> None:
        for generator in list(self._generators):
            try:
                await generator.aclose()
            except (Exception, RealIO) as error:  # noqa: BLE001 - `run` raises it with the others
                self.unnoticed.append(error)

    def _asyncgen_firstiter_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Remember the generator in order of age, and whose it is (`BaseEventLoop` has a set by address)."""
        self._generators[agen] = _owner.get()

    # -- one turn

    def _run_once(self) -> None:
        """Do what the method of this name does in `BaseEventLoop.run_forever`."""
        if not self._jobs:
            self._skip_to_next_timer()
        while self._timers and self._timers[0][0] <= self._elapsed_ns:
            self._jobs.append(heapq.heappop(self._timers)[2])
            self._turns = 0
        self._permute_steps()
        for _ in range(len(self._jobs)):
            handle, owner, _step = self._jobs.popleft()
            if not _lives(owner):
                self._remains.append(handle)
            elif not handle.cancelled():
                handle._run()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - there is no other way
        self._elapsed_ns += TURN_NS
        self._turns += 1
        if self._turns > self.turns_max:
            raise Deadlock("the loop spins", self.time(), self._waiting())

    def _skip_to_next_timer(self) -> None:
        while self._timers and self._timers[0][2][0].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Deadlock("nothing is left to run", self.time(), self._waiting())
        self._elapsed_ns = max(self._elapsed_ns, self._timers[0][0])

    def _permute_steps(self) -> None:
        places = [place for place, (_, _, is_step) in enumerate(self._jobs) if is_step]
        if len(places) > 1:
            steps = [self._jobs[place] for place in places]
            self._random.shuffle(steps)
            for place, step in zip(places, steps, strict=True):
                self._jobs[place] = step

    # -- who is there, and the end of it

    def _tasks_by_age(self) -> "list[_Task[Any]]":
        return sorted(self._tasks, key=lambda task: task.serial)

    def _living(self) -> "list[_Task[Any]]":
        return [task for task in self._tasks_by_age() if not task.done() and _lives(task.owner)]

    def _waiting(self) -> tuple[str, ...]:
        return tuple(f"{task.get_name()} ({_place(task)})" for task in self._living())

    def _notice(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take down the error; a complaint without one is about a task freed while pending, at the end."""
        whose = context.get("future")
        if "exception" in context and (not isinstance(whose, _Task) or _lives(whose.owner)):
            self.unnoticed.append(context["exception"])

    def _cancel_the_living(self) -> None:
        if tasks := self._living():
            for task in tasks:
                task.cancel()
            for outcome in self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True)):
                if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                    self.unnoticed.append(outcome)

    def _let_go_of_the_dead(self) -> None:
        """Free them, and what would not be cancelled, without running what is left of their code.

        The collector is asleep and what is older than this run is frozen, so it lists what was made in this
        run; the living have ended, so what is still suspended belongs to the dead.
        """
        if self._remains or not all(task.done() for task in self._tasks):
            for thing in gc.get_objects():
                if isinstance(thing, SUSPENDABLE):
                    defuse(thing)
        self._jobs.clear()
        self._timers.clear()
        self._remains.clear()


class _Future(asyncio.Future[Any]):
    """A future whose hash is the same in every run."""

    def __init__(self, serial: int, loop: SimLoop) -> None:
        super().__init__(loop=loop)
        self.serial = serial

    def __hash__(self) -> int:
        return self.serial


class _Task(asyncio.Task[T]):
    """A task whose hash and default name are the same in every run."""

    def __init__(
        self,
        serial: int,
        owner: Process[Any] | None,
        coro: Any,
        loop: SimLoop,
        name: object,
        context: Context | None,
    ) -> None:
        self.serial = serial
        self.owner = owner
        super().__init__(coro, loop=loop, name=str(name or f"Task-{serial}"), context=context)

    def __hash__(self) -> int:
        return self.serial

    def unnoticed_error(self) -> BaseException | None:
        """The error it ended with, if it is alive to tell and nobody has asked."""
        unasked = _lives(self.owner) and self.done() and not self.cancelled() and self._log_traceback
        return self.exception() if unasked else None


def _owner_in(context: Context | None) -> Process[Any] | None:
    return _owner.get() if context is None else context.get(_owner)


def _lives(owner: Process[Any] | None) -> bool:
    return owner is None or owner.alive


def _is_step(callback: object) -> bool:
    """A task's step or wake-up; of its methods, `cancel` is the one that others register as a callback."""
    whose = getattr(callback, "__self__", None)
    return isinstance(whose, _Task) and getattr(callback, "__name__", None) != "cancel"


def _place(task: _Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    return f"{frames[0].f_code.co_qualname}, line {frames[0].f_lineno}" if frames else "not a coroutine"


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RealIO(f"loop.{name}() was called in a simulation")

    return refuse


for _name in (
    *("getaddrinfo", "getnameinfo", "create_connection", "create_server", "create_datagram_endpoint"),
    *("create_unix_connection", "create_unix_server", "connect_accepted_socket", "start_tls", "sendfile"),
    *("sock_accept", "sock_connect", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into"),
    *("sock_sendall", "sock_sendto", "sock_sendfile", "add_reader", "add_writer", "add_signal_handler"),
    *("connect_read_pipe", "connect_write_pipe", "subprocess_exec", "subprocess_shell"),
):
    setattr(SimLoop, _name, _refuse(_name))
