"""Texts such as people and models write, and a way to look for things in files."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

_SENTENCES = (
    "the model answers with a table of prices and asks whether the order should be placed today or on monday "
    "because the warehouse in leipzig is closed and the customer wants blue ones instead of the grey boxes "
    "please summarise this thread in three sentences and keep every number as it was written by the author "
    "function returns none when the list is empty so check its length before you call it again thank you"
)
WORDS = _SENTENCES.split()
CANARY = "the canary sings of 4711 grey elephants at midnight"


def message(seed: int, words: int = 40) -> str:
    """One of as many messages as one likes; two have words in common, and phrases."""
    drawn = random.Random(seed)
    starts = [drawn.randrange(len(WORDS) - 5) for _ in range(words // 4)]
    return f"#{seed}: " + " ".join(word for start in starts for word in WORDS[start : start + 4])


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """The files below a folder that hold any of these, byte for byte."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


def sql(file: Path | str, statement: str, *bindings: Any) -> list[Any]:
    """Run a statement of a stranger's on a database."""
    connection = apsw.Connection(str(file))
    try:
        return connection.execute(statement, bindings).fetchall()
    finally:
        connection.close()


def killed_before(statement: int, work: Callable[[Callable[[], None]], None]) -> bool:
    """Do it in a process that is killed before its n-th SQL statement; whether it was.

    Statements count from when the work calls what it is given.
    """
    child = os.fork()
    if not child:
        left = [statement]
        counting: list[bool] = []

        def trace(*_: object) -> bool:
            left[0] -= bool(counting)
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        def hook(connection: apsw.Connection) -> None:
            connection.exec_trace = trace

        apsw.connection_hooks.append(hook)
        try:
            work(lambda: counting.append(True))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False
