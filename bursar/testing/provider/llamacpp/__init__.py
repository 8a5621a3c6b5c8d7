"""A stand-in for llama.cpp's own server, with one model (`build`) and as a router (`build_router`).

- `flags.py`: what it is started with, and which version it is
- `engine.py`: a model in memory: slots, saved slots, sleep
- `endpoints.py`, `completions.py`: what a server with a model answers
- `shapes.py`, `refusing.py`: how it says what it says
- `front.py`, `streaming.py`: requests in, streams out
- `single.py`; `router.py`, `children.py`: the two kinds of server
"""

from .flags import Flags, RouterFlags
from .router import build as build_router
from .single import build

__all__ = ["Flags", "RouterFlags", "build", "build_router"]
