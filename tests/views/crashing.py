"""Kills whoever keeps a view before the first thing it does, before the second, and so on to the last.

A program of its own, so that it may fork: `python -m tests.views.crashing FOLDER` says how many moments there
were.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from bursar.eventstore.views.upkeep import Upkeep

from .listing import LISTING, files, grow, told

HEAD = 12


def _build(path: Path) -> None:
    with Upkeep(path, LISTING, batch=7) as upkeep:
        upkeep.catch_up()


def _rebuild(path: Path) -> None:
    with Upkeep(path, LISTING, batch=7) as upkeep:
        upkeep.rebuild()


def _killed_before(moment: int, work: Callable[[Path], None], path: Path) -> bool:
    """Do it in a child that does not get beyond a moment; whether it was killed."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        assert status in (0, signal.SIGKILL), moment
        return status == signal.SIGKILL
    left = moment

    def count(*_: object) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def traced(_cursor: object, sql: str, _bindings: object) -> bool:
        return sql.lower().startswith(("pragma", "select")) or bool(
            count()
        )  # killed before those is killed before the next

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **named: (count(), function(*arguments, **named))[1]

    for name in ("open", "symlink", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", traced))
    status = 1
    try:
        work(path)
        status = 0
    finally:
        os._exit(status)


def _crash(folder: Path, before: int | None, work: Callable[[Path], None]) -> int:
    """Crash at every moment of some work on a view that was at a position, or was not there."""
    origin = folder / "origin"
    origin.mkdir()
    grow(origin / "journal.db", HEAD)
    if before is not None:
        with Upkeep(origin / "journal.db", LISTING) as upkeep:
            upkeep.catch_up(before)
    moment = 0
    while True:
        path = shutil.copytree(origin, folder / "copy", symlinks=True) / "journal.db"
        killed = _killed_before(moment, work, path)
        found = told(path)
        if found is None:
            assert before is None and killed, moment
        else:
            assert found == list(range(1, len(found) + 1)), moment
            assert len(found) >= (before or 0 if killed else HEAD), moment
        with Upkeep(path, LISTING) as upkeep:
            assert upkeep.catch_up() == HEAD, moment
        assert told(path) == list(range(1, HEAD + 1)), moment
        assert len(files(path).builds()) <= 2, moment
        shutil.rmtree(folder / "copy")
        if not killed:
            shutil.rmtree(origin)
            return moment
        moment += 1


def main(folder: Path) -> None:
    """All of them."""
    for before, work in ((None, _build), (4, _build), (4, _rebuild)):
        sys.stdout.write(f"{_crash(folder, before, work)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
