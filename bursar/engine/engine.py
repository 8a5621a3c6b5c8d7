"""One step after another: decide, write down, and only then let the effects run."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ..domain.errors import BursarError, ManagerClosed
from ..domain.events import Event, Fact
from ..domain.host.events import StateDigested, TimerFired
from ..domain.kernel import Origin, Step, step
from ..domain.ports import Clock
from ..domain.state import State
from ..domain.timers import next_wakeup
from ..eventstore.port import Appender
from ..projections.history import Digests, to_draft

#: The live state's digest is recorded this often, so that a replay can be compared with it.
DIGEST_EVERY = 1000

#: Hears every event once it is committed, in the order of the journal. Must not raise.
Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A step that was taken, and the future of its being written."""

    step: Step
    committed: "asyncio.Future[int]"

    @property
    def position(self) -> int:
        """Of the fact."""
        return self.step.fact.position


class Engine:
    """Owns the live state. Every change goes through `submit`, on one thread, one at a time.

    A step is decided on the state as it will be when all earlier steps are written; listeners, and with
    them the effects, hear of it after the commit. When a commit fails the live state is ahead of the
    journal, so the engine takes no further step: open the journal again.
    """

    def __init__(self, journal: Appender, state: State, clock: Clock) -> None:
        self.state = state
        self.clock = clock
        self._journal = journal
        self._listeners: list[Listener] = []
        self._on_failure: list[Callable[[BursarError], None]] = []
        self._failure: BursarError | None = None
        #: Those who wait for an event.
        self._awaited: set[asyncio.Future[Event]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rearming = False
        #: When the timer fired last; a firing that decided nothing is not recorded.
        self._fired_at = 0
        self._digested = state.position
        self._digests = Digests(state)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of every committed event; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def on_failure(self, callback: Callable[[BursarError], None]) -> None:
        """Be told when the journal can no longer be written."""
        self._on_failure.append(callback)

    def submit(
        self,
        fact: Fact,
        *,
        actor: str = "bursar",
        origin: Origin | None = None,
        command: str | None = None,
        durable: bool = False,
    ) -> Receipt:
        """Take a step. Decided at once; `Receipt.committed` is done when it is in the journal.

        `command` is an id that the journal has not taken yet: a step is never taken twice. `durable`: on the
        disk itself, whatever is decided. Raises why no more steps are taken, ValueError for an old id.
        """
        if command is not None and not self._failure and self._journal.taken(command) is not None:
            raise ValueError(f"command {command!r} has been taken; the state would run ahead of the journal")
        taken = step(self.state, fact, at=self.clock.now(), actor=actor, origin=origin)
        receipt = self._write(taken, command=command, durable=durable)
        if taken.state.position - self._digested >= DIGEST_EVERY:
            self.record_digest()
        return receipt

    def record_digest(self) -> Receipt:
        """Write down what the live state looks like, for replays to be compared with."""
        fact = StateDigested(digest=self._digests.of(self.state))
        taken = step(self.state, fact, at=self.clock.now())
        self._digested = taken.state.position
        return self._write(taken)

    def stop(self, failure: BursarError | None = None) -> None:
        """Take no further step."""
        self._failure = self._failure or failure or ManagerClosed()
        if self._timer:
            self._timer.cancel()
        for found in self._awaited:
            if not found.done():
                found.set_exception(self._failure)

    async def until(self, match: Callable[[Event], bool], *, after: Fact | None = None) -> Event:
        """The next committed event that matches, once the step `after` is taken.

        Raises why no more steps are taken, also when that happens meanwhile.
        """
        if self._failure:
            raise self._failure
        found: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        def hear(event: Event) -> None:
            if not found.done() and match(event):
                found.set_result(event)

        end = self.listen(hear)
        self._awaited.add(found)
        try:
            if after is not None:
                self.submit(after)
            return await found
        finally:
            self._awaited.discard(found)
            end()
            if found.done() and not found.cancelled():
                # Whoever is cancelled does not look at it: it is not an error that nobody retrieved.
                found.exception()

    def _write(self, taken: Step, *, command: str | None = None, durable: bool = False) -> Receipt:
        if self._failure:
            raise self._failure
        batch = [to_draft(event) for event in taken.events]
        committed = self._journal.append(
            batch,
            expected=self.state.position,
            durable=durable or any(event.body.durable for event in taken.events),
            command=command,
        )
        self.state = taken.state
        committed.add_done_callback(lambda done: self._committed(taken, done))
        self._rearm_soon()
        return Receipt(taken, committed)

    def _committed(self, taken: Step, done: "asyncio.Future[int]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is None:
            for event in taken.events:
                for listener in tuple(self._listeners):
                    listener(event)
            return
        failure = error if isinstance(error, BursarError) else BursarError(detail=str(error))
        if self._failure is None:
            self.stop(failure)
            for callback in self._on_failure:
                callback(failure)

    def _rearm_soon(self) -> None:
        """Set the timer once for all steps of this turn of the loop."""
        if not self._rearming:
            self._rearming = True
            asyncio.get_running_loop().call_soon(self._rearm)

    def _rearm(self) -> None:
        self._rearming = False
        if self._timer:
            self._timer.cancel()
            self._timer = None
        moment = next_wakeup(self.state, self._fired_at)
        if moment is not None and self._failure is None:
            # A millisecond late rather than early: an early timer finds nothing to do.
            delay_s = max(0, moment - self.clock.now()) / 1e9 + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._failure:
            return
        self._fired_at = self.clock.now()
        taken = step(self.state, TimerFired(), at=self._fired_at)
        if taken.decisions:
            self._write(taken)
        else:
            self._rearm_soon()
