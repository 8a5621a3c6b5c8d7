"""Real files without threads: what happens beside a journal happens at the same moment in every run."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ..eventstore.storage import DiskStorage

_T = TypeVar("_T")


class InlineStorage(DiskStorage):
    """Does at once what the real one does in threads."""

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Do it here and now."""
        done: Future[_T] = Future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  # it is passed on
            done.set_exception(error)
        return done
