"""The program that holds one model: it serves the model on loopback and obeys one manager at a time.

Run by path, so that it works from a checkout and from a wheel alike and imports nothing of ours: its own
share of memory is the interpreter and the engine. Standard input is the first manager's connection; a later
manager connects to the socket named in the order, and is greeted with the same line. The child ends when it
is told to, when it has had no manager for `grace_s`, or with a complaint on standard error when it cannot
load. SIGTERM keeps its default action, which ends it at once, even while it loads.
"""

import contextlib
import importlib
import json
import os
import secrets
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, TypedDict

STOP = b"stop\n"


class Order(TypedDict):
    """What the manager asks for; the only argument of the program, as JSON."""

    path: str
    #: Window of all slots together.
    context_tokens: int
    slots: int
    #: Threads that compute; 0 leaves it to the child.
    threads: int
    socket: str
    #: Removed with the socket when the child ends.
    record: str
    grace_s: float


class Greeting(TypedDict):
    """The first line on every connection, once the model answers: how to reach it."""

    url: str
    key: str
    #: True when another manager is connected; the rest is empty then.
    busy: bool


def main(order: Order) -> NoReturn:
    """Load, serve, and end. Never returns: the engine's threads are not waited for, they go with us."""
    with contextlib.suppress(PermissionError):
        # Away from the manager's terminal: Ctrl-C there is the manager's to handle.
        os.setsid()
    os.umask(0o177)
    manager = socket.socket(fileno=0)
    listener = _listen(order["socket"])
    key = secrets.token_urlsafe(24)
    engine = _start_engine(order, key)
    greeting = Greeting(url=engine.listening_address, key=key, busy=False)
    _obey(listener, manager if _say(manager, greeting) else None, greeting, order["grace_s"])
    _end(order)


def _start_engine(order: Order, key: str) -> Any:
    try:
        llama: Any = importlib.import_module("xllamacpp")
    except ModuleNotFoundError:
        sys.exit("xllamacpp is not installed; install it with: pip install 'bursar[llama]'")
    params: Any = llama.CommonParams()
    params.model.path = order["path"]
    params.n_ctx = order["context_tokens"]
    params.n_parallel = order["slots"]
    threads = order["threads"] or _usual_threads()
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # Without a key any page in a browser on this machine could talk to the model.
    params.api_keys = [key]
    params.ui = False
    params.verbosity = 1
    # The window was planned for; a smaller one would be chosen in silence.
    params.fit_params = False
    params.n_gpu_layers = 0
    # Mapped weights count as resident once touched, and the warm-up touches all of them.
    params.load_mode = llama.llama_load_mode.LLAMA_LOAD_MODE_MMAP
    params.warmup = True
    # Up to 8 GiB of prompts would be kept in memory that nobody has planned for.
    params.cache_ram_mib = 0
    params.n_ctx_checkpoints = 2
    # Thoughts stay in the text, where the caller sees them.
    params.reasoning_format = llama.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    return llama.Server(params)


def _usual_threads() -> int:
    """Half the processors, which are the cores of most machines.

    llama.cpp's threads wait for each other by spinning, several times for each layer. When a processor is
    taken by something else, such as another model, all wait for the one that was on it: on two busy
    processors, one thread gave 56 tokens a second, and two gave 7.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, (len(affinity(0)) if affinity else os.cpu_count() or 1) // 2)


def _obey(listener: socket.socket, manager: socket.socket | None, greeting: Greeting, grace_s: float) -> None:
    """Return when the manager says so, or when there has been none for `grace_s`."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while manager := manager or _next_manager(selector, listener, greeting, grace_s):
            selector.register(manager, selectors.EVENT_READ)
            if not _serve(selector, listener, manager):
                return
            selector.unregister(manager)
            manager.close()
            manager = None


def _next_manager(
    selector: selectors.BaseSelector, listener: socket.socket, greeting: Greeting, grace_s: float
) -> socket.socket | None:
    """The first to connect and hear the greeting within `grace_s`."""
    deadline = time.monotonic() + grace_s
    while (left := deadline - time.monotonic()) > 0:
        if selector.select(left):
            candidate, _ = listener.accept()
            if _say(candidate, greeting):
                return candidate
            candidate.close()
    return None


def _serve(selector: selectors.BaseSelector, listener: socket.socket, manager: socket.socket) -> bool:
    """Turn others away while this manager is there; return whether to wait for another one after it."""
    while True:
        ready = {chosen.fileobj for chosen, _ in selector.select()}
        # The manager first: when it has just left, who knocks is no stranger but the next one.
        if manager in ready:
            said = _hear(manager)
            if said in (b"", STOP):
                return not said
        if listener in ready:
            stranger, _ = listener.accept()
            with stranger:
                _say(stranger, Greeting(url="", key="", busy=True))


def _listen(path: str) -> socket.socket:
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


def _say(manager: socket.socket, greeting: Greeting) -> bool:
    try:
        manager.sendall(json.dumps(greeting).encode() + b"\n")
    except OSError:
        return False
    return True


def _hear(manager: socket.socket) -> bytes:
    try:
        return manager.recv(64)
    except OSError:
        return b""


def _end(order: Order) -> NoReturn:
    # The record last: who finds none may take the socket's place.
    Path(order["socket"]).unlink(missing_ok=True)
    Path(order["record"]).unlink(missing_ok=True)
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
