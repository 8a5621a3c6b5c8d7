"""A stand-in for vLLM's server: one model, which sleeps and wakes.

- `switches.py`: how it was started, and which version it is
- `engine.py`: awake, asleep, half awake, dead
- `app.py`: the server; answers are in the dialect of `../openai`
"""

from .app import build
from .switches import Switches

__all__ = ["Switches", "build"]
