"""Any server with OpenAI's API: what it holds is assumed, not known.

- `listing.py`: what a server says of its models
- `provider.py`: the adapter

It asks for nothing but `/v1/models` and what a request is about: behind llama-swap a GET of anything else may
start a model.
"""

from .provider import OpenAIProvider

__all__ = ["OpenAIProvider"]
