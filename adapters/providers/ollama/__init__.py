"""Ollama, through its native API only: the other one ignores windows and times without a word.

- `provider.py`: the port
- `api.py`: its requests, with every refusal as an error of ours
- `versions.py`: what which version can do
- `names.py`: names of models, with and without a tag
- `known.py`: what we know of each until Ollama is asked again
- `running.py`: what `/api/ps` says is in memory
- `loading.py`: loads and unloads, and the proof that they happened
- `crowding.py`: how many models it holds at once
- `shown.py`: what `/api/show` says of a model
- `attention.py`: what keys and values take, by the fields of its header
- `answers.py`: the records of an answer
- `halving.py`: the signatures of a prompt that was cut without a word

One set of options is sent with every request about a model, because Ollama loads a model anew when one of
them differs; and `keep_alive` -1, because the manager decides what leaves memory.
"""

from .provider import OllamaProvider

__all__ = ["OllamaProvider"]
