"""A stand-in for any server with OpenAI's API, as good or as odd as its quirks make it.

- `quirks.py`: in what it differs from OpenAI's own
- `refusing.py`: its errors
- `dialect.py`: answers, word by word and as a whole; vLLM's stand-in speaks it too
- `app.py`: the server
- `extras.py`: what llama-swap and LocalAI have besides
"""

from .app import build
from .quirks import Quirks

__all__ = ["Quirks", "build"]
