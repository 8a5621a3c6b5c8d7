"""Event loops to measure under."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

#: Makes one.
Loop = Callable[[], asyncio.AbstractEventLoop]
_T = TypeVar("_T")


def loops() -> dict[str, Loop]:
    """Python's own, which is what is judged, and uvloop where it is installed."""
    found: dict[str, Loop] = {"asyncio": asyncio.new_event_loop}
    if find_spec("uvloop") is not None:
        import uvloop

        found["uvloop"] = uvloop.new_event_loop
    return found


def run(work: Coroutine[Any, Any, _T], loop: Loop) -> _T:
    """Run it in a new loop."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)
