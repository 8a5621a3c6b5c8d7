"""llama.cpp's own server, with a small model, in a process of its own: `xllamacpp` has it in a wheel.

Its router is left out of that wheel ("xllamacpp disabled the router server feature"): only the server with
one model can be asked.
"""

import atexit
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from bursar.testing.gguf import write_model

Thing = TypeVar("Thing")

#: What the model is called.
NAME = "llm"
#: Window of each of the two slots.
WINDOW = 1024
#: Why there is none; empty when there is.
MISSING = "" if find_spec("xllamacpp") else "llama.cpp's server needs xllamacpp: pip install 'bursar[llama]'"

_PROGRAM = Path(__file__).with_name("real_llamacpp_program.py")


@contextmanager
def llama_server(folder: Path, **options: object) -> Generator[str, None, None]:
    """Run one for a block, and say where it listens. `options` are fields of `xllamacpp.CommonParams`."""
    model = write_model(folder / "tiny.gguf")
    usual = {"n_ctx": 2 * WINDOW, "n_parallel": 2, "model_alias": [NAME]}
    arguments = [sys.executable, "-P", str(_PROGRAM), str(model), json.dumps({**usual, **options})]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@cache
def shared() -> str:
    """Where one listens that can do everything, for whichever tests want it; it ends with them."""
    folder = _for_good(tempfile.TemporaryDirectory())
    slots = Path(folder, "slots")
    slots.mkdir()
    return _for_good(
        llama_server(
            Path(folder),
            embedding=True,
            pooling_type="mean",
            slot_save_path=f"{slots}/",
            endpoint_metrics=True,
            endpoint_slots=True,
        )
    )


@cache
def plain() -> str:
    """Where one listens that was started without any flag."""
    return _for_good(llama_server(Path(_for_good(tempfile.TemporaryDirectory()))))


def _for_good(thing: AbstractContextManager[Thing]) -> Thing:
    """Enter it, and leave it when the tests end."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(thing)
