"""An event loop with real sockets and hurried timers: when nothing happens for a moment, time jumps."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

#: Real seconds without anything to read or write after which time jumps to the next timer.
LULL_S = 0.002


class Hurried(asyncio.SelectorEventLoop):
    """As asyncio's own, but that ten minutes of waiting take milliseconds; a run takes `real_s` at most.

    Time does not jump while a thread works, of the journal's or another.
    """

    def __init__(self, real_s: float) -> None:
        self._impatient = _Impatient(time.monotonic() + real_s)
        super().__init__(self._impatient)
        self.working = self._impatient.working
        #: What nobody looked at: errors of tasks that were never retrieved, and the like.
        self.complaints: list[str] = []
        self.set_exception_handler(lambda _loop, context: self._complain(context))

    def time(self) -> float:
        """Seconds, those included that were jumped over."""
        return time.monotonic() + self._impatient.jumped_s

    def now(self) -> int:
        """The same as nanoseconds after an arbitrary day: implements `domain.ports.Clock`."""
        return 1_767_225_600 * 10**9 + int(self.time() * 1e9)

    def _complain(self, context: dict[str, Any]) -> None:
        who = context.get("task") or context.get("future") or context.get("handle") or ""
        self.complaints.append(f"{context['message']}: {context.get('exception')!r} {who}")


class _Impatient(selectors.DefaultSelector):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.jumped_s = 0.0
        #: What threads are at.
        self.working: set[Future[Any]] = set()
        self._deadline = deadline
        self._expired = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Whatever is ready; where nothing is, and nothing comes in a moment, the timeout is over."""
        if not self._expired and time.monotonic() > self._deadline:
            self._expired = True
            raise TimeoutError("the run took too long; it hangs, or spins")
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = super().select(LULL_S if timeout is None else min(timeout, LULL_S))
        if not ready and timeout is not None and not self.working:
            self.jumped_s += max(0.0, timeout - LULL_S)
        return ready


def run_hurried(main: Callable[[Hurried], Coroutine[Any, Any, None]], *, real_s: float) -> Hurried:
    """Run to the end; returns the loop, with its complaints. Raises `TimeoutError` past `real_s`."""
    loop = Hurried(real_s)
    with _threads_watched(loop.working), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main(loop))
    return loop


@contextmanager
def _threads_watched(working: set[Future[Any]]) -> Generator[None, None, None]:
    """Know what all threads of pools are at."""
    submit = ThreadPoolExecutor.submit

    def watched(*args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = submit(*args, **options)
        working.add(future)
        future.add_done_callback(working.discard)
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", watched)
        yield
