"""Runs `python -m bursar` as a shell would, or the same commands in this process."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from bursar.adapters.cli.group import build


def inside(*arguments: object, journal: Path | None = None) -> Result:
    """Run a command in this process: soon done, and all the same but for how a process starts and ends."""
    variables = {"BURSAR_JOURNAL": str(journal) if journal else None}
    return CliRunner().invoke(build(), list(map(str, arguments)), env=variables)


def environment(**changes: str) -> dict[str, str]:
    """What the command sees; nothing of it says where the journal is or how to colour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        kept.pop(name, None)
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "200", **changes}


def command(*arguments: object) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "bursar", *map(str, arguments)]


def bursar(*arguments: object, cwd: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it with its output in pipes."""
    return subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**changes),
        timeout=60,
    )


def on_terminal(*arguments: object, **changes: str) -> str:
    """What it writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(*arguments), stdout=theirs, env=environment(**changes)) as running:
        os.close(theirs)
        written = _all_of(ours)
    assert running.returncode == 0
    return written.decode()


def _all_of(descriptor: int) -> bytes:
    written = b""
    try:
        while chunk := os.read(descriptor, 65536):
            written += chunk
    except OSError:
        pass  # the other end is closed: that is how a terminal ends on Linux
    finally:
        os.close(descriptor)
    return written
