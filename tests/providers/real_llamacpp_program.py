"""llama.cpp's server in this process, for as long as somebody keeps standard input open.

python real_llamacpp_program.py MODEL '{"n_ctx": 2048, …}'
"""

import importlib
import json
import os
import sys
from typing import Any


def main(model: str, options: dict[str, Any]) -> None:
    """Serve `model`; the first line of standard output says where."""
    llama: Any = importlib.import_module("xllamacpp")
    params: Any = llama.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.ui, params.verbosity, params.fit_params = False, 1, False
    params.n_gpu_layers, params.cache_ram_mib = 0, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    if options.pop("pooling_type", "none") == "mean":
        params.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.model_alias = set(options.pop("model_alias"))
    for name, value in options.items():
        setattr(params, name, value)
    server = llama.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # The engine's threads are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
