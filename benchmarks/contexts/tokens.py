"""Tokens by OpenAI's o200k, whose vocabulary litellm's package brings with it."""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding


class MissingExtra(SystemExit):
    """A package that is only measured beside is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install -e '.[bench]'")


def count(text: str) -> int:
    """Tokens of a text; what looks like a special token is text. Raise MissingExtra without it."""
    return len(encoding().encode_ordinary(text))


@cache
def encoding(name: str = "o200k_base") -> "Encoding":
    """A vocabulary of litellm's; nothing is fetched. Raise MissingExtra without its package."""
    litellm = find_spec("litellm")
    if litellm is None or litellm.origin is None:
        raise MissingExtra("litellm")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers")
    try:
        import tiktoken
    except ImportError:
        raise MissingExtra("tiktoken") from None
    return tiktoken.get_encoding(name)
