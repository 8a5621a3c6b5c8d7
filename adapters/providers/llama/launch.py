"""Starting a child process.

Not with `subprocess` or asyncio's version of it: they complain about a process, or kill it, when their object
goes, and ours is meant to outlive the manager.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .child import Order

_PROGRAM = Path(__file__).with_name("child.py")


class Launched(NamedTuple):
    """A new process, our end of its connection, and what it complains about."""

    pid: int
    control: socket.socket
    complaints: BinaryIO


def launch(order: Order) -> Launched:
    """Start the child program. The caller owns the process and both files. Raises `OSError`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    read_end, write_end = os.pipe()
    with theirs, os.fdopen(write_end, "wb", buffering=0):
        try:
            pid = os.posix_spawn(
                sys.executable,
                # -P: the program's folder must not come before the library on the search path.
                [sys.executable, "-P", str(_PROGRAM), json.dumps(order)],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, write_end, 1),
                    (os.POSIX_SPAWN_DUP2, write_end, 2),
                ],
                setsigmask=[],
                setsigdef=[signal.SIGTERM, signal.SIGINT],
            )
        except BaseException:
            ours.close()
            os.close(read_end)
            raise
    return Launched(pid, ours, os.fdopen(read_end, "rb", buffering=0))
