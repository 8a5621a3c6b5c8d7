"""Like Ollama: its native API, and as much of OpenAI's as it has.

- `app.py`: the routes
- `switches.py`: its versions, and what can be wrong with it that cannot be with others
- `scheduler.py`: which model is in memory, for how long, and when it is loaded anew
- `prompts.py`: what is done to a prompt that is too long
- `answering.py`: the records of an answer
- `native.py`, `compat.py`: its own requests, and those in OpenAI's dialect
- `listing.py`: what it has installed and in memory
- `bodies.py`, `durations.py`: requests as Go reads them
- `streaming.py`: answers that come line by line, until the client is gone

Status codes, texts and fields are those of Ollama 0.12.11, which was asked; where 0.30 and later differ they
are those of its sources.
"""

from .app import build
from .switches import Switches

__all__ = ["Switches", "build"]
