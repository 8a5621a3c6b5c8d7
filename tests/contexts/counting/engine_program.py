"""Serves the models that are named as arguments with the embedded engine until its input ends.

Prints the addresses, as JSON. A program of its own: the engine's threads end with it.
"""

import importlib
import json
import os
import sys
from typing import Any


def _serve(path: str) -> Any:
    llama: Any = importlib.import_module("xllamacpp")
    params: Any = llama.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel = 256, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup, params.ui, params.fit_params, params.n_gpu_layers = False, False, False, 0
    params.port, params.hostnames = 0, ["127.0.0.1"]
    return llama.Server(params)


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)
    servers = [_serve(path) for path in sys.argv[1:]]
    os.write(out, json.dumps([server.listening_address for server in servers]).encode() + b"\n")
    sys.stdin.read()
    os._exit(0)
