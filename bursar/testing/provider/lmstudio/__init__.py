"""A stand-in for LM Studio's server: `/api/v1`, `/api/v0` and the OpenAI family on one port.

- `switches.py`: what the user of a real one sets in the app, and which version it is
- `studio.py`: instances in memory: explicit loads, loads just in time, eviction, time to live
- `refusing.py`: the shapes and texts of its errors
- `native.py`, `conversation.py`, `downloads.py`: `/api/v1`
- `completions.py`: chat, text and embeddings of `/v1` and `/api/v0`; `legacy.py`: the lists of both
- `responses.py`: `/v1/responses`
"""

from .app import build
from .switches import Switches

__all__ = ["Switches", "build"]
