"""Vocabularies that models of one maker are known to have, where tiktoken and its data are installed."""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha1
from pathlib import Path

#: Where tiktoken would download from: by the hash of this it names the file in its folder.
_SOURCE = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SLICE = 1 << 13


def vocabulary_named(model: str) -> Callable[[str], Iterator[tuple[int, int]]] | None:
    """What counts for a model of that name, a slice at a time; None unless all of it is on this machine.

    tiktoken downloads what it lacks: it is asked only for what lies in the folder TIKTOKEN_CACHE_DIR.
    """
    try:
        from tiktoken.model import encoding_name_for_model
    except ImportError:
        return None
    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return None
    folder = os.environ.get("TIKTOKEN_CACHE_DIR")
    # The name of the file, as tiktoken chose it; it protects nothing.
    digest = sha1(_SOURCE.format(name).encode(), usedforsecurity=False).hexdigest()
    if not folder or not (Path(folder) / digest).is_file():
        return None
    return _counting(name)


@lru_cache(maxsize=4)
def _counting(name: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    import tiktoken

    encode = tiktoken.get_encoding(name).encode_ordinary

    def counting(text: str) -> Iterator[tuple[int, int]]:
        """A slice ends before a blank, where nearly every word begins: at most a token or so more."""
        start = 0
        while start < len(text):
            stop = _cut(text, start)
            yield stop - start, len(encode(text[start:stop]))
            start = stop

    return counting


def _cut(text: str, start: int) -> int:
    """End of a slice: before a blank, where there is one."""
    stop = min(start + _SLICE, len(text))
    if stop == len(text):
        return stop
    place = text.rfind(" ", start + 1, stop)
    return place if place > 0 else stop
