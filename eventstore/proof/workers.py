"""Stretches of a long journal are checked beside each other, by processes of their own.

Hashing takes three quarters of a verification, and Python hashes on one processor. The processes are plain
interpreters that are told a stretch in a line of JSON and answer in lines of JSON: unlike `multiprocessing`
they neither run the caller's main module again nor share an open database with it.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from queue import SimpleQueue
from threading import Thread
from typing import Any

import apsw

from ...domain.errors import BursarError
from ..connections import READ_ERRORS, connect_reading
from ..merkle import Frontier
from .notes import Checkpoint, VerifierKey
from .problems import Problem, Problems
from .stretches import Authority, Found, Stretch, restored

#: Stretches for each process, so that none waits long for the last one.
_EACH = 4
#: Positions between two words about the progress.
_TELL = 65_536

#: Number of a stretch, and what was found; or None and a position that was passed; or two None at the end.
_Word = tuple[int | None, Any]


def cut(connection: apsw.Connection, start: Frontier, head: int, processes: int) -> list[Frontier]:
    """Trees that were written down, at which a journal can be cut into stretches of about a length."""
    pieces, cuts = processes * _EACH, [start]
    for piece in range(1, pieces):
        target = start.size + (head - start.size) * piece // pieces
        row = connection.execute(
            "SELECT size, root, frontier FROM root WHERE size <= ? ORDER BY size DESC LIMIT 1", (target,)
        ).fetchone()
        tree = None if row is None else restored(*row)
        if tree is not None and tree.size > cuts[-1].size:
            cuts.append(tree)
    return cuts


def check_beside(
    path: str,
    cuts: Sequence[Frontier],
    head: int,
    authority: Authority,
    progress: Callable[[int], None] | None,
    processes: int,
) -> Found:
    """Check the stretches between these trees and up to the head; what was found in all of them together.

    A stretch whose process ends without an answer is checked here.
    """
    ends = [*(tree.size for tree in cuts[1:]), head]
    tasks = [_task(path, tree, end, authority) for tree, end in zip(cuts, ends, strict=True)]
    answers = _asked(tasks, min(processes, len(tasks)), progress)
    founds = [
        _found(answers[number]) if number in answers else _checked(task, None)
        for number, task in enumerate(tasks)
    ]
    whole = founds[0]
    for found in founds[1:]:
        whole.problems.join(found.problems)
        whole.join(found)
    return whole


def _asked(tasks: list[str], processes: int, progress: Callable[[int], None] | None) -> dict[int, Any]:
    waiting, words = deque(enumerate(tasks)), SimpleQueue[_Word]()
    running = [_start() for _ in range(processes)]
    answers, passed, ended = dict[int, Any](), 0, 0
    try:
        for process in running:
            Thread(target=_ask, args=(process, waiting, words), daemon=True).start()
        while ended < len(running):
            number, word = words.get()
            if number is not None:
                answers[number] = word
            elif word is None:
                ended += 1
            else:
                passed += _TELL
                if progress is not None:
                    progress(passed)
    finally:
        for process in running:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
    return answers


def _start() -> "subprocess.Popen[str]":
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # an interrupt is for who asked; it ends them
        env={**os.environ, "PYTHONPATH": path},
    )


def _ask(
    process: "subprocess.Popen[str]", waiting: "deque[tuple[int, str]]", words: "SimpleQueue[_Word]"
) -> None:
    """Hand a process one stretch after the other, for a thread of its own."""
    with suppress(OSError, ValueError, IndexError):
        while process.stdin is not None and process.stdout is not None:
            number, task = waiting.popleft()
            process.stdin.write(task + "\n")
            process.stdin.flush()
            for line in process.stdout:
                word = json.loads(line)
                if isinstance(word, int):
                    words.put((None, word))
                else:
                    words.put((number, word))
                    break
            else:
                break
    words.put((None, None))


def _task(path: str, tree: Frontier, until: int, authority: Authority) -> str:
    note = authority.note
    return json.dumps({
        "path": path,
        "size": tree.size,
        "tree": tree.packed().hex(),
        "until": until,
        "origin": authority.origin,
        "keys": list(map(str, authority.keys)),
        "note": None if note is None else note.text(),
    })  # fmt: skip


def _checked(task: str, progress: Callable[[int], None] | None) -> Found:
    given = json.loads(task)
    keys = tuple(map(VerifierKey.parse, given["keys"]))
    note = given["note"] and Checkpoint.parse(given["note"])
    tree = Frontier.restored(given["size"], bytes.fromhex(given["tree"]))
    stretch = Stretch(tree, Authority(given["origin"], keys, note), progress)
    try:
        connection = connect_reading(given["path"])
        try:
            return stretch.check(connection, given["until"])
        finally:
            connection.close()
    except (BursarError, *READ_ERRORS) as error:
        stretch.found.problems.add("unreadable", tree.size + 1, f"cannot be read ({error})", given["until"])
        stretch.found.frontier, stretch.found.expected = None, given["until"] + 1
        return stretch.found


def _found(answer: dict[str, Any]) -> Found:
    problems = answer.pop("problems")
    listed = [Problem(**problem) for problem in problems.pop("listed")]
    tree = answer.pop("tree")
    frontier = None if tree is None else Frontier.restored(tree[0], bytes.fromhex(tree[1]))
    return Found(problems=Problems(listed=listed, **problems), frontier=frontier, **answer)


def _answer(found: Found) -> dict[str, Any]:
    tree = found.frontier
    found.frontier = None
    answer = asdict(found)
    del answer["frontier"]
    return {**answer, "tree": None if tree is None else (tree.size, tree.packed().hex())}


def _serve() -> None:
    """Answer every line that comes in, until none does."""
    passed = 0

    def tell(position: int) -> None:
        nonlocal passed
        if position - passed >= _TELL:
            passed = position
            print(position, flush=True)  # noqa: T201 - the answer is what is written

    with suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin:
            passed = json.loads(line)["size"]
            print(json.dumps(_answer(_checked(line, tell))), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    _serve()
