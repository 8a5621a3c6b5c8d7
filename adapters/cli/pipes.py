"""Writing to standard output, whoever reads it and for however long."""

import os
import sys
from typing import NoReturn

#: What a shell reports of a program that a closed pipe ended.
BROKEN_PIPE = 141


def write(text: str) -> None:
    """Write a text and a line's end, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hang_up() -> NoReturn:
    """End quietly: nobody reads any more, and what is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(BROKEN_PIPE)
