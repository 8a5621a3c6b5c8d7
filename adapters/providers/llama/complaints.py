"""What a child writes to its standard error, as far as it is worth keeping."""

import asyncio
import os
import re
from typing import BinaryIO

_TAIL_BYTES = 1 << 14
_LINE_CHARACTERS_MAX = 500
#: llama.cpp's log: time since start, level, at times the part of the program, text.
_LOGGED = re.compile(r"[\d.]+ (?P<level>[A-Z]+) +(?:srv +|cmn +)?(?P<text>.*)")
_ERRORS = ("E", "EXCE")


class Complaints:
    """The last lines of a pipe, which is read as they come, so that its writer never waits for us."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._tail = b""
        os.set_blocking(pipe.fileno(), False)
        asyncio.get_running_loop().add_reader(pipe.fileno(), self._read)

    def why_it_exited(self) -> str:
        """The first error of llama.cpp's, as the rest are consequences; or the last of the interpreter's."""
        lines = self._lines()
        errors = (_LOGGED.fullmatch(line) for line in lines)
        first = next((error["text"] for error in errors if error and error["level"] in _ERRORS), "")
        return first or next(reversed(lines), "")

    def why_it_aborted(self) -> str:
        """What was said past the log, such as an assertion; stack frames follow it."""
        return next((line for line in self._lines() if not _LOGGED.fullmatch(line)), "")

    def close(self) -> None:
        """Read what is left, and close the pipe; what was read stays."""
        if not self._pipe.closed:
            self._read()
        if not self._pipe.closed:
            self._close()

    def _lines(self) -> list[str]:
        lines = self._tail.decode("utf-8", "replace").splitlines()
        return [line[:_LINE_CHARACTERS_MAX] for line in lines if line.strip()]

    def _read(self) -> None:
        try:
            data = self._pipe.read(_TAIL_BYTES)
        except OSError:
            data = b""
        if data:
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
        elif data == b"":
            self._close()

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._pipe.close()
