"""Embedded llama.cpp: every model runs in a process of its own, which outlives a manager that crashes.

- `provider.py`: the port
- `catalogue.py`: names of models <-> files below the folder
- `header.py`: a GGUF header, read within bounds
- `metadata.py`: what a header says about memory, and who the model is
- `estimate.py`: what a load will take
- `residents.py`: the children that live: how one comes to be, is found again, ends, and is missed
- `process.py`: one running child as the manager sees it
- `launch.py`: starts that program
- `child.py`: the program that holds one model (run by path, imports nothing of ours)
- `complaints.py`: what a child writes to its standard error
- `records.py`: files by which a later manager finds children
- `client.py`: the child's HTTP API
"""

from .provider import LlamaProvider

__all__ = ["LlamaProvider"]
