"""vLLM: its one model sleeps and wakes instead of coming and going.

- `gate.py`: who may send something to the engine, and when
- `sleeping.py`: falling asleep and waking, by the endpoints of its development mode
- `calls.py`: what else is asked
- `metrics.py`: how much it is doing
- `provider.py`: the adapter

What is sent to a sleeping engine kills it (vLLM's issues 14311 and 15483). So everything that needs the
engine goes through the gate, which closes before sleep is asked for and opens when the engine says that it is
awake.
"""

from .provider import VllmProvider

__all__ = ["VllmProvider"]
