"""A stand-in of Ollama for what the documents show."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def ollama() -> Generator[str, None, None]:
    """One that loads and answers at once: its URL."""
    quick = ("--port", "0", "--load-seconds", "0", "--token-seconds", "0")
    command = [sys.executable, "-m", "bursar.testing.provider", "--like", "ollama", *quick]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found: list[str] = re.findall(r"http://[\d.]+:\d+", process.stdout.readline())
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)


def environment(url: str) -> dict[str, str]:
    """What tells bursar where it is. Its models are larger than this machine may have room for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BURSAR_", "OLLAMA_"))}
    sizes = '{"ollama:qwen3:8b": 1}'
    told = {"BURSAR_PROVIDERS__DISCOVER": "false", "BURSAR_PROVIDERS__OLLAMA__URL": url}
    return {**kept, **told, "BURSAR_MODEL_SIZES": sizes}
