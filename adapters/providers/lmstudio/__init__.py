"""Models of LM Studio, by its REST API: `/api/v1` where there is one (0.4.0), and `/api/v0` for older ones.

LM Studio loads whatever somebody chats with, evicts by rules of its own, and loads a second copy of what is
loaded. So models are loaded explicitly, one load at a time for each, and nothing is asked of a model that is
not seen in its list. With `/api/v0` none of that can be had, and the provider's capabilities say so.

- `provider.py`: the provider port
- `abilities.py`: what can be had in either dialect, and why the rest cannot
- `api.py`: its requests, with every refusal as an error of ours
- `listing.py`: what is installed and in memory, read from either list
- `loads.py`: explicit loads, those included that nobody waits for any more
- `flights.py`: requests of ours that a model answers now
"""

from .provider import LmStudioProvider

__all__ = ["LmStudioProvider"]
